"""A run folder as one object: `runs/<name>/version_<n>/` with config, weights, curves, predictions and scores."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import yaml

from hemblip.atomic import alone, write_text
from hemblip.data.records import QUESTION
from hemblip.errors import CheckpointError, DataError
from hemblip.exported import EXPORTED, exported_config
from hemblip.metrics.questions import by_cell, questions_of, stated_by
from hemblip.morphology import KEYS
from hemblip.morphology.extract import extractor_version
from hemblip.predictions import read_predictions
from hemblip.splits import order_of
from hemblip.versions import (
    agreed,
    first_process,
    is_version,
    make_version,
    next_version,
    runs_folder,
    version,
    versions,
)

if TYPE_CHECKING:
    from hemblip.data.preparation import Preparation
    from hemblip.models.captioner import Captioner

SCALES = "scales"
"""Entry of a set's provenance: micrometres a pixel of image files, by source."""

BASELINES = "baselines"
"""Folder below `predictions/` with the prediction rows of all baselines, one file a split."""

STRESS = "stress"
"""Folder below `predictions/` with the rows of cells under bad conditions, one file a split."""

QUESTIONS = "questions"
"""In `metrics.json`, beside the scores of a split: how questions were answered; see `hemblip.metrics.questions`."""

LEFT_OUT = "left_out"
"""In `metrics.json`, beside the scores of a split: a line a source that could not give all its entries as cells."""

BEST = Path("checkpoints", "best.ckpt")
"""Within a run folder: the weights with the best validation loss."""

RESUME_POINT = Path("checkpoints", "last.ckpt")
"""Within a run folder: all that is needed to go on."""

SHIPPED = Path(__file__).parent / "weights"
"""Exported captioners that come with the package, each in a folder of its name."""

TRAINING_CELLS = "training_cells.parquet"
"""Manifest of the training cells, in the run folder."""

SWEEP_TABLE = "sweep.csv"
"""What `sweep` leaves beside its trials."""

TABLE3 = "table3.csv"
"""What `probe` leaves in a run folder."""

_PER_RUN = ("seed_everything", "name", "resume", "ckpt_path", "wandb", "group")
"""Settings that may differ between seeds of one model."""


class Run:
    """One trained (or untrained) captioner and what it said. Nothing is read before it is asked for.

    Args:
        path: run folder, a checkpoint in one, whose weights are then the run's, or a folder that `export` wrote.
        name: of the model; if None that of the folder, or of the one above a `version_<n>`.

    Attributes:
        folder: of the run.
        weights: checkpoint that `captioner` takes: the best one unless another is named.
        name: of the model; runs of one name that differ only in their seed are one model.
    """

    def __init__(self, path: str | Path, name: str | None = None) -> None:
        path = Path(path)
        if path.suffix == ".ckpt":
            self.folder = path.parent.parent if path.parent.name == "checkpoints" else path.parent
            self.weights = path
        else:
            self.folder, self.weights = path, path / BEST
        place = self.folder.resolve()
        self.name = name or (place.parent.name if is_version(place) else place.name)

    def __repr__(self) -> str:
        return f"Run({str(self.folder)!r})"

    @classmethod
    def create(cls, name: str) -> Run:
        """Make the next free folder of runs called `name`: commands that start at once get one each."""
        while True:
            folder = agreed(next_version(runs_folder() / name))
            if not first_process() or make_version(folder):
                return cls(folder)

    @classmethod
    def resume(cls, name: str) -> Run:
        """Give the newest run called `name` that can go on, else the newest, or a first one."""
        place = runs_folder() / name
        folders = versions(place) or [version(place, 0)]
        able = [folder for folder in folders if any((folder / "checkpoints").glob("*last.ckpt"))]
        return cls(agreed((able or folders)[-1]))

    @classmethod
    def newest(cls, name: str) -> Run:
        """Give the newest run called `name`.

        Raises:
            CheckpointError: there is none.
        """
        if not (folders := versions(runs_folder() / name)):
            raise CheckpointError(
                f"{runs_folder() / name}: holds no run; run `python -m hemblip fit` with this name first"
            )
        return cls(folders[-1])

    @classmethod
    def versions(cls, folder: Path) -> list[Run]:
        """Give the runs of a name's folder, from the oldest to the newest."""
        return [cls(version) for version in versions(folder)]

    @classmethod
    def meant(cls, path: str | Path, name: str = "") -> Run:
        """Give the run that a path means.

        Args:
            path: a checkpoint, whose weights are then the run's, a run folder, the folder of a name for its newest
                version, a folder that `export` wrote, the name of a captioner that comes with HemBLIP, or `best` or
                `last` for weights of the newest run called `name`.
            name: of runs.

        Raises:
            CheckpointError: there is no such file or run.
        """
        if str(path) in ("best", "last"):
            run = cls.newest(name)
            return run if str(path) == "best" else cls(run.resume_point)
        path = Path(path)
        if not path.exists() and cls(SHIPPED / path).exported:
            path = SHIPPED / path
        if path.is_dir():
            run = cls(path)
            if not run.exported:
                run = next(reversed(cls.versions(path)), run)
            if not (run.exported or run.weights.is_file() or (run.folder / "config.yaml").is_file()):
                raise CheckpointError(
                    f"{path}: no run folder, checkpoint or exported model; give runs/<name>/version_<n>, or a "
                    "checkpoint in one"
                )
            return run
        if not path.is_file():
            near = sorted(str(found) for found in path.parent.glob("*.ckpt"))
            fix = f"there is {', '.join(near)}" if near else "give a run folder, a checkpoint or an exported folder"
            raise CheckpointError(f"{path}: no such file or run; {fix}")
        return cls(path)

    @classmethod
    def untrained(cls, name: str, model: object) -> Run:
        """Give the run of published weights: what they say of several sets of cells is one run.

        It is the newest of that name, if it was not trained and has the same captioner, else a new one.

        Args:
            name: of runs.
            model: settings of the captioner, as in `config.yaml`.
        """
        place = runs_folder() / name
        newest = cls((versions(place) or [version(place, 0)])[-1])
        if newest.config.get("model") == model and not (newest.folder / "checkpoints").exists():
            return cls(agreed(newest.folder))
        return cls.create(name)

    @classmethod
    def find(cls, path: str | Path) -> Run:
        """Find the run that `path` means: itself, or its newest tested version.

        Raises:
            DataError: there is no such folder, or it holds no run that was tested or probed.
        """
        path = Path(path)
        if not path.is_dir():
            raise DataError(f"{path}: no such run folder; give runs/<name> or runs/<name>/version_<n>")
        if (path / "predictions").is_dir() or (path / TABLE3).is_file():
            return cls(path)
        if not (folders := versions(path)):
            raise DataError(f"{path}: holds neither predictions nor version_<n> folders; give a run folder")
        told = [cls(folder) for folder in folders if cls(folder).described or (folder / TABLE3).is_file()]
        if not told:
            raise DataError(
                f"{path}: none of its {len(folders)} versions was tested; run `python -m hemblip test` first"
            )
        return told[-1]

    @classmethod
    def of_rows(cls, table: pd.DataFrame, path: str | Path, name: str) -> Run:
        """Give prediction rows of one model, from wherever they come, as a run that has nothing else.

        Args:
            table: see `hemblip.predictions.rows`.
            path: of the table that they were read from.
            name: of the model.
        """
        run = cls(path, name)
        run._tables.update({str(split): rows.reset_index(drop=True) for split, rows in table.groupby("split")})
        return run

    @property
    def label(self) -> str:
        """Name and version, without the folders above them."""
        version = self.folder.resolve().name
        return f"{self.name}/{version}" if version != self.name else self.name

    @property
    def exported(self) -> bool:
        """Whether the folder is one that `export` wrote: weights and their settings, without cells."""
        return (self.folder / EXPORTED).is_file()

    @property
    def shipped(self) -> bool:
        """Whether it comes with the package, in whose folder nothing is written."""
        return self.folder.parent == SHIPPED

    @property
    def checkpoint(self) -> Path | None:
        """The file of its weights; None where its captioner has those of a base model, or of an exported folder."""
        return self.weights if self.weights.is_file() else None

    @property
    def results(self) -> Path:
        """Folder of what commands make of the run, unless they are told another."""
        return runs_folder() / self.name if self.shipped else self.folder

    @property
    def resume_point(self) -> Path:
        """The checkpoint that training goes on from."""
        return self.folder / RESUME_POINT

    @cached_property
    def config(self) -> dict[str, Any]:
        """The settings, as `config.yaml` has them; empty without one, as in a folder of predictions alone.

        Raises:
            CheckpointError: an exported folder's settings are not as `export` writes them.
            DataError: the file is torn, or holds no settings.
        """
        if self.exported:
            return exported_config(self.folder)
        path = self.folder / "config.yaml"
        if not path.is_file():
            return {}
        try:
            found = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
            reason = " ".join(str(error).split())[:150]
            raise DataError(f"{path}: not readable as YAML ({reason}); put back the run's config") from error
        if not isinstance(found, dict):
            raise DataError(f"{path}: holds no settings; put back the run's config")
        return found

    @property
    def model(self) -> dict[str, Any]:
        """The settings of the captioner: `class_path` and `init_args`.

        Raises:
            CheckpointError: there are none.
            DataError: see `config`.
        """
        path = self.folder / "config.yaml"
        if not path.is_file() and not self.exported:
            raise CheckpointError(f"{path}: no such file; give a run folder, such as runs/blip_lora/version_0")
        if not isinstance(model := self.config.get("model"), dict):
            raise CheckpointError(f"{path}: has no section `model`; give the folder of a run of `fit` or `test`")
        return model

    def captioner(self, **changed: Any) -> Captioner:
        """Build the captioner with its weights, in evaluation mode on the CPU.

        Args:
            **changed: settings of the model that are not the run's.

        Raises:
            CheckpointError: the run has no config or no such checkpoint, or they do not belong together.
            ModelAccessError: the base model cannot be reached.
        """
        from hemblip.models.captioner import SETTINGS
        from hemblip.models.checkpoints import load_weights, read_checkpoint
        from hemblip.models.loading import build

        origin, model = self.folder / (EXPORTED if self.exported else "config.yaml"), None
        if self.weights.is_file() and not origin.is_file():  # a checkpoint on its own
            origin, model = self.weights, read_checkpoint(self.weights).get(SETTINGS)
            if model and not str(model.get("class_path")).startswith("hemblip."):
                raise CheckpointError(f"{origin}: of {model.get('class_path')}, which is not HemBLIP's; load its run")
        model = model or self.model
        captioner = build({**model, "init_args": {**(model.get("init_args") or {}), **changed}}, str(origin))
        if cells := self._cells():
            captioner.preparation = cells
        if self.exported:
            self.remind(captioner)
        # A model that is only tested has no checkpoint, and needs none.
        elif captioner.adaptation != "base" or self.weights.is_file():
            load_weights(captioner, self.weights)
        return captioner.eval()

    def remind(self, captioner: Captioner) -> None:
        """Tell a captioner whose weights are those of this exported folder what its training had."""
        captioner.taught = self.config["taught"]
        captioner.constants_taught = self.config["constants_taught"]
        captioner.usual_captions = self.config["captions"]

    def _cells(self) -> Preparation | None:
        """How the run's config prepares cells: its own checkpoints of today say it too, older ones do not."""
        from hemblip.data.preparation import Preparation

        data = self.config.get("data")
        given = data.get("init_args") if isinstance(data, dict) else None
        if not isinstance(given, dict) or not isinstance(size := given.get("image_size"), int):
            return None
        return Preparation.of_settings({**given, "size": size}, str(self.folder / "config.yaml"))

    @property
    def described(self) -> list[str]:
        """Splits whose cells were tested: those of `PLACES`, and external sets with names of their own."""
        written = {path.stem for path in self.rows_of("test").parent.glob("*.parquet")}
        return sorted({*written, *(name for name in self._tables if "/" not in name)} - {"val"}, key=order_of)

    def check_described(self) -> None:
        """Raise DataError if no test or external cell was described."""
        if not self.described:
            raise DataError(
                f"{self.folder / 'predictions'}: neither test.parquet nor external.parquet; run `python -m hemblip "
                "test` with the run's checkpoint"
            )

    def rows_of(self, split: str) -> Path:
        """Name the table of a split's prediction rows."""
        return self.folder / "predictions" / f"{split}.parquet"

    def predictions(self, split: str) -> pd.DataFrame:
        """Read the prediction rows of a split's cells, by `cell_id`; answers to questions stand beside the captions.

        Raises:
            DataError: there are none, they cannot be read, or are of several models.
        """
        if split not in self._tables:
            path = self.rows_of(split)
            table = read_predictions(path)
            models = table["model"].unique()
            if len(models) > 1:
                raise DataError(f"{path}: holds rows of {len(models)} models ({', '.join(models)}); keep one a file")
            if not table["cell_id"].is_monotonic_increasing:
                table = table.sort_values("cell_id", ignore_index=True)
            table = self._read_anew(table, split)
            self._tables[f"{QUESTIONS}/{split}"], self._tables[split] = questions_of(table), by_cell(table)
        return self._tables[split]

    def answers(self, split: str) -> pd.DataFrame:
        """Read the prediction rows of questions about a split's cells; no row where none was asked."""
        self.predictions(split)
        return self._tables.get(f"{QUESTIONS}/{split}", pd.DataFrame())

    def check_replaceable(self, split: str, cells: Iterable[str] | None, data: str) -> None:
        """Make sure that rows which are going to replace those of a split are of the same cells, or of more.

        Args:
            split: that is tested.
            cells: ids of all cells that are described; None where not all batches are.
            data: digest of the data, see `hemblip.callbacks.provenance`.

        Raises:
            DataError: they are of others.
        """
        path, taken = self.rows_of(split), set() if cells is None else set(cells)
        if not path.is_file():
            return
        there = set(pd.read_parquet(path, columns=["cell_id"])["cell_id"])
        known = self.provenance.get(split, {}).get("data", data)
        if there <= taken and (there != taken or known == data):
            return
        others = "other annotations" if there == taken else f"{len(there - taken):,} cells that are not among these"
        if cells is None:
            others = f"{len(there):,} cells, of which some batches may lack some"
        name = ", give this set a name of its own (data.init_args.name)" if split not in ("val", "test") else ""
        raise DataError(f"{path}: holds rows of {others}; set --force true to replace them{name}, or use another run")

    def baselines(self, split: str) -> pd.DataFrame | None:
        """Read the prediction rows of all baselines of a split, told apart by `model`; None without any."""
        name = f"{BASELINES}/{split}"
        if name not in self._tables and self.rows_of(name).is_file():
            self._tables[name] = self._read_anew(read_predictions(self.rows_of(name)), split)
        return self._tables.get(name)

    def keep_baselines(self, split: str, rows: pd.DataFrame) -> None:
        """Let a run of rows have baselines too, see `baselines`."""
        self._tables[f"{BASELINES}/{split}"] = rows

    def stressed(self, split: str) -> pd.DataFrame | None:
        """Read the prediction rows of a split's cells under bad conditions; None if it was not tested so.

        Raises:
            DataError: the file cannot be read.
        """
        path = self.rows_of(f"{STRESS}/{split}")
        if not path.is_file():
            return None
        try:
            return self._read_anew(pd.read_parquet(path), split)
        except (OSError, ValueError) as error:  # pyarrow's errors are of these
            raise DataError(f"{path}: not readable ({error}); run `python -m hemblip test --stress` again") from error

    @cached_property
    def validation(self) -> pd.DataFrame | None:
        """Prediction rows of validation cells, on which confidences are calibrated; None without usable ones."""
        try:
            return by_cell(self._read_anew(read_predictions(self.rows_of("val")), "val"))
        except DataError:
            return None

    def _read_anew(self, table: pd.DataFrame, split: str) -> pd.DataFrame:
        """Read captions with today's rules if others had read them."""
        if self.extractors().get(split, extractor_version()) == extractor_version():
            return table
        asked = table[QUESTION] if QUESTION in table else [""] * len(table)
        texts = list(zip(asked, table["reference"].where([*map(bool, asked)], ""), table["caption"], strict=True))
        read = {text: stated_by(*text) for text in set(texts)}  # captions repeat
        stated = {key: [read[text][key] for text in texts] for key in KEYS}
        return table.assign(**{key: pd.Series(stated[key], index=table.index, dtype=object) for key in KEYS})

    @cached_property
    def _tables(self) -> dict[str, pd.DataFrame]:
        return {}

    @cached_property
    def curves(self) -> pd.DataFrame:
        """What was logged while training, `metrics.csv`; empty without it, as for a captioner that was not trained.

        Raises:
            DataError: it is no CSV.
        """
        path = self.folder / "metrics.csv"
        if not path.is_file() or path.stat().st_size == 0:
            return pd.DataFrame()
        try:
            return pd.read_csv(path)
        except (ValueError, pd.errors.ParserError) as error:
            raise DataError(f"{path}: not readable as CSV ({error})") from error

    @property
    def scores(self) -> dict[str, Any]:
        """Scores by split, `metrics.json`; none if it was not tested.

        Raises:
            DataError: the file is no JSON.
        """
        return self._read_json("metrics.json")

    def write_scores(self, split: str, scores: Mapping[str, object]) -> Path:
        """Put the scores of one split into `metrics.json`, atomically, and give its path."""
        return self._write_json("metrics.json", split, scores)

    @property
    def provenance(self) -> dict[str, Any]:
        """What was recorded of training (`fit`) and of each set tested, `provenance.json`; empty for older runs.

        Raises:
            DataError: the file is no JSON.
        """
        return self._read_json("provenance.json")

    def record(self, part: str, facts: Mapping[str, Any]) -> None:
        """Put what one part was made with into `provenance.json`, atomically."""
        self._write_json("provenance.json", part, facts)

    def extractors(self) -> dict[str, str]:
        """Name the extractor version that each set's captions were read with, where it is known."""
        return {part: str(facts["extractor"]) for part, facts in self.provenance.items() if "extractor" in facts}

    def left_out(self, split: str) -> list[str]:
        """Give the lines about entries that the sources of a split could not give as cells."""
        scores = self.scores.get(split)
        return list(scores.get(LEFT_OUT, [])) if isinstance(scores, Mapping) else []

    def is_seed_of(self, other: Run) -> bool:
        """Whether both are the same model trained from other random numbers: only seeds in their configs differ."""
        if self.name != other.name or not self.config or not other.config:
            return False
        return self.seeds != other.seeds and self._without_seeds() == other._without_seeds()

    @property
    def seeds(self) -> tuple[Any, Any]:
        """`seed_everything`, and the seed of splits and limits; None where the config has none."""
        cells = self.config.get("data")
        given = cells.get("init_args") if isinstance(cells, Mapping) else None
        return self.config.get("seed_everything"), given.get("seed") if isinstance(given, Mapping) else None

    def _without_seeds(self) -> dict[str, Any]:
        kept = {name: value for name, value in self.config.items() if name not in _PER_RUN}
        cells = kept.get("data")
        if isinstance(cells, Mapping) and isinstance(given := cells.get("init_args"), Mapping):
            kept["data"] = {**cells, "init_args": {name: value for name, value in given.items() if name != "seed"}}
        return kept

    def discard_if_empty(self) -> None:
        """Leave no folder of a command that wrote nothing."""
        if first_process():
            with suppress(OSError):  # it is not empty
                for path in (self.folder, self.folder.parent, runs_folder()):
                    path.rmdir()

    def _read_json(self, name: str) -> dict[str, Any]:
        path = self.folder / name
        try:
            return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else {}
        except (ValueError, TypeError) as error:
            raise DataError(f"{path}: not readable as JSON ({error}); remove it, and test the run again") from error

    def _write_json(self, name: str, part: str, facts: Mapping[str, Any]) -> Path:
        path = self.folder / name
        with alone(path):  # two commands may test one run
            write_text(path, json.dumps({**self._read_json(name), part: facts}, indent=2, allow_nan=False) + "\n")
        return path


def sweep_runs(path: Path) -> list[Run]:
    """Give the tested runs of a sweep's table, `runs/<name>/sweep.csv`, in its order.

    Raises:
        DataError: there is no such table, it has no column `run`, or none of its runs was tested.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such table; `python -m hemblip sweep` writes it")
    table = pd.read_csv(path)
    if "run" not in table.columns:
        raise DataError(f"{path}: missing column run; give a table that `python -m hemblip sweep` wrote")
    told = [run for run in map(Run, table["run"].dropna()) if "test" in run.described]
    if not told:
        raise DataError(f"{path}: none of its {len(table)} runs was tested; sweep with --test all")
    return told


def flat(value: object, name: str = "") -> dict[str, object]:
    """Give settings by dotted name; lists of sections by number, other lists whole."""
    if isinstance(value, list) and any(isinstance(part, dict) for part in value):
        value = dict(enumerate(value))
    if not isinstance(value, Mapping):
        return {name: value}
    return {
        dotted: setting
        for key, part in value.items()
        for dotted, setting in flat(part, f"{name}.{key}" if name else str(key)).items()
    }
