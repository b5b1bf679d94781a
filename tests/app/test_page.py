"""The page in a real browser; needs the extra `app`, playwright and Chromium."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import requests
from reporting.run_folders import make_run, manifests

import hemblip

pytest.importorskip("gradio", reason="the extra `app` is not installed")
playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
CELLS = Path(hemblip.__file__).parent / "data" / "cells"
PORT = 7913

pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium")]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The captioner that comes along, with captions of drawn cells as its tests; a worse run lies beside it.

    At its end nothing was written to the run, and nothing of visitors is left.
    """
    folder, temporary = tmp_path_factory.mktemp("page"), tmp_path_factory.mktemp("temporary")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        cells = manifests(cells=40)
        run = make_run(folder / "runs" / "good" / "version_0", cells, 0.9)
        make_run(folder / "runs" / "poor" / "version_0", cells, 0.3, seed=1)
    (run / "config.yaml").unlink()
    shutil.copytree(CELLS.parents[1] / "weights" / "wbcatt-compact", run, dirs_exist_ok=True)
    settings = json.loads((run / "hemblip.json").read_text())  # these validation cells were not asked about
    (run / "hemblip.json").write_text(json.dumps(settings | {"asked": {}}))
    words = [sys.executable, "-m", "hemblip", "app", "--run", str(run), "--port", str(PORT)]
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*")}
    process = subprocess.Popen(
        words, stdout=subprocess.PIPE, text=True, cwd=folder, env={**os.environ, "TMPDIR": str(temporary)}
    )
    assert "for this machine only" in process.stdout.readline()
    assert list(temporary.glob("hemblip-app-*"))
    yield f"http://127.0.0.1:{PORT}"
    process.terminate()
    process.wait(120)
    assert not list(temporary.glob("hemblip-app-*"))
    assert {path: path.stat().st_mtime_ns for path in run.rglob("*")} == before


@pytest.fixture
def visit(server):
    """Open pages; at the end none of them has had an error or asked another host."""
    errors, requests = [], []
    with playwright.sync_playwright() as browsers:
        browser = browsers.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])

        def opened(width=1280):
            seen = browser.new_page(viewport={"width": width, "height": 900})
            seen.set_default_timeout(120_000)  # a busy machine
            seen.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
            seen.on("pageerror", lambda error: errors.append(str(error)))
            seen.on("request", lambda request: requests.append(request.url))
            seen.goto(server)
            seen.wait_for_selector("#examples")
            return seen

        yield opened
        browser.close()
    foreign = [url for url in requests if not url.startswith((server, "data:", "blob:"))]
    assert not errors and not foreign


def test_a_password_is_asked_of_each_visitor(tmp_path):
    words = [sys.executable, "-m", "hemblip", "app", "--port", str(PORT + 1), "--password", "Blutbild für alle"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd=tmp_path) as process:
        assert "for this machine only" in process.stdout.readline()
        here = f"http://127.0.0.1:{PORT + 1}"
        for _ in range(600):
            try:
                assert requests.get(here, timeout=60).ok
                break
            except requests.ConnectionError:
                time.sleep(0.2)  # it is told before it is there
        wrong = requests.post(f"{here}/login", {"username": "a", "password": "Blutbild für"}, timeout=60)
        assert wrong.status_code == 400 and requests.get(f"{here}/config", timeout=60).status_code == 401
        with requests.Session() as visitor:
            assert visitor.post(f"{here}/login", {"username": "a", "password": "Blutbild für alle"}, timeout=60).ok
            assert visitor.get(f"{here}/config", timeout=60).ok
        process.terminate()


def test_upload_question_correction_download(visit, tmp_path):
    page = visit()
    page.set_input_files("#drop input[type=file]", [str(CELLS / "eo_145815.jpg")])
    page.wait_for_selector(".hb-cell")
    assert "eosinophil" in page.inner_text(".hb-caption")
    page.fill("#ask textarea, #ask input", "Is the nucleus lobed?")
    page.keyboard.press("Enter")
    page.wait_for_selector("#answer li")
    assert "yes" in page.inner_text("#answer")
    page.get_by_text("Correct what is wrong").click()
    page.click("#keep")
    page.wait_for_function("document.querySelector('#kept').innerText.includes('1 cells')")
    with page.expect_download() as download:
        page.click("#corrected")
    assert "eo_145815.jpg" in Path(download.value.path()).read_text()
    with page.expect_download() as download:
        page.click("#corrected-parquet")
    assert pd.read_parquet(download.value.path())["cell_id"].tolist() == ["eo_145815.jpg"]


def test_a_torn_file_is_told_and_the_others_are_described(visit, tmp_path):
    (tmp_path / "torn.png").write_bytes(b"\x89PNG torn")
    page = visit(390)
    page.set_input_files("#drop input[type=file]", [str(tmp_path / "torn.png"), str(CELLS / "ly_179009.jpg")])
    page.wait_for_selector(".hb-flaws")
    assert "torn.png" in page.inner_text(".hb-flaws") and page.locator(".hb-cell").count() == 1
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.fill("#ask textarea, #ask input", "Is the nucleus lobed?")
    page.keyboard.press("Enter")
    page.wait_for_selector("#answer li")
    assert page.locator("#answer li").bounding_box()["width"] > 200
    page.click("#examples")
    page.wait_for_function("document.querySelectorAll('.hb-cell').length === 6")
    page.wait_for_selector("#answer li", state="detached")  # it was about the cells before


def test_one_of_the_examples_is_picked_by_mouse_and_by_keyboard(visit):
    page = visit()
    pictures = page.locator("#pick button")
    assert pictures.count() == 6
    pictures.nth(1).click()
    page.wait_for_function("document.querySelectorAll('.hb-cell').length === 1")
    name = page.inner_text(".hb-cell figcaption")
    pictures.nth(4).press("Enter")
    page.wait_for_function("name => document.querySelector('.hb-cell figcaption')?.innerText !== name", arg=name)
    assert page.locator(".hb-cell").count() == 1 and page.locator(".hb-flaws").count() == 0


def test_a_statement_tells_where_it_comes_from_by_mouse_and_by_keyboard(visit):
    page = visit()
    page.set_input_files("#drop input[type=file]", [str(CELLS / "eo_145815.jpg")])
    page.wait_for_selector(".hb-ask")
    told = "document.querySelector('.hb-where').textContent.includes('{}')"
    first, second = page.locator(".hb-ask").nth(0), page.locator(".hb-ask").nth(1)
    first.click()
    page.wait_for_function(told.format("Cell type: "))
    second.focus()
    page.keyboard.press("Enter")
    page.wait_for_function(told.format("Cell size: "))
    assert [one.get_attribute("aria-pressed") for one in (first, second)] == ["false", "true"]
    said = page.inner_text(".hb-where")
    assert page.locator(".hb-map").count() == ("the darker" in said) != ("no map" in said)
    page.keyboard.press("Enter")
    assert page.locator(".hb-map").count() == 0 and page.locator(".hb-where").text_content() == ""


def test_captions_shorten_as_the_tolerated_risk_falls(visit):
    page = visit()
    page.set_input_files("#drop input[type=file]", [str(CELLS / "eo_145815.jpg")])
    page.wait_for_selector(".hb-cell")
    whole = page.inner_text(".hb-caption")
    page.fill("#risk input[type=number]", "1")
    page.keyboard.press("Tab")
    page.wait_for_selector(".hb-left")
    assert len(page.inner_text(".hb-caption")) < len(whole)
    page.fill("#risk input[type=number]", "100")
    page.keyboard.press("Tab")
    page.wait_for_selector(".hb-left", state="detached")
    assert page.inner_text(".hb-caption") == whole


def choose(page, box, value):
    page.click(f"#{box} input")
    page.get_by_role("option", name=value, exact=True).click()


def test_tested_cells_are_chosen_by_their_errors_and_shown_beside_another_run(visit):
    page = visit()
    page.get_by_role("tab", name="Tested cells").click()
    counted = "document.querySelector('#count')?.innerText.includes('{}')"
    page.wait_for_function(counted.format("40 of 40 cells, 1 to 12"))
    page.click("#further")
    page.wait_for_function(counted.format("13 to 24"))
    choose(page, "kind", "✗ with a wrong statement")
    page.wait_for_function("!document.querySelector('#count').innerText.includes('40 of')")
    assert page.locator("#tested .card").count() and page.locator("#tested .card:not(:has(mark.wrong))").count() == 0
    choose(page, "beside", "poor/version_0")
    page.wait_for_function("document.querySelectorAll('#tested .card:first-of-type dt').length === 3")
    choose(page, "who", "only poor")
    page.wait_for_function(
        "[...document.querySelectorAll('#tested dd:nth-of-type(2)')].every(one => !one.querySelector('mark.wrong'))"
    )
    picture = page.locator("#tested .cell > img").first
    assert picture.evaluate("one => one.naturalWidth") > 0
    picture.click()
    assert "large" in picture.get_attribute("class")
    page.set_viewport_size({"width": 390, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_200_files_at_once(visit, tmp_path):
    for number in range(200):
        shutil.copy(CELLS / "eo_145815.jpg", tmp_path / f"{number}.jpg")
    page = visit()
    page.set_input_files("#drop input[type=file]", [str(path) for path in tmp_path.iterdir()])
    page.wait_for_function("document.querySelectorAll('.hb-cell').length === 200", timeout=300_000)


def test_two_visitors_see_their_own_cells(visit):
    one, other = visit(), visit()
    one.set_input_files("#drop input[type=file]", [str(CELLS / "eo_145815.jpg")])
    other.set_input_files("#drop input[type=file]", [str(CELLS / "ly_179009.jpg")])
    for page, name in ((one, "eo_145815.jpg"), (other, "ly_179009.jpg")):
        page.wait_for_selector(".hb-cell")
        assert page.locator(".hb-cell figcaption").all_inner_texts() == [name]


def test_no_file_outside_of_the_page_can_be_read(visit, server):
    page = visit()
    for path in ("/etc/passwd", "../../etc/passwd", str(CELLS / "ly_179009.jpg")):
        answer = page.request.get(f"{server}/gradio_api/file={path}")
        assert answer.status in (403, 404) and "root:" not in answer.text()
