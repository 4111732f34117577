# Every target works on a fresh machine with Python 3.11+ and make.
VENV := .venv
PYTHON := $(VENV)/bin/python
TIDEMARK := $(VENV)/bin/tidemark
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help setup demo test coverage lint docs up down bench lock clean

help: ## show the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

setup: $(STAMP) ## install everything, pinned by hash, into .venv

$(STAMP): requirements.lock pyproject.toml
	python3 -m venv $(VENV)
	@# uv alone first, by its own hash: it installs the rest ten times faster than pip.
	sed -n '/^uv==/,/^[^ ]/p' requirements.lock | sed '$$d' > $(VENV)/uv.lock
	$(VENV)/bin/pip install --quiet --no-deps --require-hashes -r $(VENV)/uv.lock
	@# Compiled here, once: otherwise every process compiles what it imports where writing bytecode is off.
	$(VENV)/bin/uv pip install --quiet --compile-bytecode --python $(PYTHON) --no-deps --require-hashes -r requirements.lock
	$(VENV)/bin/uv pip install --quiet --python $(PYTHON) --no-deps --no-build-isolation -e .
	touch $@

demo: setup ## run the main job on generated reviews and say what happened
	$(TIDEMARK) demo

up: setup ## start the Dagster UI, the daemon with all sensors, and the MLflow UI
	$(TIDEMARK) up

down: setup ## stop the servers
	$(TIDEMARK) down

lint: setup ## formatting, lint, types, SQL lint, spelling, docs
	tools/lint

test: setup ## everything that CI checks: lint, then all tests
	tools/test

coverage: setup ## the same, slower, with the share of code that tests reach
	tools/test --cov --cov-report=term:skip-covered

docs: setup ## write the generated pages anew
	tools/docs

bench: setup ## benchmarks against what one would use instead, reported as ratios
	$(PYTHON) -m bench

lock: setup ## resolve the versions anew and write requirements.lock
	$(VENV)/bin/uv pip compile pyproject.toml --group dev --universal --python-version 3.11 \
	    --generate-hashes --no-emit-index-url --no-header --upgrade --quiet -o requirements.lock

clean: ## stop the servers and remove the lake and all state
	@if [ -x $(TIDEMARK) ]; then $(TIDEMARK) down; fi
	rm -rf .tidemark dbt_project/target dbt_project/logs
