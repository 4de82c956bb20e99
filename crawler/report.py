"""The report of a night: as text for people, and carried to wherever the user names.

`NOTIFY` names the places as Apprise writes them: ``mailto://…``, ``dingtalk://…``, ``wecombot://…``, ``feishu://…``,
``tgram://…``, ``json://…`` and a hundred more. A report that could not be delivered lies beside the archive until one
can, and is an alarm of the next night.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from crawler.archive import HACKED, HACKING, Archive, Books
from crawler.extensions import COUNTS, UNDELIVERED, say_counts
from crawler.logs import printable

TITLES = 10
"""How many titles of each kind a report names."""
LONGEST = 20_000
"""Characters of a report that are delivered; the rest is in the archive."""


class Report(NamedTuple):
    """What is said of a night."""

    title: str
    lines: list[str]
    """Empty where a quiet night has nothing to say."""


class Run(Protocol):
    """A run as far as a report tells of it; a ``Ledger`` is one."""

    @property
    def run_id(self) -> str: ...
    @property
    def outcome(self) -> str: ...
    @property
    def alarms(self) -> Sequence[Mapping[str, Any]]: ...
    @property
    def counts(self) -> Mapping[str, int]: ...
    @property
    def books(self) -> Sequence[Books]: ...


class Past(NamedTuple):
    """A run that was crawled elsewhere, as its rows tell of it."""

    run_id: str
    outcome: str
    alarms: Sequence[Mapping[str, Any]]
    counts: Mapping[str, int]
    books: Sequence[Books]


def past_runs(archive: Archive, night: str) -> list[Past]:
    """Read the runs of a night that was crawled from several places, in the order in which they began."""
    found = []
    for row in archive.runs_of(night):
        stats = json.loads(row["stats"] or "{}")
        counts = {name: stats.get(f"ledger/{name}", 0) for name in COUNTS}
        alarms = json.loads(row["alarms"] or "[]")
        found.append(Past(row["id"], row["outcome"] or "", alarms, counts, archive.books_of(row["id"])))
    return found


def tell(archive: Archive, ledgers: Sequence[Run], code: int, meaning: str, *, quiet: bool) -> Report:
    """Say what a night brought, source by source; a quiet report tells what is wrong or hacked only."""
    lines: list[str] = []
    whole = bool(code) or not quiet
    for ledger in ledgers:
        loud = (HACKING, HACKED, UNDELIVERED)
        told = [alarm for alarm in ledger.alarms if whole or alarm["rule"] in loud]
        if not (told or whole):
            continue
        lines.append(
            f"{ledger.run_id}: {ledger.outcome}: {say_counts(ledger.counts)}; {len(ledger.alarms)} alarms"
        )
        if whole:
            lines += [f"  {line}" for line in tell_run(archive, ledger.run_id)]
        helped = set()
        spider = str((archive.run(ledger.run_id) or {}).get("spider", ""))
        since = archive.alarmed_since(ledger.run_id) if told else {}
        for alarm in told:
            said = f"{alarm['portal']} {alarm['channel'] or '-'}: {alarm['rule']}: {alarm['what']} ({alarm['url']})"
            first = since.get((alarm["portal"], alarm["channel"], alarm["rule"]))
            lines.append(f"  {said}" + (f" [since {first[:10]}]" if first else ""))
            kind = alarm["portal"], alarm["rule"]
            if kind not in helped and (help_line := advise(alarm, spider)):
                lines.append(f"    {help_line}")
            helped.add(kind)
        if whole:
            lines += [f"  {book}" for book in ledger.books]
    day = ledgers[0].run_id[:8] if ledgers else ""
    counts = {
        name: sum(ledger.counts.get(name, 0) for ledger in ledgers)
        for name in ("archived", "changed", "gone", "tampered")
    }
    said = ", ".join(f"{count} {name}" for name, count in counts.items() if count) or "nothing new"
    title = f"government news archive {day}: {said}" + (f"; exit {code}: {meaning}" if code else "")
    return Report(title, [printable(line) for line in lines])


def advise(alarm: Mapping[str, Any], spider: str) -> str:
    """Say by which capture an alarm can be looked into, and by which command; empty where there is neither.

    >>> alarm = {"portal": "a.cn", "channel": "x", "rule": "silent list", "what": "", "url": "http://a.cn/", "capture": 7}
    >>> advise(alarm, "lyg_news")
    'capture 7; .venv/bin/scrapy crawl lyg_news -a channel=x'
    """
    from crawler.browsing.alarms import read_alarm  # brings Datasette along, and most commands report nothing

    capture = f"capture {alarm['capture']}" if alarm.get("capture") else ""
    return "; ".join(filter(None, (capture, read_alarm(alarm, spider, "archive").command)))


def tell_run(archive: Archive, run_id: str) -> list[str]:
    """Say how long a run took and how much it fetched, and name what is new, changed and gone."""
    run = archive.run(run_id)
    if run is None:
        return []
    lines = [f"{run['minutes']:.0f} minutes, {run['captures']} captures, {run['bytes'] / 1e6:.1f} MB"]
    for kind, titles in archive.changes_of(run_id).items():
        lines += [f"{kind}: {title or '(untitled)'}" for title in titles[:TITLES]]
        if len(titles) > TITLES:
            lines.append(f"{kind}: and {len(titles) - TITLES} more")
    return lines


def deliver(report: Report, addresses: Iterable[str]) -> list[str]:
    """Send a report to each address; give what went wrong, a line an address, without the secrets in it."""
    from apprise import Apprise, NotifyFormat  # takes half a second, and most commands send nothing

    body = "\n".join(report.lines)
    if len(body) > LONGEST:
        body = f"{body[:LONGEST]}\n…"
    failures = []
    for address in addresses:
        carrier = Apprise()
        if not carrier.add(address):
            failures.append(f"found {address.partition(':')[0]}://…, wanted an address that Apprise knows")
        elif not carrier.notify(body=body or report.title, title=report.title, body_format=NotifyFormat.TEXT):
            hidden = str(carrier[0].url(privacy=True))  # type: ignore[no-untyped-call]
            failures.append(f"{hidden.partition('?')[0]} did not take it")
    return failures


class Outbox:
    """What could not be delivered, in a file beside the archive."""

    def __init__(self, archive: Path) -> None:
        self.archive = archive
        self.path = archive.with_name(archive.name + ".undelivered.json")

    def read(self) -> dict[str, Any]:
        """Give what lies there: ``failures`` and ``lines``; nothing where there is nothing."""
        try:
            held = json.loads(self.path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return held if isinstance(held, dict) else {}

    def write(self, text: str) -> None:
        """Put a file there that only its user reads; the one before stays whole until it is written."""
        part = self.path.with_name(self.path.name + ".part")
        part.unlink(missing_ok=True)
        with open(
            part,
            "x",
            encoding="utf-8",
            opener=lambda path, flags: os.open(path, flags, 0o600),
        ) as file:
            file.write(text)
        part.replace(self.path)

    def send(self, report: Report, addresses: Sequence[str]) -> list[str]:
        """Deliver a report, with what lies there; keep what nobody got. Give what went wrong."""
        earlier = [str(line) for line in self.read().get("lines", [])]
        if not addresses or not (report.lines or earlier):
            return []
        lines = [*report.lines, *(["", "not delivered before:", *earlier] if earlier else [])]
        failures = deliver(Report(report.title, lines), addresses)
        if failures:
            kept = {"failures": failures, "lines": [report.title, *lines][:2000]}
            self.write(json.dumps(kept, ensure_ascii=False, indent=1))
        else:
            self.path.unlink(missing_ok=True)
        return failures
