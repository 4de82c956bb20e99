"""``python -m tests.bench.speed``: what a crawl costs, against floors and peers in the same run.

    python -m tests.bench.speed [--pages N] [--only crawl,user,night,memory,million,rebuild,start]

Figures are processor seconds of the child that does the work, so that the server and whatever else the machine does
hardly count; ratios are between children of one run, throttle off in all of them.

crawl    pages a processor second with every stage, archive, index and WARC, against stock Scrapy that fetches the same
         addresses with the same settings and reads none of them
user     the same against what one would write instead: Scrapy, trafilatura, an upsert of sqlite-utils, a trigram index
night    requests where nothing is new; the stories are older than `RECENT_DAYS`, younger ones are asked again by
         conditional requests
memory   resident memory of the crawl
million  the crawl into an archive of very many articles (`--stories`) against one of 10,000
rebuild  ``scrapy rebuild`` against `read_page` alone over the same pages; the same rebuild with ``--jobs 2`` against that
         with one process, by the clock: on a machine that has two cores to spare
start    a crawl that has nothing to do against ``scrapy version``
"""

from __future__ import annotations

import argparse
import logging
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import scrapy
from scrapy.crawler import CrawlerProcess
from scrapy.http import Response

from crawler.archive import Archive
from crawler.text import read_page
from tests.bench import full, search
from tests.bench.full import CALL, CITY, LIST, STORY
from tests.bench.served import SIZES, Served, page
from tests.home import ROOT, Home

OWN = frozenset(("PATH", "HOME", "LANG", "TMPDIR"))
"""What a child takes over: Scrapy reads the whole environment for each request that goes through a proxy."""
STARTS = 2
"""So often what only starts is measured: the cheapest counts."""
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
    # without any pause stock Scrapy sends all that waits for a host at once, over new connections
    process = CrawlerProcess({**chosen, "DOWNLOAD_DELAY": 0.001, "LOG_LEVEL": "WARNING"})
    process.crawl(spider)
    process.start()


# --- measuring ---


class Cost(NamedTuple):
    """What a child took, in seconds."""

    processor: float
    clock: float


def spent(
    command: Sequence[str], env: dict[str, str], said: bytes = b"", codes: Sequence[int] = (0,)
) -> float:
    """Run a child to its end; give its processor seconds. Another exit code than these is a RuntimeError."""
    return took(command, env, said, codes).processor


def took(command: Sequence[str], env: dict[str, str], said: bytes = b"", codes: Sequence[int] = (0,)) -> Cost:
    """Run a child to its end; give what it took. Another exit code than these is a RuntimeError."""
    env = {name: value for name, value in env.items() if name in OWN or os.environ.get(name) != value}
    with tempfile.TemporaryFile() as told, tempfile.TemporaryFile() as words:
        words.write(said)
        words.seek(0)
        began = time.monotonic()
        child = subprocess.Popen(command, cwd=ROOT, env=env, stdin=words, stdout=told, stderr=told)
        _, status, usage = os.wait4(child.pid, 0)
        clock = time.monotonic() - began
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode not in codes:
            told.seek(0)
            raise RuntimeError(f"exit {child.returncode}: {told.read()[-2000:].decode(errors='replace')}")
    return Cost(usage.ru_utime + usage.ru_stime, clock)


def crawl_words(home: Home) -> list[str]:
    """Give the command that crawls the column to its end."""
    words = ["crawl", "lyg_news", "-a", "channel=gcyw", "-a", "full=1", "-s", "CLOSESPIDER_TIMEOUT=0"]
    return home.command(*words, *home.quick, "-s", "LOG_LEVEL=WARNING")


def plain_words(home: Home) -> list[str]:
    """Give the command that looks for what is new in the column."""
    return home.command("crawl", "lyg_news", "-a", "channel=gcyw", *home.quick, "-s", "LOG_LEVEL=WARNING")


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


PEERS = {"crawl": "bare", "user": "user"}


def against(names: Sequence[str], pages: int, sizes: Sequence[int]) -> None:
    """Print what a page costs in a full crawl and at peers; what starting costs is taken off."""
    for size in sizes:
        count = max(120, pages * 36 // (36 + 2 * size))
        with tempfile.TemporaryDirectory() as told:
            folder = Path(told)
            with Served(1, size) as served:
                ones = [crawled(folder / f"one-{turn}", served) for turn in range(STARTS)]
                begun = min(cost for cost, *_ in ones)
                begun_peers = {
                    name: min(
                        peer_cost(PEERS[name], served, ones[0][1], folder / "peer") for _ in range(STARTS)
                    )
                    for name in names
                }
            with Served(count, size) as served:
                cost, asked, _ = crawled(folder / "many", served)
                costs = {name: peer_cost(PEERS[name], served, asked, folder / "peer") for name in names}
        ours = (cost - begun) / count
        for name in names:
            theirs = (costs[name] - begun_peers[name]) / count
            print(
                f"{name}: {count} pages of {size} kB: {1 / ours:.1f} pages a processor second, {PEERS[name]} {1 / theirs:.1f}; "
                f"{theirs / ours:.2f} x ({1000 * ours:.2f} and {1000 * theirs:.2f} ms a page)",
                flush=True,
            )


def night(pages: int, sizes: Sequence[int]) -> None:
    """Print what is asked for where nothing is new."""
    with tempfile.TemporaryDirectory() as told, Served(pages, min(sizes)) as served:
        _, _, home = crawled(Path(told) / "night", served)
        for kind, words in (
            ("every list to its end", crawl_words(home)),
            ("a plain night", plain_words(home)),
        ):
            cost = spent(words, home.env)
            asked = served.counts()
            lists = sum(times for path, times in asked.items() if path.startswith((LIST, CALL)))
            articles = sum(times for path, times in asked.items() if path.startswith(STORY.partition("{")[0]))
            print(
                f"night, {kind}: {pages} known stories, {lists} list pages, {asked.total()} requests "
                f"({asked.total() / lists:.3f} x the list pages), {articles} for articles; {cost:.1f} processor seconds",
                flush=True,
            )


def memory(pages: int, sizes: Sequence[int]) -> None:
    """Print the resident memory of a long crawl."""
    with tempfile.TemporaryDirectory() as told, Served(pages, min(sizes)) as served:
        home = Home(Path(told))
        home.env |= served.environment
        _, seen = full.run(home, crawl_words(home)[3:], SECONDS, Path(told) / "log")
    points = [seen[min(len(seen) - 1, len(seen) * tenth // 10)] for tenth in range(1, 11)]
    print(
        f"memory: {pages} pages, {max(seen):.0f} MiB at most; the last tenth of the run {full.growth(seen):.3f} of its second; "
        f"after each tenth {' '.join(f'{size:.0f}' for size in points)} MiB",
        flush=True,
    )


def million(pages: int, sizes: Sequence[int], stories: int, kept: Path | None) -> None:
    """Print what a page costs in an archive of very many articles, against one of 10,000, and what a run that finds nothing.

    A crawl of one page is taken off: it reads the tables and whatever a run does once. A `kept` archive is used up.
    """
    found = []
    with tempfile.TemporaryDirectory() as told:
        for count in (10_000, stories):
            folder = Path(told) / str(count)
            folder.mkdir()
            home = Home(folder)
            if kept is not None and count == stories:
                home.env["ARCHIVE_PATH"] = str(kept)
            grow(Path(home.env["ARCHIVE_PATH"]), count)
            costs = []
            for number in (1, pages):
                with Served(number, min(sizes)) as served:
                    env = home.env | served.environment
                    costs.append(spent(crawl_words(home), env, codes=(0, 4)))
                    idle = spent(plain_words(home), env, codes=(0, 4))
            found.append(((costs[1] - costs[0]) / (pages - 1), idle))
    (page_small, idle_small), (page_large, idle_large) = found
    print(
        f"million: {pages} pages of {min(sizes)} kB into {stories} articles: {page_small / page_large:.2f} x the speed of 10000 "
        f"({1000 * page_large:.2f} and {1000 * page_small:.2f} ms a page); a run that finds nothing {idle_large:.1f} and "
        f"{idle_small:.1f} processor seconds",
        flush=True,
    )


def grow(path: Path, count: int) -> None:
    """Fill an archive with so many articles, indexed and listed, each under 40 keys of the index of near-duplicates."""
    with Archive(path) as archive:
        asked = "SELECT (SELECT count(*) FROM articles), EXISTS (SELECT 1 FROM bands), EXISTS (SELECT 1 FROM listings)"
        had, related, listed = archive.conn.execute(asked).fetchone()
        if not had:
            search.fill(archive, count)
            archive.rebuild_index()
            had = count
        with archive._write():
            if not related:
                archive.conn.execute(
                    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) "
                    "INSERT OR IGNORE INTO bands SELECT random() AS band, CAST(1 + i % ? AS TEXT) FROM n ORDER BY band",
                    (KEYS * had, had),
                )
            if not listed:
                archive.conn.execute(
                    "INSERT INTO listings (portal, channel, key, url, title, listed, first_listed, last_listed, state, attempts, "
                    "article_id) SELECT portal, channel, key, url, title, substr(published, 1, 10), first_seen, last_seen, "
                    "'archived', 0, id FROM articles"
                )


KEYS = 40
"""Under so many keys an article of usual length stands."""


def rebuild(pages: int, sizes: Sequence[int]) -> None:
    """Print what a page costs in a rebuild, against the reading of the page alone, and what two processes bring."""
    for size in sizes:
        count = max(120, pages * 36 // (36 + 2 * size))
        with tempfile.TemporaryDirectory() as told:
            folder = Path(told)
            costs = []
            for number in (1, count):
                with Served(number, size) as served:
                    _, _, home = crawled(folder / str(number), served)
                costs.append([rebuilt(home, jobs) for jobs in (1, 2)])
        alone = [
            spent(
                [sys.executable, "-m", "tests.bench.speed", "--read", f"{size}", f"{number}"],
                dict(os.environ),
            )
            for number in (1, count)
        ]
        (start, start_two), (one, two) = costs
        ours, floor = (one.processor - start.processor) / count, (alone[1] - alone[0]) / count
        clocks = one.clock - start.clock, two.clock - start_two.clock
        print(
            f"rebuild: {count} pages of {size} kB: {1 / ours:.1f} pages a processor second, read_page alone {1 / floor:.1f}; "
            f"{floor / ours:.2f} x ({1000 * ours:.2f} and {1000 * floor:.2f} ms a page); two processes {clocks[0] / clocks[1]:.2f} x "
            f"one by the clock ({clocks[1]:.1f} and {clocks[0]:.1f} s; {two.processor / one.processor:.2f} x the processor time)",
            flush=True,
        )


def rebuilt(home: Home, jobs: int) -> Cost:
    """Rebuild an archive beside itself, so many processes reading; the cheapest of some times, which differ on a busy machine."""
    found = []
    for turn in range(STARTS):
        words = home.command("rebuild", "--jobs", f"{jobs}", "--to", str(home.folder / f"{jobs}-{turn}.db"))
        found.append(took(words, home.env))
    return Cost(*map(min, zip(*found, strict=True)))


def read_alone(size: int, count: int) -> None:
    """Read pages, and do nothing with them."""
    for number in range(1, count + 1):
        read_page(page(number, size), f"http://{CITY}{STORY.format(number)}", "text/html; charset=utf-8")


def start(pages: int, sizes: Sequence[int]) -> None:
    """Print what a crawl costs that has nothing to do, against ``scrapy version``."""
    with tempfile.TemporaryDirectory() as told, Served(60, min(sizes)) as served:
        _, _, home = crawled(Path(told) / "start", served)
        nothing = min(spent(plain_words(home), home.env) for _ in range(3))
        floor = min(spent(home.command("version"), home.env) for _ in range(3))
    print(
        f"start: {nothing:.2f} processor seconds, scrapy version {floor:.2f}; {nothing / floor:.2f} x",
        flush=True,
    )


Measure = Callable[[int, Sequence[int]], None]
MEASURES: dict[str, Measure] = {
    "night": night,
    "memory": memory,
    "rebuild": rebuild,
    "start": start,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.speed", description=__doc__.splitlines()[0])
    parser.add_argument("--pages", type=int, default=1500)
    parser.add_argument("--only", default=",".join((*PEERS, *MEASURES, "million")))
    parser.add_argument(
        "--sizes", type=int, nargs="*", choices=tuple(SIZES), default=tuple(SIZES), help="in kB"
    )
    parser.add_argument("--stories", type=int, default=50_000, help="articles of the large archive")
    parser.add_argument("--archive", type=Path, help="a large archive to write into instead of making one")
    parser.add_argument("--peer", help=argparse.SUPPRESS)
    parser.add_argument("--read", type=int, nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.peer:
        run_peer(options.peer)
        return 0
    if options.read:
        read_alone(*options.read)
        return 0
    names = options.only.split(",")
    if peers := [name for name in names if name in PEERS]:
        against(peers, options.pages, options.sizes)
    for name in names:
        if name == "million":
            million(options.pages, options.sizes, options.stories, options.archive)
        elif name not in PEERS:
            MEASURES[name](options.pages, options.sizes)
    return 0


if __name__ == "__main__":
    sys.exit(main())
