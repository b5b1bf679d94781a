"""The page itself, by gradio: what is on it, and what happens when something is changed."""

from functools import cache
from importlib.resources import files
from pathlib import Path

import gradio as gr

from hemblip.app.cards import NOT_FOR_DIAGNOSIS, cards, style
from hemblip.app.marks import MARKS
from hemblip.app.reader import Cell, Reader
from hemblip.app.uploads import MOST_FILES, MOST_MEGABYTES, describe_uploads
from hemblip.data.sources.file_names import SUFFIXES
from hemblip.errors import HemblipError

FONTS = ("system-ui", "Segoe UI", "Roboto", "Helvetica Neue", "Arial", "sans-serif")
"""Of the reader's machine: others would be fetched from elsewhere."""

SIGNS = "; ".join(f"{mark.sign} {mark.words}" for mark in MARKS)


def looks() -> dict[str, object]:
    """What gradio needs to draw the page without any other host, for `launch`."""
    return {"theme": gr.themes.Default(font=FONTS, font_mono=("ui-monospace", "monospace")), "css": style()}


def build(reader: Reader, folder: Path) -> gr.Blocks:
    """Make the page.

    Args:
        reader: describes cells.
        folder: of uploads; nothing outside of it is read for a visitor.
    """
    with gr.Blocks(title="HemBLIP", analytics_enabled=False, delete_cache=(600, 3600)) as blocks:
        gr.Markdown(f"# HemBLIP\n{_about(reader)}")
        _describing(reader, folder)
    return blocks


def _about(reader: Reader) -> str:
    return f"**{NOT_FOR_DIAGNOSIS}** {reader.warning} Model: `{reader.run.label}`."


def _describing(reader: Reader, folder: Path) -> None:
    described = gr.State([])
    flawed = gr.State([])
    with gr.Row():
        drop = gr.File(
            label=f"Images of one cell each: up to {MOST_FILES} at once, {MOST_MEGABYTES} MB each",
            file_count="multiple",
            file_types=list(SUFFIXES),
            elem_id="drop",
        )
        with gr.Column():
            choose = gr.UploadButton("Choose a folder", file_count="directory")
            examples = gr.Button("Show example cells", elem_id="examples")
            risk = gr.Slider(
                1,
                100,
                value=100,
                step=1,
                label="Tolerated risk: share of statements that may be wrong (%)",
                interactive=reader.validation is not None,
                elem_id="risk",
            )
            promised = gr.Markdown(reader.promise(1.0))
    gr.Markdown(f"Signs beside a statement, by the model's own probability: {SIGNS}.")
    shown = gr.HTML(elem_id="cells")

    def take(paths: list[str] | None) -> tuple[None, list[Cell], list[str]]:
        try:
            return None, *describe_uploads(reader, paths or [], folder)
        except HemblipError as error:
            return None, [], [str(error)]

    def show(cells: list[Cell], flaws: list[str], percent: float) -> tuple[str, str]:
        tolerated = percent / 100
        return cards(reader.shortened(cells, tolerated), flaws), reader.promise(tolerated)

    for upload in (drop, choose):
        upload.upload(take, upload, [upload, described, flawed])
    examples.click(lambda: (reader.describe(example_cells()), []), None, [described, flawed])
    for changed in (described, flawed, risk):
        changed.change(show, [described, flawed, risk], [shown, promised])


@cache
def example_cells() -> list[tuple[str, str]]:
    """Real cells that come with the package: name and path of each."""
    found = sorted(Path(str(files("hemblip.data") / "cells")).glob("*.jpg"))
    return [(path.name, str(path)) for path in found[::2]]
