"""`python -m hemblip ask`: what a captioner answers when it is asked about cells, with probabilities."""

from pathlib import Path

import numpy as np
import pandas as pd
import torch
from tqdm import tqdm

from hemblip.data.dataset import Batch
from hemblip.data.images import Pixels
from hemblip.data.sources import ImageFiles
from hemblip.errors import DataError
from hemblip.models.captioner import Captioner
from hemblip.models.loading import load
from hemblip.morphology import KEYS, SCHEMA
from hemblip.morphology.questions import Asked, understood
from hemblip.predictions import write_as
from hemblip.results import check_files, replacing_files

UNTAUGHT = "not something I was taught"

SUFFIXES = (".csv", ".parquet")


def ask(run: str, images: str, question: str | None = None, output: str | None = None, batch_size: int = 16) -> None:
    """Ask a captioner about cells: an attribute in words, or all of them, each answered with its probability.

    Example: `python -m hemblip ask --run wbcatt-compact --images my_cells --question "Is the nucleus lobed?"`

    Args:
        run: run folder, checkpoint, exported folder or a captioner that comes with HemBLIP.
        images: picture, folder of pictures, or table; see `hemblip.data.sources.ImageFiles`.
        question: about one attribute; all attributes are answered if left out.
        output: table to write, `.csv` or `.parquet`; the terminal if left out.
        batch_size: cells at a time.

    Raises:
        DataError: there are no images; or `output` cannot be written, or is no earlier result.
    """
    path = Path(output) if output is not None else None
    if path is not None:
        if path.suffix not in SUFFIXES:
            raise DataError(f"--output {path}: ends in neither {' nor '.join(SUFFIXES)}")
        check_files([path], "ask")
    asked = understood(question) if question is not None else None
    if question is not None and asked is None:
        print(f"{question}: {UNTAUGHT}")
        return
    captioner, cells = load(run), ImageFiles(images).records()
    keys = [key for key in ([asked.key] if asked else KEYS) if key not in captioner.untaught()]
    if not keys:
        print(f"{question}: {UNTAUGHT}")
        return
    starts = tqdm(range(0, len(cells), batch_size), "Asking", leave=False, disable=None)
    table = pd.concat(
        [_of_manifest(captioner, cells.iloc[start : start + batch_size], keys, asked) for start in starts],
        ignore_index=True,
    )
    if path is None:
        print(table.drop(columns="image").to_string(index=False))
    else:
        with replacing_files([path], "ask") as partial:
            write_as(table, path.suffix, partial(path))
        print(f"{len(table):,} answers   {path}")


def _of_manifest(captioner: Captioner, cells: pd.DataFrame, keys: list[str], asked: Asked | None) -> pd.DataFrame:
    pictures = np.stack([captioner.preparation.of_cell(row) for row in cells.to_dict("records")])
    found = answers(captioner, pictures, cells["cell_id"].tolist(), keys, asked)
    found.insert(1, "image", np.repeat(cells["image"].to_numpy(), len(keys)))
    return found


def answers(
    captioner: Captioner, pictures: Pixels, names: list[str], keys: list[str], asked: Asked | None = None
) -> pd.DataFrame:
    """Answer for each cell and attribute.

    Args:
        captioner: any.
        pictures: (N, S, S, 3), prepared as the captioner takes them.
        names: of the cells.
        keys: attributes.
        asked: a yes-or-no question about one of them.

    Returns:
        `cell_id`, `attribute`, `answer`, its `probability`, the `second` and `second_probability`, and the
        `entropy` of all values in bits.
    """
    batch: Batch = {
        "images": torch.from_numpy(pictures).permute(0, 3, 1, 2).contiguous().to(captioner.device),
        "captions": [""] * len(names),
        "cell_ids": names,
    }
    with torch.inference_mode():
        captions = captioner.generate(batch)
        found = {key: captioner.answer(batch, key, captions).numpy() for key in keys}
    rows = []
    for place, name in enumerate(names):
        for key in keys:
            told = _yes_or_no(found[key][place], asked) if asked and asked.values else _best(key, found[key][place])
            rows.append({"cell_id": name, "attribute": key, **told})
    return pd.DataFrame(rows)


def _best(key: str, chances: np.ndarray) -> dict[str, object]:
    first, second = np.argsort(-chances, kind="stable")[:2]
    return {
        "answer": SCHEMA[key][first],
        "probability": round(float(chances[first]), 4),
        "second": SCHEMA[key][second],
        "second_probability": round(float(chances[second]), 4),
        "entropy": round(_entropy(chances), 4),
    }


def _yes_or_no(chances: np.ndarray, asked: Asked) -> dict[str, object]:
    yes = float(sum(chance for value, chance in zip(SCHEMA[asked.key], chances, strict=True) if value in asked.values))  # type: ignore[operator]
    both = np.array([yes, 1 - yes])
    return {
        "answer": "yes" if yes >= 0.5 else "no",
        "probability": round(float(both.max()), 4),
        "second": "no" if yes >= 0.5 else "yes",
        "second_probability": round(float(both.min()), 4),
        "entropy": round(_entropy(both), 4),
    }


def _entropy(chances: np.ndarray) -> float:
    some = chances[chances > 0]
    return float(-(some * np.log2(some)).sum())
