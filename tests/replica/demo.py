"""``make demo``: everything from nothing, on this machine alone.

Two nights of the replica portals, crawled by the real spiders under the real host names through a proxy on
loopback, then a saved page that was hijacked as the seed document was, into ``data/demo.db``.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from crawler.archive import Archive

from . import Replica
from .audit import audit, default_stories
from .mirror import copy

ROOT = Path(__file__).resolve().parents[2]
ARCHIVE = ROOT / "data" / "demo.db"
CAPTURES = ROOT / "data" / "demo-warc"
FAST = (
    "BROWSER_PAGES=0",
    "DOWNLOAD_DELAY=0",
    "AUTOTHROTTLE_ENABLED=0",
    "RETRY_BACKOFF_SECONDS=0.2",
    "LOG_LEVEL=ERROR",
)
SECONDS = 300
"""How long one command may take."""

SAVED = """社区食堂开到家门口 老人吃上暖心饭

            时间:2024-03-06 08:30:00
            来源:连云港日报
            阅读次数:
            字体:[ ]

            “饭菜软和,价钱也实在。”3月5日中午,家住海州区的王奶奶在社区食堂点了一荤两素。

            市民政局负责人介绍,今年我市将新建社区食堂12处,为独居、高龄老人提供送餐服务,让养老变“享老”。


            扫一扫打开当前页
"""


def scrapy(environment: dict[str, str], *words: str) -> str:
    """Run a command of the project and give what it printed; what it complains of goes to the screen."""
    settings = [word for pair in FAST for word in ("-s", pair)]
    done = subprocess.run(
        [sys.executable, "-m", "scrapy", *words, *settings],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        timeout=SECONDS,
        check=False,
    )
    return done.stdout.decode()


def main() -> None:
    """Crawl, ingest, compare with the truth table, and show what came of it."""
    started = time.monotonic()
    for end in ("", "-wal", "-shm", ".lock"):
        ARCHIVE.with_name(ARCHIVE.name + end).unlink(missing_ok=True)
    shutil.rmtree(CAPTURES, ignore_errors=True)
    with Replica(seed=1) as replica:
        replica.add_default_faults()
        environment = {
            **os.environ,
            **replica.environment,
            "ARCHIVE_PATH": str(ARCHIVE),
            "CAPTURE_DIR": str(CAPTURES),
            "CONTACT": "demo on loopback",
        }
        for night in (1, 2):
            replica.night = night
            print(
                f"\n— Night {night}: four portals on loopback, crawled by the real spiders under the real host names"
            )
            for line in scrapy(environment, "nightly").splitlines():
                if "tampered:" not in line:
                    print(f"  {line}")
            findings = audit(ARCHIVE, default_stories(replica), night)
            wanted = len(default_stories(replica))
            counts = Counter(finding.what for finding in findings)
            said = ", ".join(f"{number} × {what}" for what, number in counts.items()) or "none"
            print(
                f"  Against the truth table: {wanted} stories; differences in title, text, time, source: {said}"
            )
        strays = len(replica.strays)
    with tempfile.TemporaryDirectory() as folder:
        saved = Path(folder) / "saved-copy.txt"
        spam = "| ".join(f"无码专区中文字幕{number}区在线" for number in "一二三四五六七八九十")
        saved.write_text(copy(SAVED) + f"\n            {spam}|\n", encoding="utf-8")
        print("\n— A saved page of a hijacked copy, given to scrapy ingest:")
        print(f"  captured: {saved.read_text(encoding='utf-8').splitlines()[2].strip()}")
        print("  " + scrapy(environment, "ingest", str(saved)).splitlines()[0])
    show(strays)
    print(f"\nDone in {time.monotonic() - started:.0f} s. Look at it:")
    print(
        "  make browse                                   the archive in Datasette: http://127.0.0.1:8001/demo"
    )
    print(
        f"  ARCHIVE_PATH={ARCHIVE.relative_to(ROOT)} .venv/bin/scrapy search 民政      (or status, verify, explain 1)"
    )


def show(strays: int) -> None:
    """Print what the archive holds."""
    with Archive(ARCHIVE, readonly=True) as archive:
        print("\n— What was archived")
        for row in archive.conn.execute(
            "SELECT portal, count(*), sum(tampered), sum(duplicate_of IS NOT NULL), sum(version > 1), "
            "sum(gone IS NOT NULL) FROM articles WHERE part_of IS NULL GROUP BY portal ORDER BY portal"
        ):
            name, count, tampered, duplicates, versions, gone = row
            print(
                f"  {name:22} {count:4} articles, {tampered:2} tampered with, {duplicates:3} reprints, "
                f"{versions} in several versions, {gone} withdrawn"
            )
        edits, places = archive.conn.execute(
            "SELECT count(*), count(DISTINCT article_id) FROM edits"
        ).fetchone()
        blocks = archive.conn.execute("SELECT count(*) FROM removed").fetchone()[0]
        files = ", ".join(f"{count} {state}" for state, count in archive.files_by_state().items())
        captures = archive.conn.execute("SELECT count(*) FROM captures").fetchone()[0]
        print(
            f"  {edits} edits on {places} pages and {blocks} removed blocks on record; {captures} captures; {strays} strays"
        )
        print(f"  attachments and pictures: {files}")
        print("\n— The repaired copy")
        title, published, source, text = archive.conn.execute(
            "SELECT title, published, source, text FROM articles ORDER BY id DESC LIMIT 1"
        ).fetchone()
        print(f"  {title} · {published} · {source}")
        for paragraph in text.splitlines():
            print(f"  {paragraph}")


if __name__ == "__main__":
    main()
