"""One crawl of many pages, some of them bad in every way that is known, and what is left of each.

    python -m tests.bench.faults.mix [--pages 100000] [--bad 1] [--mutants 0] [--seed 1]

A portal of stories made on the fly from their numbers is crawled by ``scrapy nightly``; `--bad` percent of its pages are
drawn evenly over every kind of bad answer of the table, `--mutants` more are good pages spoiled at random. Wanted of the
run: it ends, its memory is flat, each line of the lists ends in the state that is wanted of its kind and where that
is not `archived` with a cause, the books balance, every body that was sent whole is in the captures by its SHA-256,
``scrapy verify`` finds nothing. Exit code 1 where anything of that is not so.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import re
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

from crawler.captures import CaptureRecord, read_captures
from tests.bench.faults.badserver import Answers, BadServer, reply
from tests.bench.faults.crawls import SOURCES, Done, Portal, Verdict, declare, listing
from tests.bench.faults.crawls import run as run_command
from tests.bench.faults.inputs import Bad, all_bad, mark, mutants, story
from tests.bench.faults.portals import location, redirects
from tests.bench.faults.proofs import Bench, Verdicts, proves
from tests.bench.faults.sources import CHANNEL
from tests.bench.full import FIRST_DAY, PER_DAY, growth, run, tell
from tests.home import QUICK, Home

HOSTS = 32
"""Over so many hosts the pages are spread: an answer that hangs holds up those of its own host alone."""
PER_LIST = 500
"""Lines of one page of the list."""
PAGE_RE = re.compile(rf"m\d+\.mix\.example/{CHANNEL}/\d{{4}}/\d{{4}}/(\d+)\.shtml")
LIST_RE = re.compile(rf"www\.mix\.example/{CHANNEL}/(?:index_(\d+)\.shtml)?")
FURTHER_RE = re.compile(r"m\d+\.mix\.example/r(\d+)(/.*)")
"""Where the redirects of a bad page lead on its own host."""
SETTINGS = {
    "DOWNLOAD_TIMEOUT": 10,  # those that hang hold up their host for three times as long
    "CONCURRENT_REQUESTS": HOSTS,
    "ATTACHMENT_MAXSIZE": 0,
}
TOO_BIG = frozenset({("B066", "100 MB")})
"""Kinds that are left out: what is cut at a limit long before is as bad in its first bytes (B017, B018)."""


def refusals() -> Iterator[Bad]:
    """Give what portals answer in place of a page; of no case of the table."""
    yield Bad("status", "404", reply("<h1>404</h1>", status="404 Not Found"), "gone", "404")
    yield Bad("status", "410", reply("<h1>410</h1>", status="410 Gone"), "gone", "410")
    yield Bad("status", "403", reply("<h1>403</h1>", status="403 Forbidden"), "challenged", "status 403")
    yield Bad("status", "500", reply("<h1>500</h1>", status="500 Oops"), "failed", "answers 500", asked=3)
    script = "<html><body><script>document.cookie='gate=open';location.reload();</script></body></html>"
    yield Bad("status", "521", reply(script, status="521 Gate"), "challenged", "gate")


def kinds() -> list[Bad]:
    """Give every kind of bad page that fits into one crawl, with its answer made."""
    every = [*all_bad(), *redirects(), *refusals()]
    return [
        bad._replace(answer=bad.make(), make=None) if bad.make else bad
        for bad in every
        if (bad.case, bad.variant) not in TOO_BIG
    ]


class Plan(NamedTuple):
    """Which of so many pages are bad, by their number, and how; all others are stories."""

    pages: int
    bad: dict[int, Bad]

    @classmethod
    def draw(cls, pages: int, percent: float, spoiled: int, chance: random.Random) -> Plan:
        """Draw bad pages evenly over all kinds, and spoil others at random."""
        count = round(pages * percent / 100)
        every = kinds() if count else []
        drawn = [
            bad
            for _ in range(-(-count // len(every)) if every else 0)
            for bad in chance.sample(every, len(every))
        ]
        bads = [*drawn[:count], *mutants(spoiled, chance)]
        return cls(pages, dict(zip(chance.sample(range(pages), len(bads)), bads, strict=True)))

    def place(self, number: int) -> str:
        """Give the address of a page, without its scheme."""
        day = FIRST_DAY + timedelta(days=number // PER_DAY)
        return f"m{number % HOSTS}.mix.example/{CHANNEL}/{day:%Y/%m%d}/{number}.shtml"

    def title(self, number: int) -> str:
        bad = self.bad.get(number)
        return f"海州区{mark(bad.case, bad.variant)}码头开工" if bad else tell(number)[0]

    def story(self, number: int) -> bytes:
        """Write a good page."""
        title, paragraphs, day = tell(number)
        text = "".join(f"<p>{paragraph}</p>" for paragraph in paragraphs)
        return (
            f"<!doctype html><html><head><title>{title}</title></head><body><h1>{title}</h1>"
            f"<p>{day} 09:00 来源：海州报</p><div id=zoom class=content>{text}</div></body></html>"
        ).encode()

    def answer(self, number: int) -> Answers:
        bad = self.bad.get(number)
        if bad is None:
            return reply(self.story(number))
        if not isinstance(bad.answer, bytes) or b"HOST" not in bad.answer:
            return bad.answer
        host = self.place(number).partition("/")[0].encode()
        own = bad.answer.replace(b"HOST:", host + b":")
        return own.replace(b"HOST", b"%s/r%d" % (host, number))

    def further(self, number: int, host: str, path: str) -> Answers:
        """Answer where a redirect of a page led to."""
        base = f"http://{host}/r{number}"
        if path.startswith("/loop"):
            return location(f"{base}/loop{'' if path == '/loop2' else 2}")
        if found := re.fullmatch(r"/chain\?n=(\d+)", path):
            return location(f"{base}/chain?n={int(found[1]) + 1}")
        bad = self.bad[number]
        return reply(story(bad.case, bad.variant))

    def list_page(self, number: int) -> bytes:
        """Write a page of the list, newest first."""
        first = self.pages - 1 - PER_LIST * (number - 1)
        lines = (
            (f"http://{self.place(n)}", self.title(n)) for n in range(first, max(-1, first - PER_LIST), -1)
        )
        more = (
            f'<div><a href="/{CHANNEL}/index_{number + 1}.shtml">下一页</a></div>'
            if first >= PER_LIST
            else ""
        )
        return reply(listing(lines, more))


class Mixed(BadServer):
    """The server of a plan."""

    def __init__(self, plan: Plan) -> None:
        super().__init__({})
        self.plan = plan

    def _find(self, key: str, host: str) -> Answers | None:
        if found := PAGE_RE.fullmatch(key):
            return self.plan.answer(int(found[1]))
        if found := LIST_RE.fullmatch(key):
            return self.plan.list_page(int(found[1] or 1))
        if found := FURTHER_RE.fullmatch(key):
            return self.plan.further(int(found[1]), host, found[2])
        return reply("", status="404 Not Found") if key.endswith("/robots.txt") else None


def digests(folder: Path) -> dict[str, set[bytes]]:
    """Read all captures back; give the SHA-256 of the bodies of each address, reckoned here."""
    found: dict[str, set[bytes]] = defaultdict(set)
    for file in sorted(folder.iterdir()):
        for record in read_captures(file):
            if isinstance(record, CaptureRecord) and record.revisit is None:
                found[record.url].add(hashlib.sha256(record.body).digest())
    return found


def judge(plan: Plan, home: Home, server: Mixed) -> Iterator[tuple[str, str]]:
    """Give what is wrong with any page, with the name of its kind."""
    states = {
        url: (state, error or "") for url, state, error in home.ask("SELECT url, state, error FROM listings")
    }
    titles = dict(home.ask("SELECT url, title FROM articles"))
    flags = defaultdict(str)
    for url, said in home.ask("SELECT url, flags FROM captures WHERE flags IS NOT NULL ORDER BY id"):
        flags[url] = said
    kept = digests(home.captures)
    for number in range(plan.pages):
        place = plan.place(number)
        url = f"http://{place}"
        state, error = states.get(url, ("unlisted", ""))
        bad = plan.bad.get(number)
        if state == "pending":
            continue
        if bad is None:
            body: bytes | None = plan.story(number)
            wrong = [
                ""
                if state == "archived" and titles.get(url) == plan.title(number)
                else "not archived as it is"
            ]
        else:
            body = bad.kept
            wrong = [
                f"wanted {bad.state}" if bad.state and state != bad.state else "",
                f"the error lacks {bad.says}" if bad.says and not re.search(bad.says, error) else "",
                f"the flags lack {bad.flags}" if bad.flags and not re.search(bad.flags, flags[url]) else "",
                f"asked {server.asked[place]} times" if bad.asked and server.asked[place] > bad.asked else "",
                "no cause" if state not in ("archived", "gone") and not error else "",
            ]
        if body is not None and hashlib.sha256(body).digest() not in kept[url]:
            wrong.append("what was sent is not in the captures")
        if said := "; ".join(filter(None, wrong)):
            yield (
                f"{bad.case} {bad.variant}".strip() if bad else "good",
                f"{url} {state} {error[:200]}: {said}",
            )


def look_over(plan: Plan, home: Home, server: Mixed, checked: Done) -> Iterator[str]:
    """Give what is wrong with the run as a whole."""
    counted = dict(home.ask("SELECT state, count(*) FROM listings GROUP BY 1"))
    (book,) = home.ask(
        "SELECT listed, archived, unchanged, pending, failed, challenged, gone, offsite FROM books"
    )
    if sum(counted.values()) != plan.pages or book[0] != plan.pages or sum(book[1:]) != book[0]:
        yield f"the books do not balance: {book}, {counted}"
    if server.strays:
        yield f"asked for {server.strays[:3]}"
    if checked.code or checked.tells:
        yield f"verify exits {checked.code}: {(checked.out + checked.log)[:300]} {checked.tells}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Crawl, and print what came of it."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.faults.mix", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--pages", type=int, default=100_000)
    parser.add_argument("--bad", type=float, default=1.0, metavar="PERCENT")
    parser.add_argument(
        "--mutants", type=int, default=0, metavar="N", help="so many good pages spoiled at random"
    )
    parser.add_argument(
        "--minutes", type=float, help="end in good order after so many; the rest is owed then"
    )
    parser.add_argument("--seed", type=int, default=1)
    said = parser.parse_args(arguments)
    plan = Plan.draw(said.pages, said.bad, said.mutants, random.Random(said.seed))
    with tempfile.TemporaryDirectory(prefix="mix-") as folder:
        right = True
        for line in crawl(Path(folder) / "home", plan, said.minutes):
            right &= not line.startswith(NOT)
            print(line)
    return int(not right)


NOT = "NOT "
"""What a line begins with that says what is wrong."""


def crawl(folder: Path, plan: Plan, minutes: float | None = None) -> Iterator[str]:
    """Crawl a plan once and tell what came of it."""
    folder.mkdir()
    home = Home(folder)
    hosts = ("www.mix.example", *(f"m{n}.mix.example" for n in range(HOSTS)))
    declare(home, [Portal("mix.example", hosts, ())])
    words = ["nightly", *QUICK, *SOURCES]
    words += ["--max-minutes", str(minutes)] if minutes else ["-s", "CLOSESPIDER_TIMEOUT=0"]
    words += [word for name, value in SETTINGS.items() for word in ("-s", f"{name}={value}")]
    began = time.monotonic()
    with Mixed(plan) as server:
        home.env |= server.environment
        code, sizes = run(home, words, 6 * 3600, folder / "said")
    seconds = time.monotonic() - began
    logs = sum(file.stat().st_size for file in (folder / "logs").iterdir())
    checked = run_command(home, "verify", *SOURCES, seconds=3600)
    states = dict(home.ask("SELECT state, count(*) FROM listings GROUP BY 1 ORDER BY 2 DESC"))
    ended = plan.pages - states.get("pending", 0)
    wrong: dict[str, list[str]] = defaultdict(list)
    for kind, what in judge(plan, home, server):
        wrong[kind].append(what)
    for kind, every in wrong.items():
        yield f"{NOT}{kind}, {len(every)} pages: {every[0]}"
    for what in look_over(plan, home, server, checked):
        yield f"{NOT}{what}"
    if code not in (0, 4) or (ended < plan.pages and minutes is None):
        yield f"{NOT}as it should end: exit {code}, {plan.pages - ended} lines are left"
    if "Traceback" in (folder / "said").read_text(encoding="utf-8", errors="replace"):
        yield f"{NOT}without a traceback"
    came = [bad for number, bad in plan.bad.items() if server.asked[plan.place(number)]]
    named = Counter((bad.case, bad.variant) for bad in came if bad.case != "mutants")
    spoiled = len(came) - sum(named.values())
    yield (
        f"{ended} of {plan.pages} pages, {sum(named.values())} bad of {len(named)} kinds, {spoiled} mutants: "
        f"exit {code}, books {states}, {sum(map(len, wrong.values()))} pages not as wanted"
    )
    yield (
        f"{seconds:.0f} s, {ended / seconds:.1f} pages a second, verify {checked.code} in {checked.wall:.0f} s, "
        f"logs {logs / 1e6:.1f} MB"
    )
    yield f"memory: last tenth {growth(sizes):.3f} of the second, {max(sizes):.0f} MiB at most"


@proves("B080")
def prove_mutants(bench: Bench, wanted: frozenset[str]) -> Verdicts:
    """Spoil 2,000 good pages at random, and crawl them among others in one run."""
    plan = Plan.draw(2100, 0, 2000, bench.chance)
    told = list(crawl(bench.home().folder / "mutants", plan))
    wrong = [line for line in told if line.startswith(NOT)]
    return {"B080": Verdict(not wrong, "; ".join(wrong or told[:2]))}


if __name__ == "__main__":
    sys.exit(main())
