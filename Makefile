# The comments behind the targets are what `make help` prints.
PYTHON ?= $(if $(wildcard .venv/bin/python),.venv/bin/python,python3)
WORKERS ?= auto

.DEFAULT_GOAL := help
.PHONY: help setup check test fmt docs tables editors golden bench bench-million

help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 15

setup: ## make .venv and install the package with all that the tests need
	python3 -m venv .venv
	.venv/bin/pip install --quiet --editable '.[test]'

check: ## lint, formatting and types
	$(PYTHON) -m ruff check
	$(PYTHON) -m ruff format --check
	$(PYTHON) -m mypy

test: ## all tests, on all cores
	$(PYTHON) -m pytest -n $(WORKERS)

fmt: ## format, and mend what the linter can mend
	$(PYTHON) -m ruff check --fix
	$(PYTHON) -m ruff format

tables: ## make the parser's tables from the grammar
	$(PYTHON) -m numscript.grammar.tables

editors: ## write what the editors' highlighters are made of from the grammar
	$(PYTHON) -m numscript.grammar.editors

docs: ## write the generated pages: docs/errors.md, docs/opcodes.md, docs/cli.md
	$(PYTHON) docs/generate.py

golden: ## write the golden files anew; read the difference before it is committed
	$(PYTHON) -m tests.golden

bench: ## measure everything and write docs/performance.md; takes half an hour, on a calm machine
	@mkdir -p .benchmarks
	$(PYTHON) -m pip install --quiet --editable '.[bench]'
	for run in 1 2 3; do $(PYTHON) -m pytest -q --benchmark-json=.benchmarks/stages-$$run.json \
	  benchmarks/test_stages.py benchmarks/test_startup.py benchmarks/test_memory.py || exit 1; done
	for suite in ledger lsp; do $(PYTHON) -m pytest -q benchmarks/test_$$suite.py \
	  --benchmark-json=.benchmarks/$$suite.json || exit 1; done
	$(PYTHON) -m pytest -q benchmarks/test_growth.py --benchmark-max-time=0.3 \
	  --benchmark-json=.benchmarks/growth.json
	$(PYTHON) -m benchmarks.report .benchmarks/stages-?.json .benchmarks/ledger.json \
	  .benchmarks/lsp.json .benchmarks/growth.json

bench-million: ## fill a ledger on Postgres with a million transactions, write docs/ledger-plans.md
	$(PYTHON) -m pip install --quiet --editable '.[bench]'
	$(PYTHON) -m benchmarks.million
