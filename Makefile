# Two commands for a newcomer: `make demo` and `make test`. Both make .venv and reuse it while the pins stay the same.
PYTHON ?= python3
BIN := .venv/bin
PINS := constraints.txt pyproject.toml

.PHONY: demo test slow lint pins clean

.venv/installed: $(PINS)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "HemBLIP needs Python 3.11 or newer: make PYTHON=python3.11"; exit 2; }
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --constraint constraints.txt --editable ".[dev]"
	touch $@

demo: .venv/installed
	$(BIN)/python -m hemblip demo

test: .venv/installed
	$(BIN)/python -m pytest

slow: .venv/installed
	$(BIN)/python -m pytest -m slow -n 0

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/hadolint Dockerfile

# Run in an environment whose versions were tried; torch is pinned without its local build tag. What belongs to GPUs or to
# an extra that the environment is without stands last in the file and stays.
pins: .venv/installed
	{ sed -n '1,/^[^#]/{/^#/p;}' constraints.txt; $(BIN)/pip freeze --exclude-editable | sed 's/+cpu$$//'; sed -n '/^# Not in/,$$p' constraints.txt; } > constraints.partial
	mv constraints.partial constraints.txt

clean:
	rm -rf .venv runs data build *.egg-info
