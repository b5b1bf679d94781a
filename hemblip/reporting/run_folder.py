"""What a report reads of a run: prediction rows, those of the baselines, the config and the learning curves."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pandas as pd
import yaml

from hemblip.errors import DataError
from hemblip.models.decoding import Decoding
from hemblip.morphology import KEYS
from hemblip.predictions import TRUE_KEYS, TRUE_PREFIX, read_predictions
from hemblip.runs import read_metrics

PLACES: Mapping[str, str] = MappingProxyType({"test": "Internal", "external": "External"})
"""Split -> where its cells come from, as the paper's tables name it."""

BASELINES = "baselines"
"""Folder below `predictions/` with the prediction rows of all baselines, one file a split."""

LEFT_OUT = "left_out"
"""In `metrics.json`, beside the scores of a split: a line a source that could not give all its entries as cells."""

RESULTS = (*(f"predictions/{split}.parquet" for split in PLACES), "table3.csv")
"""What `test` and `probe` leave in a run folder; one of them makes it worth comparing."""

_PER_RUN = ("seed_everything", "name", "resume", "ckpt_path", "wandb", "group")
"""Settings that may differ between seeds of one model."""


@dataclass(frozen=True, eq=False)
class Run:
    """One trained (or untrained) captioner and what it said.

    Attributes:
        name: of the model; runs of one name that differ only in their seed are one model.
        folder: `runs/<name>/version_<n>`.
        predictions: split -> prediction rows.
        baselines: split -> prediction rows of all baselines, told apart by `model`.
        validation: prediction rows of validation cells, on which confidences are calibrated; None without.
        config: as in `config.yaml`; empty without one.
        curves: `metrics.csv`; empty without one.
        left_out: split -> lines about entries that its sources could not give as cells.
    """

    name: str
    folder: Path
    predictions: Mapping[str, pd.DataFrame]
    baselines: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    validation: pd.DataFrame | None = None
    config: Mapping[str, Any] = field(default_factory=dict)
    curves: pd.DataFrame = field(default_factory=pd.DataFrame)
    left_out: Mapping[str, list[str]] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """Name and version, without the folders above them."""
        version = self.folder.resolve().name
        return f"{self.name}/{version}" if version != self.name else self.name

    def is_seed_of(self, other: "Run") -> bool:
        """Whether both are the same model trained from other random numbers: only the seed in their configs differs."""
        if self.name != other.name or not self.config or not other.config:
            return False
        if self.config.get("seed_everything") == other.config.get("seed_everything"):
            return False
        one, two = ({k: v for k, v in run.config.items() if k not in _PER_RUN} for run in (self, other))
        return one == two


def find_run(path: Path) -> Path:
    """Find the run folder that `path` means: itself, or its newest tested version.

    Raises:
        DataError: there is no such folder, or it holds no run.
    """
    if not path.is_dir():
        raise DataError(f"{path}: no such run folder; give runs/<name> or runs/<name>/version_<n>")
    if (path / "predictions").is_dir() or (path / "table3.csv").is_file():
        return path
    versions = sorted(
        (int(match[1]), version)
        for version in path.glob("version_*")
        if (match := re.fullmatch(r"version_(\d+)", version.name))
    )
    if not versions:
        raise DataError(f"{path}: holds neither predictions nor version_<n> folders; give a run folder")
    told = [version for _, version in versions if any((version / result).is_file() for result in RESULTS)]
    if not told:
        raise DataError(f"{path}: none of its {len(versions)} versions was tested; run `python -m hemblip test` first")
    return told[-1]


def sweep_runs(path: Path) -> list[Path]:
    """Give the tested run folders of a sweep's table, `runs/<name>/sweep.csv`, in its order.

    Raises:
        DataError: there is no such table, it has no column `run`, or none of its runs was tested.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such table; `python -m hemblip sweep` writes it")
    table = pd.read_csv(path)
    if "run" not in table.columns:
        raise DataError(f"{path}: missing column run; give a table that `python -m hemblip sweep` wrote")
    told = [Path(run) for run in table["run"].dropna() if (Path(run) / "predictions" / "test.parquet").is_file()]
    if not told:
        raise DataError(f"{path}: none of its {len(table)} runs was tested; sweep with --test all")
    return told


def read_run(folder: Path, name: str | None = None) -> Run:
    """Read a run folder.

    Args:
        folder: with `predictions/`.
        name: of the run; if None that of the folder, or of the one above a `version_<n>`.

    Raises:
        DataError: it holds no predictions of test or external cells, or a file cannot be read.
    """
    predictions = {}
    for split in PLACES:
        path = folder / "predictions" / f"{split}.parquet"
        if path.is_file():
            predictions[split] = _one_model(read_predictions(path), path)
    if not predictions:
        raise DataError(
            f"{folder / 'predictions'}: neither test.parquet nor external.parquet; run `python -m hemblip test` with "
            "the run's checkpoint"
        )
    baselines = {
        split: read_predictions(path)
        for split in predictions
        if (path := folder / "predictions" / BASELINES / f"{split}.parquet").is_file()
    }
    place = folder.resolve()
    versioned = re.fullmatch(r"version_\d+", place.name)
    return Run(
        name=name or (place.parent.name if versioned else place.name),
        folder=folder,
        predictions=predictions,
        baselines=baselines,
        validation=_read_validation(folder / "predictions" / "val.parquet"),
        config=read_config(folder),
        curves=read_curves(folder),
        left_out={split: _mapping(scores).get(LEFT_OUT, []) for split, scores in read_metrics(folder).items()},
    )


def _read_validation(path: Path) -> pd.DataFrame | None:
    """Validation rows are an extra: without usable ones the report says so and goes on."""
    try:
        return read_predictions(path)
    except DataError:
        return None


def _one_model(table: pd.DataFrame, path: Path) -> pd.DataFrame:
    models = table["model"].unique()
    if len(models) > 1:
        raise DataError(f"{path}: holds rows of {len(models)} models ({', '.join(models)}); keep one model a file")
    return table.sort_values("cell_id", ignore_index=True)


def read_config(folder: Path) -> dict[str, Any]:
    """Read `config.yaml`; empty if there is none."""
    path = folder / "config.yaml"
    if not path.is_file():
        return {}
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise DataError(f"{path}: not readable as YAML ({error})") from error
    return found if isinstance(found, dict) else {}


def read_curves(folder: Path) -> pd.DataFrame:
    """Read `metrics.csv`; empty if there is none, as for a captioner that was not trained."""
    path = folder / "metrics.csv"
    if not path.is_file() or path.stat().st_size == 0:
        return pd.DataFrame()
    try:
        return pd.read_csv(path)
    except (ValueError, pd.errors.ParserError) as error:
        raise DataError(f"{path}: not readable as CSV ({error})") from error


def check_same_cells(runs: Sequence[Run]) -> list[str]:
    """Make sure that scores of the runs can be compared.

    Returns:
        Warnings for the report: what differs without making a comparison impossible.

    Raises:
        DataError: two runs describe different cells of one split, or one cell with another group or annotation.
    """
    warnings = []
    for split, place in PLACES.items():
        having = [run for run in runs if split in run.predictions]
        lacking = [run.label for run in runs if split not in run.predictions]
        if having and lacking:
            warnings.append(f"{place} cells were not described by {', '.join(lacking)}: n/a in the tables.")
        for run in having[1:]:
            _check_pair(having[0], run, split)
            if (having[0].predictions[split]["reference"] != run.predictions[split]["reference"]).any():
                warnings.append(
                    f"{place} reference captions of {having[0].label} and {run.label} differ: "
                    "their BLEU, ROUGE-L and BERTScore are not comparable; attribute scores are."
                )
    return warnings


def _check_pair(first: Run, second: Run, split: str) -> None:
    one, other = first.predictions[split], second.predictions[split]
    ids, others = set(one["cell_id"]), set(other["cell_id"])
    if ids != others:
        odd = min(ids ^ others)
        raise DataError(
            f"{first.label} and {second.label} describe different {split} cells ({len(ids)} and {len(others)}, "
            f"{len(ids & others)} in both; '{odd}' only in {(first if odd in ids else second).label}); "
            "test both with the same data config"
        )
    for column in ("group", *TRUE_KEYS):  # groups are left out whole: other groups would be other intervals
        differs = one[column].fillna("") != other[column].fillna("")
        if differs.any():
            cell = one.loc[differs, "cell_id"].iloc[0]
            raise DataError(
                f"{first.label} and {second.label}: cell '{cell}' has {column.removeprefix(TRUE_PREFIX)} "
                f"'{one.loc[differs, column].iloc[0]}' in one and '{other.loc[differs, column].iloc[0]}' in the other; "
                "test both with the same data config"
            )


def settings(run: Run) -> dict[str, str]:
    """What a reviewer asks first: class, adaptation, seed, decoding, epochs."""
    model = _mapping(run.config.get("model"))
    given = _mapping(model.get("init_args"))
    found = {
        "Class": str(model.get("class_path", "")).rsplit(".", 1)[-1],
        "Pretrained": given.get("pretrained"),
        "Adaptation": given.get("adaptation"),
        "Learning rate": given.get("learning_rate"),
        "Seed": run.config.get("seed_everything"),
        "Decoding": _decoding(_mapping(given.get("decoding"))) if model else None,
    }
    if "epoch" in run.curves and len(run.curves):
        found["Epochs"] = int(run.curves["epoch"].max()) + 1
    return {name: str(value) for name, value in found.items() if value not in (None, "")}


def _decoding(given: Mapping[str, Any]) -> str:
    """Name what a captioner's decoding does, without the settings that change nothing."""
    names = {setting.name for setting in fields(Decoding)}
    known = {name: value for name, value in given.items() if name in names and value is not None}
    chosen = Decoding(**known).settings()
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in chosen.items() if name != "do_sample")


def differing_decoding(runs: Sequence[Run]) -> str | None:
    """Warn if captions were decoded with different settings; None if they agree or are not known."""
    found = {run.label: settings(run).get("Decoding") for run in runs if run.config}
    if len(set(found.values())) < 2:
        return None
    return (
        f"Decoding settings differ between {', '.join(found)} (see the table of runs): differences between captioners "
        "may be differences of decoding."
    )


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def annotated_keys(table: pd.DataFrame) -> list[str]:
    """Keys with which at least one of the cells is annotated."""
    return [key for key, column in zip(KEYS, TRUE_KEYS, strict=True) if table[column].notna().any()]
