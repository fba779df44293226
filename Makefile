# make run   starts the app on http://127.0.0.1:8501
# make test  checks the style and runs all tests
# Both make their own environment in .venv first.

PYTHON ?= python3
BIN := .venv/bin

.PHONY: run test lint clean

run: .venv/app-installed
	$(BIN)/esm2amp app

test: .venv/tests-installed
	$(BIN)/ruff check .
	$(BIN)/python -m pytest

lint: .venv/tests-installed
	$(BIN)/ruff check --fix .

.venv/app-installed: requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; name it: make run PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -m venv .venv || \
	  { echo "Python's venv module is needed: sudo apt-get install python3-venv"; exit 1; }
	@echo "Setting up: Python packages are fetched once (some GB). This takes a minute or more."
	$(BIN)/pip install --quiet -r requirements.txt
	$(BIN)/pip install --quiet --no-deps -e .
	@$(BIN)/python -m esm2amp_core.downloads.viewer_script || \
	  echo "All else works. Later, online: $(BIN)/python -m esm2amp_core.downloads.viewer_script"
	@touch $@

.venv/tests-installed: .venv/app-installed
	$(BIN)/pip install --quiet -e '.[test]'
	@touch $@

clean:
	rm -rf .venv .pytest_cache .ruff_cache .hypothesis *.egg-info
