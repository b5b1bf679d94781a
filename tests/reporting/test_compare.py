"""`compare`: tables, report, and what it says when runs cannot be compared."""

import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest
import yaml
from reporting.run_folders import make_probe, make_run, manifests

from hemblip.atomic import write_text
from hemblip.cli.main import main
from hemblip.errors import ConfigError, DataError
from hemblip.morphology import extract_attributes
from hemblip.predictions import read_predictions, write_predictions
from hemblip.reporting.compare import compare as compare_rows
from hemblip.reporting.compare import compare_command as compare
from hemblip.reporting.comparison import Comparison
from hemblip.reporting.layout import to_markdown
from hemblip.reporting.paper_tables import table2_more
from hemblip.reporting.report import write_report
from hemblip.reporting.side_tables import sources_table
from hemblip.reporting.sureness import shortened_captions
from hemblip.results import replacing_folder
from hemblip.run import Run, sweep_runs


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Two captioners, a poor one and a probe, compared."""
    folder = tmp_path_factory.mktemp("compare")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        cells = manifests(cells=40, size=32)
        make_run(Path("runs/good/version_0"), cells, 0.9)
        make_run(Path("runs/fair/version_0"), cells, 0.8, seed=1, talk=0.8)
        make_run(Path("runs/poor/version_0"), cells, 0.2, seed=2, talk=0.5)
        make_probe(Path("runs/probe/version_0"))
        compare(["runs/good", "runs/fair", "runs/poor", "runs/probe"])
    return folder


@pytest.fixture
def here(place, monkeypatch):
    monkeypatch.chdir(place)
    return place


class Page(HTMLParser):
    """Collects what a browser would load, and what a screen reader would read of images."""

    def __init__(self, path):
        super().__init__()
        self.addresses, self.images, self.tags, self.ids, self.links = [], [], [], [], []
        self.feed(Path(path).read_text())

    def handle_starttag(self, tag, attributes):
        known = dict(attributes)
        self.tags.append(tag)
        self.addresses += [known[name] for name in ("src", "href", "action", "srcset") if known.get(name)]
        if tag == "img":
            self.images.append(known)
        if "id" in known:
            self.ids.append(known["id"])


def test_each_table_is_written_in_three_forms_without_nan(here):
    for name in (
        "table1",
        "table2",
        "table2b",
        "table2c",
        "table3",
        "external",
        "differences",
        "calibration",
        "errors_test",
        "contradictions",
        "diversity",
    ):
        for suffix in (".md", ".csv", ".tex"):
            text = (here / "compare" / f"{name}{suffix}").read_text()
            assert text
            assert not re.search(r"\bnan\b|None|inf\b", text), f"{name}{suffix}"


def test_captions_say_less_at_a_smaller_risk(here):
    stated = {}
    for risk in (0.02, 0.3):
        table = shortened_captions(Comparison([Run.find("runs/good")], risk=risk))
        assert set(table["split"]) == {"test", "external"} and set(table["model"]) == {"good"}
        stated[risk] = 0
        for row in table.itertuples():
            full, rest = (extract_attributes(text) for text in (row.caption, row.shortened))
            assert all(rest[key] in (None, value) for key, value in full.items()), row.cell_id
            stated[risk] += sum(value is not None for value in rest.values())
    assert stated[0.02] < stated[0.3]
    with pytest.raises(ConfigError, match=r"--risk is 1; it is above 0 and below 1"):
        compare(["runs/good"], risk=1)


def test_each_set_of_cells_has_a_latex_table_of_its_own(here):
    text = (here / "compare" / "table2.tex").read_text()
    assert re.findall(r"\\label\{(.+?)\}", text) == ["tab:table2_test", "tab:table2_external"]
    assert text.count(r"\begin{table*}") == text.count(r"\end{table*}") == 2


def test_csv_repeats_the_scores_that_prediction_rows_give(here):
    table = pd.read_csv(here / "compare" / "table2b.csv")
    rows = read_predictions(here / "runs/good/version_0/predictions/test.parquet")
    share = (rows["cell_type"] == rows["true_cell_type"]).mean()
    found = table[
        (table["row"] == "Cell type") & (table["group"] == "good") & (table["column"] == "Int.")
    ].iloc[0]  # fmt: skip
    assert found["value"] == pytest.approx(share, abs=1e-5)
    assert found["low"] < found["value"] < found["high"]


def test_published_figures_stand_beside_ours_and_are_marked(here):
    table = pd.read_csv(here / "compare" / "table1.csv")
    theirs = table[table["kind"] == "published"]
    bleu = theirs[
        (theirs["row"] == "MedGEMMA LoRA")
        & (theirs["group"] == "Internal")
        & (theirs["column"] == "BLEU, as published")
    ]
    assert bleu["value"].item() == 0.31
    assert "| MedGEMMA LoRA † | 0.31 |" in (here / "compare" / "table1.md").read_text()
    assert r"$^\dagger$" in (here / "compare" / "table3.tex").read_text()


def test_a_captioner_that_does_not_beat_the_baselines_is_marked(here):
    lines = (here / "compare" / "table2b.md").read_text().splitlines()
    mean = next(line for line in lines if line.startswith("| Mean over attributes"))
    good, _, _, _, poor, *_ = (cell.strip() for cell in mean.strip("|").split("|")[1:])
    assert "▽" not in good
    assert "▽" in poor
    assert "poor" in (here / "compare" / "report.html").read_text()


def test_external_cells_are_shown_by_source(here):
    table = pd.read_csv(here / "compare" / "external.csv")
    assert set(table["section"]) == {"atlas", "low-cost microscope"}


def test_an_attribute_has_one_name_everywhere(here):
    """Tables had the paper's names, figures and sentences the schema's."""
    told = [path.read_text() for path in (here / "compare").glob("*.csv")]
    labels = {
        name
        for text in told
        for name in ("Nuclear chromatin texture", "Overall shape", "Nuclear shape")
        if name in text
    }
    assert not labels
    page = (here / "compare" / "report.html").read_text()
    assert page.count("Chromatin</th>") >= 3


def test_the_report_loads_nothing_and_describes_every_image(here):
    page = Page(here / "compare" / "report.html")
    assert all(address.startswith(("data:", "#")) for address in page.addresses)
    assert page.images
    assert all(image.get("alt", "").strip() for image in page.images)
    anchors = [address[1:] for address in page.addresses if address.startswith("#")]
    assert set(anchors) <= set(page.ids)
    assert len(page.ids) == len(set(page.ids))


def test_captions_in_the_report_are_escaped(workplace):
    cells = manifests(cells=20, size=32)
    folder = make_run(Path("runs/odd/version_0"), cells, 0.8, splits=("test",), baselines=False)
    path = folder / "predictions/test.parquet"
    table = read_predictions(path)
    table.loc[0, "caption"] = "</script><script>alert(1)</script> a large neutrophil"
    write_predictions(table, path)
    text = write_report(folder).read_text()
    assert "<script>alert" not in text
    assert text.count("</script>") == 2


def test_one_run_has_a_report_of_its_own(workplace):
    folder = make_run(Path("runs/only/version_0"), manifests(cells=20, size=32), 0.8, splits=("test",), baselines=False)
    path = write_report(folder)
    text = path.read_text()
    assert path == folder / "report.html"
    assert "no external set" in text
    assert "No run holds baselines" in text
    assert str(workplace) not in text.replace("data:", "")


def test_runs_over_different_cells_are_refused_in_one_line(workplace, capsys):
    cells = manifests(cells=20, size=32)
    make_run(Path("runs/a/version_0"), cells, 0.8, splits=("test",))
    fewer = {**cells, "test": cells["test"][1:]}
    make_run(Path("runs/b/version_0"), fewer, 0.8, splits=("test",))
    assert main(["compare", "runs/a", "runs/b"]) == 2
    error = capsys.readouterr().err.strip()
    assert "\n" not in error
    assert "different test cells (20 and 19, 19 in both" in error


def test_runs_with_other_groups_are_refused_since_their_intervals_would_differ(workplace, capsys):
    cells = manifests(cells=20, size=32)
    for name in "ab":
        make_run(Path(f"runs/{name}/version_0"), cells, 0.8, splits=("test",))
    path = Path("runs/b/version_0/predictions/test.parquet")
    table = pd.read_parquet(path)
    write_predictions(table.assign(group="one slide"), path)
    assert main(["compare", "runs/a", "runs/b"]) == 2
    error = capsys.readouterr().err.strip()
    assert "\n" not in error
    assert f"has group '{table['group'][0]}' in one and 'one slide' in the other" in error


def test_an_empty_table_and_a_missing_column_are_refused_in_one_line(workplace, capsys):
    folder = make_run(Path("runs/a/version_0"), manifests(cells=20, size=32), 0.8, splits=("test",))
    path = folder / "predictions/test.parquet"
    table = pd.read_parquet(path)
    table.drop(columns="caption").to_parquet(path)
    assert main(["compare", "runs/a"]) == 2
    assert "missing column caption" in capsys.readouterr().err
    table[:0].to_parquet(path)
    assert main(["compare", "runs/a"]) == 2
    assert "holds no rows" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ([], "no run to compare"),
        (["runs/none"], "no such run folder"),
        (["--wandb", "project"], "give entity/project/sweep"),
    ],
)
def test_what_cannot_be_compared_is_said_in_one_line(workplace, capsys, words, complaint):
    assert main(["compare", *words]) == 2
    error = capsys.readouterr().err.strip()
    assert complaint in error
    assert "\n" not in error


@pytest.mark.slow
def test_options_may_stand_before_the_run_folders(here, capsys):
    assert main(["compare", "--output", "other", "runs/good", "--gallery", "3"]) == 0
    assert (here / "other" / "report.html").is_file()
    assert "table1" in capsys.readouterr().out


def test_a_run_name_means_its_newest_tested_version(workplace):
    cells = manifests(cells=20, size=32)
    for version in (0, 9, 10):
        make_run(Path(f"runs/a/version_{version}"), cells, 0.8, splits=("test",))
    Path("runs/a/version_11/predictions").mkdir(parents=True)  # as `fit` has it while it trains
    shutil.copy("runs/a/version_10/predictions/val.parquet", "runs/a/version_11/predictions/val.parquet")
    assert Run.find("runs/a").folder.name == "version_10"
    make_probe(Path("runs/a/version_12"))
    assert Run.find("runs/a").folder.name == "version_12"


def test_seeds_are_gathered_and_other_settings_are_not(workplace):
    cells = manifests(cells=20, size=32)
    for version in range(3):
        make_run(Path(f"runs/a/version_{version}"), cells, 0.8, seed=version, splits=("test",))
    other = Path("runs/a/version_2/config.yaml")
    config = yaml.safe_load(other.read_text())
    config["model"]["init_args"]["adaptation"] = "lora"
    other.write_text(yaml.safe_dump(config))
    assert captioners(*(f"runs/a/version_{version}" for version in range(3))) == [
        "a/version_0 (2 seeds)",
        "a/version_2",
    ]


def captioners(*runs):
    return [name for name in compare_rows(runs).index if name.startswith("a")]


def test_a_folder_named_twice_and_a_seed_trained_twice_are_no_more_seeds(workplace):
    cells = manifests(cells=20, size=32)
    for version, seed in enumerate((0, 0, 1)):
        folder = make_run(Path(f"runs/a/version_{version}"), cells, 0.8, seed=seed, splits=("test",))
        path = folder / "config.yaml"
        config = {**yaml.safe_load(path.read_text()), "name": f"a{version}", "resume": version == 2}
        path.write_text(yaml.safe_dump(config))
    assert captioners("runs/a", "runs/a/version_2", "runs/a/version_0") == ["a (2 seeds)"]
    assert captioners("runs/a/version_0", "runs/a/version_1") == ["a/version_0", "a/version_1"]
    for version in (0, 2):
        Path(f"runs/a/version_{version}/config.yaml").unlink()
    assert captioners("runs/a/version_0", "runs/a/version_2") == ["a/version_0", "a/version_2"]


def test_the_table_of_a_sweep_means_its_tested_runs(workplace):
    cells = manifests(cells=20, size=32)
    runs = [f"runs/sweep/version_{version}" for version in range(2)]
    for number, run in enumerate(runs):
        make_run(Path(run), cells, 0.8, seed=number, splits=("test",))
    table = Path("runs/sweep/sweep.csv")
    pd.DataFrame({"run": [*runs, "runs/sweep/version_2", None]}).to_csv(table, index=False)
    assert [str(run.folder) for run in sweep_runs(table)] == runs
    assert "sweep (2 seeds)" in compare_rows([table]).index
    for content, complaint in (("trial\n1\n", "missing column run"), ("run\nruns/x\n", "none of its 1 runs")):
        table.write_text(content)
        with pytest.raises(DataError, match=complaint):
            compare([str(table)])


def test_a_class_with_one_example_and_one_group_gives_no_nan(workplace):
    cells = manifests(cells=20, size=32)
    cells["test"] = cells["test"][:1]
    folder = make_run(Path("runs/a/version_0"), cells, 0.0, talk=0.0, splits=("test",), baselines=False)
    text = write_report(folder).read_text()
    assert not re.search(r"\bnan\b", text)
    facts = re.search(r'id="facts">(.*?)</script>', text)[1]
    assert len(json.loads(facts)) == 1


def test_a_run_without_test_predictions_says_how_to_make_them(workplace):
    folder = Path("runs/a/version_0")
    (folder / "predictions").mkdir(parents=True)
    with pytest.raises(DataError, match=r"python -m hemblip test"):
        Run(folder).check_described()


def test_runs_need_not_have_everything(workplace, capsys):
    cells = manifests(cells=20, size=32)
    inside = make_run(Path("runs/inside/version_0"), cells, 0.8, splits=("test",))
    outside = make_run(Path("runs/outside/version_0"), cells, 0.8, splits=("external",), baselines=False)
    for path in ("config.yaml", "metrics.csv", "predictions/val.parquet"):
        (outside / path).unlink()
    path = outside / "predictions/external.parquet"
    table = pd.read_parquet(path)  # free text of another source: no attributes, no confidences, and silence
    unsaid = [c for c in table.columns if c.startswith(("true_", "confidence"))]
    table.assign(**dict.fromkeys(unsaid), caption="", reference="a plasma cell").to_parquet(path)
    assert main(["compare", str(inside), str(outside)]) == 0
    text = Path("compare/report.html").read_text()
    assert "no cell is annotated, so that only texts can be compared" in text
    assert not re.search(r"\bnan\b", text)
    assert "External cells were not described by inside/version_0" in capsys.readouterr().out
    write_report(outside)


@pytest.mark.slow
def test_tables_of_an_earlier_comparison_do_not_stay(workplace):
    folder = make_run(Path("runs/a/version_0"), manifests(cells=10, size=32), 0.8)
    comparison = Comparison([Run(folder)])
    with replacing_folder(Path("compare"), "compare") as made:
        write_text(made / "external.md", to_markdown(sources_table(comparison)))
    (folder / "predictions/external.parquet").unlink()
    compare([str(folder)], gallery=2)
    assert Path("compare/table1.md").is_file() and not Path("compare/external.md").exists()


def test_hallucination_is_told_of_attributes_that_no_cell_is_annotated_with(workplace):
    make_run(Path("runs/bold/version_0"), manifests(20), 0.9)
    for path in Path("runs/bold/version_0/predictions").rglob("*.parquet"):
        write_predictions(read_predictions(path).assign(true_diagnosis=None), path)
    table = table2_more(Comparison([Run.find("runs/bold")]))
    told = read_predictions(Path("runs/bold/version_0/predictions/test.parquet"))["diagnosis"].notna().mean()
    rows = [line for line in to_markdown(table).splitlines() if line.startswith("| Diagnosis")]
    assert len(rows) == 1 and f"{100 * told:.1f}" in rows[0]  # in the section of hallucination alone


def test_external_sets_of_any_name_are_external(workplace):
    """Two sets stand side by side, neither is called internal, and nothing says that there is none."""
    cells = manifests(cells=20, size=32)
    sets = {name: cells["external"].assign(split=name) for name in ("atlas", "munich")}
    folder = make_run(Path("runs/two/version_0"), {**cells, **sets}, 0.8, splits=("test", *sets), baselines=False)
    text = write_report(folder).read_text()
    assert "no external set" not in text
    assert "atlas cells" in text and "munich cells" in text
    table = sources_table(Comparison([Run(folder)]))
    assert {row.section for row in table.rows} == {
        f"{source}, {name} cells" for name in sets for source in ("atlas", "low-cost microscope")
    }
    for (split, source), contest in Comparison([Run(folder)]).by_source.items():
        (model,) = contest.models
        rows = Run(folder).predictions(split)
        assert len(model.scored[split].table) == (rows["source"] == source).sum()
