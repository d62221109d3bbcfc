# One environment, two stamps: the core (for demo) and everything (for test, check, bench), which upgrades the core.
# Each depends on the files that say what to install, so a change there is installed by the next command.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
FULL := $(VENV)/.full-installed
CORE := $(VENV)/.core-installed
PIP := $(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt
INPUTS := pyproject.toml constraints.txt

.PHONY: demo test check bench clean

demo: $(CORE)
	$(BIN)/python pipelines/demo.py

# A thread each: on two cores the two workers' pools of threads would wait for each other.
test bench: export OMP_NUM_THREADS = 1

test: $(FULL)
	$(BIN)/python -m pytest -n 2 --dist worksteal $(PYTEST)

check: $(FULL)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# All in their quick form; `make bench BENCH=` takes days, and keeps what it finds in benchmarks/results.
BENCH ?= --quick
BENCHES := ingest store metafeatures metafeatures_robustness published_metafeatures metafeature_groups \
	recommend recommend_matrices recommend_offgrid recommend_budget recommend_experience recommend_nested \
	recommend_calibration recommend_scale recommend_command optimizers optimizers_scaling surrogates multi_fidelity optimize_chain

bench: $(FULL)
	$(PIP) --editable '.[peers]'
	set -e; for name in $(BENCHES); do $(BIN)/python -m benchmarks.$$name $(BENCH); done

clean:
	rm -rf $(VENV) dist build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(CORE): $(INPUTS) | $(BIN)/python
	$(PIP) --editable .
	touch $@

# What is complete is also a core, so that demo after test installs nothing.
$(FULL): $(INPUTS) | $(BIN)/python
	$(PIP) --editable '.[all,dev]'
	touch $(CORE) $@
