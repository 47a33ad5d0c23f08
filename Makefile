# `make demo` and `make test` do all their own set-up: only python >= 3.11, pip and make are needed.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
# OpenMP threads that spin while idle would starve the threads that step the envs.
export OMP_WAIT_POLICY := PASSIVE

.PHONY: demo test test-all check cuda-check clean

demo: $(READY)
	@$(BIN)/python -m workbench.training.demo

test: $(READY)
	$(BIN)/pytest -n auto --maxprocesses 4

test-all: $(READY)
	$(BIN)/pytest -m 'not gpu'

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy --config-file benchmarks/mypy.ini benchmarks/*.py

# For a machine with a GPU, possibly with a torch of its own: uses the python that is there.
cuda-check:
	PYTHONPATH=.:$$PYTHONPATH $(PYTHON) benchmarks/cuda_check.py $(ARGS)

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "python >= 3.11 is needed")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev,sb3,crafter,doom,export]'
	touch $(READY)

clean:
	rm -rf .venv build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
