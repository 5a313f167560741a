# Every task of the project. `make` alone lists them.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
STUBS  := .
SUDO   := $(if $(filter 0,$(shell id -u)),,sudo)

.DEFAULT_GOAL := help
.PHONY: help env lock proto baseline web demo dev test test-system check fuzz faults bench scale clean

help: ## list the tasks
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

env: $(READY) ## make the environment in .venv

$(READY): requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --requirement requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	@touch $(READY)

lock: ## resolve the pinned ranges again into requirements.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --group dev \
	  --custom-compile-command 'make lock' pyproject.toml --output-file requirements.lock

proto: env ## generate the stubs beside the .proto files
	cd proto && ../$(BIN)/python -m grpc_tools.protoc -I. --plugin=protoc-gen-mypy_grpc=../$(BIN)/protoc-gen-mypy_grpc \
	  --python_out=$(STUBS) --pyi_out=$(STUBS) --grpc_python_out=$(STUBS) --mypy_grpc_out=$(STUBS) workflow_engine/v1/*.proto
	@if [ "$(STUBS)" = . ]; then echo "the web's types, too: cd services/web && npm ci && npm run proto"; fi

baseline: env ## take the wire contract as it stands as the one that later ones must not break
	$(BIN)/buf build proto --as-file-descriptor-set --exclude-source-info --output proto/baseline.binpb

web: ## build the web into services/web/dist (needs Node 20 or later and npm)
	cd services/web && npm ci && npm run check && npm run test && npm run build

demo: env ## start everything, run the workflows in examples/, show what happened, stop
	$(BIN)/python examples/demo.py

dev: env ## start everything and stay up until Ctrl-C
	$(BIN)/orchestrator dev

test: env ## run the tests, on real servers that they start themselves
	$(BIN)/pytest -m "not system" -n auto --dist loadfile --no-loadscope-reorder

test-system: env ## install what the other tests need (by apt, as root), and run them: browsers, mailboxes, whole deployments
	$(SUDO) apt-get update -qq
	$(SUDO) apt-get install -qq --yes --no-install-recommends bubblewrap chromium dovecot-imapd prometheus redis-server
	cd services/web && npm ci
	$(BIN)/pytest -m system

check: env ## lint, types, arrows between packages, wire contract, generated docs, the built web
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m docs.generate --check
	$(BIN)/python -m services.web
	$(BIN)/buf lint
	$(BIN)/buf breaking --against proto/baseline.binpb
	@fresh=$$(mktemp -d) && trap 'rm -rf "$$fresh"' EXIT && $(MAKE) --no-print-directory proto STUBS="$$fresh" && \
	  for stub in $$(cd $$fresh && find . -name '*.py*'); do \
	    diff -q "$$fresh/$$stub" "proto/$$stub" || { echo "make proto: the stubs are behind the .proto files"; exit 1; }; \
	  done

fuzz: env ## throw bent definitions, connections and expressions at the parsers for longer than the tests do
	FUZZ_EXAMPLES=$${FUZZ_EXAMPLES:-5000} $(BIN)/pytest --timeout 3600 tests/fuzz

faults: env ## break a small production at random, and check what must be true (SEED=…, FAULTS=200, SCALE=0.15)
	$(BIN)/python -m tests.faults.harness --seed "$(SEED)" --faults $(or $(FAULTS),200) --scale $(or $(SCALE),0.15) --json faults.json

bench: env ## measure runs a second and latencies beside the bare engine
	$(BIN)/python -m benchmarks

scale: env ## fill the dev stack with a million runs, and measure it idle and with a thousand clients
	$(BIN)/python -m benchmarks.scale

clean: ## remove the environment, the data of `make dev` and all caches
	rm -rf $(VENV) .data dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
