"""`python -m hemblip sweep`: a W&B sweep file searched on this machine, without an account.

Optuna (Akiba et al., KDD 2019) chooses. Each trial is a run of its own, started as a process, so that memory, seeds and
several GPUs are as in any other run. The study is a journal beside the runs: started again, it goes on, and continues
the trial in which it was stopped.
"""

import fcntl
import importlib.util
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

from hemblip.atomic import write_text
from hemblip.cli.sweep_file import Sweep, read_sweep
from hemblip.errors import ConfigError, TrainingError
from hemblip.plain_text import csv_text
from hemblip.run import BEST
from hemblip.versions import runs_folder, version

if TYPE_CHECKING:
    import optuna

JOURNAL, TABLE, LOCK = "study.journal", "sweep.csv", "sweep.lock"

FAILURES = 3
"""Failed trials in a row that end a sweep: what fails so often fails for a reason."""


def sweep(file: str, trials: int = 20, seed: int = 0, test: Literal["none", "best", "all"] = "best") -> None:
    """Search the settings of a W&B sweep file on this machine; started again, go on.

    Example: `python -m hemblip sweep --file configs/sweeps/smoke.yaml --trials 4`

    Args:
        file: as for `wandb sweep`: method, metric, parameters, and the `fit` command.
        trials: runs in all, those of earlier starts included; a grid has no more than its points.
        seed: of the draw of settings.
        test: which trials are tested at the end; `best` looks at the test cells once.

    Raises:
        TrainingError: no trial has a score; it says why each failed.
    """
    if importlib.util.find_spec("optuna") is None:
        raise ConfigError("sweep needs optuna; install it with `pip install 'hemblip[sweep]'`")
    if trials < 1:
        raise ConfigError(f"--trials {trials}: at least 1")
    chosen = read_sweep(Path(file))
    folder = runs_folder() / chosen.name
    if (folder / TABLE).exists() and not (folder / JOURNAL).exists():
        raise ConfigError(f"{folder / TABLE}: is of no sweep; move it away, or give the sweep file another `name`")
    with _alone(folder) as lock:
        search = Search(chosen, folder, seed, lock)
        search.run(trials)
        best = search.table().dropna(subset=[chosen.metric]).sort_values(chosen.metric, ascending=chosen.minimize)
        for run in best["run"].head({"none": 0, "best": 1, "all": None}[test]):
            search.test(Path(run))
        failed = [f"trial {row.trial}: {row.error}" for row in search.table().itertuples() if row.error]
    if best.empty:
        raise TrainingError(f"{file}: no trial has a score. {'; '.join(failed)}; see {folder / TABLE}")
    _show(best, chosen.metric, folder)


@contextmanager
def _alone(folder: Path) -> Iterator[int]:
    """Keep a second process from the same sweep.

    Returns:
        The lock's file descriptor: a process that inherits it holds the lock too.

    Raises:
        ConfigError: there is one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConfigError(
                f"{folder}: another process runs this sweep or a trial of it; wait for it, end it, or use `wandb agent`"
            ) from error
        yield lock.fileno()


class Search:
    """The trials of a sweep.

    Args:
        chosen: what is searched.
        folder: where its runs, its study and its table lie.
        seed: of the draw of settings.
        lock: file descriptor of the sweep's lock; trials hold it too, so that one that outlives its sweep stays alone.
    """

    def __init__(self, chosen: Sweep, folder: Path, seed: int, lock: int) -> None:
        import optuna
        from optuna.storages.journal import JournalFileBackend

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.chosen, self.folder, self.lock = chosen, folder, lock
        settings = json.dumps([chosen.parameters, chosen.metric, chosen.minimize, chosen.fit], sort_keys=True)
        self.study = optuna.create_study(
            storage=optuna.storages.JournalStorage(JournalFileBackend(str(folder / JOURNAL))),
            study_name=chosen.name,
            direction="minimize" if chosen.minimize else "maximize",
            load_if_exists=True,
        )
        seed += len(self.study.trials)  # the same seed would draw the same settings again after each start
        bayes = chosen.method == "bayes"
        self.study.sampler = optuna.samplers.TPESampler(seed=seed) if bayes else optuna.samplers.RandomSampler(seed)
        known = self.study.user_attrs.get("settings")
        if known not in (None, settings):
            raise ConfigError(f"{folder}: its trials were made with other settings; give the sweep file another `name`")
        self.study.set_user_attr("settings", settings)
        # A trial that still runs was stopped with its process: its settings are tried again, in its folder.
        for trial in self._trials(optuna.trial.TrialState.RUNNING):
            self.study.enqueue_trial(trial.params, user_attrs={"folder": _folder(trial)})
            self.study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
        if chosen.method == "grid":
            for point in chosen.points():
                self.study.enqueue_trial(point, skip_if_exists=True)

    def _trials(self, *states: "optuna.trial.TrialState") -> "list[optuna.trial.FrozenTrial]":
        return self.study.get_trials(deepcopy=False, states=states)

    def done(self) -> "list[optuna.trial.FrozenTrial]":
        """Give the trials that came to an end of their own, good or bad."""
        import optuna

        ended = self._trials(optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.FAIL)
        return [trial for trial in ended if trial.value is not None or "error" in trial.user_attrs]

    def run(self, trials: int) -> None:
        """Run trials until there are so many.

        Raises:
            TrainingError: several failed in a row.
        """
        distributions = self.chosen.distributions()
        wanted = min(trials, len(self.chosen.points())) if self.chosen.method == "grid" else trials
        while len(self.done()) < wanted:
            trial = self.study.ask(distributions)
            frozen = self.study.trials[trial.number]
            folder = self.folder / _folder(frozen)
            print(f"trial {len(self.done()) + 1} of {wanted}: {_words(trial.params)}", flush=True)
            began = time.monotonic()
            # The checkpoint that is kept, and tested, is that of the epoch that counts.
            kept = ["--checkpoint.monitor", self.chosen.metric, "--checkpoint.mode", self.chosen.goal]
            words = ["--name", str(folder.relative_to(runs_folder())), "--resume", "true", *kept]
            error = self._command("fit", words, trial.params, folder)
            value = None if error else self._score(folder)
            if not error and value is None:
                error = f"{self.chosen.metric} was not logged; see the columns of metrics.csv"
            trial.set_user_attr("seconds", round(time.monotonic() - began))
            if error:
                trial.set_user_attr("error", error)
                self.study.tell(trial, state=_failed())
            else:
                self.study.tell(trial, value)
            self._write_table()
            last = self.done()[-FAILURES:]
            if len(last) == FAILURES and all("error" in ended.user_attrs for ended in last):
                raise TrainingError(
                    f"{FAILURES} trials in a row failed, the last with: {error}; see {folder}/sweep.log"
                )

    def test(self, run: Path) -> None:
        """Score the best checkpoint of a trial on the test cells, unless that was done."""
        if (run / "predictions" / "test.parquet").is_file():
            return
        params = next(trial.params for trial in self.done() if self.folder / _folder(trial) == run.parent)
        error = self._command("test", ["--ckpt_path", str(run / BEST)], params, run.parent)
        if error:
            raise TrainingError(f"testing {run} failed: {error}; see {run.parent}/sweep.log")

    def _command(self, command: str, words: list[str], params: Mapping[str, Any], folder: Path) -> str | None:
        """Run one command of HemBLIP with a trial's settings; gives the last line that it wrote if it fails."""
        settings = [f"--{name}={value}" for name, value in params.items()]
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "sweep.log").open("a") as log:
            line = [sys.executable, "-m", "hemblip", command, *self.chosen.fit, *settings, *words]
            ended = subprocess.run(line, stdout=log, stderr=subprocess.STDOUT, check=False, pass_fds=[self.lock])
        if ended.returncode == 0:
            return None
        written = (folder / "sweep.log").read_text(errors="replace").strip().splitlines() or ["no output"]
        return f"exit code {ended.returncode}, {written[-1][:200]}"

    def _score(self, folder: Path) -> float | None:
        """Best value of the metric over the epochs of a trial."""
        path = _newest(folder) / "metrics.csv"
        if not path.is_file():
            return None
        curve = pd.read_csv(path).get(self.chosen.metric)
        if curve is None or curve.dropna().empty:
            return None
        return float(curve.min() if self.chosen.minimize else curve.max())

    def table(self) -> pd.DataFrame:
        """One row a trial: `trial`, `run`, the metric, its settings, `seconds` and `error`."""
        rows = [
            {
                "trial": trial.number,
                "run": str(_newest(self.folder / _folder(trial))),
                self.chosen.metric: trial.value,
                **trial.params,
                "seconds": trial.user_attrs.get("seconds"),
                "error": trial.user_attrs.get("error", ""),
            }
            for trial in self.done()
        ]
        return pd.DataFrame(
            rows, columns=["trial", "run", self.chosen.metric, *self.chosen.parameters, "seconds", "error"]
        )

    def _write_table(self) -> None:
        write_text(self.folder / TABLE, csv_text(self.table()))


def _failed() -> "optuna.trial.TrialState":
    import optuna

    return optuna.trial.TrialState.FAIL


def _folder(trial: "optuna.trial.FrozenTrial") -> str:
    return str(trial.user_attrs.get("folder", f"trial_{trial.number:03d}"))


def _newest(folder: Path) -> Path:
    """A trial is one run, which is resumed: its first and only version."""
    return version(folder, 0)


def _words(params: Mapping[str, Any]) -> str:
    return ", ".join(f"{name.rsplit('.', 1)[-1]} {value}" for name, value in params.items())


def _show(best: pd.DataFrame, metric: str, folder: Path) -> None:
    shown = best.drop(columns=["run", "error"]).rename(columns=lambda name: name.rsplit(".", 1)[-1])
    print(shown.head(10).to_string(index=False, float_format="{:.4g}".format))
    print(f"table    {folder / TABLE}\nbest     {best['run'].iloc[0]} ({metric} {best[metric].iloc[0]:.4g})")
