"""A whole experiment by the commands that a user would give one after the other."""

import shlex

from hemblip.cli.main import main
from hemblip.reporting.tables import summary_table
from hemblip.run import Run


def demo(
    experiment: str = "configs/smoke.yaml", external: str = "configs/parts/synthetic_external.yaml", name: str = "demo"
) -> None:
    """Train a captioner, calibrate and test its best weights, test them on external cells, and sum up.

    One process runs all commands: importing the libraries is a good part of a minute on a slow machine.

    Args:
        experiment: config of the captioner and the internal cells.
        external: config of external cells.
        name: of the run.

    Raises:
        SystemExit: with the exit code of a command that failed, after its one line.
    """
    shared = ["--config", experiment, "--name", name]
    _run("fit", *shared)
    run = Run.newest(name)
    folder = run.folder
    best = ["--ckpt_path", str(run.weights)]
    _run("validate", *shared, *best)
    _run("test", *shared, *best)
    _run("test", *shared, "--data", external, *best)
    print(f"\n{summary_table(run.scores)}\n")
    for label, path in (
        ("predictions", "predictions/{test,external}.parquet"),
        ("metrics", "metrics.json"),
        ("figures", "figures/{test,external}.png"),
        ("report", "report.html"),
    ):
        print(f"{label:<12}{folder}/{path}")


def _run(*words: str) -> None:
    print(f"\n$ python -m hemblip {shlex.join(words)}", flush=True)
    if code := main(words):
        raise SystemExit(code)
