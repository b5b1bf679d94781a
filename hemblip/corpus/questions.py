"""`python -m hemblip questions`: questions about the cells of a manifest, and how far a run's captions answer them.

Three kinds: `open`, one for each annotated attribute; `yes or no`, as often with the one answer as with the other; and
`not annotated`, about what the annotation does not say. Written in the form of PBSInstr, one JSON object a line.
"""

import json
from dataclasses import asdict
from pathlib import Path

import pandas as pd

from hemblip.data.questions import make_questions
from hemblip.data.sources.manifest import read_manifest
from hemblip.errors import DataError
from hemblip.metrics.questions import question_lines, question_scores, usual_answers
from hemblip.results import check_files, replacing_files
from hemblip.run import Run


def questions(
    manifest: str = "data/manifest.parquet",
    output: str = "questions.jsonl",
    split: str = "test",
    run: str | None = None,
    seed: int = 0,
) -> None:
    """Make questions about the cells of a manifest, and say how far the captions of a run answer them.

    Example: `python -m hemblip questions --manifest data/manifest.parquet --run runs/smoke`

    Args:
        manifest: made by `prepare`.
        output: JSON lines with `image`, `question` and `answer`, and what the questions are about.
        split: of the cells that are asked about.
        run: tested run whose captions of that split are read.
        seed: of wordings, and of the values that yes-or-no questions name.

    Raises:
        DataError: the manifest has no such cells, the run no captions of them; or `output` cannot be written, or is no
            earlier result.
    """
    path = Path(output)
    check_files([path], "questions")
    table = read_manifest(Path(manifest))
    cells, taught = table[table["split"] == split], table[table["split"] == "train"]
    if cells.empty:
        raise DataError(f"{manifest}: no cells of split '{split}'; it has {', '.join(sorted(set(table['split'])))}")
    asked = make_questions(cells, seed)
    with replacing_files([path], "questions") as partial:
        lines = (json.dumps(asdict(one), ensure_ascii=False) + "\n" for one in asked)
        partial(path).write_text("".join(lines), encoding="utf-8")
    print(f"{len(asked):,} questions about {len(cells):,} cells   {output}")
    if run is None:
        return
    captions = Run.meant(run).predictions(split)
    known = set(captions["cell_id"]) & set(cells["cell_id"])
    if not known:
        raise DataError(f"--run {run}: has no captions of the {split} cells of {manifest}; test it on them first")
    told = pd.DataFrame([asdict(one) for one in asked if one.cell_id in known]).rename(columns={"answer": "reference"})
    told["group"] = told["cell_id"].map(cells.set_index("cell_id")["group"])
    scores = question_scores(told, usual_answers(taught if len(taught) else cells), captions)
    print(question_lines(scores))
