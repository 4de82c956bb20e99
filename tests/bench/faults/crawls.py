"""Crawls of bad portals by the real commands, and the judgement of what came of them."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from crawler.captures import CaptureRecord, read_record
from tests.bench.faults.badserver import Answers, BadServer, reply
from tests.bench.faults.inputs import Bad, good, mark
from tests.bench.faults.sources import CHANNEL
from tests.home import QUICK, ROOT, Home

RSS = 512
"""Megabytes of resident memory that a crawl may take."""
CPU = 10.0
"""Seconds of processor time that one page may cost, start and end of the crawl left out."""
START = 6.0
"""Seconds of processor time that a crawl of nothing takes at the most: start, archive, closing."""
TIMEOUT = 5
"""Seconds after which the bench's crawls give up on an answer."""
DAY, DAY_BEFORE = "2024/0302", "2024/0301"
"""Bad pages are listed a day later than the good ones, and so are asked for first."""
FAST = ("-s", f"DOWNLOAD_TIMEOUT={TIMEOUT}", "-s", "CONCURRENT_REQUESTS=32", "-s", "ATTACHMENT_MAXSIZE=0")
SOURCES = ("-s", "SPIDER_MODULES=tests.bench.faults.sources")
UNSAFE_RE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""What no line of a log may hold."""


class Verdict(NamedTuple):
    """What became of a case."""

    survived: bool | None
    """None: it was skipped."""
    seen: str


class Done(NamedTuple):
    """A command that has ended, and what it cost."""

    code: int
    log: str
    out: str
    rss: int
    """The most resident memory, in megabytes."""
    cpu: float
    """Seconds of processor time, those of its children too."""
    wall: float

    @property
    def tells(self) -> str:
        """Give what cannot be right in any log, in one line; empty where nothing is wrong."""
        if "Traceback (most recent call last)" in self.log + self.out:
            return "a traceback: " + (self.log + self.out).rstrip().splitlines()[-1][:200]
        for line in (self.log + self.out).splitlines():
            if found := UNSAFE_RE.search(line):
                return f"a line of the log holds {found[0]!r}"
        return ""


def run(
    home: Home, *words: str, seconds: float = 120, env: Mapping[str, str] | None = None, limits: Any = None
) -> Done:
    """Run a command of the project to its end and measure it; one that does not end is killed (code -9)."""
    said_in = home.folder.with_name(f"{home.folder.name}-said")  # the home itself may be full
    said_in.mkdir(exist_ok=True)
    out, err = said_in / "stdout", said_in / "stderr"
    began = time.monotonic()
    peak = 0
    with open(out, "wb") as stdout, open(err, "wb") as stderr:
        process = subprocess.Popen(
            home.command(*words), cwd=ROOT, env={**home.env, **(env or {})}, stdout=stdout, stderr=stderr,
            preexec_fn=limits,
        )  # fmt: skip
        cpu = 0.0
        while process.poll() is None:
            with suppress(OSError, IndexError, ValueError):
                status = Path(f"/proc/{process.pid}/status").read_text()
                peak = max(peak, int(re.findall(r"VmHWM:\s+(\d+)", status)[0]) // 1024)
                fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
                cpu = max(cpu, sum(map(int, fields[11:15])) / 100)
            if time.monotonic() - began > seconds:
                process.kill()
            time.sleep(0.05)
    log = err.read_text(encoding="utf-8", errors="replace")
    for file in sorted((home.folder / "logs").glob("nightly.log*")):
        log += file.read_text(encoding="utf-8", errors="replace")
    text = out.read_text(encoding="utf-8", errors="replace")
    return Done(process.returncode, log, text, peak, cpu, time.monotonic() - began)


class Portal(NamedTuple):
    """A portal as the bench declares it: its articles by address (``host/path``), each with its listed title."""

    name: str
    hosts: tuple[str, ...]
    lines: tuple[tuple[str, str], ...]
    home: str = ""


def listing(lines: Iterable[tuple[str, str]], more: str = "") -> str:
    """Write a list page."""
    rows = "".join(
        f'<li><a href="{url}">{title}</a><span>{"-".join(url.split("/")[-3:-1])}</span></li>'
        for url, title in lines
    )
    return f"<html><head><title>海州新闻</title></head><body><ul>{rows}</ul>{more}</body></html>"


def declare(home: Home, portals: Sequence[Portal]) -> None:
    """Let the bench's source crawl these portals."""
    declared = [{"name": p.name, "hosts": p.hosts, **({"home": p.home} if p.home else {})} for p in portals]
    home.env["BAD_PORTALS"] = json.dumps(declared)


def serve(portals: Sequence[Portal], answers: Mapping[str, Answers]) -> dict[str, Answers]:
    """Give the answers of a server for portals: their lists, and robots.txt of every host, unless given."""
    made: dict[str, Answers] = {}
    for portal in portals:
        made[f"{portal.hosts[0]}/{CHANNEL}/"] = reply(listing(portal.lines))
        for host in portal.hosts:
            made[f"{host}/robots.txt"] = reply("", status="404 Not Found")
    return {**made, **answers}


class Batch:
    """Bad articles on one portal, each with a host of its own and a good page behind it, crawled and looked at."""

    def __init__(self, bads: Sequence[Bad]) -> None:
        self.bads = list(bads)
        self.places = {
            id(bad): f"b{n}.bad.example/{CHANNEL}/{DAY}/{n + 1}.shtml" for n, bad in enumerate(bads)
        }
        self.goods = {
            f"b{n}.bad.example/{CHANNEL}/{DAY_BEFORE}/{n + 1}.shtml": good(n) for n in range(len(bads))
        }
        title = "海州区{}码头开工".format
        lines = [(f"http://{self.places[id(bad)]}", title(mark(bad.case, bad.variant))) for bad in bads]
        lines += [(f"http://{place}", title(mark("good", str(n)))) for n, place in enumerate(self.goods)]
        hosts = ("www.bad.example", *(f"b{n}.bad.example" for n in range(len(bads))))
        self.portal = Portal("bad.example", hosts, tuple(lines))
        answers: dict[str, Answers] = {place: reply(text) for place, text in self.goods.items()}
        answers |= {self.places[id(bad)]: bad.make() if bad.make else bad.answer for bad in bads}
        self.answers = serve([self.portal], answers)

    def crawl(self, home: Home, seconds: float = 180) -> tuple[Done, BadServer]:
        """Crawl once by ``scrapy nightly``."""
        declare(home, [self.portal])
        with BadServer(self.answers) as server:
            home.env |= server.environment
            done = run(home, "nightly", *QUICK, *FAST, *SOURCES, seconds=seconds)
        return done, server

    def judge(self, home: Home, done: Done, server: BadServer) -> dict[int, Verdict]:
        """Say of each bad article what became of it."""
        states = {
            url.removeprefix("http://"): (state, error or "")
            for url, state, error in home.ask("SELECT url, state, error FROM listings")
        }
        articles = {
            url.removeprefix("http://"): f"{title}\n{text}"
            for url, title, text in home.ask("SELECT url, title, text FROM articles")
        }
        return {
            id(bad): self.judge_one(bad, number, home, server, states, articles)
            for number, bad in enumerate(self.bads)
        }

    def judge_one(
        self,
        bad: Bad,
        number: int,
        home: Home,
        server: BadServer,
        states: Mapping[str, tuple[str, str]],
        articles: Mapping[str, str],
    ) -> Verdict:
        place = self.places[id(bad)]
        state, error = states.get(place, ("unlisted", ""))
        captured = captures_of(home, f"http://{place}")
        flags = " ".join(captured[-1][1] if captured else [])
        seen = state + (f": {error}" if error else "") + (f" [{flags}]" if flags else "")
        text = articles.get(place, "")
        wrong = [
            f"wanted {bad.state}" if bad.state and state != bad.state else "",
            f"the error lacks {bad.says}" if bad.says and not re.search(bad.says, error) else "",
            "failed without a reason" if state == "failed" and not error else "",
            f"the flags lack {bad.flags}" if bad.flags and not re.search(bad.flags, flags) else "",
            f"asked {server.asked[place]} times" if bad.asked and server.asked[place] > bad.asked else "",
            f"the text holds {bad.lacks!r}" if bad.lacks and re.search(bad.lacks, text) else "",
            "the article is not what it was"
            if state == "archived" and bad.calm and mark(bad.case, bad.variant) not in text
            else "",
            "what was received is not in the captures"
            if bad.kept is not None and bad.kept not in [body for body, _ in captured]
            else "",
            "the good page after it is missing" if list(self.goods)[number] not in articles else "",
        ]
        said = "; ".join(filter(None, wrong))
        return Verdict(not said, f"{seen} — {said}" if said else seen)


def captures_of(home: Home, url: str) -> list[tuple[bytes | None, Collection[str]]]:
    """Read back what was captured of an address, with the flags in the archive."""
    earlier: list[CaptureRecord] = []
    found: list[tuple[bytes | None, Collection[str]]] = []
    quoted = url.replace("'", "''")
    for warc, offset, flags in home.ask(
        f"SELECT warc, offset, flags FROM captures WHERE url = '{quoted}' ORDER BY id"
    ):
        record = read_record(home.captures / warc, offset, lambda _: earlier[-1] if earlier else None)
        if isinstance(record, CaptureRecord):
            if record.revisit is None:
                earlier.append(record)
            found.append((record.body, (flags or "").split()))
        else:
            found.append((None, ()))
    return found
