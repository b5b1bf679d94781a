# Two commands for a newcomer: `make demo` and `make test`. Both make .venv and reuse it while the pins stay the same.
PYTHON ?= python3
BIN := .venv/bin
PINS := constraints.txt pyproject.toml

.PHONY: demo test test-oldest browser mutants slow lint docs pins pins-oldest clean

.venv/installed: $(PINS)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "HemBLIP needs Python 3.11 or newer: make PYTHON=python3.11"; exit 2; }
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --constraint constraints.txt --editable ".[dev]"
	touch $@

# The same with the lower bound of each dependency that pyproject.toml names.
.venv-oldest/installed: constraints-oldest.txt pyproject.toml
	$(PYTHON) -m venv .venv-oldest
	.venv-oldest/bin/pip install --quiet --constraint constraints-oldest.txt --editable ".[dev]"
	touch $@

demo: .venv/installed
	$(BIN)/python -m hemblip demo

test: .venv/installed
	$(BIN)/python -m pytest

test-oldest: .venv-oldest/installed
	.venv-oldest/bin/python -m pytest

# Deliberate mistakes, each of which the tests have to catch: half an hour.
mutants: .venv/installed
	$(BIN)/python experiments/mutants/run.py

# Page and report in a real browser; skipped without Chromium (Debian: apt-get install chromium).
browser: .venv/installed
	$(BIN)/pip install --quiet --constraint constraints.txt --editable ".[browser]"
	$(BIN)/python -m pytest -m slow -n 0 -k "not 200" tests/app/test_page.py tests/reporting/test_browser.py

slow: .venv/installed docs browser
	$(BIN)/python -m pytest -m slow -n 0

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/hadolint Dockerfile

# The site, in site/; its tutorials are executed (two minutes) unless EXECUTE=false.
docs: .venv/installed
	$(BIN)/pip install --quiet --constraint constraints.txt --editable ".[docs]"
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

# Run in an environment whose versions were tried; torch is pinned without its local build tag. What belongs to GPUs or to
# an extra that the environment is without stands last in the file and stays.
pins: .venv/installed
	{ sed -n '1,/^[^#]/{/^#/p;}' constraints.txt; $(BIN)/pip freeze --exclude-editable | sed 's/+cpu$$//'; sed -n '/^# Not in/,$$p' constraints.txt; } > constraints.partial
	mv constraints.partial constraints.txt

# The lower bounds and what goes with them, by uv's resolver, which alone knows how.
pins-oldest:
	{ sed -n '1,/^[^#]/{/^#/p;}' constraints-oldest.txt; \
	  uv pip compile --quiet --no-header --no-annotate --python-version 3.11 --resolution lowest-direct --extra dev pyproject.toml; \
	} > constraints.partial
	mv constraints.partial constraints-oldest.txt

clean:
	rm -rf .venv .venv-oldest runs data build site *.egg-info
