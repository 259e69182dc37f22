# Two commands do all the set-up on a fresh machine: `make up` and `make test`.
# Needs Python 3.11 to 3.13 with venv; uv comes from PyPI into .tools/ where it is not installed.
UV_VERSION := 0.13.8
UV := $(or $(shell command -v uv 2>/dev/null),.tools/bin/uv)
RUN := $(UV) run --frozen
ENV ?= local

.PHONY: up down preview test lint types e2e e2e-full bench

up: $(UV)  ## the platform on this machine, with a sample model served
	@$(UV) sync --frozen --quiet --no-dev
	@$(UV) run --frozen --no-dev stanchion up $(ENV) --sample

down: $(UV)  ## take it down; nothing is left but caches
	@$(UV) run --frozen --no-dev stanchion down $(ENV)

preview: $(UV)  ## resources and policy results, with no engine, cluster or credentials
	@$(RUN) stanchion preview $(ENV)

test: $(UV) lint types  ## everything that needs no cluster
	@$(RUN) pytest -n auto -m "not e2e"

lint: $(UV)
	@$(RUN) ruff check
	@$(RUN) ruff format --check

types: $(UV)
	@$(RUN) mypy

e2e: $(UV)  ## the platform on a real Kubernetes node (root)
	@$(RUN) pytest -m "e2e and not full" tests/e2e

e2e-full: $(UV)  ## the longer matrix; its result is committed
	@$(RUN) pytest -m e2e tests/e2e --results tests/e2e/RESULTS.md

bench: $(UV)  ## ratios against peers, in one run; writes benchmarks/RESULTS.md
	@$(RUN) python -m benchmarks.model_server

.tools/bin/uv:
	@python3 -m venv .tools
	@.tools/bin/pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
