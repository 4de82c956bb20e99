"""Crawl a whole portal with ``full=1``, kill the crawl again and again, and count what was asked for.

    python -m tests.bench.full [--stories 3000] [--kills 5] [--seed 1] [--pace 15]

One column of the city portal, under its real host name and in its own list format, is served from loopback; its
stories are made on the fly from their number. ``scrapy crawl lyg_news -a channel=gcyw -a full=1`` is ended with
SIGKILL at random moments and started again until it comes to its end by itself.

What is counted: the stories that the list named and the archive holds; the requests for each story, those *again*
after the story was archived apart (wanted: none; how many were under way when a run was killed bounds those asked
twice); the resident memory of the runs, sampled every half second, as the ratio of the last tenth of the longest run to its
second tenth; how much longer the ledger takes to list a page of lines and to hand out what is owed than an
empty one. Exit code 1 where a story is missing or was asked for after it was archived.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from statistics import median

from crawler.archive import Archive
from crawler.portals import Line
from tests.home import ROOT, Home
from tests.replica.replies import Reply
from tests.replica.server import Replica, page

CITY = "www.lyg.gov.cn"
LIST = "/zglygzfmhwz/gcyw/gcyw.html"
STORY = "/zglygzfmhwz/gcyw/content/{:08x}-2a0e-4fa4-83f2-a9338d401663.html"
CALL = "/TrueCMS/messageController/getMessage.do"
FIRST_DAY = date(2020, 1, 1)
"""All stories are old: none is asked for again because it is recent."""
PER_DAY = 70


@cache
def vocabulary() -> list[str]:
    """Give two-character words to make stories of."""
    text = (ROOT / "data" / "tables" / "bigrams.tsv").read_text(encoding="utf-8")
    rows = (line.split("\t") for line in text.splitlines() if line[:1] != "#")
    return [
        row[0] + after
        for row in rows
        if "一" <= row[0] <= "龥"
        for after in re.findall("[一-龥]", row[2])[:6]
    ]


def tell(number: int) -> tuple[str, list[str], date]:
    """Give the title, paragraphs and day of a story."""
    rng = random.Random(number)
    title = f"{''.join(rng.choices(vocabulary(), k=8))}第{number}期"
    paragraphs = [
        "".join("".join(rng.choices(vocabulary(), k=rng.randint(5, 9))) + "，" for _ in range(6))[:-1] + "。"
        for _ in range(5)
    ]
    return title, paragraphs, FIRST_DAY + timedelta(days=number // PER_DAY)


def line_of(number: int, title: str, day: date) -> str:
    """Give the line of a story in its list."""
    return f'<li><a href="{STORY.format(number)}" title="{title}">{title}</a><span>{day}</span></li>'


def first_screen(size: int, line: Callable[[int], str]) -> str:
    """Give the list page of a column of so many stories; `line` gives the line at a place, from 0."""
    records = "".join(f"<ul>{line(place)}</ul>" for place in range(min(60, size)))
    return (
        f'<html><body><div id="initData" style="display:none">{records}</div><script>$("#msgList").jpage('
        f"{{columnId:'f7749317-2a0e-4fa4-83f2-a9338d401663', totalRecord:\"{size}\", perPage:20,"
        f" proxyUrl:'{CALL}'}});</script></body></html>"
    )


def further_records(size: int, line: Callable[[int], str], query: str) -> bytes:
    """Give the further lines that the query of a call asks for."""
    said = dict(pair.split("=", 1) for pair in query.split("&"))
    places = range(max(int(said["startrecord"]), 1) - 1, min(int(said["endrecord"]), size))
    records = "".join(f"<record><![CDATA[{line(place)}]]></record>" for place in places)
    store = f"<datastore><totalrecord>{size}</totalrecord><recordset>{records}</recordset></datastore>"
    body = json.dumps({"result": store}, ensure_ascii=False).replace("</", "<\\/")
    return f";raw({body})".encode()


class Column(Replica):
    """One column of so many stories, newest first, instead of the replica's plan."""

    size = 0

    def __post_init__(self) -> None:
        """Begin without any request."""
        super().__post_init__()
        self.asked_for: Counter[int] = Counter()
        self.beside = 0

    def _record(self, place: int) -> str:
        number = self.size - place
        title, _, day = tell(number)
        return line_of(number, title, day)

    def answer(self, scheme: str, host: str, target: str, headers: dict[str, str]) -> Reply:
        """Answer with the list, a further piece of it, or a story."""
        path, _, query = target.partition("?")
        if path == LIST:
            return page(first_screen(self.size, self._record))
        if path == CALL:
            return Reply(further_records(self.size, self._record, query), "text/html;charset=UTF-8")
        if path.startswith(STORY.partition("{")[0]):
            title, paragraphs, day = tell(int(path.rsplit("/", 1)[1][:8], 16))
            text = "".join(f"<p>{paragraph}</p>" for paragraph in paragraphs)
            return page(
                f"<html><head><title>{title}</title></head><body><h1>{title}</h1><div>时间：{day} 09:00:00 "
                f'来源：连云港日报</div><div id="zoom">{text}</div></body></html>'
            )
        if path == "/robots.txt":
            return Reply(b"User-agent: *\nDisallow:\n", "text/plain")
        return page("<html><body>404</body></html>", status=404)

    def _log(
        self, method: str, scheme: str, host: str, path: str, headers: dict[str, str], status: int
    ) -> None:
        if path.startswith(STORY.partition("{")[0]):
            self.asked_for[int(path.rsplit("/", 1)[1][:8], 16)] += 1
        else:
            self.beside += 1


def resident(process: subprocess.Popen[bytes]) -> float:
    """Give the resident memory of a process in MiB; 0 where it is gone."""
    try:
        text = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in text.splitlines() if line.startswith("VmRSS")), 0.0)


def run(home: Home, words: list[str], seconds: float, log: Path) -> tuple[int | None, list[float]]:
    """Run the crawl, so many seconds at most, then kill it; give its exit code (None: killed) and its memory."""
    sizes = []
    end = time.monotonic() + seconds
    with log.open("ab") as said:
        process = subprocess.Popen(home.command(*words), cwd=ROOT, env=home.env, stdout=said, stderr=said)
        try:
            while process.poll() is None and time.monotonic() < end:
                time.sleep(0.5)
                sizes.append(resident(process))
        finally:
            killed = process.poll() is None
            if killed:
                process.send_signal(signal.SIGKILL)
            process.wait(timeout=30)
    return (None if killed else process.returncode), [size for size in sizes if size]


def archived(archive: Path) -> set[int]:
    """Give the numbers of the stories that the archive holds."""
    if not archive.exists():
        return set()
    with closing(sqlite3.connect(archive)) as db:
        try:
            keys = [key for (key,) in db.execute("SELECT key FROM articles")]
        except sqlite3.OperationalError:  # killed before it was made
            return set()
    return {int(key.rsplit("/", 1)[1][:8], 16) for key in keys}


def growth(sizes: list[float]) -> float:
    """Give the ratio of the last tenth of the samples to the second one."""
    tenth = max(1, len(sizes) // 10)
    return median(sizes[-tenth:]) / median(sizes[tenth : 2 * tenth] or sizes)


def cost(path: Path, stories: int) -> float:
    """Give the seconds that it takes to list 50 new lines and to hand out 32 of them, the best of seven; keeps nothing."""
    best = float("inf")
    with Archive(path) as archive:
        for turn in range(7):
            lines = [
                Line(
                    f"http://{CITY}{STORY.format(stories + 60 * turn + number)}",
                    f"第{number}期",
                    FIRST_DAY,
                    "gcyw",
                )
                for number in range(50)
            ]
            begin = time.perf_counter()
            archive.enlist(lines, portal=CITY, hosts=[CITY], seen="2026-01-01T00:00:00+08:00")
            archive.owed([CITY], run_id=f"turn {turn}", recent=FIRST_DAY + timedelta(days=99999))
            best = min(best, time.perf_counter() - begin)
            archive.rollback()
    return best


def main() -> int:
    """Crawl, kill, crawl on, and print what was counted."""
    told = argparse.ArgumentParser(prog="python -m tests.bench.full", description=__doc__)
    told.add_argument("--stories", type=int, default=3000)
    told.add_argument("--kills", type=int, default=5)
    told.add_argument("--seed", type=int, default=1)
    told.add_argument("--pace", type=float, default=15.0, help="pages a second that are reckoned with")
    said = told.parse_args()
    rng = random.Random(said.seed)
    again = under_way = 0
    began = time.monotonic()
    longest: list[float] = []
    with tempfile.TemporaryDirectory(prefix="full-") as folder, Column(seed=1, stories=20) as column:
        column.size = said.stories
        home = Home(Path(folder)).through(column)
        words = ["crawl", "lyg_news", "-a", "channel=gcyw", "-a", "full=1", "-s", "CLOSESPIDER_TIMEOUT=0"]
        words += [*home.quick, "-s", "LOG_LEVEL=WARNING"]
        log = Path(folder) / "log"
        runs = 0
        code: int | None = None
        while code is None:
            runs += 1
            before, asked = archived(home.archive), column.asked_for.copy()
            share = rng.uniform(0.02, 1.0) * said.stories / said.pace / (said.kills or 1)
            code, sizes = run(home, words, 6 + share if runs <= said.kills else 24 * 3600, log)
            longest = max(longest, sizes, key=len)
            now = {number for number in column.asked_for if column.asked_for[number] > asked[number]}
            again += len(now & before)
            if code is None:
                under_way += len(now - archived(home.archive))
            print(
                f"run {runs}: {'killed' if code is None else f'exit {code}'}, {len(archived(home.archive))} archived, "
                f"{sum(column.asked_for.values())} asked for, {max(sizes, default=0):.0f} MiB at most",
                flush=True,
            )
        seconds = time.monotonic() - began
        had = archived(home.archive)
        missing = said.stories - len(had)
        twice = sum(count - 1 for count in column.asked_for.values())
        with closing(sqlite3.connect(home.archive)) as db:
            states = dict(db.execute("SELECT state, count(*) FROM listings GROUP BY state"))
        verified = home.scrapy("verify", seconds=3600).returncode
        with tempfile.TemporaryDirectory(prefix="full-floor-") as small:
            ratio = cost(home.archive, said.stories) / cost(Path(small) / "archive.db", 0)
        if code or missing:
            print(log.read_text(encoding="utf-8", errors="replace")[-3000:])
    print(
        f"{said.stories} stories, {runs - 1} times killed: {len(had)} archived, {missing} missing, books {states}"
    )
    print(
        f"asked for twice: {twice} ({again} of them after they were archived; under way at a kill: {under_way})"
    )
    print(
        f"memory: last tenth of the longest run {growth(longest):.3f} of its second, {max(longest):.0f} MiB"
    )
    print(f"listing and handing out: {ratio:.2f} of what it takes in an empty ledger")
    print(f"{seconds:.0f} s, {said.stories / seconds:.1f} stories a second; verify exits {verified}")
    return int(bool(missing or again or code or verified))


if __name__ == "__main__":
    sys.exit(main())
