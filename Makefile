# Every target sets up what it needs; a second call finds it done.
.DEFAULT_GOAL := help
.PHONY: help setup demo crawl test browse bench bench-faults lint lock clean install-cron uninstall-cron

PYTHON ?= python3
VENV   := .venv
READY  := $(VENV)/.ready
BIN    := $(VENV)/bin

help:  ## what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## */\1|/' | awk -F'|' '{printf "  make %-14s %s\n", $$1, $$2}'

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

# The line of cron, marked by the checkout it belongs to; a % would end the command there.
CRON_TIME ?= 0 2 * * *
CRON_MARK := \# govnews-archive in $(CURDIR).
CRON_LINE  = $(CRON_TIME) cd '$(subst %,\%,$(CURDIR))' && $(if $(CONTACT),CONTACT='$(CONTACT)' )$(BIN)/scrapy nightly --quiet --until 06:00 $(CRON_MARK)

install-cron: $(READY)  ## the nightly crawl into your crontab (CONTACT=you@example.org CRON_TIME="0 2 * * *")
	@command -v crontab >/dev/null || { echo "crontab was not found; install cron, or start .venv/bin/scrapy nightly by another timer" >&2; exit 1; }
	@{ crontab -l 2>/dev/null | grep -vF "$$mark" ; printf '%s\n' "$$line"; } | crontab -
	@printf '%s\n' "$$line"
install-cron uninstall-cron: export mark = $(CRON_MARK)
install-cron: export line = $(CRON_LINE)

uninstall-cron:  ## take that line out again
	@{ crontab -l 2>/dev/null | grep -vF "$$mark" || true; } | crontab -

test: $(READY)  ## the tests
	$(BIN)/python -m pytest

browse: $(READY)  ## Datasette over data/
	$(BIN)/scrapy browse

bench: $(READY)  ## the benchmarks, each printing its ratios
	$(BIN)/python -m tests.bench

bench-faults: $(READY)  ## bad inputs and faults against the real commands (FAULTS="--only B001,F05", "--group SQLite", "--write")
	$(BIN)/python -m tests.bench.faults $(FAULTS)

lint: $(READY)  ## formatter, linter, types, import rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

lock:  ## resolve the lock anew (wants uv)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header --group dev pyproject.toml -o requirements.lock

clean:  ## remove what setup and demo made (never the archive)
	rm -rf $(VENV) data/demo.db data/demo.db-wal data/demo.db-shm data/demo.db.sums data/demo-warc
