# Everything runs in .venv, which is made from the hashed lock files and made again when they change. Nothing else has to be prepared.
#   make demo    the whole system on this machine, pages open (as root or an ordinary user)
#   make test    lint, then every test, with the services it can get (make services says which); the end names what it could not get
#   make lint · make drills · make bench · make fuzz · make services · make clean

PYTHON ?= python3
BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest
PIP := PIP_ROOT_USER_ACTION=ignore $(BIN)/python -m pip --disable-pip-version-check
RULES := $(addprefix tests/pure/test_,house_rules.py sql_rules.py templates.py lock.py compose.py)

.DEFAULT_GOAL := help
.PHONY: help demo test lint checkers services drills bench fuzz lock clean
.NOTPARALLEL:
.SUFFIXES:

help:
	@sed -n 's/^#  *make /make /p' Makefile

demo: .venv/.project
	@$(BIN)/dho demo $(DEMO)

# The services are got ready while the checkers and the pure tests run; a failure waits for that, so that nothing is half fetched.
test: .venv/.dev .venv/.project
	@$(BIN)/python -m tests.services.provide > .venv/services.log 2>&1 & provide=$$!; \
	trap 'wait $$provide || true' EXIT; set -e; \
	$(MAKE) --no-print-directory checkers; \
	$(PYTEST) tests/pure; \
	wait $$provide; cat .venv/services.log; \
	$(PYTEST) tests/stored tests/live tests/drills

lint: checkers
	$(PYTEST) -q $(RULES)

checkers: .venv/.dev .venv/.project
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m tests.services.advisories

services: .venv/.dev .venv/.project
	$(BIN)/python -m tests.services.provide

drills: services
	DHO_DRILL_SCALE=$${DHO_DRILL_SCALE:-1} $(PYTEST) tests/drills -s --timeout 900 $(ARGS)

bench: services
	$(BIN)/python -m tests.bench $(ARGS)

fuzz: .venv/.dev .venv/.project
	DHO_TEST_FUZZ=1000000 $(PYTEST) tests/pure -k fuzz --timeout 7200 $(ARGS)

# The development lock is a superset of the other, with the same versions: a tree that has it needs no second installation.
.venv/.run: requirements.lock
	@.ci/make-venv $(PYTHON)
	@[ .venv/.dev -nt requirements-dev.lock ] || { echo "Installing what requirements.lock names"; \
	$(PIP) install -qq --require-hashes -r requirements.lock; }
	@touch $@

.venv/.dev: requirements-dev.lock
	@.ci/make-venv $(PYTHON)
	@echo "Installing what requirements-dev.lock names"
	@$(PIP) install -qq --require-hashes -r requirements-dev.lock
	@touch $@ .venv/.run

# Editable: our own code needs no second installation, only a new lock, entry point or browser part does.
.venv/.project: .venv/.run pyproject.toml hatch_build.py package-lock.json
	@$(PIP) install -qq --no-deps --no-build-isolation -e .
	@touch $@

clean:
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache dashboards/static/vendor tests/artefacts
