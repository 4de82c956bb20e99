"""What a run saw of each channel, held against what the channel is used to: the alarms of silence and of parsing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import pairwise
from math import exp, lgamma, log
from statistics import median
from typing import NamedTuple

from crawler.archive import History
from crawler.captures import Capture
from crawler.items import Page

GAPS = 8
"""How many gaps between listed days make a habit. Two months of a weekly channel."""
TIMES = 3.0
"""A channel is late from so many times its usual gap on, if that is longer than any gap of its last year, too."""
LEAST_DAYS = 3
"""No channel is late before: what is listed on Friday is followed on Monday."""
QUIET_DAYS = 60
"""From then on silence is no news any more; the books and ``scrapy status`` go on showing it."""
HOLIDAYS = (
    # Days in which a portal may be silent without its habit having changed: window, and days of it that do not count.
    # Spring Festival falls between 21 January and 20 February and has been 7 to 9 days off (2008 to 2026), National
    # Day 7 or 8 from 1 October, Labour Day 5 around 1 May; the State Council sets them each year.
    ((1, 20), (3, 1), 9),
    ((4, 29), (5, 6), 5),
    ((9, 30), (10, 9), 8),
)
HISTORY_PAGES = 20
"""How many pages of earlier runs tell how well a channel's pages are read."""
CHANCE = 0.001
"""An alarm is raised where a worse night is rarer than this, if all is as before: with 20 channels, a false alarm
in two months, were every night that close; 1 failure of 2 pages is none, 2 of 2 are, so are 6 of 100."""
FLOOR = 0.01
"""The share of pages that fail at the best of times: of channels that never failed yet, too."""


def unlikely(failures: int, pages: int, share: float) -> bool:
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
        if term < CHANCE * 1e-6:
            break
    return tail <= CHANCE


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
    listing: Sample | None = None
    """The list, as it was answered last."""
    reasons: Counter[str] = field(default_factory=Counter)
    """Why pages were not parsed, or what they lacked."""
    samples: dict[str, Sample] = field(default_factory=dict)

    def saw(self, page: Page) -> None:
        """Count a page that was archived."""
        self.pages += 1
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
        self.blame(f"unparsed: {reason}", page)

    def blame(self, reason: str, page: Page) -> None:
        """Keep why a page counts as it does, and the first such page as a sample."""
        self.reasons[reason] += 1
        self.samples.setdefault(reason, Sample(page.url, page.capture))

    def add(self, other: Tally) -> None:
        """Count what another channel of the portal had, too."""
        for name in SEEN:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.reasons.update(other.reasons)
        self.samples = {**other.samples, **self.samples}

    @property
    def seen(self) -> dict[str, int]:
        """Give the counts that the books keep."""
        return {name: getattr(self, name) for name in SEEN}


SEEN = ("lines", "pages", "parsed", "titled", "dated", "sourced")
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
