# Two commands do all the set-up on a fresh machine: `make up` and `make test`.
# Needs Python 3.11 to 3.13 with venv; uv comes from PyPI into .tools/ where it is not installed.
UV_VERSION := 0.13.8
UV := $(or $(shell command -v uv 2>/dev/null),.tools/bin/uv)
RUN := $(UV) run --no-sync
# The Pulumi engine looks for uv by itself.
export PATH := $(PATH):$(CURDIR)/.tools/bin
ENV ?= local

.PHONY: up down preview test test-unit test-components test-offline test-servers test-engine test-slow lint types e2e e2e-tools e2e-node e2e-programs e2e-full bench bench-server bench-batch bench-drift bench-gateway bench-preview bench-check bench-scale sync sync-up

up: sync-up  ## the platform on this machine, with a sample model served
	@$(RUN) stanchion up $(ENV) --sample

down: sync-up  ## take it down; nothing is left but caches
	@$(RUN) stanchion down $(ENV)

preview: sync-up  ## resources and policy results, with no engine, cluster or credentials
	@$(RUN) stanchion preview $(ENV)

# What keeps one core busy runs two at a time.
CHECKS := lint types test-unit test-components
SUITES := test-offline
SLOW := test-servers test-engine

test: sync  ## everything that needs no server, engine or cluster
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target $(CHECKS)
	@$(MAKE) --no-print-directory $(SUITES)

test-slow: $(SLOW)  ## real servers, and the real engine where it is

test-unit: sync
	@$(RUN) pytest -m "not e2e" tests/unit --ignore tests/unit/components

# Pulumi's mocks want a process of their own: they share its event loop.
test-components: sync
	@$(RUN) pytest -m "not e2e" tests/unit/components tests/schema

test-offline: sync
	@$(RUN) pytest -n auto -m "not e2e and not servers" tests/images tests/policies tests/preview

test-servers: sync
	@$(RUN) pytest -n auto -m servers tests/images

# Skipped, and said so, where `pulumi` is not on PATH.
test-engine: sync
	@$(RUN) pytest -m "not e2e" tests/engine

lint: sync
	@$(RUN) ruff check
	@$(RUN) ruff format --check

types: sync
	@$(RUN) mypy

e2e: e2e-tools e2e-node  ## rules and routes by the real tools, then the platform on a real node

e2e-tools: sync
	@$(RUN) pytest -n auto -m "e2e and not node and not full" tests/e2e

e2e-node: sync  ## the platform on a real Kubernetes node (root)
	@$(RUN) pytest -m "node and not full" --durations=25 tests/e2e

e2e-programs: sync  ## what e2e builds the first time, ahead of it (root)
	@$(RUN) python -P tests/e2e/programs.py

e2e-full: sync  ## the longer matrix, with every chapter on the node (root); its result is committed
	@$(RUN) pytest -m "node or full" tests/e2e --results tests/e2e/RESULTS.md

# One after the other: each measures ratios on a machine that does nothing else.
BENCHES := bench-server bench-check bench-preview bench-drift bench-gateway bench-batch bench-scale
bench:  ## all of them, at full size
	@for each in $(BENCHES); do $(MAKE) --no-print-directory $$each || exit; done

bench-server: sync  ## the model server beside its peers, in one run; writes benchmarks/RESULTS.md
	@$(RUN) python -m benchmarks.model_server

bench-check: sync  ## checking manifests against Checkov, in one run; writes benchmarks/CHECK.md
	@$(RUN) python -m benchmarks.policies.speed

bench-batch: sync  ## batch scoring beside a plain loop, and killed in the middle; writes benchmarks/BATCH.md
	@$(RUN) python -m benchmarks.batch

bench-drift: sync  ## false and missed drift alerts, and what counting costs; writes benchmarks/DRIFT.md
	@$(RUN) python -m benchmarks.drift

bench-gateway: sync  ## what the LLM gateway finds and what it adds; writes benchmarks/LLM_GATEWAY.md
	@$(RUN) python -m benchmarks.llm_gateway

bench-preview: sync  ## what an offline preview costs as environments grow; writes benchmarks/PREVIEW.md
	@$(RUN) python -m benchmarks.preview_scale

bench-scale: sync  ## pools and quotas with 2,000 simulated GPU nodes (root); writes benchmarks/SCALE.md
	@$(RUN) python -m benchmarks.scale

# Packages are compiled once here: the command's start-up is a feature.
sync: $(UV)
	@$(UV) sync --frozen --quiet --compile-bytecode

# What the platform needs, beside whatever is installed for its tests.
sync-up: $(UV)
	@$(UV) sync --frozen --quiet --compile-bytecode --no-default-groups --inexact

.tools/bin/uv:
	@python3 -m venv .tools
	@.tools/bin/pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
