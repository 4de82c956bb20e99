"""``python -m tests.bench.browsing``: how long readers wait for our own pages, beside the stock pages of Datasette.

The archive has years of nights, books, captures, hacked pages and campaigns; the texts are written by the chain of
`tests.bench.search`. Each page is asked for several times; the first time is told apart, the others are of a warm cache.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from hashlib import md5
from pathlib import Path
from statistics import median
from typing import Any

from datasette.app import Datasette

from crawler.archive import Archive
from crawler.captures import SHANGHAI
from crawler.commands.browse import open_datasette
from tests.bench.search import chain

PORTALS = {"www.lyg.gov.cn": 14, "mzj.lyg.gov.cn": 5, "lyg01.net": 8, "lygrbepaper.lygfb.cn": 8}
CHANNELS = [(portal, f"c{number}") for portal, count in PORTALS.items() for number in range(count)]
SPIDERS = ("lyg_epaper", "lyg_minzheng", "lyg_news")
NIGHTS = 1100
FIRST = datetime(2023, 11, 25, 2, tzinfo=SHANGHAI)
HACKED = 20
"""One of so many articles is hacked."""
STOCK = "/archive/runs"
"""The page that the others are held against: a stock table page of 50 rows."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the times; 1 where a page does not open."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--articles", type=int, default=20_000)
    parser.add_argument("--times", type=int, default=9)
    parser.add_argument("--archive", type=Path, help="of this archive, which is not written")
    options = parser.parse_args(arguments)
    if options.archive:
        return measure(options.archive, options.times)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "archive.db"
        Archive(path).close()
        with closing(sqlite3.connect(path)) as db, db:
            fill(db, options.articles)
        print(f"{options.articles} articles, {NIGHTS} nights, {path.stat().st_size / 1e6:.0f} MB")
        return measure(path, options.times)


def measure(path: Path, times: int) -> int:
    """Ask for each page so many times and print what that took."""
    datasette = open_datasette([path])
    name = path.stem
    with closing(sqlite3.connect(path)) as db:
        night = db.execute("SELECT max(id) FROM runs").fetchone()[0]
        campaign = db.execute(
            "SELECT campaign FROM removed GROUP BY campaign ORDER BY count(*) DESC LIMIT 1"
        ).fetchone()
    day = (
        f"{datetime.strptime(night[:16], '%Y%m%dT%H%M%SZ').replace(tzinfo=UTC).astimezone(SHANGHAI):%Y-%m-%d}"
    )
    pages = [
        *(STOCK, "/", "/archive/-/nights", f"/archive/-/nights/{day}", "/archive/-/tampering"),
        *("/archive/-/tampering?portal=lyg01.net", "/archive/-/tampering?page=20"),
        *(f"/archive/-/tampering/{row}" for row in campaign or ()),
    ]
    try:
        return asyncio.run(
            ask_all(datasette, [page.replace("/archive/", f"/{name}/") for page in pages], times)
        )
    finally:
        for database in datasette.databases.values():
            database.close()
        datasette.executor.shutdown()


async def ask_all(datasette: Datasette, pages: Sequence[str], times: int) -> int:
    """Print for each page its first and its median time, and that as a ratio of the stock page."""
    wrong, floor = 0, 0.0
    for page in pages:
        taken = []
        for _ in range(times):
            started = time.perf_counter()
            answer = await datasette.client.get(page)
            taken.append(time.perf_counter() - started)
            wrong += answer.status_code != 200
        usual = median(taken[1:])
        floor = floor or usual
        print(
            f"{page:60.60} first {taken[0] * 1000:5.0f} ms, then {usual * 1000:5.0f} ms, {usual / floor:5.2f} x stock"
        )
    return int(wrong > 0)


def fill(db: sqlite3.Connection, count: int) -> None:
    """Write years of an archive."""
    chance, write = random.Random(3), chain()
    texts = [write(chance, 900) for _ in range(2000)]
    titles = [write(chance, 18) for _ in range(5000)]

    def put(table: str, names: str, rows: Iterator[tuple[Any, ...]]) -> None:
        marks = ", ".join("?" * len(names.split()))
        columns = ", ".join(f'"{name}"' for name in names.split())
        db.executemany(f"INSERT INTO {table} ({columns}) VALUES ({marks})", rows)

    put(
        "runs",
        "id spider started finished outcome listed archived changed failed missed attachments tampered stats alarms",
        write_runs(),
    )
    put(
        "books",
        "run_id portal channel listed archived unchanged pending failed challenged gone offsite total lines pages parsed "
        "titled dated sourced",
        (
            (
                run_id(night, "lyg_news"),
                portal,
                channel,
                listed,
                listed - 20,
                10,
                3,
                2,
                1,
                2,
                2,
                listed + 5,
                *[9] * 6,
            )
            for night in range(NIGHTS)
            for portal, channel in CHANNELS
            for listed in (100 + 9 * night,)
        ),
    )
    put(
        "channels",
        "portal code name url unfinished",
        ((*place, f"栏目{place[1]}", "", 0) for place in CHANNELS),
    )
    put(
        "articles",
        "id url key portal channel title text published source tampered duplicate_of first_seen last_seen capture_id "
        "version fields",
        write_articles(chance, count, titles, texts),
    )
    same = "seen, title, text, published, source, tampered, fields"
    db.execute(
        f"INSERT INTO versions (article_id, version, change, {same}) SELECT id, 1, 'first', first_seen, title, text, "
        "published, source, tampered, fields FROM articles"
    )
    db.execute(
        f"INSERT INTO versions (article_id, version, change, {same}) SELECT id, 2, iif(tampered, 'tampered', 'edited'), "
        "last_seen, title, text, published, source, tampered, fields FROM articles WHERE version = 2"
    )
    put(
        "captures",
        "id url digest warc offset length run_id kind fetched_at status",
        (
            (n, f"http://www.lyg.gov.cn/{n}", "sha256:0", f"w{n % NIGHTS}", n, 900, run_id(n % NIGHTS, "lyg_news"),
             "article", "2026", 200)
            for n in range(1, 3 * count)
        ),
    )  # fmt: skip
    put("removed", "article_id version kind reasons place text html links block target seen campaign",
        write_blocks(chance, count, texts))  # fmt: skip
    db.execute(
        "INSERT INTO targets (host, campaign, blocks, first_seen, last_seen) "
        "SELECT substr(campaign, 1, 8) || '.example', campaign, count(*), min(seen), max(seen) FROM removed GROUP BY campaign"
    )
    put(
        "edits",
        "article_id version stage step fixer certainty start before after",
        (
            (n, version_of(n), "tamper", 0, "pinyin-note", "proven", start, "水(shuǐ)", "水")
            for n in range(HACKED, count + 1, HACKED)
            for start in range(30)
        ),
    )


def run_id(night: int, spider: str) -> str:
    """Name a run as the archive does."""
    return f"{(FIRST + timedelta(days=night)).astimezone(UTC):%Y%m%dT%H%M%SZ}-{spider}"


def version_of(number: int) -> int:
    """Give how many versions an article has."""
    return 1 + (number % 30 == 0)


def write_runs() -> Iterator[tuple[Any, ...]]:
    """Give the runs, with stats as long as those of real ones."""
    stats = json.dumps(
        {f"downloader/response_status_count/{number}": number for number in range(60)} | {"ledger/gone": 2}
    )
    alarm = {"portal": "www.lyg.gov.cn", "channel": "c1", "rule": "article failed", "what": "answers 500", "url": "http://www.lyg.gov.cn/"}  # fmt: skip
    for night in range(NIGHTS):
        began = FIRST + timedelta(days=night)
        for spider in SPIDERS:
            alarms = json.dumps([alarm] * (night % 4))
            yield (
                *(
                    run_id(night, spider),
                    spider,
                    began.isoformat(),
                    (began + timedelta(minutes=20)).isoformat(),
                ),
                *(
                    "partial" if night % 9 == 0 else "finished",
                    90,
                    90,
                    3,
                    night % 4,
                    3,
                    12,
                    night % 3,
                    stats,
                    alarms,
                ),
            )


def write_articles(
    chance: random.Random, count: int, titles: Sequence[str], texts: Sequence[str]
) -> Iterator[tuple[Any, ...]]:
    """Give the articles: a third came in the first night, the others night by night."""
    for number in range(1, count + 1):
        portal, channel = CHANNELS[number % len(CHANNELS)]
        night = 0 if number < count // 3 else chance.randrange(NIGHTS)
        seen = FIRST + timedelta(days=night, seconds=chance.randrange(1200))
        published = seen - timedelta(hours=2, days=chance.randrange(5000) if night == 0 else 0)
        last = (seen + timedelta(days=3)).isoformat()
        url = f"http://{portal}/{number}.html"
        yield (
            *(
                number,
                url,
                url[7:],
                portal,
                channel,
                titles[number % len(titles)],
                texts[number % len(texts)],
            ),
            *(published.isoformat(), "连云港日报", int(number % HACKED == 0), 1 if number % 9 == 0 else None),
            *(seen.isoformat(), last, None, version_of(number), "{}"),
        )


def write_blocks(chance: random.Random, count: int, texts: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    """Give the blocks of hacked pages: few campaigns have most of them."""
    markup = '<div style="display:none">' + '<a href="http://x.example/">x</a>' * 60 + "</div>"
    links = json.dumps(["http://x.example/a"] * 60)
    for number in range(HACKED, count + 1, HACKED):
        for _ in range(2):
            campaign = md5(
                str(int(chance.paretovariate(0.6)) % 3000).encode(), usedforsecurity=False
            ).hexdigest()
            block = md5(f"{campaign}{chance.randrange(50)}".encode(), usedforsecurity=False).hexdigest()
            seen = (FIRST + timedelta(days=number % NIGHTS)).isoformat()
            yield (
                *(
                    number,
                    version_of(number),
                    "hidden",
                    '[["hidden", 1.0], ["off-topic", 1.0]]',
                    "/html/body/div[4]",
                ),
                *(texts[number % len(texts)][:300], markup, links, block, "x.example", seen, campaign),
            )


if __name__ == "__main__":
    sys.exit(main())
