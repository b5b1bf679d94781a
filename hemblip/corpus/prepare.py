"""The prepare command: published downloads in, one manifest with its data card out."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from hemblip.corpus.data_card import Card, data_card, warnings_of
from hemblip.corpus.data_card_figure import draw_card
from hemblip.corpus.duplicates import EXACT, NEAR, find_duplicates
from hemblip.data.image_check import cell_flaws, check_images, refuse
from hemblip.data.reading import read_sources
from hemblip.data.records import MANIFEST_COLUMNS, SPLITS
from hemblip.data.sources import Source
from hemblip.data.splits import SHARES, assign_splits, select, torn_groups
from hemblip.errors import ConfigError, DataError
from hemblip.morphology import KEYS
from hemblip.plain_text import csv_text
from hemblip.results import check_files, replacing_files

EXTERNAL = "external"

MAKER = "prepare"
"""Whose files may be replaced."""

SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("cell_id", "image")),
        ("bbox", pa.list_(pa.float64())),
        ("width_factor", pa.float64()),
        ("masks", pa.string()),
        *((name, pa.string()) for name in ("source", "domain", "group", "split", *KEYS)),
        ("captions", pa.list_(pa.string())),
    ]
)


@dataclass
class Selection:
    """How many internal cells to take; None for all.

    Args:
        healthy: healthy cells; the paper has 7,037.
        leukemic: leukemic cells; the paper has 7,622.
    """

    healthy: int | None = None
    leukemic: int | None = None

    def __post_init__(self) -> None:
        for name, size in vars(self).items():
            if size is not None and size < 0:
                raise ConfigError(f"selection.{name} is {size}; it cannot be negative")

    def sizes(self) -> dict[str, int]:
        """Those that are set."""
        return {name: size for name, size in vars(self).items() if size is not None}


def prepare(
    sources: list[Source],
    external: list[Source] | None = None,
    output: str = "data/manifest.parquet",
    require: list[str] | None = None,
    selection: Selection | None = None,
    shares: list[float] | None = None,
    copies: Literal["drop", "keep"] = "drop",
    seen_groups: Literal["keep", "drop"] = "keep",
    on_bad_image: Literal["exclude", "fail"] = "exclude",
    workers: int | None = None,
    seed: int = 0,
) -> None:
    """Make one manifest of cells from published downloads, and a data card that says what is in it and what is not.

    Example: python -m hemblip prepare --config configs/prepare/published.yaml

    Args:
        sources: internal datasets, to train, validate and test on.
        external: datasets that are only tested on.
        output: Parquet file; beside it come `<name>.md`, `<name>.png`, `<name>_excluded.csv` and the checks' log.
        require: attributes that each internal cell must state; others are incomplete and left out.
        selection: how many internal cells to take, in proportion to source, diagnosis and cell type.
        shares: of train, val and test, for sources without official splits; 0.7, 0.15, 0.15 if left out.
        copies: what happens to byte-identical and near-identical cells: one is kept (test before val before train
            before external), or all.
        seen_groups: what happens to external cells of patients or slides that are internal too.
        on_bad_image: what an unreadable image, or a box outside of its image, does: be left out, or end the command.
        workers: threads that check images; one a core if left out.
        seed: of splits and selection.

    Raises:
        DataError: a source cannot be read, no cell is left, an image is bad and `on_bad_image` is "fail", or a file
            cannot be written; files of an earlier call then stay. A file is there that no earlier call made.
    """
    target, wanted, every = Path(output), list(require or []), [*sources, *(external or [])]
    _check(target, wanted, shares, workers)
    manifest = _read(sources, external or [])
    left_out = _Exclusions(every)
    checked = check_images(manifest["image"], target.with_name(f".{target.stem}.checked.jsonl"), workers)
    flaws = cell_flaws(manifest, checked)
    if on_bad_image == "fail":
        refuse(flaws, "--on_bad_image")
    manifest = left_out.drop(manifest, pd.Series([flaw.kind if flaw else "" for flaw in flaws], index=manifest.index))
    if copies == "drop" and len(manifest):
        manifest = left_out.drop(manifest, _copies(manifest))
    manifest = left_out.drop(manifest, _incomplete(manifest, wanted))
    if selection is not None:
        internal = manifest[manifest["split"] != EXTERNAL]
        refused = internal.index.difference(select(internal, selection.sizes(), seed).index)
        manifest = left_out.drop(manifest, _reasons(manifest.index.isin(refused), "not selected", manifest))
    internal, outside = manifest[manifest["split"] != EXTERNAL], manifest[manifest["split"] == EXTERNAL]
    if internal.empty:
        raise DataError(f"no internal cell is left of {len(left_out.rows)}: {left_out.summary()}")
    seen = outside["group"].isin(internal["group"])
    if seen_groups == "drop":
        outside = left_out.drop(outside, _reasons(seen, "patient or slide is internal", outside))
    card = Card(
        manifest=pd.concat([assign_splits(internal, seed, shares or SHARES), outside], ignore_index=True),
        excluded=left_out.table(),
        changed=_changed(every),
        sizes={image: (check.width, check.height) for image, check in checked.items()},
        torn=len(torn_groups(internal)),
        seen=0 if seen_groups == "drop" else int(seen.sum()),
        figure=target.with_suffix(".png").name,
    )
    _write(card, target)
    counts = card.manifest["split"].value_counts()
    print(", ".join(f"{counts[split]} {split}" for split in SPLITS if split in counts))
    print("\n".join([f"{len(card.excluded)} left out: {left_out.summary() or 'none'}", *warnings_of(card)]))
    print(f"manifest    {target}\ndata card   {target.with_suffix('.md')}")


def _read(sources: Sequence[Source], external: Sequence[Source]) -> pd.DataFrame:
    internal = read_sources(sources)
    if not external:
        return internal
    manifest = pd.concat([internal, read_sources(external, EXTERNAL).assign(split=EXTERNAL)], ignore_index=True)
    both = manifest.loc[manifest["cell_id"].duplicated(), "cell_id"]
    if len(both):
        raise ConfigError(f"cell '{both.iloc[0]}' is in sources and in external; name each dataset once")
    return manifest


def _reasons(chosen: Sequence[bool], reason: str, manifest: pd.DataFrame) -> "pd.Series[str]":
    return pd.Series([reason if out else "" for out in chosen], index=manifest.index, dtype=object)


def _check(target: Path, wanted: Sequence[str], shares: Sequence[float] | None, workers: int | None) -> None:
    if target.suffix != ".parquet":
        raise ConfigError(f"--output {target}: the manifest is a Parquet file; let the name end in .parquet")
    for key in wanted:
        if key not in KEYS:
            raise ConfigError(f"--require {key}: no such attribute; there are {', '.join(KEYS)}")
    if shares is not None and (len(shares) != 3 or min(shares) <= 0):
        raise ConfigError(f"--shares {list(shares)}: give three positive numbers, of train, val and test")
    if workers is not None and workers < 1:
        raise ConfigError(f"--workers {workers}: at least 1 thread is needed")
    check_files(_files(target), MAKER)


class _Exclusions:
    """What is left out, with its source and reason, in the order in which it is found."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self.rows = [(source.name, entry, reason) for source in sources for entry, reason in source.excluded.items()]

    def drop(self, manifest: pd.DataFrame, reasons: "pd.Series[str]") -> pd.DataFrame:
        """Take out the cells that have a reason."""
        out = manifest[reasons != ""]
        self.rows += list(zip(out["source"], out["cell_id"], reasons[reasons != ""], strict=True))
        return manifest[reasons == ""]

    def table(self) -> pd.DataFrame:
        return pd.DataFrame(self.rows, columns=["source", "entry", "reason"])

    def summary(self) -> str:
        counts = self.table()["reason"].value_counts(sort=False)
        return ", ".join(f"{reason} ({count})" for reason, count in counts.items())


def _copies(manifest: pd.DataFrame) -> "pd.Series[str]":
    """Reasons for all but the best of each set of cells that show one image; external copies go first."""
    pairs = find_duplicates(manifest)
    others: dict[str, dict[str, str]] = {}
    for first, second, kind in zip(pairs["first"], pairs["second"], pairs["kind"], strict=True):
        others.setdefault(first, {})[second] = kind
        others.setdefault(second, {})[first] = kind
    order = manifest["split"].map({"test": 0, "val": 1, EXTERNAL: 3}).fillna(2).sort_values(kind="stable")
    reasons: dict[str, str] = {}
    for cell_id in manifest["cell_id"][order.index]:
        kinds = [kind for other, kind in others.get(cell_id, {}).items() if reasons.get(other) == ""]
        reasons[cell_id] = "" if not kinds else f"{'byte' if EXACT in kinds else NEAR}-identical copy"
    return manifest["cell_id"].map(reasons)


def _incomplete(manifest: pd.DataFrame, wanted: Sequence[str]) -> "pd.Series[str]":
    reasons = pd.Series("", index=manifest.index)
    for key in reversed(wanted):
        reasons[manifest[key].isna() & (manifest["split"] != EXTERNAL)] = f"incomplete: no {key}"
    return reasons


def _changed(sources: Sequence[Source]) -> pd.DataFrame:
    rows = [(source.name, entry, what) for source in sources for entry, what in source.changed.items()]
    return pd.DataFrame(rows, columns=["source", "entry", "reason"])


def _files(target: Path) -> list[Path]:
    """The manifest and what comes beside it."""
    return [
        target,
        target.with_name(f"{target.stem}_excluded.csv"),
        target.with_suffix(".md"),
        target.with_suffix(".png"),
    ]


def _write(card: Card, target: Path) -> None:
    """Write all files before the first gets its name; when the manifest is there, all files are of one run."""
    root = Path(os.environ.get("HEMBLIP_DATA", ".")).absolute()
    written = [
        {**row, "image": _portable(row["image"], root), "masks": row["masks"] and _portable(row["masks"], root)}
        for row in card.manifest[list(MANIFEST_COLUMNS)].to_dict("records")
    ]
    manifest, excluded, text, figure = files = _files(target)
    with replacing_files(files, MAKER) as partial:
        pq.write_table(pa.Table.from_pylist(written, SCHEMA), partial(manifest))
        partial(excluded).write_text(csv_text(card.excluded), encoding="utf-8")
        partial(text).write_text(data_card(card), encoding="utf-8")
        draw_card(card, partial(figure))


def _portable(image: str, root: Path) -> str:
    """Path relative to the data folder, if it is in there."""
    path = Path(os.path.normpath(Path(image).absolute()))
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
