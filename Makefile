# Each target sets itself up on a machine that has only Python (3.11 or later) and make.
# PYTHON=python3.13 sets up and uses an environment of its own beside .venv.
PYTHON ?= python3
VENV := $(if $(filter python3,$(PYTHON)),.venv,.venv-$(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])'))
BIN := $(VENV)/bin
INSTALL := $(BIN)/uv pip install --quiet --python $(BIN)/python --constraint constraints.txt
ARGS ?=
PORT ?= 5000
MINUTES ?= 15
RUN := $(VENV)/.run-installed
DEV := $(VENV)/.dev-installed
DOCS := $(VENV)/.docs-installed
PACKAGING := $(VENV)/.packaging-installed

.DEFAULT_GOAL := help
.PHONY: help setup run evolve check test bench profile nightly docs docs-serve tutorial wheel-test lock hooks ui clean

help: ## show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

$(RUN): pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --constraint constraints.txt uv # installs the rest in a quarter of pip's time
	@$(INSTALL) --build-constraint constraints.txt --editable '.[plots,report,evolve]'
	@touch $@

$(DEV): $(RUN)
	@$(INSTALL) --group dev
	@touch $@

$(DOCS): $(RUN)
	@$(INSTALL) --group docs
	@touch $@

$(PACKAGING): $(DEV)
	@$(INSTALL) --group packaging
	@touch $@

setup: $(DEV) ## make .venv with everything in it, in the versions of constraints.txt

run: $(RUN) ## simulate the default cluster on a real request log (ARGS='routing=least-loaded ...')
	@$(BIN)/python -m blis.run $(ARGS)

evolve: $(RUN) ## search for a policy (ARGS='problem=full algorithm=gp ...')
	@$(BIN)/python -m evolve.run suite=families $(ARGS)

check: $(DEV) ## lint, types and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: check ## everything that must hold: check, tests, kernels with bounds checking, recorded cases
	$(BIN)/python -m pytest -n 2 -m 'not slow and not packaging' $(ARGS)
	NUMBA_BOUNDSCHECK=1 $(BIN)/python -m pytest -p no:xdist tests/engine
	$(BIN)/python -m blis.verify tests/data/cases

bench: $(DEV) ## measure the performance budget on this machine
	@$(BIN)/python -m experiments.bench $(ARGS)

profile: $(DEV) ## which kernels a simulation spends its time in, by perf (ARGS='fleet seconds=20')
	@$(BIN)/python -m experiments.profile $(ARGS)

nightly: $(PACKAGING) ## long tests, other Pythons; look for broken laws and unclear errors (MINUTES=15 each)
	$(BIN)/python -m pytest -n 2 -m 'slow and not packaging'
	$(BIN)/python -m pytest -m 'slow and packaging' tests/packaging
	$(BIN)/python -m experiments.fuzz minutes=$(MINUTES)
	NUMBA_BOUNDSCHECK=1 $(BIN)/python -m experiments.fuzz minutes=$(MINUTES)
	$(BIN)/python -m experiments.wrong_inputs minutes=$(MINUTES) kept=outputs/wrong_inputs

docs: $(DOCS) ## build the documentation in build/docs; a warning or a broken link ends it
	@$(BIN)/python -m sphinx --quiet --builder html --fail-on-warning --keep-going --jobs auto \
		--conf-dir docs --doctree-dir build/doctrees . build/docs $(ARGS)
	@echo "build/docs/index.html"

docs-serve: docs ## build the documentation and serve it, on this machine only (PORT=5000)
	@echo "http://127.0.0.1:$(PORT) (Ctrl-C ends it)" >&2
	@$(BIN)/python -m http.server --bind 127.0.0.1 --directory build/docs $(PORT)

tutorial: $(DEV) ## run the blocks of docs/tutorial.md and write their outputs into it
	@$(BIN)/python -m tests.documents.executed_page docs/tutorial.md

wheel-test: $(PACKAGING) ## build sdist and wheel, install the wheel elsewhere, run the README's commands there
	$(BIN)/python -m pytest -n 2 --dist loadfile -m 'packaging and not slow' tests/packaging $(ARGS)

lock: $(PACKAGING) ## write constraints.txt anew: the newest versions that pyproject.toml allows
	@$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --all-extras --no-header --no-annotate \
		$(addprefix --group ,dev docs packaging hooks) --output-file constraints.txt pyproject.toml

hooks: $(DEV) ## let git run make check before each commit
	@$(INSTALL) --group hooks
	@$(BIN)/pre-commit install

ui: $(RUN) ## open the results of searches in a browser, on this machine only (PORT=5000)
	@test -f outputs/mlflow.db || { echo "error: there are no searches yet; make evolve first" >&2; exit 2; }
	@echo "http://127.0.0.1:$(PORT) (takes some seconds to start; Ctrl-C ends it)" >&2
	@MLFLOW_DISABLE_TELEMETRY=true DO_NOT_TRACK=true MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false \
		$(BIN)/mlflow server --host 127.0.0.1 --port $(PORT) --workers 1 \
		--backend-store-uri sqlite:///outputs/mlflow.db --artifacts-destination outputs/mlartifacts

clean: ## remove what the other targets made
	rm -rf .venv .venv-* outputs dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
