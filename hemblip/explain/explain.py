"""The explain command: maps of what a run's captioner says of cells, their trial, and edits of cells."""

import time
from pathlib import Path
from typing import Literal

import numpy as np
from tqdm import tqdm

from hemblip.atomic import check_writable, replacing
from hemblip.errors import DataError, check_range
from hemblip.explain.cells import ExplainedCell, choose_cells, explained_cells, open_run
from hemblip.explain.methods import Method, find_method
from hemblip.explain.parts import allowed_parts
from hemblip.explain.sheet import write_overlay, write_sheet
from hemblip.explain.statement import Statement
from hemblip.models.trained import run_folder


def explain(
    run: str,
    method: str = "occlusion",
    images: str | None = None,
    split: Literal["val", "test", "external"] = "test",
    cells: int = 8,
    keys: list[str] | None = None,
    output: str | None = None,
) -> None:
    """Show which pixels made which statement.

    Example: python -m hemblip explain --run runs/demo/version_0 --method occlusion

    Args:
        run: run folder, whose best checkpoint is taken, or a checkpoint in one.
        method: attention, occlusion, integrated, parts; or the controls random and centre.
        images: image, folder, manifest or table to explain; cells of the run's data if left out.
        split: of the run's data.
        cells: most cells.
        keys: attributes whose statements are explained, or `caption`; all if left out.
        output: folder; `explain` in the run folder if left out.
    """
    check_range("--cells", cells, at_least=1)
    function = find_method(method)
    for key in keys or []:
        if key not in allowed_parts():
            raise DataError(f"--keys {key}: no such attribute; there are {', '.join(allowed_parts())}")
    target = Path(output) if output else run_folder(run) / "explain"
    check_writable(target / "maps" / "any.npz")
    captioner, data = open_run(run)
    chosen = choose_cells(data, images, split, cells)
    started, done = time.perf_counter(), 0
    progress = tqdm(explained_cells(captioner, data, chosen), total=len(chosen), desc="Explaining", unit="cell")
    for cell in progress:
        statements = _wanted(cell, keys)
        _write(target / method, cell, method, function, statements)
        done += bool(statements)
    if not done:
        raise DataError(f"no caption of {len(chosen)} cells states {', '.join(keys or ['anything'])}; name other --keys")
    print(f"{done} cells, {(time.perf_counter() - started) / done:.2f} s a cell   {target / method}")


def _wanted(cell: ExplainedCell, keys: list[str] | None) -> list[Statement]:
    return [statement for statement in cell.reader.statements if keys is None or statement.key in keys]


def _write(folder: Path, cell: ExplainedCell, name: str, method: Method, statements: list[Statement]) -> None:
    """Write one cell's overlays, sheet and maps."""
    if not statements:
        return
    maps = cell.explain(method, statements)
    found = {
        statement.key: cell.in_image(grid) for statement, grid in zip(statements, maps, strict=True)
    }
    stem = str(cell.row["cell_id"]).replace("/", "_")
    for statement in statements:
        path = folder / "overlays" / stem / f"{statement.key}.png"
        write_overlay(path, cell.pixels, statement, found[statement.key], cell.masks)
    title = f"{cell.row['cell_id']}, {name}"
    sheet = folder / "sheets" / f"{stem}.png"
    write_sheet(sheet, title, cell.pixels, cell.reader.caption, statements, found, cell.masks)
    with replacing(folder / "maps" / f"{stem}.npz") as partial, partial.open("wb") as file:
        np.savez_compressed(file, text=np.array(cell.reader.caption), **found)
