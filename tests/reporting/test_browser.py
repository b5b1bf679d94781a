"""The report in a real browser: no console message, a gallery that filters, nothing wider than a phone."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from reporting.run_folders import make_probe, make_run, manifests

from hemblip.reporting.compare import compare_command as compare

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here (Debian: apt-get install chromium)"),
]

QUIET = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--enable-logging=stderr",
    "--virtual-time-budget=5000",
]


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    folder = tmp_path_factory.mktemp("browser")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        cells = manifests(cells=40, size=32)
        make_run(Path("runs/a_model_with_a_rather_long_name/version_0"), cells, 0.9)
        make_run(Path("runs/poor/version_0"), cells, 0.3, seed=2, talk=0.5)
        make_probe(Path("runs/probe/version_0"))
        compare(["runs/a_model_with_a_rather_long_name", "runs/poor", "runs/probe"])
    return folder / "compare" / "report.html"


def browse(page: Path, script: str = "", width: int = 1400) -> tuple[str, str]:
    """Open a page, run a script in it, and give back the document and the console's messages."""
    assert CHROMIUM is not None
    changed = page.with_name(f"{page.stem}-{width}-{len(script)}.html")
    changed.write_text(page.read_text().replace("</body>", f"<script>{script}</script></body>"))
    command = [CHROMIUM, *QUIET, f"--user-data-dir={page.parent / 'profile'}", f"--window-size={width},900"]
    done = subprocess.run(
        [*command, "--dump-dom", changed.as_uri()], capture_output=True, text=True, timeout=120, check=True
    )
    return done.stdout, "\n".join(line for line in done.stderr.splitlines() if "CONSOLE" in line)


def shown(document: str) -> list[int]:
    """Numbers of the gallery's cards that are in the document."""
    return [int(number) for number in re.findall(r'data-card="(\d+)"', document)]


def test_it_renders_without_console_messages_and_shows_the_filters(report):
    document, console = browse(report)
    assert console == ""
    assert re.search(r'id="filters"[^>]*hidden', document) is None
    assert re.search(r'id="count"[^>]*>\d+ of \d+ cells', document)


def test_the_gallery_filters_and_sorts(report):
    choose = (
        "const form = document.getElementById('filters'); form.kind.value = '{kind}'; form.model.value = '{model}';"
        "form.sort.value = 'worst'; form.dispatchEvent(new Event('change'));"
    )
    clean, console = browse(report, choose.format(kind="clean", model="0"))
    wrong, more = browse(report, choose.format(kind="wrong", model="1"))
    assert console == more == ""
    assert shown(clean)
    assert shown(wrong)
    # The poor model says something wrong of every cell that it is asked to show.
    cards = re.findall(r'<article class="card" data-card="\d+">.*?</article>', wrong, re.S)
    assert all('class="wrong"' in card.split("<dt>poor")[1] for card in cards)


def test_figures_of_many_panels_have_the_width_of_two(report):
    width = "(name) => document.querySelector(name).offsetWidth"
    script = f"const w = {width}; document.title = 'wide ' + (w('.plot.wide') / w('.plot:not(.wide)')).toFixed(1);"
    document, _ = browse(report, script)
    found = re.search(r"<title>wide ([\d.]+)</title>", document)
    assert found is not None and float(found[1]) > 1.5


def test_on_paper_headings_stay_with_what_follows_and_figures_are_whole(report, tmp_path):
    page = tmp_path / "paper.html"
    page.write_text(report.read_text().replace("@media print", "@media all"))
    count = (
        "const those = (names, rule) =>"
        " [...document.querySelectorAll(names)].map((one) => getComputedStyle(one)[rule]);"
        "const torn = [...those('h2, h3, summary, figcaption', 'breakAfter'),"
        " ...those('.plot, .matrix, .card, tr', 'breakInside')].filter((value) => value !== 'avoid').length;"
        "document.title = `torn ${torn} of ${those('h2, summary', 'breakAfter').length}`;"
    )
    document, _ = browse(page, count)
    found = re.search(r"<title>torn (\d+) of (\d+)</title>", document)
    assert found is not None and found[1] == "0" and int(found[2]) > 10


def test_print_has_what_is_folded_and_says_how_many_cells_it_leaves_out(report):
    script = (
        "dispatchEvent(new Event('beforeprint'));"
        "const left = document.querySelectorAll('details:not([open])').length;"
        "document.title = `folded ${left} of ${document.querySelectorAll('details').length}`;"
    )
    document, _ = browse(report, script)
    assert re.search(r"<title>folded 0 of [1-9]", document)
    (left,) = re.findall(r'<p id="printed">(\d+) of (\d+) cells are printed', document)
    assert len(shown(document)) == int(left[0]) < int(left[1])


def test_nothing_is_wider_than_a_phone(report):
    # A window cannot be as narrow as a phone, a frame can.
    frame = report.with_name("frame.html")
    frame.write_text(f"<body><iframe width=390 height=800 src='{report.name}'></iframe></body>")
    probe = (
        "const inner = document.querySelector('iframe');"
        "inner.onload = () => { document.title = 'width ' + inner.contentDocument.documentElement.scrollWidth; };"
    )
    page = frame.read_text().replace("</body>", f"<script>{probe}</script></body>")
    frame.write_text(page)
    assert CHROMIUM is not None
    command = [CHROMIUM, *QUIET, "--allow-file-access-from-files", f"--user-data-dir={report.parent / 'profile2'}"]
    done = subprocess.run(
        [*command, "--dump-dom", frame.as_uri()], capture_output=True, text=True, timeout=120, check=True
    )
    width = re.search(r"<title>width (\d+)</title>", done.stdout)
    assert width is not None
    assert int(width[1]) <= 390
