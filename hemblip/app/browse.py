"""The second tab: cells that a run was tested on, by what its captions get wrong, beside another run's captions."""

from functools import lru_cache

import gradio as gr

from hemblip.app.gallery import Gallery, runs_beside
from hemblip.errors import HemblipError
from hemblip.morphology import KEYS
from hemblip.morphology.schema import words
from hemblip.reporting.html import sheet
from hemblip.reporting.statements import KINDS
from hemblip.reporting.sure_marks import MARKS
from hemblip.run import Run
from hemblip.splits import cells_of

AT_ONCE = 12
"""Cells on one leaf."""

Told = tuple[str, str, int, gr.Button, gr.Button]


def browsing(run: Run, tab: gr.Tab) -> None:
    """Lay out the tab; nothing is read before it is opened."""
    if not run.described:
        gr.Markdown(
            f"`{run.label}` comes without tested cells. Open the page with a run that `python -m hemblip test` has "
            "tested to see them here:\n\n    python -m hemblip app --run runs/demo/version_0"
        )
        return
    others = runs_beside(run)
    gallery = lru_cache(maxsize=4)(lambda label: Gallery([run, others[label]] if label else [run]))
    with gr.Row():
        split = _choice("Cells", [(cells_of(name).capitalize(), name) for name in run.described], "split")
        kind = _choice("Show", [(told, name) for name, told in KINDS.items()], "kind")
        key = _choice("Attribute", [("any", ""), *((words(key), key) for key in KEYS)], "attribute")
        source = _choice("Source", [("any", "")], "source")
        marks = [(f"{mark.sign} {mark.words}", mark.style) for mark in MARKS]
        sure = _choice("How sure", [("any", ""), *marks], "sure")
    with gr.Row(visible=bool(others)):
        other = _choice("Beside it", [("none", ""), *((label, label) for label in others)], "beside")
        who = _choice("In captions of", [("either run", "")], "who")
    count = gr.Markdown(elem_id="count")
    shown = gr.HTML(elem_id="tested", js_on_load=str(sheet("card.js")), apply_default_css=False)
    leaf = gr.State(0)
    with gr.Row():
        back = gr.Button("Back", interactive=False, elem_id="back")
        further = gr.Button("Further", interactive=False, elem_id="further")
    asked = [split, kind, key, source, sure, who]

    def show(number: int, label: str, *chosen: str) -> Told:
        try:
            found = gallery(label).find(*chosen)
            total = len(gallery(label).find(chosen[0]))
            part = found[number * AT_ONCE : (number + 1) * AT_ONCE]
            cards = gallery(label).cards(chosen[0], part) if part else ""
        except HemblipError as error:
            return "", f"**{error}**", 0, gr.Button(interactive=False), gr.Button(interactive=False)
        end = number * AT_ONCE + len(part)
        told = f"{len(found):,} of {total:,} cells" + (f", {number * AT_ONCE + 1} to {end} shown" if part else "")
        return cards, told, number, gr.Button(interactive=number > 0), gr.Button(interactive=end < len(found))

    def anew(label: str, *chosen: str) -> Told:
        return show(0, label, *chosen)

    def whose(label: str) -> gr.Dropdown:
        names = gallery(label).names if label else []
        both = [*((name, name) for name in names), *((f"only {name}", f"only {name}") for name in names)]
        return gr.Dropdown([("either run", ""), *both], value="")

    def whence(name: str) -> gr.Dropdown:
        return gr.Dropdown([("any", ""), *gallery("").sources(name)], value="")

    drawn = [shown, count, leaf, back, further]
    tab.select(whence, split, source).then(anew, [other, *asked], drawn)
    split.input(whence, split, source).then(anew, [other, *asked], drawn)
    other.input(whose, other, who).then(anew, [other, *asked], drawn)
    for changed in (kind, key, source, sure, who):
        changed.input(anew, [other, *asked], drawn)
    back.click(lambda number, *rest: show(number - 1, *rest), [leaf, other, *asked], drawn)
    further.click(lambda number, *rest: show(number + 1, *rest), [leaf, other, *asked], drawn)


def _choice(label: str, choices: list[tuple[str, str]], name: str) -> gr.Dropdown:
    return gr.Dropdown(choices, value=choices[0][1], label=label, elem_id=name, min_width=180)
