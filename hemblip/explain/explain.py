"""The explain command: maps of what a run's captioner says of cells, their trial, and edits of cells."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from tqdm import tqdm

from hemblip.atomic import replacing
from hemblip.data.datamodules import CellDataModule
from hemblip.data.sources.synthetic import DRAWN, all_drawn
from hemblip.errors import ConfigError, DataError, check_range
from hemblip.explain.cells import ExplainedCell, choose_cells, explained_cells, open_run
from hemblip.explain.edits import drawn_source, edit_rows, matrix
from hemblip.explain.findings import EDITS, MAKER, PART_EDITS, TRIAL, write_edits, write_part_edits, write_trial
from hemblip.explain.methods import CONTROLS, Method, find_method
from hemblip.explain.part_edits import part_edit_rows, part_table
from hemblip.explain.parts import allowed_parts
from hemblip.explain.randomised import likeness
from hemblip.explain.sheet import write_overlay, write_sheet
from hemblip.explain.statement import Statement
from hemblip.explain.trial import trial_rows
from hemblip.explain.verdict import verdicts
from hemblip.models.captioner import Captioner
from hemblip.results import check_files, check_folder, replacing_folder
from hemblip.run import Run

RANDOMISED_CELLS = 8
"""Cells whose maps are made again with randomised weights."""


def explain(
    run: str,
    method: list[str] | str = "occlusion",
    images: str | None = None,
    split: Literal["val", "test", "external"] = "test",
    cells: int = 8,
    keys: list[str] | None = None,
    trial: bool = False,
    edits: bool = False,
    output: str | None = None,
) -> None:
    """Show which pixels made which statement, and with --trial or --edits whether to believe it.

    Example: python -m hemblip explain --run runs/demo/version_0 --method occlusion

    Args:
        run: run folder, whose best checkpoint is taken, a checkpoint in one, an exported folder, or the name of a
            captioner that comes with HemBLIP.
        method: one or several of attention, occlusion, integrated, parts; and the controls random and centre.
        images: image, folder, manifest or table to explain; cells of the run's data if left out.
        split: of the run's data.
        cells: most cells.
        keys: attributes whose statements are shown, or `caption`; all if left out.
        trial: try the methods against both controls on cells with masks instead of showing maps.
        edits: change cells and see which statements follow instead of showing maps: drawn cells are drawn again with
            one attribute changed, others need masks.
        output: folder; `explain` in the run folder if left out. An earlier result of the same methods, trial or edits
            is replaced.

    Raises:
        DataError: there are no such cells or statements; or `output` cannot be written, or holds files of these names
            that no earlier call made.
    """
    check_range("--cells", cells, at_least=1)
    methods = {name: find_method(name) for name in ([method] if isinstance(method, str) else method)}
    for key in keys or []:
        if key not in allowed_parts():
            raise DataError(f"--keys {key}: no such attribute; there are {', '.join(allowed_parts())}")
    trained = Run.meant(run)
    if trained.exported and images is None:
        raise ConfigError(f"--run {run}: it has no cells of its own; give --images")
    target = Path(output) if output else trained.results / "explain"
    for files in [TRIAL] if trial else [EDITS, PART_EDITS] if edits else []:
        check_files([target / file for file in files], MAKER)
    for name in [] if trial or edits else methods:
        check_folder(target / name, MAKER)
    captioner, data = open_run(run)
    chosen = choose_cells(data, images, split, cells)
    started = time.perf_counter()
    if trial:
        words = _try(target, methods, captioner, data, chosen)
    elif edits:
        words = _edit(target, captioner, data, chosen)
    else:
        words = _show(target, methods, captioner, data, chosen, keys)
    print(
        "\n".join(
            [*words, f"{len(chosen)} cells, {(time.perf_counter() - started) / len(chosen):.2f} s a cell   {target}"]
        )
    )


def _show(
    target: Path,
    methods: dict[str, Method],
    captioner: Captioner,
    data: CellDataModule,
    chosen: pd.DataFrame,
    keys: list[str] | None,
) -> list[str]:
    done = 0
    with ExitStack() as made:
        folders = {name: made.enter_context(replacing_folder(target / name, MAKER)) for name in methods}
        for cell in _progress(explained_cells(captioner, data, chosen), chosen, "Explaining"):
            statements = [statement for statement in cell.reader.statements if keys is None or statement.key in keys]
            for name, method in methods.items() if statements else ():
                _write(folders[name], cell, name, method, statements)
            done += bool(statements)
        if not done:
            raise DataError(
                f"no caption of {len(chosen)} cells states {', '.join(keys or ['anything'])}; name other --keys"
            )
    return [f"{name:<12}{target / name}" for name in methods]


def _try(
    target: Path, methods: dict[str, Method], captioner: Captioner, data: CellDataModule, chosen: pd.DataFrame
) -> list[str]:
    every = {**methods, **CONTROLS}
    rows: list[dict[str, Any]] = []
    kept = []
    for cell in _progress(explained_cells(captioner, data, chosen), chosen, "Trying"):
        rows += trial_rows(cell, every)
        kept.append(cell)
    if not rows:
        raise DataError(f"no caption of {len(chosen)} cells to try methods on; train longer")
    asked = {name: method for name, method in methods.items() if name not in CONTROLS}
    changes = {name: likeness(kept[:RANDOMISED_CELLS], captioner, method) for name, method in asked.items()}
    table = pd.DataFrame(rows)
    return write_trial(target, table, verdicts(table), changes)


def _edit(target: Path, captioner: Captioner, data: CellDataModule, chosen: pd.DataFrame) -> list[str]:
    parts = part_edit_rows(list(_progress(explained_cells(captioner, data, chosen), chosen, "Editing parts")))
    if parts.empty:
        raise DataError(f"no caption of {len(chosen)} cells states anything that an edit could change; train longer")
    words = []
    source = drawn_source(data.sources)
    drawn = chosen[chosen["source"] == source.name].reset_index(drop=True) if source else chosen.head(0)
    if source and len(drawn):
        rows = edit_rows(captioner, source, drawn, data.crop)
        words += write_edits(target, rows, matrix(rows))
    return [*words, *write_part_edits(target, parts, part_table(parts))]


def _progress(cells: Iterator[ExplainedCell], chosen: pd.DataFrame, what: str) -> Iterator[ExplainedCell]:
    yield from tqdm(cells, total=len(chosen), desc=what, unit="cell", disable=None)


def _write(folder: Path, cell: ExplainedCell, name: str, method: Method, statements: list[Statement]) -> None:
    """Write one cell's overlays, sheet and maps."""
    maps = cell.explain(method, statements)
    found = {statement.key: cell.in_image(grid) for statement, grid in zip(statements, maps, strict=True)}
    banner = DRAWN if all_drawn([cell.row["source"]]) else ""
    stem = str(cell.row["cell_id"]).removesuffix(Path(str(cell.row["image"])).suffix).replace("/", "_")
    for statement in statements:
        path = folder / "overlays" / stem / f"{statement.key}.png"
        write_overlay(path, cell.pixels, statement, found[statement.key], cell.masks, banner)
    title = "\n".join(filter(None, (banner, f"{cell.row['cell_id']}, {name}")))
    sheet = folder / "sheets" / f"{stem}.png"
    write_sheet(sheet, title, cell.pixels, cell.reader.caption, statements, found, cell.masks)
    with replacing(folder / "maps" / f"{stem}.npz") as partial, partial.open("wb") as file:
        np.savez_compressed(file, text=np.array(cell.reader.caption), **found)  # type: ignore[arg-type]
