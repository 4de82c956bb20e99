"""``python -m tests.bench.search``: the search against a full scan, and its index against SQLite's own ``trigram``.

The texts are written by a chain over this folder's own texts, with rare characters strewn in, so that words are as
unequally common as in news. All times of one run are of one machine; only their ratios mean anything.
"""

from __future__ import annotations

import argparse
import random
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from sqlite_utils import Database

from crawler.archive import Archive
from crawler.text import tables
from crawler.text.signatures import folding
from tests.home import ROOT

HERE = Path(__file__).parent
SOURCES = ("连云港日报", "市民政局", "苍梧晚报", "连云港市人民政府办公室", "新华社")
CHANNELS = [
    *(("lyg.gov.cn", code) for code in ("gcyw", "tzgg", "bmdt", "xqdt", "zcwj")),
    *(("mzj.lyg.gov.cn", code) for code in ("tzgg", "gzdt", "zcfg")),
    *(("epaper.lyg1.com", f"{page:02}") for page in range(1, 9)),
]
SCAN = "SELECT id FROM articles WHERE instr(title, :word) OR instr(text, :word) OR instr(source, :word)"
SECONDS = 3000
"""How long the writer beside the searches may take at most."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the figures; 1 where a question is not answered as the full scan answers it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--texts", type=int, default=20_000)
    parser.add_argument("--questions", type=int, default=500)
    parser.add_argument("--busy", type=int, default=1000, help="searches while a crawl writes")
    parser.add_argument(
        "--keep", metavar="ARCHIVE", help="fill this archive once, and ask it alone after that"
    )
    parser.add_argument("--write", metavar="ARCHIVE", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.write:
        return write_beside(Path(options.write))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(options.keep or f"{folder}/archive.db")
        known = path.exists()
        with Archive(path) as archive:
            if not known:
                fill(archive, options.texts)
                archive.commit()
                print(index(archive, Path(folder) / "trigram.db"), flush=True)
            wrong = ask_all(archive, options.questions)
            print(beside(path, options.busy))
            print(again(archive, Path(folder)))
    return int(wrong > 0)


# --- texts ---


def chain() -> Callable[[random.Random, int], str]:
    """Give a writer of texts: each character follows two others as it does in this folder's texts."""
    files = (HERE / "honest-texts.tsv", HERE / "honest-lines.txt", ROOT / "tests/replica/phrases.txt")
    known = "".join(file.read_text(encoding="utf-8").replace("\n", "").replace("\t", "") for file in files)
    after: dict[str, list[str]] = defaultdict(list)
    for at in range(len(known) - 2):
        after[known[at : at + 2]].append(known[at + 2])
    pairs = list(after)
    rare = [chr(code) for code in range(0x4E00, 0x9000)]

    def write(chance: random.Random, length: int) -> str:
        pair = chance.choice(pairs)
        out = [pair]
        while len(out) < length:
            if chance.random() < 0.004:
                out += chance.choices(rare, k=chance.randint(2, 3))
            if chance.random() < 0.02 or pair not in after:
                pair = chance.choice(pairs)
                out.append(pair)
                continue
            char = chance.choice(after[pair])
            out.append(char)
            pair = pair[1] + char
        return "".join(out)[:length]

    return write


def fill(archive: Archive, count: int) -> None:
    """Write articles without an index."""
    chance, write = random.Random(1), chain()

    def rows() -> Iterator[tuple[Any, ...]]:
        for number in range(1, count + 1):
            day = f"{chance.randint(2014, 2024)}-{chance.randint(1, 12):02}-{chance.randint(1, 28):02}T09:00:00+08:00"
            title, text = write(chance, 18), write(chance, chance.randint(600, 1000))
            source, (portal, channel) = chance.choice(SOURCES), chance.choice(CHANNELS)
            url = f"http://www.{portal}/content/{number}.html"
            tampered = int(number % 100 == 0)
            yield (number, url, url[11:], portal, channel, title, text, source, day, tampered, day, day, 1)

    with archive._write():
        archive.conn.executemany(
            "INSERT INTO articles (id, url, key, portal, channel, title, text, source, published, tampered, first_seen, "
            "last_seen, version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            rows(),
        )


# --- the index ---


def index(archive: Archive, peer: Path) -> str:
    """Build both indexes over the same articles and compare bytes and time."""
    raw, count = archive.conn.execute(
        "SELECT sum(length(CAST(title || text || source AS BLOB))), count(*) FROM articles"
    ).fetchone()
    started = time.process_time()
    archive.rebuild_index()
    archive.commit()
    own = time.process_time() - started
    own_bytes = _bytes(archive.conn, "articles_fts")
    archive.conn.execute("ATTACH DATABASE ? AS peer", (str(peer),))
    archive.conn.execute("PRAGMA peer.journal_mode=WAL")
    archive.conn.execute(
        "CREATE VIRTUAL TABLE peer.trigrams USING fts5(title, text, source, content='', tokenize='trigram')"
    )
    started = time.process_time()
    archive.conn.execute("BEGIN")
    archive.conn.execute(
        "INSERT INTO peer.trigrams (rowid, title, text, source) SELECT id, title, text, source FROM articles"
    )
    archive.conn.execute("COMMIT")
    other = time.process_time() - started
    other_bytes = _bytes(archive.conn, "peer.trigrams")
    archive.conn.execute("DETACH DATABASE peer")
    return (
        f"{count} articles, {raw / 1e6:.0f} MB of text\n"
        f"index: {own_bytes / raw:.2f} x the text, {own_bytes / other_bytes:.2f} x trigram\n"
        f"indexed per CPU-second: {count / own:.0f}, {other / own:.2f} x trigram ({count / other:.0f})"
    )


def _bytes(conn: sqlite3.Connection, table: str) -> int:
    schema, _, name = table.rpartition(".")
    place = f"{schema}." if schema else ""
    conn.execute(f"INSERT INTO {place}{name} ({name}) VALUES ('optimize')")
    data = conn.execute(f"SELECT sum(length(block)) FROM {place}{name}_data").fetchone()[0]
    more = conn.execute(f"SELECT count(*) FROM {place}{name}_idx").fetchone()[0]
    sizes = conn.execute(
        "SELECT count(*) FROM sqlite_schema WHERE name = ?"
        if not schema
        else "SELECT count(*) FROM peer.sqlite_schema WHERE name = ?",
        (f"{name}_docsize",),
    ).fetchone()[0]
    docs = (
        conn.execute(f"SELECT sum(length(sz) + 4) FROM {place}{name}_docsize").fetchone()[0] if sizes else 0
    )
    return int(data + 8 * more + docs)


# --- questions ---


def ask_all(archive: Archive, count: int) -> int:
    """Ask random words of the texts, every second one in the other script, and hold the answers against a full scan.

    Times are of the processor: all pages are in memory, and what else the machine does is not to count.
    """
    chance = random.Random(2)
    back = {to[0]: char for char, to in tables.read("traditional") if to}
    newest = archive.conn.execute("SELECT max(id) FROM articles").fetchone()[0]
    questions = []
    while len(questions) < count:
        text = archive.conn.execute(
            "SELECT text FROM articles WHERE id = ?", (chance.randint(1, newest),)
        ).fetchone()[0]
        length, at = chance.randint(1, 12), chance.randrange(len(text))
        word = text[at : at + length]
        if len(word) == length and word.isalnum() and word == word.translate(folding()).lower():
            typed = "".join(back.get(char, char) for char in word) if len(questions) % 2 else word
            questions.append((word, typed))
    wrong = 0
    scans: list[float] = []
    times: dict[tuple[str, bool], list[float]] = defaultdict(list)
    for word, typed in questions:
        found = set(archive.matching(typed))
        started = time.process_time()
        wanted = {row[0] for row in archive.conn.execute(SCAN, {"word": word})}
        scans.append(time.process_time() - started)
        # what the texts have in the other script the scan does not see
        extra = {i for i in found - wanted if not _has(archive, i, word)}
        if wanted - found or extra:
            wrong += 1
            print(f"wrong: {typed}: {len(wanted - found)} missed, {len(extra)} too many")
        for newest_first in (False, True):
            started = time.process_time()
            archive.search(typed, newest=newest_first)
            kind = "newest" if newest_first else "ranked"
            times[kind, len(word) == 1].append(time.process_time() - started)
    scan = median(scans)
    print(
        f"{count} questions of 1-12 characters, both scripts: {count - wrong} answered as the full scan does"
    )
    print(f"full scan: median {scan * 1000:.0f} ms")
    for kind, one in sorted(times):
        spent = quantiles(times[kind, one], n=20)[-1]
        print(
            f"{kind}, words of {'1 character' if one else '2 and more'}: median {median(times[kind, one]) * 1000:.1f} ms, "
            f"p95 {spent * 1000:.1f} ms, 1/{scan / spent:.0f} of the scan"
        )
    both = quantiles(times["newest", True] + times["newest", False], n=20)[-1]
    print(f"newest, all: p95 {both * 1000:.1f} ms, 1/{scan / both:.0f} of the scan")
    return wrong


def _has(archive: Archive, article_id: int, word: str) -> bool:
    row = archive.conn.execute(
        "SELECT title, text, source FROM articles WHERE id = ?", (article_id,)
    ).fetchone()
    plain = (unicodedata.normalize("NFKC", field or "").lower().translate(folding()) for field in row)
    return any(word in each for each in plain)


# --- beside a crawl ---


def write_beside(path: Path) -> int:
    """Write articles as a crawl does, in batches, until the input is closed."""
    chance, write = random.Random(3), chain()
    ended = time.monotonic() + SECONDS
    with Archive(path) as archive:
        number = archive.conn.execute("SELECT max(id) FROM articles").fetchone()[0]
        print("writing", flush=True)
        while time.monotonic() < ended:
            with archive._write():
                for _ in range(32):
                    number += 1
                    row = {
                        "id": number,
                        "url": f"http://x/{number}",
                        "key": f"x/{number}",
                        "portal": "x",
                        "channel": "x",
                        "title": write(chance, 18),
                        "text": write(chance, 800),
                        "source": "x",
                        "published": "2024-12-31",
                        "tampered": 0,
                        "first_seen": "2024-12-31",
                        "last_seen": "2024-12-31",
                        "version": 1,
                    }
                    archive._insert("articles", row)
                    archive._index(number, archive._indexed(number, row))
            archive.commit()
            time.sleep(0.05)


def beside(path: Path, count: int) -> str:
    """Compare the time of searches with and without a crawl that writes."""
    words = ["民政", "连云港", "养老服务", "市", "项目建设", "公告"]

    def spend() -> tuple[float, int]:
        spent, locked = [], 0
        with Archive(path, readonly=True) as archive:
            for at in range(count):
                started = time.perf_counter()
                try:
                    archive.search(words[at % len(words)], newest=bool(at % 2))
                except sqlite3.OperationalError:
                    locked += 1
                spent.append(time.perf_counter() - started)
        return quantiles(spent, n=20)[-1], locked

    idle, _ = spend()
    command = [sys.executable, "-m", "tests.bench.search", "--write", str(path)]
    writer = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)
    try:
        assert writer.stdout is not None
        writer.stdout.readline()
        busy, locked = spend()
    finally:
        writer.kill()
        writer.wait(timeout=30)
        writer.stdout.close()
    return f"while a crawl writes: p95 {busy / idle:.2f} x the idle one, {locked} of {count} locked"


def again(archive: Archive, folder: Path, known: int = 20_000, asked: int = 2000) -> str:
    """Compare a night that changes nothing with upserts of the same articles as sqlite-utils makes them.

    The peer is a table of articles with ``enable_fts(create_triggers=True)`` and the tokenizer that finds Chinese;
    each article is upserted as it comes, which sqlite-utils commits each time. The second figure is kinder than
    that: one transaction. The archive notes each article as the crawl does, which commits when a page comes.
    """
    sought = "SELECT id, url, key, portal, channel, title, text, source, published FROM articles ORDER BY id DESC LIMIT ?"
    rows = [dict(row) for row in archive.conn.execute(sought, (known,))]
    with archive._write():
        archive.conn.executemany(
            "INSERT OR IGNORE INTO listings (portal, channel, key, url, first_listed, last_listed, state, attempts, "
            "article_id) VALUES (:portal, :channel, :key, :url, :published, :published, 'archived', 0, :id)",
            rows,
        )
    archive.commit()
    peer = Database(folder / "upsert.db")
    table = peer.table("articles")
    table.insert_all(rows, pk="id")
    table.enable_fts(["title", "text", "source"], create_triggers=True, tokenize="trigram")
    each = _spend(lambda row: table.upsert(row, pk="id"), rows[:asked])
    with peer.atomic():
        together = _spend(lambda row: table.upsert(row, pk="id"), rows[:asked])
    peer.close()
    own = _spend(lambda row: archive.unchanged(row["url"], "2026-11-27T02:00:00+08:00"), rows[:asked])
    started = time.process_time()
    archive.commit()
    own += time.process_time() - started
    return (
        f"a night that changes nothing: {own / asked * 1e6:.0f} us an article, 1/{each / own:.0f} of unguarded upserts "
        f"into a table with an index, 1/{together / own:.0f} of such in one transaction"
    )


def _spend(do: Callable[[dict[str, Any]], Any], rows: Sequence[dict[str, Any]]) -> float:
    started = time.process_time()
    for row in rows:
        do(row)
    return time.process_time() - started


if __name__ == "__main__":
    code = main()
    print(f"memory at most {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MB", file=sys.stderr)
    sys.exit(code)
