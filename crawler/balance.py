"""What a run saw of each channel, held against what the channel is used to: the alarms of silence and of parsing."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import pairwise
from math import exp, lgamma, log
from statistics import median
from typing import Any, NamedTuple

from crawler.archive import History
from crawler.captures import Capture
from crawler.habits import HOLIDAYS
from crawler.items import Page

GAPS = 8
"""How many gaps between listed days make a habit. Two months of a weekly channel."""
TIMES = 3.0
"""A channel is late from so many times its usual gap on, if that is longer than any gap of its last year, too."""
LEAST_DAYS = 3
"""No channel is late before: what is listed on Friday is followed on Monday."""
QUIET_DAYS = 60
"""From then on silence is no news any more; the books and ``scrapy status`` go on showing it."""
HISTORY_PAGES = 20
"""How many pages of earlier runs tell how well a channel's pages are read."""
CHANCE = 0.001
"""An alarm is raised where a worse night is rarer than this, if all is as before: with 20 channels, a false alarm
in two months, were every night that close; 1 failure of 2 pages is none, 2 of 2 are, so are 6 of 100."""
RARELY = 1e-5
"""The same for what is asked of every channel each night beside that: with 200 channels, a false alarm in two months.
3 of 3 pages are one."""
ODD_LENGTH = 0.5
"""Texts are longer or shorter than usual by so much of the usual length."""
CHANGED = 0.2
"""The share of known articles that change in one night: above it somebody changed all pages, not these articles."""
RULED = 0.9
"""The share of pages that tell a field by one rule where that is how the channel is made."""
FLOOR = 0.01
"""The share of pages that fail at the best of times: of channels that never failed yet, too."""


def unlikely(failures: int, pages: int, share: float, chance: float = CHANCE) -> bool:
    """Tell whether so many failures are too many for chance, where `share` of the pages failed before.

    >>> unlikely(1, 2, 0.0), unlikely(2, 2, 0.0), unlikely(5, 100, 0.01), unlikely(6, 100, 0.01)
    (False, True, False, True)
    >>> unlikely(900, 1000, 0.9), unlikely(0, 0, 0.0)
    (False, False)
    """
    rate = max(share, FLOOR)
    if failures <= rate * pages or rate >= 1:
        return False
    tail = 0.0
    for count in range(failures, pages + 1):  # the terms fall from here on
        term = exp(
            lgamma(pages + 1)
            - lgamma(count + 1)
            - lgamma(pages - count + 1)
            + count * log(rate)
            + (pages - count) * log(1 - rate)
        )
        tail += term
        if term < chance * 1e-6:
            break
    return tail <= chance


def silence(since: date, until: date) -> int:
    """Give the days between two days on which a channel could have said something.

    >>> silence(date(2026, 3, 2), date(2026, 3, 5)), silence(date(2026, 9, 30), date(2026, 10, 9))
    (3, 1)
    """
    days = (until - since).days
    for year in range(since.year, until.year + 1):
        for begin, end, spared in HOLIDAYS:
            first, last = date(year, *begin), date(year, *end)
            overlap = (min(until, last) - max(since, first)).days
            days -= max(0, min(overlap, spared))
    return max(days, 0)


def is_late(days: Sequence[date], today: date) -> str | None:
    """Say how a channel, whose lines are of these days in order, is silent for longer than its habit; None if not.

    >>> weekly = [date.fromordinal(date(2026, 6, 1).toordinal() + 7 * week) for week in range(12)]
    >>> is_late(weekly, date(2026, 9, 7)), is_late(weekly[:6], date(2026, 12, 1))
    (None, None)
    >>> is_late(weekly, date(2026, 9, 10))
    'the newest line is of 2026-08-17, 24 days ago, where the longest pause in a year was 7 and the usual one is 7'
    """
    gaps = [silence(one, other) for one, other in pairwise(days)]
    if len(gaps) < GAPS:
        return None
    now, usual, longest = silence(days[-1], today), median(gaps), max(gaps)
    if now <= max(longest, TIMES * usual, LEAST_DAYS) or now > QUIET_DAYS:
        return None
    return (
        f"the newest line is of {days[-1]}, {(today - days[-1]).days} days ago, where the longest pause in a year "
        f"was {longest} and the usual one is {usual:g}"
    )


LENGTHS = 1000
"""How many new texts of a channel a run holds against their usual length; a hundred thousand tell no more."""


class Sample(NamedTuple):
    """A page by which an alarm can be looked into."""

    url: str
    capture: Capture | None


@dataclass
class Tally:
    """What a run saw of one channel."""

    lines: int = 0
    """Lines of its list."""
    pages: int = 0
    """Article pages that were answered and read."""
    parsed: int = 0
    """Pages that became articles with title, text and date."""
    titled: int = 0
    dated: int = 0
    sourced: int = 0
    """Pages that say title, date, source themselves, whatever the list says."""
    asked: int = 0
    """Articles that were asked for and answered, or not, in any way."""
    missed: int = 0
    """Articles that were not had: no answer, a wrong one, a gate, gone."""
    again: int = 0
    changed: int = 0
    """Known articles that were there when they were asked for again, and those of them that say something else now."""
    readers: Counter[str] = field(default_factory=Counter)
    """How many pages told a field by a rule, by ``FIELD: RULE``."""
    lengths: list[tuple[int, Sample]] = field(default_factory=list)
    """Characters of the texts that are new."""
    listing: Sample | None = None
    """The list, as it was answered last."""
    reasons: Counter[str] = field(default_factory=Counter)
    """Why pages were not parsed, or what they lacked."""
    samples: dict[str, Sample] = field(default_factory=dict)

    def saw(self, page: Page, change: str | None = "first") -> None:
        """Count a page that was archived; `change` is what it brought, None where it is as it was."""
        self.pages += 1
        self.asked += 1
        if change != "first":
            self.again += 1
        elif len(self.lengths) < LENGTHS:
            self.lengths.append((len(page.text or ""), Sample(page.url, page.capture)))
        if change not in ("first", None):
            self.changed += 1
            self.blame("changed", page)
        for told, rule in page.extracted.rules if page.extracted else ():
            if told in READ:
                self.readers[f"{told}: {rule}"] += 1
                self.samples.setdefault(f"{told}: {rule}", Sample(page.url, page.capture))
        self.parsed += bool(page.title and page.text and page.published)
        said = page.extracted
        lacks = {
            "no title": not (said and said.title),
            "no date": not (said and said.published),
            "no source": not (said and said.source),
        }
        self.titled += not lacks["no title"]
        self.dated += not lacks["no date"]
        self.sourced += not lacks["no source"]
        for reason, lacking in lacks.items():
            if lacking:
                self.blame(reason, page)
        if not (page.title and page.published):
            self.blame("unparsed: " + ("no date" if page.title else "no title"), page)

    def lost(self, page: Page, reason: str) -> None:
        """Count a page that was not archived."""
        self.pages += 1
        self.asked += 1
        self.blame(f"unparsed: {reason}", page)

    def miss(self, state: str, url: str, capture: Capture | None) -> None:
        """Count an article that was not had."""
        self.asked += 1
        self.missed += 1
        self.reasons[f"missed: {state}"] += 1
        self.samples.setdefault("missed", Sample(url, capture))

    def stood(self) -> None:
        """Count an article of which the portal says that it is as it was."""
        self.asked += 1
        self.again += 1

    def blame(self, reason: str, page: Page) -> None:
        """Keep why a page counts as it does, and the first such page as a sample."""
        self.reasons[reason] += 1
        self.samples.setdefault(reason, Sample(page.url, page.capture))

    def add(self, other: Tally) -> None:
        """Count what another channel of the portal had, too."""
        for name in SEEN:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.reasons.update(other.reasons)
        self.readers.update(other.readers)
        self.samples = {**other.samples, **self.samples}

    @property
    def seen(self) -> dict[str, Any]:
        """Give what the books keep."""
        counts: dict[str, Any] = {name: getattr(self, name) for name in SEEN}
        readers = {name: self.readers[name] for name in sorted(self.readers)}
        return {**counts, "readers": json.dumps(readers, ensure_ascii=False) if readers else None}


SEEN = ("lines", "pages", "parsed", "titled", "dated", "sourced", "asked", "missed", "again", "changed")
READ = ("title", "published", "body")
"""Fields whose rules tell which layout a page has."""
FALLBACKS = {
    "title": ("<title>", "line that <title> repeats", "line above the body"),
    "published": ("URL",),
    "body": ("density",),
}
"""The rules by which a field is told where no part of the page is made to tell it (`crawler.text.extraction`)."""
FIELDS = (
    ("titled", "no title", "titles"),
    ("dated", "no date", "dates"),
    ("sourced", "no source", "sources"),
)


def compare(tally: Tally, before: History) -> Iterator[tuple[str, str, Sample]]:
    """Say where a run read a channel's pages worse than before: the rule, a sentence, and a page that shows it."""
    if before.pages < HISTORY_PAGES or not tally.pages:
        return
    if unlikely(tally.pages - tally.parsed, tally.pages, 1 - before.parsed / before.pages):
        causes = Counter({name: n for name, n in tally.reasons.items() if name.startswith("unparsed: ")})
        ((cause, count),) = causes.most_common(1)
        what = (
            f"found {tally.parsed} of {tally.pages} pages with title, text and date, "
            f"where {100 * before.parsed / before.pages:.0f} % of {before.pages} had them; "
            f"{cause.removeprefix('unparsed: ')} on {count}"
        )
        yield "parse rate", what, tally.samples[cause]
        return
    for name, reason, things in FIELDS:
        had, once = getattr(tally, name), getattr(before, name)
        # pages that are no articles say nothing of the fields of those that are
        lacking = tally.reasons[reason]
        if unlikely(lacking, had + lacking, 1 - once / before.pages):
            what = (
                f"found {things} on {had} of {had + lacking} pages, "
                f"where {100 * once / before.pages:.0f} % of {before.pages} had one"
            )
            yield f"{things} missing", what, tally.samples[reason]


def hold(tally: Tally, before: History) -> Iterator[tuple[str, str, Sample]]:
    """Say how what a run had of a channel is unlike what it used to have: the rule, a sentence, and an example.

    It tells more articles missed than before, more known articles changed in one night, and pages that tell title,
    date or body by another rule than they used to: another layout, which may be read well all the same.
    """
    if before.asked >= HISTORY_PAGES and unlikely(
        tally.missed, tally.asked, before.missed / before.asked, RARELY
    ):
        causes = Counter(
            {
                name.removeprefix("missed: "): n
                for name, n in tally.reasons.items()
                if name.startswith("missed: ")
            }
        )
        what = (
            f"found {tally.missed} of {tally.asked} articles not to be had "
            f"({', '.join(f'{count} {state}' for state, count in causes.most_common())}), "
            f"where {100 * before.missed / before.asked:.0f} % of {before.asked} were missed"
        )
        yield "many missed", what, tally.samples["missed"]
    if (
        before.again >= HISTORY_PAGES
        and tally.changed > CHANGED * tally.again
        and unlikely(tally.changed, tally.again, before.changed / before.again, RARELY)
    ):
        what = (
            f"found {tally.changed} of {tally.again} known articles changed, "
            f"where {100 * before.changed / before.again:.0f} % of {before.again} were"
        )
        yield "many changed", what, tally.samples["changed"]
    for told in READ:
        if other := read_otherwise(told, tally, before):
            what, rule = other
            yield "read otherwise", what, tally.samples[f"{told}: {rule}"]


def read_otherwise(told: str, tally: Tally, before: History) -> tuple[str, str] | None:
    """Say by which other rule pages tell a field than the one that the channel is used to, and name it."""
    usual, now = (
        Counter(
            {name.removeprefix(f"{told}: "): n for name, n in each.items() if name.startswith(f"{told}: ")}
        )
        for each in (before.readers, tally.readers)
    )
    pages, once = now.total(), usual.total()
    if not pages or once < HISTORY_PAGES:
        return None
    what = f"the {'date' if told == 'published' else told}"
    ((rule, count),) = usual.most_common(1)
    others = pages - now[rule]
    guessed, before_guessed = (sum(each[rule] for rule in FALLBACKS[told]) for each in (now, usual))
    if 2 * guessed >= pages and unlikely(guessed, pages, before_guessed / once, RARELY):
        instead = max(FALLBACKS[told], key=lambda rule: now[rule])
        return (
            f"found no part of the page that is made to tell {what} on {guessed} of {pages} pages ({instead!r} did), "
            f"where {100 * before_guessed / once:.0f} % of {once} lacked one"
        ), instead
    if count < RULED * once or 2 * others < pages or not unlikely(others, pages, 1 - count / once, RARELY):
        return None
    instead = next(name for name, _ in now.most_common() if name != rule)
    return (
        f"found {what} by {instead!r} on {now[instead]} of {pages} pages, "
        f"where {rule!r} told it on {100 * count / once:.0f} % of {once}"
    ), instead


def odd_lengths(
    tonight: Sequence[tuple[float, Sample]], before: Sequence[float]
) -> tuple[str, Sample] | None:
    """Say how new texts are unlike the usual ones in length, and give one; both as shares of their channel's usual length.

    >>> usual, page = [0.3, 0.6, 0.7, 0.8, 0.9, 1.0, 1.0, 1.1, 1.3, 1.6] * 10, Sample("http://a.cn/", None)
    >>> odd_lengths([(0.2, page)] * 8, usual)[0], odd_lengths([(0.2, page)] * 4, usual)
    ('found 8 of 8 new texts shorter than half the usual length, where 10 % of 100 were', None)
    >>> odd_lengths([(3.0, page)] * 8, usual)[0]
    'found 8 of 8 new texts longer by half than usual, where 10 % of 100 were'
    """
    if len(before) < HISTORY_PAGES or not tonight:
        return None
    middle = median(length for length, _ in tonight)
    for short in (True, False):
        if middle >= 1 - ODD_LENGTH if short else middle <= 1 + ODD_LENGTH:
            continue

        def odd(length: float, short: bool = short) -> bool:
            return length < 1 - ODD_LENGTH if short else length > 1 + ODD_LENGTH

        found = [sample for length, sample in tonight if odd(length)]
        share = sum(map(odd, before)) / len(before)
        if unlikely(len(found), len(tonight), share, RARELY):
            how = "shorter than half the usual length" if short else "longer by half than usual"
            return (
                f"found {len(found)} of {len(tonight)} new texts {how}, "
                f"where {100 * share:.0f} % of {len(before)} were"
            ), found[0]
    return None


def shares(lengths: Iterable[int], usual: float) -> list[float]:
    """Give lengths as shares of the usual one.

    >>> shares([50, 100], 100.0), shares([50], 0.0)
    ([0.5, 1.0], [])
    """
    return [length / usual for length in lengths] if usual else []
