"""Try each mistake of `mistakes.yaml` and write which ones the tests catch: `make mutants`, or some of them by number.

python experiments/mutants/run.py [NUMBER ...]
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

HERE = Path(__file__).parent
ROOT = HERE.parents[1]

mistakes = yaml.safe_load((HERE / "mistakes.yaml").read_text())
chosen = [int(word) for word in sys.argv[1:]] or range(1, len(mistakes) + 1)
with tempfile.TemporaryDirectory() as folder:
    copy = Path(folder) / "copy"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".git", ".venv*", "runs", "data.*", "*.pyc"))
    environment = {**os.environ, "PYTHONPATH": str(copy), "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    lines, survived = [], 0
    for number in chosen:
        mistake = mistakes[number - 1]
        path = copy / "hemblip" / mistake["file"]
        text = path.read_text()
        if text.count(mistake["old"]) != 1:
            raise SystemExit(f"mistake {number}: its text stands {text.count(mistake['old'])} times in {path.name}")
        path.write_text(text.replace(mistake["old"], mistake["new"]))
        words = [sys.executable, "-m", "pytest", "-n", "0", "-x", "-q", "-W", "ignore", *mistake["tests"].split()]
        done = subprocess.run(words, cwd=copy, env=environment, capture_output=True, text=True)
        path.write_text(text)
        caught = next((line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))), "")
        by = caught.split(" - ")[0].split("::")[-1] or ("tests/" if done.returncode else "nothing")
        survived += done.returncode == 0
        what = mistake["new"].strip().splitlines()[0] if mistake["new"].strip() else "(left out)"
        lines.append(f"| {number} | `{mistake['file']}` | `{what.replace('|', chr(92) + '|')}` | {by} |")
        print(lines[-1], flush=True)
told = f"{len(lines) - survived} of {len(lines)} mistakes are caught by the default tests.\n\n"
head = "| | file | mistake | caught by |\n|---|---|---|---|\n"
if len(lines) == len(mistakes):
    page = f"# Deliberate mistakes\n\n`make mutants` tries each; {told}{head}" + "\n".join(lines) + "\n"
    (HERE / "README.md").write_text(page)
raise SystemExit(min(survived, 1))
