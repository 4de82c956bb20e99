# Every target sets up what it needs; a second call finds it done.
.DEFAULT_GOAL := help
.PHONY: help setup cluster demo crawl test browse bench bench-faults lint lock chromium screenshots clean install-cron uninstall-cron

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

$(VENV)/.cluster: $(READY) requirements-cluster.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-cluster.lock
	@touch $@

cluster: $(VENV)/.cluster  ## Dask into .venv, for nights that are crawled from several places

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

# Never an error: without it the tests that want a browser skip and say so.
WANTED  := chromium fonts-noto-cjk
APT_GET := apt-get --quiet=2 -o Acquire::Retries=2 -o Acquire::http::Timeout=20 -o Acquire::https::Timeout=20 -o DPkg::Lock::Timeout=120
chromium:  ## Chromium and a Chinese font, for the tests of the pages and the screenshots
	@browser= font=$$(fc-list :lang=zh family 2>/dev/null | head -n 1); \
	for name in $(CHROMIUM) chromium chromium-browser google-chrome; do browser=$${browser:-$$(command -v $$name)}; done; \
	if [ -n "$$browser" ] && [ -n "$$font" ]; then exit 0; fi; \
	if [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then \
		echo "found $${browser:-no Chromium} and $${font:-no Chinese font}; install both (Debian: apt-get install $(WANTED)), or name the browser by CHROMIUM=PATH" >&2; exit 0; fi; \
	export DEBIAN_FRONTEND=noninteractive; \
	timeout 120 $(APT_GET) update >/dev/null && timeout 300 $(APT_GET) install --yes --no-install-recommends $(WANTED) >/dev/null || \
		echo "could not install $(WANTED) (see above); the tests in a browser will skip" >&2

test: $(READY)  ## the tests
	$(BIN)/python -m pytest -n auto --dist loadfile

browse: $(READY)  ## Datasette over data/
	$(BIN)/scrapy browse

screenshots: $(READY) chromium  ## docs/images from data/demo.db (`make demo` first)
	$(BIN)/python -m tests.screenshots

bench: $(READY)  ## the benchmarks, each printing its ratios (BENCH="gate search": some)
	$(BIN)/python -m tests.bench $(BENCH)

bench-faults: $(READY)  ## bad inputs and faults against the real commands (FAULTS="--only B001,F05", "--group SQLite", "--write")
	$(BIN)/python -m tests.bench.faults $(FAULTS)

lint: $(READY)  ## formatter, linter, types, import rules, the lock
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tests.lock

lock:  ## resolve the lock anew (wants uv)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header --group dev pyproject.toml -o requirements.lock
	$(BIN)/python -m tests.lock --extra cluster | uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header -c requirements.lock - -o requirements-cluster.lock

clean:  ## remove what setup and demo made (never the archive)
	rm -rf $(VENV) data/demo.db data/demo.db-wal data/demo.db-shm data/demo.db.sums data/demo-warc
