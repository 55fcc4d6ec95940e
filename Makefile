# Everything installs itself into .venv; only Python 3.11 or later is needed beforehand.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
OUT ?= out
# The models are small: one BLAS thread per process is faster than many.
export OMP_NUM_THREADS ?= 1
export OPENBLAS_NUM_THREADS ?= 1

.PHONY: demo demo-rware docs football football-if-possible test slow fuzz kills acceptance lint format types proofs bench clean

demo: .venv/deep
	@mkdir -p $(OUT)
	$(BIN)/alberdice table6 --plot $(OUT)/table6.png
	$(BIN)/alberdice solve bridge --data mix --alpha 0.01 --plot $(OUT)/bridge.png
	$(BIN)/alberdice-deep compare --dataset bridge-mix --algorithms bc alberdice --out $(OUT)/deep --plot $(OUT)/deep.png
	@echo "Pictures: $(OUT)/table6.png; $(OUT)/bridge.png, and one per algorithm and agent beside it;"
	@echo "$(OUT)/deep.png, and the training runs' own in $(OUT)/deep/*/pictures."

# From nothing to agents that agree on one of two conventions, beside clones that do not: tables and pictures, minutes on one core.
demo-rware: export MINARI_DATASETS_PATH = $(OUT)/rware/store
demo-rware: .venv/deep
	@mkdir -p $(OUT)/rware
	$(BIN)/alberdice-deep collect --environment rware-tiny-2ag --id rware/tiny-2ag-conventions-v0 --episodes 500 --overwrite \
		--policy "rware-expert(convention=0)" "rware-expert(convention=1)"
	$(BIN)/alberdice-deep traffic rware/tiny-2ag-conventions-v0 --out $(OUT)/rware/experts
	@rm -rf $(OUT)/rware/bc $(OUT)/rware/alberdice
	$(BIN)/alberdice-deep train --dataset rware/tiny-2ag-conventions-v0 --algorithm bc --preset rware-feed-forward \
		--no-pictures --out $(OUT)/rware/bc
	$(BIN)/alberdice-deep train --dataset rware/tiny-2ag-conventions-v0 --algorithm alberdice --preset rware-feed-forward \
		--episode-share 0.4 --no-pictures --out $(OUT)/rware/alberdice
	for run in bc alberdice; do \
		$(BIN)/alberdice-deep collect --environment rware-tiny-2ag --id rware/tiny-2ag-$$run-v0 --episodes 100 --overwrite \
			--policy $(OUT)/rware/$$run && \
		$(BIN)/alberdice-deep traffic rware/tiny-2ag-$$run-v0 --out $(OUT)/rware/$$run-plays || exit 1; \
	done
	@echo "Pictures: $(OUT)/rware/experts, $(OUT)/rware/bc-plays, $(OUT)/rware/alberdice-plays"

# The site, into $(OUT)/site; a warning (a dead link, a formula that cannot be read) fails.
docs: export NO_MKDOCS_2_WARNING = 1
docs: .venv/docs
	$(BIN)/mkdocs build --quiet --strict --site-dir $(abspath $(OUT))/site

# Google Research Football, built from its source; on Debian or Ubuntu. Its tests are skipped without it.
football: .venv/dev
	tools/install_football.sh $(BIN)/python

# The same for .ci/run, which must not fail where there is no network, no compiler or no right to install packages.
football-if-possible: .venv/dev
	-tools/install_football.sh --if-possible $(BIN)/python

test: .venv/dev
	$(BIN)/python -m pytest -n 2 --dist worksteal

slow: .venv/dev
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "slow and not gpu"

# Damaged files of every format: SEED and how many, N.
SEED ?= 0
N ?= 2000
fuzz: .venv/dev
	$(BIN)/python tests/fuzz/fuzz_run.py --seed $(SEED) --cases $(N)

# Training that is killed KILLS times, and goes on.
KILLS ?= 105
kills: .venv/dev
	$(BIN)/python tests/fuzz/kill_run.py --seed $(SEED) --kills $(KILLS)

# The deep layer's aims on every seed; about half an hour on two cores, and not all of them are met yet.
acceptance: .venv/dev
	$(BIN)/python -m pytest -n 2 --dist worksteal -m acceptance

lint: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: .venv/dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

proofs:
	sh proofs_check/check_coq.sh

bench: .venv/bench
	$(BIN)/python benchmarks/best_response.py
	$(BIN)/python benchmarks/best_response_classes.py
	$(BIN)/python benchmarks/linear_rate.py
	$(BIN)/python benchmarks/datasets.py
	$(BIN)/python benchmarks/train_step.py

clean:
	rm -rf .venv $(OUT) dist .pytest_cache .mypy_cache .ruff_cache .hypothesis

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "make: no Python 3.11 or later found; install one or set PYTHON=/path/to/python3" >&2; exit 2; }
	$(PYTHON) -m venv .venv

.venv/base: .venv/bin/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable .
	@touch $@

.venv/deep: .venv/bin/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[deep]"
	@touch $@ .venv/base

.venv/dev: .venv/bin/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[dev]"
	@touch $@ .venv/base .venv/deep

.venv/docs: .venv/dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[docs]"
	@touch $@

.venv/bench: .venv/dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[bench]"
	@touch $@
