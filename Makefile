# Each target sets itself up on a machine that has only Python (3.11 or later) and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
PORT ?= 5000
RUN := $(VENV)/.run-installed
DEV := $(VENV)/.dev-installed

.DEFAULT_GOAL := help
.PHONY: help setup run evolve test check bench ui clean

help: ## show this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

$(RUN): pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	@$(BIN)/python -m pip install --quiet --editable '.[plots,report,evolve]'
	@touch $@

$(DEV): $(RUN)
	@$(BIN)/python -m pip install --quiet --group dev
	@touch $@

setup: $(DEV) ## make .venv with everything in it

run: $(RUN) ## simulate the default cluster on a real request log (ARGS='routing=least-loaded ...')
	@$(BIN)/python -m blis.run $(ARGS)

evolve: $(RUN) ## search for a policy (ARGS='problem=full algorithm=gp ...')
	@$(BIN)/python -m evolve.run $(ARGS)

check: $(DEV) ## lint, types and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: check ## everything that must hold: check, tests, kernels with bounds checking, recorded cases
	$(BIN)/python -m pytest -n 2 $(ARGS)
	NUMBA_BOUNDSCHECK=1 $(BIN)/python -m pytest -p no:xdist tests/engine
	$(BIN)/python -m blis.verify tests/data/cases

bench: $(DEV) ## measure the performance budget on this machine
	@$(BIN)/python -m experiments.bench $(ARGS)

ui: $(RUN) ## open the results of searches in a browser, on this machine only (PORT=5000)
	@test -f outputs/mlflow.db || { echo "error: there are no searches yet; make evolve first" >&2; exit 2; }
	@echo "http://127.0.0.1:$(PORT) (takes half a minute to start; Ctrl-C ends it)" >&2
	@MLFLOW_DISABLE_TELEMETRY=true DO_NOT_TRACK=true $(BIN)/mlflow server --host 127.0.0.1 --port $(PORT) --workers 1 \
		--backend-store-uri sqlite:///outputs/mlflow.db --artifacts-destination outputs/mlartifacts

clean: ## remove what the other targets made
	rm -rf $(VENV) outputs dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
