# Two commands for a newcomer: `make demo` and `make test`. Both make .venv and reuse it while the pins stay the same.
PYTHON ?= python3
BIN := .venv/bin
PINS := constraints.txt pyproject.toml
DEMO := runs/demo/version_0

.PHONY: demo test slow lint pins clean

.venv/installed: $(PINS)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "HemBLIP needs Python 3.11 or newer: make PYTHON=python3.11"; exit 2; }
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --constraint constraints.txt --editable ".[dev]"
	touch $@

demo: .venv/installed
	rm -rf runs/demo
	$(BIN)/python -m hemblip fit --config configs/smoke.yaml --name demo
	$(BIN)/python -m hemblip validate --config configs/smoke.yaml --name demo --ckpt_path $(DEMO)/checkpoints/best.ckpt
	$(BIN)/python -m hemblip test --config configs/smoke.yaml --name demo --ckpt_path $(DEMO)/checkpoints/best.ckpt
	$(BIN)/python -m hemblip test --config configs/smoke.yaml --name demo --data configs/data/synthetic_external.yaml --ckpt_path $(DEMO)/checkpoints/best.ckpt

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
