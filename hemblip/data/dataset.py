"""Cells as training and evaluation examples."""

from collections.abc import Sequence
from typing import Literal, NamedTuple, NotRequired, TypedDict

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.utils.data import Dataset

from hemblip.data.images import Pixels
from hemblip.data.kept_features import FeatureFiles
from hemblip.data.partial_captions import partial_caption
from hemblip.data.records import QUESTION
from hemblip.data.sampler import Draw
from hemblip.data.transforms import Augmentation, derived_seed
from hemblip.morphology import KEYS


class Batch(TypedDict):
    """What a captioner gets."""

    images: Tensor
    """(B, 3, H, W), uint8, RGB; the captioner normalises as its backbone expects."""
    captions: list[str]
    cell_ids: list[str]
    questions: NotRequired[list[str]]
    """What is asked of each image, if anything is; an empty one asks for a description."""
    features: NotRequired[Tensor]
    """(B, P, D) of the images, by a frozen vision tower; see `hemblip.data.kept_features`."""
    annotations: NotRequired[list[dict[str, str]]]
    """Of training cells: attribute -> annotated value."""
    flaws: NotRequired[dict[str, str]]
    """Cell whose image cannot be read and is blank here -> why; see `hemblip.data.unlabelled`."""


class Example(TypedDict):
    """One cell of a batch; the image is (H, W, 3)."""

    image: Pixels
    caption: str
    cell_id: str
    question: NotRequired[str]
    features: NotRequired[Tensor]
    annotation: NotRequired[dict[str, str]]
    flaw: NotRequired[str]


class Partial(NamedTuple):
    """Captions of some attributes: their share of the draws, what they may state, and in which styles."""

    share: float
    keys: Sequence[str]
    styles: Sequence[int]


class CellDataset(Dataset[Example]):
    """Examples of the rows of a manifest.

    Args:
        manifest: cells with at least one caption each.
        cells: (N, H, W, 3) uint8.
        places: row of `cells` that belongs to each row of the manifest, several of which may be about one image; None
            for the same.
        augmentation: False to train on cells as they are; None for evaluation: the stored cell and its first caption.
        seed: with the draw's epoch and number and the cell id it decides augmentation and which caption is drawn.
        partial: of the captions that are drawn; None for whole ones alone.

    Attributes:
        kept: features of `cells`, which examples bring; in training, with the image in the view that is drawn.
    """

    def __init__(
        self,
        manifest: pd.DataFrame,
        cells: Pixels,
        augmentation: Augmentation | Literal[False] | None = None,
        seed: int = 0,
        partial: Partial | None = None,
        places: Sequence[int] | None = None,
    ) -> None:
        self.cell_ids: list[str] = manifest["cell_id"].tolist()
        self.captions: list[list[str]] = [list(captions) for captions in manifest["captions"]]
        keys = [key for key in KEYS if key in manifest]
        self.annotations: list[dict[str, str]] = [
            {key: value for key, value in row.items() if value is not None} for row in manifest[keys].to_dict("records")
        ]
        self.questions: list[str] | None = manifest[QUESTION].tolist() if QUESTION in manifest else None
        self.cells, self.places = cells, range(len(manifest)) if places is None else places
        self.augmentation = augmentation
        self.seed = seed
        self.partial = partial
        self.kept: FeatureFiles | None = None

    def __len__(self) -> int:
        return len(self.cell_ids)

    def __getitem__(self, draw: Draw) -> Example:
        epoch, index, *again = draw
        cell_id, captions, pixels = self.cell_ids[index], self.captions[index], self.cells[self.places[index]]
        example: Example = {"image": pixels, "caption": captions[0], "cell_id": cell_id}
        if self.questions is not None:
            example["question"] = self.questions[index]
        if self.kept is not None:
            chance = np.random.default_rng(derived_seed("view", self.seed, epoch, cell_id, *again))
            place, view = self.places[index], int(chance.integers(self.kept.views))
            example["image"], example["features"] = self.kept.image(place, view), self.kept.features(place, view)
        if self.augmentation is None:
            return example
        if self.augmentation and self.kept is None:
            example["image"] = self.augmentation(np.asarray(pixels), derived_seed(self.seed, epoch, cell_id, *again))
        # A checksum modulo the number of captions would hardly change from epoch to epoch.
        chance = np.random.default_rng(derived_seed("caption", self.seed, epoch, cell_id, *again))
        example["caption"] = captions[chance.integers(len(captions))]
        if self.partial is not None and not example.get("question") and chance.random() < self.partial.share:
            known = {key: value for key, value in self.annotations[index].items() if key in self.partial.keys}
            example["caption"] = partial_caption(known, self.partial.styles, chance) or example["caption"]
        example["annotation"] = self.annotations[index]
        return example


def collate(examples: list[Example]) -> Batch:
    """Stack examples of one size."""
    images = torch.from_numpy(np.stack([example["image"] for example in examples]))  # (B, H, W, 3)
    batch: Batch = {
        "images": images.permute(0, 3, 1, 2).contiguous(),
        "captions": [example["caption"] for example in examples],
        "cell_ids": [example["cell_id"] for example in examples],
    }
    if features := [example["features"] for example in examples if "features" in example]:
        batch["features"] = torch.stack(features)
    if any("question" in example for example in examples):
        batch["questions"] = [example.get("question", "") for example in examples]
    if annotations := [example["annotation"] for example in examples if "annotation" in example]:
        batch["annotations"] = annotations
    if flaws := {example["cell_id"]: example["flaw"] for example in examples if "flaw" in example}:
        batch["flaws"] = flaws
    return batch
