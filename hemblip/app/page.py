"""The page itself, by gradio: what is on it, and what happens when something is changed."""

from pathlib import Path

import gradio as gr
import pandas as pd

from hemblip.app.browse import browsing
from hemblip.app.corrections import statements_of, write_corrections
from hemblip.app.reader import Reader
from hemblip.app.uploads import MOST_FILES, MOST_MEGABYTES, describe_uploads
from hemblip.app.where import Where
from hemblip.data.preparation import as_pixels
from hemblip.data.sources.file_names import SUFFIXES
from hemblip.errors import HemblipError
from hemblip.explain.ask import UNTAUGHT
from hemblip.morphology import KEYS
from hemblip.reporting.described import Cell, cards, pick
from hemblip.reporting.html import NOT_FOR_DIAGNOSIS, sheet
from hemblip.reporting.sure_marks import MARKS, in_percent

FONTS = ("system-ui", "Segoe UI", "Roboto", "Helvetica Neue", "Arial", "sans-serif")
"""Of the reader's machine: others would be fetched from elsewhere."""

SIGNS = "; ".join(f"{mark.sign} {mark.words}" for mark in MARKS)

ASK_WHERE = """
element.addEventListener('click', event => {
    const said = event.target.closest('.hb-ask');
    if (!said) return;
    const cell = said.closest('.hb-cell'), again = said.getAttribute('aria-pressed') === 'true';
    cell.querySelector('.hb-map')?.remove();
    cell.classList.remove('hb-mapped');
    cell.querySelectorAll('.hb-ask').forEach(other => other.setAttribute('aria-pressed', 'false'));
    cell.querySelector('.hb-where').textContent = again ? '' : 'Looking where this comes from ...';
    if (again) return;
    said.setAttribute('aria-pressed', 'true');
    trigger('click', {place: said.dataset.cell, about: said.dataset.about});
});
"""
"""A statement is pressed: what was shown of its cell goes, and pressed again it stays away."""

PICK = """
element.addEventListener('click', event => {
    const picked = event.target.closest('button');
    if (picked) trigger('click', {place: picked.dataset.place});
});
"""

SHOW_WHERE = """
told => {
    const cell = document.querySelectorAll('#cells .hb-cell')[told.place];
    const pressed = cell?.querySelector('.hb-ask[aria-pressed="true"]');
    if (pressed?.dataset.about !== told.about) return;
    cell.querySelector('.hb-where').textContent = told.said;
    if (!told.picture) return;
    const map = document.createElement('img');
    Object.assign(map, {className: 'hb-map', src: told.picture, width: 192, height: 192});
    map.alt = 'Map of where this statement comes from';
    cell.querySelector('figure').append(map);
    cell.classList.add('hb-mapped');
}
"""
"""The answer is laid over its cell, if the same statement is still pressed."""


def looks() -> dict[str, object]:
    """What gradio needs to draw the page without any other host, for `launch`."""
    theme = gr.themes.Default(font=FONTS, font_mono=("ui-monospace", "monospace"))
    return {"theme": theme, "css": str(sheet("described.css") + sheet("card.css"))}


def build(reader: Reader, folder: Path) -> gr.Blocks:
    """Make the page.

    Args:
        reader: describes cells.
        folder: of uploads; nothing outside of it is read for a visitor.
    """
    with gr.Blocks(title="HemBLIP", analytics_enabled=False, delete_cache=(600, 3600)) as blocks:
        gr.Markdown(f"# HemBLIP\nDescribes white blood cells, one cell per image. {_about(reader)}")
        with gr.Tabs():
            with gr.Tab("Describe cells"):
                _describing(reader, folder)
            with gr.Tab("Tested cells", elem_id="browse") as tab:
                browsing(reader.run, tab)
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
            thumbnails = [(name, reader.captioner.preparation(as_pixels(one))) for name, one in reader.examples]
            picked = gr.HTML(pick(thumbnails), elem_id="pick", js_on_load=PICK, apply_default_css=False)
            examples = gr.Button("Describe all examples", elem_id="examples")
            risk = gr.Slider(
                1,
                100,
                value=100,
                step=1,
                label="Tolerated risk: share of statements that may be wrong (%)",
                elem_id="risk",
                visible=reader.validation is not None,
            )
            promised = gr.Markdown(reader.promise(1.0), elem_id="promised")
    gr.Markdown(f"Signs beside a statement, by the model's own probability: {SIGNS}.")
    gr.Markdown("Click a statement, or press Enter on it, to see where in the image it comes from.")
    shown = gr.HTML(elem_id="cells", js_on_load=ASK_WHERE, apply_default_css=False)
    found = gr.JSON(visible="hidden")
    question = gr.Textbox(label="Ask about these cells", placeholder="Is the nucleus lobed?", elem_id="ask")
    answer = gr.Markdown(elem_id="answer")
    with gr.Accordion("Correct what is wrong, and keep it", open=False):
        gr.Markdown(
            "Change a value; an empty one states nothing. "
            "`compare` reads the table as annotations, `fit` as a `Manifest`."
        )
        table = gr.Dataframe(headers=["cell_id", *KEYS], interactive=True, elem_id="corrections")
        keep = gr.Button("Check and make the file", elem_id="keep")
        with gr.Row():
            csv = gr.DownloadButton("Download as CSV", interactive=False, elem_id="corrected")
            parquet = gr.DownloadButton("Download as Parquet", interactive=False, elem_id="corrected-parquet")
        told = gr.Markdown(elem_id="kept")

    def take(paths: list[str] | None) -> tuple[None, list[Cell], list[str]]:
        try:
            return None, *describe_uploads(reader, paths or [], folder)
        except HemblipError as error:
            return None, [], [str(error)]

    def show(cells: list[Cell], flaws: list[str], percent: float) -> tuple[str, str]:
        tolerated = percent / 100
        return cards(reader.shortened(cells, tolerated), flaws, asked=True), reader.promise(tolerated)

    for upload in (drop, choose):
        upload.upload(take, upload, [upload, described, flawed])
    examples.click(lambda: (reader.describe(reader.examples), []), None, [described, flawed])

    def one_of_them(event: gr.EventData) -> tuple[list[Cell], list[str]]:
        place = int(event.place)
        return reader.describe(reader.examples[place : place + 1] if place >= 0 else []), []

    picked.click(one_of_them, None, [described, flawed])

    def located(cells: list[Cell], event: gr.EventData) -> dict[str, object]:
        place, keys = int(event.place), [key for key in KEYS if key in str(event.about).split()]
        told = reader.where(cells[place], keys) if 0 <= place < len(cells) else Where("")
        return {"place": place, "about": event.about, "said": told.said, "picture": told.picture}

    shown.click(located, described, found, show_progress="hidden").then(None, found, js=SHOW_WHERE)

    def corrected(rows: pd.DataFrame, cells: list[Cell]) -> tuple[gr.DownloadButton, gr.DownloadButton, str]:
        try:
            made = write_corrections(rows, cells, folder)
        except HemblipError as error:
            return gr.DownloadButton(interactive=False), gr.DownloadButton(interactive=False), f"**Not kept:** {error}"
        ready = [gr.DownloadButton(value=str(path), interactive=True) for path in made]
        return ready[0], ready[1], f"{len(rows)} cells are in the table."

    def asked(text: str, cells: list[Cell]) -> str:
        found = reader.ask(text, cells)
        if found is None:
            return f"{UNTAUGHT[0].upper()}{UNTAUGHT[1:]}." if cells else "Hand in cells first."
        told = ((one["cell_id"], one["answer"], in_percent(one["probability"])) for one in found.to_dict("records"))
        return "\n".join(f"- {cell}: **{said}**, {sure}" for cell, said, sure in told)

    question.submit(asked, [question, described], answer)

    def anew(cells: list[Cell]) -> tuple[pd.DataFrame, str, gr.DownloadButton, gr.DownloadButton, str]:
        """What belongs to the cells before these goes."""
        none = gr.DownloadButton(value=None, interactive=False)
        return statements_of(cells), "", none, none, ""

    described.change(anew, described, [table, answer, csv, parquet, told])
    keep.click(corrected, [table, described], [csv, parquet, told])
    for changed in (described, flawed, risk):
        changed.change(show, [described, flawed, risk], [shown, promised])
