"""Tested runs that live in Weights & Biases: `log_run` puts a run's tables there, `fetch_runs` brings them back."""

from pathlib import Path
from typing import Any

import wandb
from wandb.errors import Error as WandbError

from hemblip.errors import ConfigError, DataError
from hemblip.run import Run

ARTIFACT = "hemblip-run"
"""Type of the W&B artifacts that hold what a report is made from."""

SECONDS = 30
"""How long W&B's server may take to answer."""

CONTENTS = ("config.yaml", "metrics.csv", "metrics.json", "predictions/*.parquet", "predictions/*/*.parquet")


def log_run(run: Any, folder: Path) -> None:
    """Log the tables of a run folder to a running W&B run, so that `compare --wandb` finds them.

    Args:
        run: `WandbLogger.experiment`.
        folder: `runs/<name>/version_<n>`; its name is kept.
    """
    artifact = wandb.Artifact(f"{ARTIFACT}-{run.id}", type=ARTIFACT, metadata={"name": folder.resolve().parent.name})
    for pattern in CONTENTS:
        for path in sorted(folder.glob(pattern)):
            artifact.add_file(str(path), name=path.relative_to(folder).as_posix())
    run.log_artifact(artifact)


def fetch_runs(address: str, folder: Path) -> list[Run]:
    """Bring the tested runs of a sweep or project here.

    Args:
        address: `entity/project/sweep` or `entity/project`.
        folder: where their tables are put.

    Returns:
        The runs that logged tables; the others are named in a printed note.

    Raises:
        ConfigError: the address has another form.
        DataError: W&B cannot be reached, or none of the runs logged tables.
    """
    parts = address.strip("/").split("/")
    if len(parts) not in (2, 3) or not all(parts):
        raise ConfigError(f"--wandb {address}: give entity/project/sweep or entity/project")
    try:
        api = wandb.Api(timeout=SECONDS)
        runs = list(api.sweep("/".join(parts)).runs if len(parts) == 3 else api.runs("/".join(parts)))
        fetched, bare = [], []
        for run in runs:
            artifacts = [artifact for artifact in run.logged_artifacts() if artifact.type == ARTIFACT]
            if not artifacts:
                bare.append(run.name)
                continue
            newest = artifacts[-1]
            name = str(newest.metadata.get("name", run.name))
            place = folder / name / str(run.id)
            newest.download(root=str(place))
            fetched.append((place, name))
    except (WandbError, ValueError, OSError) as error:
        reason = str(error).rstrip(".")
        raise DataError(
            f"--wandb {address}: cannot be fetched ({reason}); go online and `wandb login`, or give run folders"
        ) from error
    if bare:
        print(f"note: {len(bare)} W&B runs logged no tables and are left out: {', '.join(bare)}")
    if not fetched:
        raise DataError(
            f"--wandb {address}: none of its {len(runs)} runs logged tables; test them again, or give run folders"
        )
    return [Run(place, name) for place, name in fetched]
