# Every target sets itself up: the virtual environment is made once and again only when a requirement changes.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DISTRIBUTIONS := core plugins/md plugins/descriptors plugins/transport plugins/models
REQUIREMENTS := pyproject.toml $(DISTRIBUTIONS:%=%/pyproject.toml) constraints.txt
WORKERS ?= 2
PYTEST := $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

# One thread a process: ensembles and tests run in several processes side by side.
export OMP_NUM_THREADS := 1

.PHONY: demo test test-all lint docs bench install clean

demo: install
	$(BIN)/sharvin run examples/gold_break_junction.yaml --out runs/gold_break_junction

test: lint
	$(PYTEST)

test-all: lint
	$(PYTEST) -m "slow or not slow"

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: $(VENV)/docs-installed
	$(BIN)/python -m sphinx -W -q -b html docs docs/_build/html
	@echo "docs/_build/html/index.html"

bench: install
	for script in benchmarks/*.py; do $(BIN)/python $$script || exit 1; done

install: $(VENV)/installed

$(VENV)/installed: $(REQUIREMENTS) requirements-dev.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -r requirements-dev.txt
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt --no-build-isolation $(DISTRIBUTIONS:%=-e %)
	touch $@

$(VENV)/docs-installed: $(VENV)/installed docs/requirements.txt
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -r docs/requirements.txt
	touch $@

clean:
	rm -rf $(VENV) docs/_build docs/generated runs
