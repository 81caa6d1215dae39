# One line and one sentence a target. Everything a target needs it sets up by itself, in .venv and .venvs.
PYTHON ?= python3
BIN = .venv/bin

help:  ## say what can be made
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST)

demo: .venv/ready  ## load packages that are not here, in a throw-away store, and show what it cost
	@$(BIN)/python examples/demo.py

test: .venv/ready  ## run all tests on every CPython 3.11-3.13 found here (ARGS="-m 'not slow'" for the quick ones)
	@$(BIN)/python tools/everywhere.py $(ARGS)

lint: .venv/ready types floors  ## check style, types, floors and sizes
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/python tools/sizes.py

types: .venv/ready  ## check the types strictly
	@$(BIN)/mypy

floors: .venv/ready  ## check that all arrows point down
	@$(BIN)/lint-imports --config setup.cfg

bench: .venv/ready  ## measure every claim beside its peers in one run
	@$(BIN)/python -m bench

docs: .venv/ready  ## run the examples in README and docs
	@$(BIN)/python -m pytest -q tests/test_documentation.py

.venv/ready: setup.cfg pyproject.toml
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --upgrade pip setuptools
	@$(BIN)/python -m pip install --quiet --editable '.[test,lint]'
	@touch $@

.PHONY: help demo test lint types floors bench docs
