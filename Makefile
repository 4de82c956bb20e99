# Every target sets up what it needs; a second call finds it done.
.DEFAULT_GOAL := help
.PHONY: help setup demo crawl test browse bench lint lock clean

PYTHON ?= python3
VENV   := .venv
READY  := $(VENV)/.ready
BIN    := $(VENV)/bin

help:  ## what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## */\1|/' | awk -F'|' '{printf "  make %-8s %s\n", $$1, $$2}'

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or newer is wanted, found %s; name one with make PYTHON=..." % sys.version.split()[0])'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

setup: $(READY)  ## the virtual environment .venv from the lock

demo: $(READY)  ## crawl the replica portals and the seed into data/demo.db, and show what came of it
	$(BIN)/python -m tests.replica.demo

crawl: $(READY)  ## the nightly crawl of the live portals into data/archive.db
	$(BIN)/scrapy nightly

test: $(READY)  ## the tests
	$(BIN)/python -m pytest

browse: $(READY)  ## Datasette over data/
	$(BIN)/scrapy browse

bench: $(READY)  ## the benchmarks, each printing its ratios
	$(BIN)/python -m tests.bench

lint: $(READY)  ## formatter, linter, types, import rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

lock:  ## resolve the lock anew (wants uv)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header --group dev pyproject.toml -o requirements.lock

clean:  ## remove what setup and demo made (never the archive)
	rm -rf $(VENV) data/demo.db data/demo.db-wal data/demo.db-shm data/demo-warc
