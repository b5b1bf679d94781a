"""LightningDataModules over any list of sources."""

import os
import re
import tempfile
from collections.abc import Container, Sequence
from functools import cached_property
from pathlib import Path
from typing import Literal

import lightning as L
import numpy as np
import pandas as pd
import torch
from torch.utils.data import DataLoader

from hemblip.data.balance import Balance
from hemblip.data.cache import cached_cells
from hemblip.data.countermeasures import Countermeasure
from hemblip.data.dataset import CellDataset, Example, Partial, collate
from hemblip.data.image_check import cell_flaws, check_images, messages, refuse
from hemblip.data.images import Pixels
from hemblip.data.kept_features import FeatureFiles, FrozenTower, KeptFeatures, build_all
from hemblip.data.preparation import Preparation
from hemblip.data.questions import question_rows
from hemblip.data.reading import exclusion_lines, read_sources
from hemblip.data.records import INTERNAL, QUESTION
from hemblip.data.sampler import EvaluationBatches, TrainingBatches
from hemblip.data.sources import Source
from hemblip.data.splits import assign_splits, subset
from hemblip.data.stored_arrays import GIGABYTES
from hemblip.data.taught import Taught, constant_keys, taught_values, usual_captions
from hemblip.data.transforms import Augmentation
from hemblip.errors import CheckpointError, ConfigError, DataError, check_range
from hemblip.morphology import KEYS, STYLES, describe


class CellDataModule(L.LightningDataModule):
    """What internal and external cells share: reading sources, captions, decoded cells, evaluation batches.

    `manifest` is the table of all cells after `setup`, `asked` that of the questions about them, and `rows` both;
    evaluation leaves out the batches whose rows are all in `described`.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        image_size: int,
        crop: float,
        batch_size: int,
        num_workers: int,
        limit: int | None,
        seed: int,
        styles: Sequence[int] | None,
        cache: str | None,
        on_bad_image: Literal["fail", "exclude"],
        countermeasures: Sequence[Countermeasure] | None = None,
        cache_gigabytes: float = GIGABYTES,
        questions: bool = False,
    ) -> None:
        super().__init__()
        if not sources:
            raise ConfigError("data.init_args.sources is empty; name at least one source")
        for name, value, least, most in (
            ("image_size", image_size, 1, 4_096),
            ("batch_size", batch_size, 1, 65_536),
            ("num_workers", num_workers, 0, 128),
            ("limit", limit, 1, 2**63 - 1),
            ("seed", seed, 0, 2**63 - 1),
        ):
            if value is not None:
                check_range(f"data.init_args.{name}", value, at_least=least, at_most=most)
        check_range("data.init_args.crop", crop, above=0, at_most=1)
        check_range("data.init_args.cache_gigabytes", cache_gigabytes, above=0)
        if styles is not None and not styles:
            raise ConfigError("data.init_args.styles is empty; name at least one style, or leave it out for all")
        self.sources, self.image_size, self.crop = list(sources), image_size, crop
        self.batch_size, self.num_workers, self.limit, self.seed = batch_size, num_workers, limit, seed
        self.styles = tuple(range(STYLES)) if styles is None else tuple(styles)
        self.cache, self.cache_gigabytes, self.on_bad_image = cache, cache_gigabytes, on_bad_image
        self.countermeasures = list(countermeasures or [])
        self.questions = questions
        self.manifest = self.asked = pd.DataFrame()
        self.described: Container[str] = ()
        self._sets: dict[str, CellDataset] = {}

    def setup(self, stage: str | None = None) -> None:
        """Read the sources once; cells are decoded when their split is first used.

        Raises:
            DataError: a source cannot be read, ids repeat between sources, or an image is bad and `on_bad_image` is
                "fail".
        """
        if not self.manifest.empty:
            return
        manifest = read_sources(self.sources, "data.init_args.sources")
        for line in exclusion_lines(self.sources):
            print(line)
        manifest = subset(self.with_splits(manifest), self.limit, self.seed)
        self.manifest = self._with_captions(self._without_bad_images(manifest))
        if QUESTION in self.manifest:  # some sources bring questions, others do not
            self.manifest[QUESTION] = self.manifest[QUESTION].fillna("")
        if self.questions:
            told = self.manifest[self.manifest[QUESTION] == ""] if QUESTION in self.manifest else self.manifest
            self.asked = question_rows(told, self.stated_keys(told), self.seed)

    @cached_property
    def rows(self) -> pd.DataFrame:
        """Cells, each asked for a description, and questions about them; after `setup`."""
        if self.asked.empty:
            return self.manifest
        cells = self.manifest if QUESTION in self.manifest else self.manifest.assign(**{QUESTION: ""})
        return pd.concat([cells, self.asked], ignore_index=True)

    def with_splits(self, manifest: pd.DataFrame) -> pd.DataFrame:
        """Give each cell its split."""
        raise NotImplementedError

    def _without_bad_images(self, manifest: pd.DataFrame) -> pd.DataFrame:
        flaws = cell_flaws(manifest, check_images(manifest["image"]))
        if self.on_bad_image == "fail":
            refuse(flaws, "data.init_args.on_bad_image")
        bad = messages(flaws)
        if not bad:
            return manifest
        if all(flaws):
            raise DataError(f"none of {len(bad)} images can be used, first: {bad[0]}")
        print("\n".join([f"Left out {len(bad)} bad images:", *bad]))
        return manifest[[flaw is None for flaw in flaws]].reset_index(drop=True)

    def _with_captions(self, manifest: pd.DataFrame) -> pd.DataFrame:
        """Cells without captions of their own get one in each style."""
        stated = self.stated_keys(manifest)
        captions = [
            list(row["captions"]) or [describe({key: row[key] for key in stated}, style) for style in self.styles]
            for row in manifest.to_dict("records")
        ]
        return manifest.assign(captions=captions)

    def stated_keys(self, manifest: pd.DataFrame) -> list[str]:
        """Name the attributes that captions are written of."""
        return list(KEYS)

    def dataset(self, split: str, augmentation: Augmentation | Literal[False] | None = None) -> CellDataset:
        """Examples of one split; `augmentation` as of `CellDataset`.

        Raises:
            DataError: the split has no cells.
        """
        cells, pictures, places = self._shown(split)
        if cells.empty:
            found = ", ".join(sorted(set(self.manifest["split"])))
            raise DataError(f"split '{split}' has no cells in {[s.name for s in self.sources]}; they have {found}")
        if split not in self._sets:
            self._sets[split] = CellDataset(
                cells, self._decoded(pictures), augmentation, self.training_seed, self.partial(), places
            )
        return self._sets[split]

    def _shown(self, split: str) -> tuple[pd.DataFrame, pd.DataFrame, list[int] | None]:
        """Rows of a split, those that show each image once, and which of them each row shows; None for the same."""
        cells = self.rows[self.rows["split"] == split].reset_index(drop=True)
        return (cells, *_pictures(cells)) if QUESTION in cells else (cells, cells, None)

    def partial(self) -> Partial | None:
        """Tell which captions of some attributes are drawn; None for none."""
        return None

    @cached_property
    def training_seed(self) -> int:
        """Seed of order, augmentation and caption draw: that of `seed_everything`, else of torch's generator."""
        return int(os.environ.get("PL_GLOBAL_SEED", torch.initial_seed() % 2**32))

    @property
    def preparation(self) -> Preparation:
        """How cells are cut and resized."""
        return Preparation(self.image_size, self.crop, tuple(self.countermeasures))

    def _decoded(self, cells: pd.DataFrame) -> Pixels:
        settings = (self.countermeasures, self.cache_gigabytes)
        return cached_cells(cells, self.image_size, self.crop, self.cache_folder, *settings)

    @property
    def cache_folder(self) -> Path:
        """Where decoded cells are kept."""
        return Path(self.cache or Path(tempfile.gettempdir()) / f"hemblip-cells-{os.getuid()}")

    def _ranks(self) -> dict[str, int]:
        return {"rank": self.trainer.global_rank, "world_size": self.trainer.world_size} if self.trainer else {}

    def _loader(self, dataset: CellDataset, batches: TrainingBatches | EvaluationBatches) -> DataLoader[Example]:
        return DataLoader(
            dataset,
            batch_sampler=batches,
            collate_fn=collate,
            num_workers=self.num_workers,
            persistent_workers=self.num_workers > 0,
            pin_memory=self.trainer is not None and self.trainer.strategy.root_device.type == "cuda",
        )

    def evaluation_loader(self, split: str) -> DataLoader[Example]:
        """Every cell of a split once, in fixed order, unaugmented; without what is described already."""
        dataset = self.dataset(split)
        done = {row for row, cell in enumerate(dataset.cell_ids) if cell in self.described}
        return self._loader(dataset, EvaluationBatches(len(dataset), self.batch_size, **self._ranks(), done=done))

    def cells_loader(self, cells: pd.DataFrame) -> DataLoader[Example]:
        """Any cells of a manifest, each once and on every rank, in their order, unaugmented."""
        dataset = CellDataset(cells, self._decoded(cells))
        return self._loader(dataset, EvaluationBatches(len(dataset), self.batch_size))


class InternalCells(CellDataModule):
    """Cells to train, validate and test on.

    Args:
        sources: datasets; cells without an official split get one by `splits.assign_splits`.
        image_size: side in pixels that the captioner expects.
        batch_size: cells a batch and rank.
        num_workers: loader processes; 0 loads in the training process.
        limit: most cells a split, stratified, for smoke runs.
        seed: of splits and of `limit`; order, augmentation and caption draw follow `seed_everything`.
        augmentation: of training cells; None for the usual one, false for none, as in the paper, which names none.
        crop: side of the central square that is used, as a share of the image's shorter side.
        styles: caption styles of cells that bring no captions; None for all. The first is the reference.
        cache: folder of decoded cells; None for a folder in the system's temporary space.
        on_bad_image: what an unreadable image does: end the run, or be left out with its cells.
        countermeasures: against shortcuts, applied to every cell in turn; see `hemblip.data.countermeasures`.
        cache_gigabytes: most that the files in `cache` take, of 1e9 bytes; the least recently used make room.
        teach_constants: state attributes that have one value in all training cells; they teach nothing but that value.
        balance: draw rare classes more often than they occur; None for each cell once an epoch.
        partial_captions: share of training draws, 0 to 1, whose caption states some of the attributes, in any order, so
            that the captioner can be asked in short sentences; 0 for whole captions.
        questions: ask about the attributes of each cell as well, see `hemblip.data.questions`.
        kept_features: compute what a frozen vision tower makes of each cell once before training, and train from files
            in `cache`, `.views` of a cell in numbers of `.bits`; None to compute it in each step.
    """

    def __init__(
        self,
        sources: list[Source],
        image_size: int = 96,
        batch_size: int = 32,
        num_workers: int = 0,
        limit: int | None = None,
        seed: int = 0,
        augmentation: Augmentation | Literal[False] | None = None,
        crop: float = 1.0,
        styles: list[int] | None = None,
        cache: str | None = None,
        on_bad_image: Literal["fail", "exclude"] = "fail",
        countermeasures: list[Countermeasure] | None = None,
        cache_gigabytes: float = GIGABYTES,
        teach_constants: bool = False,
        balance: Balance | None = None,
        partial_captions: float = 0.0,
        questions: bool = False,
        kept_features: KeptFeatures | None = None,
    ) -> None:
        check_range("data.init_args.partial_captions", partial_captions, at_least=0, at_most=1)
        if questions and balance is not None:
            raise ConfigError(
                "data.init_args.balance draws cells, not questions; leave it or data.init_args.questions out"
            )
        settings = (image_size, crop, batch_size, num_workers, limit, seed, styles, cache, on_bad_image)
        super().__init__(sources, *settings, countermeasures, cache_gigabytes, questions)
        self.teach_constants, self.balance = teach_constants, balance
        self.partial_captions, self.kept_features = partial_captions, kept_features
        self.augmentation = Augmentation() if augmentation is None else augmentation
        self._position = (0, 0)

    def with_splits(self, manifest: pd.DataFrame) -> pd.DataFrame:
        """Keep official splits; assign the others by group."""
        return assign_splits(manifest, self.seed)

    def taught(self) -> Taught:
        """List the values of each attribute that the training cells have, after `setup`."""
        return taught_values(self.manifest[self.manifest["split"] == "train"])

    def usual_captions(self) -> list[str]:
        """List the commonest captions of the training cells, after `setup`."""
        return usual_captions(self.manifest[self.manifest["split"] == "train"])

    def stated_keys(self, manifest: pd.DataFrame) -> list[str]:
        """Leave out what has one value in all training cells."""
        constant = constant_keys(taught_values(manifest[manifest["split"] == "train"]))
        return [key for key in KEYS if self.teach_constants or key not in constant]

    def partial(self) -> Partial | None:
        """See `partial_captions`."""
        if not self.partial_captions:
            return None
        return Partial(self.partial_captions, self.stated_keys(self.manifest), self.styles)

    def keep_features(self, tower: FrozenTower) -> None:
        """Compute the features of training and validation cells, on all ranks together; batches bring them from now on.

        Raises:
            ConfigError: they take more than `cache_gigabytes`.
            DataError: the disk has not enough room.
        """
        assert self.trainer is not None and self.kept_features is not None
        sets = {"train": self.dataset("train", self.augmentation), "val": self.dataset("val")}
        for split, dataset in sets.items():
            dataset.kept = FeatureFiles(
                self._shown(split)[1],
                dataset.cells,
                self.preparation,
                tower,
                self.kept_features,
                dataset.augmentation,
                self.cache_folder,
                self.batch_size,
            )
        files, cells = [dataset.kept for dataset in sets.values() if dataset.kept], [one.cells for one in sets.values()]
        used = [Path(array.filename) for array in cells if isinstance(array, np.memmap) and array.filename]
        build_all(files, self.cache_gigabytes, used, **self._ranks(), tell=self.trainer.print)

    def train_dataloader(self) -> DataLoader[Example]:
        """Shuffled, augmented cells of "train", starting where a resumed run left off."""
        dataset = self.dataset("train", self.augmentation)
        cells = self.rows[self.rows["split"] == "train"]
        shares = self.balance.shares(cells) if self.balance else None
        self._batches = TrainingBatches(
            len(dataset), self.batch_size, self.training_seed, **self._ranks(), shares=shares
        )
        self._batches.set_position(*self._position)
        return self._loader(dataset, self._batches)

    def state_dict(self) -> dict[str, int]:
        """Say where training stands: the epoch, its batches done, and the cells of a global batch."""
        assert self.trainer is not None
        done = self.trainer.fit_loop.epoch_loop.batch_progress.current.processed  # type: ignore[attr-defined]
        epochs, batches = divmod(done, int(self.trainer.num_training_batches))
        return {
            "epoch": self.trainer.current_epoch + epochs,
            "batches": batches,
            "global_batch": self.batch_size * self.trainer.world_size,
            "training_seed": self.training_seed,
        }

    def load_state_dict(self, state_dict: dict[str, int]) -> None:
        """Start where a resumed run left off.

        Raises:
            CheckpointError: it was in the middle of an epoch, and batches had another size.
        """
        epoch, batches, recorded = (state_dict[item] for item in ("epoch", "batches", "global_batch"))
        assert self.trainer is not None
        now = self.batch_size * self.trainer.world_size
        if batches and now != recorded:
            raise CheckpointError(
                f"the run stopped after batch {batches} of epoch {epoch} with {recorded} cells a global batch, this "
                f"command has {now}; resume with the same batch size times devices"
            )
        self._position = (epoch, batches)
        self.training_seed = state_dict.get("training_seed", self.seed)  # version 0.1 had one seed for all

    def val_dataloader(self) -> DataLoader[Example]:
        """Cells of "val"."""
        return self.evaluation_loader("val")

    def test_dataloader(self) -> DataLoader[Example]:
        """Cells of "test"."""
        return self.evaluation_loader("test")

    def predict_dataloader(self) -> DataLoader[Example]:
        """Cells of "test"."""
        return self.evaluation_loader("test")


class ExternalCells(CellDataModule):
    """Cells from elsewhere, only to test on.

    Args:
        sources: datasets.
        image_size: side in pixels that the captioner expects.
        batch_size: cells a batch and rank.
        num_workers: loader processes.
        limit: most cells, stratified.
        seed: which cells `limit` takes.
        crop: side of the central square that is used, as a share of the image's shorter side.
        styles: caption styles of cells that bring no captions; the first is the reference.
        cache: folder of decoded cells; None for a folder in the system's temporary space.
        on_bad_image: what an unreadable image does: end the run, or be left out with its cells.
        countermeasures: against shortcuts, applied to every cell in turn; see `hemblip.data.countermeasures`.
        cache_gigabytes: most that the files in `cache` take, of 1e9 bytes; the least recently used make room.
        name: of their split, and of the table of predictions: a second external set needs a name of its own.
        questions: ask about the attributes of each cell as well, see `hemblip.data.questions`.
    """

    def __init__(
        self,
        sources: list[Source],
        image_size: int = 96,
        batch_size: int = 32,
        num_workers: int = 0,
        limit: int | None = None,
        seed: int = 0,
        crop: float = 1.0,
        styles: list[int] | None = None,
        cache: str | None = None,
        on_bad_image: Literal["fail", "exclude"] = "fail",
        countermeasures: list[Countermeasure] | None = None,
        cache_gigabytes: float = GIGABYTES,
        name: str = "external",
        questions: bool = False,
    ) -> None:
        settings = (image_size, crop, batch_size, num_workers, limit, seed, styles, cache, on_bad_image)
        super().__init__(sources, *settings, countermeasures, cache_gigabytes, questions)
        if name in INTERNAL or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}", name):
            raise ConfigError(
                f"data.init_args.name is {name!r}; it has up to 40 letters, digits, - and _, and is none of "
                f"{', '.join(INTERNAL)}"
            )
        self.split = name

    def with_splits(self, manifest: pd.DataFrame) -> pd.DataFrame:
        """All cells are of one split, whatever their source gives."""
        return manifest.assign(split=self.split)

    def test_dataloader(self) -> DataLoader[Example]:
        """All cells."""
        return self.evaluation_loader(self.split)

    def predict_dataloader(self) -> DataLoader[Example]:
        """All cells."""
        return self.evaluation_loader(self.split)


def _pictures(rows: pd.DataFrame) -> tuple[pd.DataFrame, list[int]]:
    """The rows of a manifest with each image and box once, and which of them each row shows."""
    shown = [repr(one) for one in rows[["image", "bbox", "width_factor"]].itertuples(index=False, name=None)]
    places, seen = pd.factorize(pd.Series(shown, dtype=object))
    first = pd.Series(places).drop_duplicates().index
    return (rows if len(seen) == len(rows) else rows.loc[first].reset_index(drop=True)), places.tolist()
