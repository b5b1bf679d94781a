"""A whole experiment that answers questions: fit, test, predict, export, compare, and on after an interruption."""

import json
from pathlib import Path

import pandas as pd
import pytest

from hemblip import load
from hemblip.cli.main import main
from hemblip.data.questions import cell_of
from hemblip.parts import RowParts
from hemblip.run import Run

CONF = Path(__file__).parents[1] / "conf"
TINY = ["--config", str(CONF / "vqa_tiny.yaml"), "--trainer.limit_train_batches", "3"]
RUN = "runs/vqa_tiny/version_0"
GEMMA = """model:
  class_path: hemblip.models.MedGemmaCaptioner
  init_args: {pretrained: compact, adaptation: lora, learning_rate: 1.0e-3, decoding: {max_new_tokens: 4}}

"""


@pytest.fixture(params=["blip", "medgemma"])
def words(request, workplace):
    text = (CONF / "vqa_tiny.yaml").read_text().replace("limit: 16", "limit: 3")
    if request.param == "medgemma":
        text = text[: text.index("model:")] + GEMMA + text[text.index("data:") :]
    Path("vqa.yaml").write_text(text)
    return ["--config", "vqa.yaml", "--trainer.limit_train_batches", "2"]


@pytest.mark.slow
def test_fit_test_predict_export_and_compare(words, capsys):
    assert main(["fit", *words]) == 0
    assert main(["test", "--run", RUN]) == 0
    run = Run(RUN)
    cells, answers = run.predictions("test"), run.answers("test")
    assert len(cells) == 3 and set(answers["cell_id"].map(cell_of)) == set(cells["cell_id"])
    assert len(pd.read_parquet(run.rows_of("test"))) == len(cells) + len(answers)
    scores = json.loads(Path(RUN, "metrics.json").read_text())["test"]
    assert scores["model"]["cells"] == 3
    counted = [one for one in scores["questions"] if one["attribute"] == "all"]
    assert sum(one["questions"] for one in counted) == len(answers)
    assert {one["kind"] for one in counted} == {"open", "yes or no", "not annotated"}
    assert all(0 <= one[name] <= 1 for one in counted for name in ("majority", "answers", "captions"))
    assert "not annotated" in capsys.readouterr().out

    images = [str(path) for path in cells["image"]]
    assert main(["predict", "--run", RUN, "--images", str(Path(images[0]).parent), "--output", "told.csv"]) == 0
    assert main(["export", "--run", RUN, "--output", "exported"]) == 0
    told = pd.read_csv("told.csv").set_index("image")["caption"].fillna("")
    again = load("exported", device="cpu").describe(images)
    assert [one.caption for one in again] == cells["caption"].tolist() == [told[image] for image in images]

    assert main(["compare", RUN, "--output", "compared"]) == 0
    table = Path("compared/questions_test.md").read_text()
    assert "Majority" in table and "Not annotated" in table
    assert "asked, not told" in Path("compared/table2b.md").read_text()


@pytest.mark.slow
def test_a_killed_test_goes_on_with_the_questions_that_are_left(workplace, monkeypatch):
    assert main(["fit", *TINY, "--data.init_args.limit", "3"]) == 0
    assert main(["test", "--run", RUN]) == 0
    whole = pd.read_parquet(Run(RUN).rows_of("test"))
    add, batches = RowParts.add, []

    def dies(parts, rows):
        add(parts, rows)
        batches.append(len(rows))
        parts.flush()
        if len(batches) == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(RowParts, "add", dies)
    assert main(["test", "--run", RUN, "--force", "true"]) != 0
    assert main(["test", "--run", RUN, "--force", "true", "--resume", "true"]) == 0
    assert sum(batches) == len(whole)
    pd.testing.assert_frame_equal(pd.read_parquet(Run(RUN).rows_of("test")), whole, rtol=1e-4)


@pytest.mark.slow
def test_a_published_file_of_questions_trains_and_tests(workplace):
    assert main(["fit", *TINY, "--data.init_args.limit", "3", "--trainer.max_epochs", "1"]) == 0
    images = sorted(Path("data/synthetic").glob("internal-*/*.png"))[:12]
    images = [path for path in images if "masks" not in str(path.parent)]
    asked = [
        {"image": path.name, "question": "What size is the cell?", "answer": "large" if place % 2 else "small"}
        for place, path in enumerate(images)
    ] + [{"image": path.name, "question": "Is there a parasite?", "answer": "no"} for path in images]
    Path("instr.jsonl").write_text("".join(json.dumps(line) + "\n" for line in asked))
    given = f"table: instr.jsonl, images: {images[0].parent}"
    source = f"[{{class_path: hemblip.data.sources.QuestionFile, init_args: {{{given}}}}}]"
    words = [*TINY, "--name", "published", "--data.init_args.sources", source, "--data.init_args.questions", "false"]
    assert main(["fit", *words]) == 0 and main(["test", "--run", "runs/published"]) == 0
    found = json.loads(Path("runs/published/version_0/metrics.json").read_text())["test"]["questions"]
    assert {(one["kind"], one["attribute"]) for one in found} == {
        ("open", "cell_size"),
        ("open", "all"),
        ("yes or no", "other"),
        ("yes or no", "all"),
    }
    assert all(one["captions"] is None for one in found)
