"""``python -m tests.bench.speed``: what a crawl costs, against floors and peers in the same run.

    python -m tests.bench.speed [--pages N] [--only crawl,user,night,memory,million,rebuild,start]

Figures are processor seconds of the child that does the work, so that the server and whatever else the machine does
hardly count; ratios are between children of one run, throttle off in all of them.

crawl    pages a processor second with every stage, archive, index and WARC, against stock Scrapy that fetches the same
         addresses with the same settings and reads none of them
user     the same against what one would write instead: Scrapy, trafilatura, an upsert of sqlite-utils, a trigram index
"""

from __future__ import annotations

import argparse
import logging
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import scrapy
from scrapy.crawler import CrawlerProcess
from scrapy.http import Response

from tests.bench.served import CITY, SIZES, Served
from tests.home import ROOT, Home

SECONDS = 3600
"""How long one child may take."""


# --- peers: each runs as a child of its own, `--peer NAME`, and reads the addresses from standard input ---


class Bare(scrapy.Spider):
    """Fetch, and nothing else."""

    name = "bare"
    addresses: Sequence[str] = ()

    async def start(self) -> Any:
        """Ask for all addresses."""
        for url in self.addresses:
            yield scrapy.Request(url, dont_filter=True)

    def parse(self, response: Response) -> Any:
        """Read nothing."""
        return None


class User(Bare):
    """Take title, date and text by trafilatura."""

    name = "user"

    def parse(self, response: Response) -> Any:
        """Read a page."""
        import trafilatura

        if "/content/" in response.url and (
            found := trafilatura.bare_extraction(response.body, url=response.url)
        ):
            said = found.as_dict()
            yield {"url": response.url, **{name: said[name] for name in ("title", "author", "date", "text")}}


class Upsert:
    """Write an item by sqlite-utils; its triggers keep the index in step."""

    def open_spider(self) -> None:
        """Make table and index."""
        import sqlite_utils

        self.db = sqlite_utils.Database(os.environ["PEER_DB"])
        self.table: Any = self.db["articles"]
        self.table.create({"url": str, "title": str, "author": str, "date": str, "text": str}, pk="url")
        self.table.enable_fts(["title", "text"], tokenize="trigram", create_triggers=True)

    def process_item(self, item: dict[str, Any]) -> dict[str, Any]:
        """Write it."""
        self.table.upsert(item, pk="url")
        return item

    def close_spider(self) -> None:
        """Close the file."""
        self.db.close()


OURS = (
    *(
        "CONCURRENT_REQUESTS",
        "CONCURRENT_REQUESTS_PER_DOMAIN",
        "ROBOTSTXT_OBEY",
        "COOKIES_ENABLED",
        "RETRY_TIMES",
    ),
    *(
        "CONCURRENT_ITEMS",
        "DEFAULT_REQUEST_HEADERS",
        "TELNETCONSOLE_ENABLED",
        "TWISTED_REACTOR",
        "DOWNLOAD_TIMEOUT",
    ),
)
"""Settings of the crawl that stock Scrapy knows, too."""


def run_peer(name: str) -> None:
    """Crawl the addresses of standard input with stock Scrapy and one of the spiders."""
    from crawler import settings

    spider = {"bare": Bare, "user": User}[name]
    spider.addresses = sys.stdin.read().split()
    chosen = {key: getattr(settings, key) for key in OURS}
    if spider is User:
        chosen["ITEM_PIPELINES"] = {Upsert: 100}
        logging.getLogger("trafilatura").setLevel(logging.CRITICAL)
        logging.getLogger("htmldate").setLevel(logging.CRITICAL)
    process = CrawlerProcess({**chosen, "DOWNLOAD_DELAY": 0, "LOG_LEVEL": "WARNING"})
    process.crawl(spider)
    process.start()


# --- measuring ---


def spent(
    command: Sequence[str], env: dict[str, str], said: bytes = b"", codes: Sequence[int] = (0,)
) -> float:
    """Run a child to its end; give its processor seconds. Another exit code than these is a RuntimeError."""
    with tempfile.TemporaryFile() as told, tempfile.TemporaryFile() as words:
        words.write(said)
        words.seek(0)
        child = subprocess.Popen(command, cwd=ROOT, env=env, stdin=words, stdout=told, stderr=told)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode not in codes:
            told.seek(0)
            raise RuntimeError(f"exit {child.returncode}: {told.read()[-2000:].decode(errors='replace')}")
    return usage.ru_utime + usage.ru_stime


def crawl_words(home: Home) -> list[str]:
    """Give the command that crawls the column to its end."""
    words = ["crawl", "lyg_news", "-a", "channel=gcyw", "-a", "full=1", "-s", "CLOSESPIDER_TIMEOUT=0"]
    return home.command(*words, *home.quick, "-s", "LOG_LEVEL=WARNING")


def crawled(folder: Path, served: Served) -> tuple[float, list[str], Home]:
    """Crawl the column into a new archive; give the cost and the addresses that were asked for."""
    folder.mkdir()
    home = Home(folder)
    home.env |= served.environment
    cost = spent(crawl_words(home), home.env, codes=(0, 4))
    asked = [f"http://{CITY}{path}" for path, times in served.counts().items() for _ in range(times)]
    [[had]] = home.ask("SELECT count(*) FROM articles")
    if had != served.stories:
        raise RuntimeError(f"found {had} articles in the archive, wanted {served.stories}")
    return cost, asked, home


def peer_cost(name: str, served: Served, asked: Sequence[str], folder: Path) -> float:
    """Let a peer fetch addresses."""
    folder.mkdir(exist_ok=True)
    env = Home(folder).env | served.environment | {"PEER_DB": str(folder / f"{name}.db")}
    (folder / f"{name}.db").unlink(missing_ok=True)
    command = [sys.executable, "-m", "tests.bench.speed", "--peer", name]
    cost = spent(command, env, "\n".join(asked).encode())
    served.counts()
    return cost


def against(name: str, pages: int, sizes: Sequence[int]) -> None:
    """Print what a page costs in a full crawl and at a peer; what starting costs is taken off both."""
    for size in sizes:
        count = max(200, pages * 36 // (36 + 2 * size))
        with tempfile.TemporaryDirectory() as told:
            folder = Path(told)
            with Served(1, size) as served:
                start, few, _ = crawled(folder / "one", served)
                start_peer = peer_cost(name, served, few, folder / "peer")
            with Served(count, size) as served:
                cost, asked, _ = crawled(folder / "many", served)
                cost_peer = peer_cost(name, served, asked, folder / "peer")
        ours, theirs = (cost - start) / count, (cost_peer - start_peer) / count
        print(
            f"{name}: {count} pages of {size} kB: {1 / ours:.1f} pages a processor second, {name} {1 / theirs:.1f}; "
            f"{theirs / ours:.2f} x ({1000 * ours:.2f} and {1000 * theirs:.2f} ms a page)",
            flush=True,
        )


MEASURES: dict[str, Callable[[int, Sequence[int]], None]] = {
    "crawl": lambda pages, sizes: against("bare", pages, sizes),
    "user": lambda pages, sizes: against("user", pages, sizes),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.speed", description=__doc__.splitlines()[0])
    parser.add_argument("--pages", type=int, default=1500)
    parser.add_argument("--only", default=",".join(MEASURES))
    parser.add_argument(
        "--sizes", type=int, nargs="*", choices=tuple(SIZES), default=tuple(SIZES), help="in kB"
    )
    parser.add_argument("--peer", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.peer:
        run_peer(options.peer)
        return 0
    for name in options.only.split(","):
        MEASURES[name](options.pages, options.sizes)
    return 0


if __name__ == "__main__":
    sys.exit(main())
