"""How many new articles a channel is used to, night by night, and how far from that chance goes.

The rule looks at the last nights together, as many as are needed, and compares them with the twelve weeks before. It
trusts no shape of the arrivals alone: what is told must be rarer than `RARE` for counts as scattered as this channel's
are, *and* be outside all that those weeks had, *and* be a quarter or three times of what was to be expected.
``python -m tests.bench.habits`` measures how often it is wrong, and how soon it is right.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from math import exp, lgamma, log
from statistics import mean, quantiles
from typing import NamedTuple

from crawler.archive import night_of

NIGHT_HOURS = 20
"""Runs that begin less than so many hours after another belong to the same night."""
HABIT_DAYS = 84
"""Days that make a habit: twelve of each weekday."""
HABIT_NIGHTS = 28
"""Single nights that are wanted before anything is told: four weeks."""
LONGEST = 21
"""How many nights are looked at together; a channel that brings less than a dozen lines in them is left to `only old`."""
RARE = 1e-5
"""What chance alone may do, a channel and night: see the benchmark."""
FEW, MANY = 0.25, 3.0
"""The share of what was expected from which on few is few and many is many."""
MORE = 10
"""Many is so many more than expected, at least."""
SCATTER = 3.0
"""A night of the habit counts as no more than the upper quartile and so many times the quartiles' distance."""

HOLIDAYS = (
    # Days in which a portal may be silent without its habit having changed: window, and days of it that do not count.
    # Spring Festival falls between 21 January and 20 February and has been 7 to 9 days off (2008 to 2026), National
    # Day 7 or 8 from 1 October, Labour Day 5 around 1 May; the State Council sets them each year.
    ((1, 20), (3, 1), 9),
    ((4, 29), (5, 6), 5),
    ((9, 30), (10, 9), 8),
)


class Night(NamedTuple):
    """What one night brought to a list."""

    days: tuple[date, ...]
    """The days since the night before: one, where the crawl runs every night."""
    new: int
    """Lines that were not listed before."""


def nights_of(runs: Sequence[tuple[datetime, bool]], seen: Iterable[datetime]) -> list[Night]:
    """Put lines to the nights that brought them; the last night is that of the last run.

    `runs` are when runs began, in order, and whether they read the list to be judged: one that was killed only brought
    lines. `seen` is when each line was listed first. The first night is left out: it brought what was there before.
    Nothing is given where the last run belongs to the night before.

    >>> from crawler.captures import SHANGHAI
    >>> at = [datetime(2026, 6, day, hour, tzinfo=SHANGHAI) for day, hour in ((1, 2), (2, 2), (2, 9), (3, 2), (5, 2))]
    >>> nights = nights_of([(moment, True) for moment in at], [at[0], at[1], at[2], at[3], at[3], at[4]])
    >>> [(night.days[0].day, len(night.days), night.new) for night in nights]
    [(1, 1, 1), (2, 1, 3), (3, 2, 1)]
    >>> nights_of([(moment, True) for moment in at[:3]], [])
    []
    """
    starts = [began for began, _ in runs]
    counts = [0] * len(runs)
    for moment in seen:
        if (at := bisect_right(starts, moment) - 1) >= 0:
            counts[at] += 1
    nights: list[Night] = []
    before: datetime | None = None
    gathered = 0
    for (began, read), count in zip(runs, counts, strict=True):
        gathered += count
        if not read or (before is not None and began - before < timedelta(hours=NIGHT_HOURS)):
            continue
        if before is not None:
            nights.append(Night(days_between(before, began), gathered))
        before, gathered = began, 0
    return nights if runs and before == runs[-1][0] else []


def days_between(before: datetime, began: datetime) -> tuple[date, ...]:
    """Name the days that a night's run sees: after midnight it is the day before that matters."""
    first, last = (night_of(at) - timedelta(days=1) for at in (before, began))
    return tuple(first + timedelta(days=number) for number in range(1, (last - first).days + 1)) or (last,)


def spare(days: Iterable[date]) -> int:
    """Count the days that may be silent because of a holiday.

    >>> spare(date(2026, 10, day) for day in range(1, 16)), spare([date(2026, 6, 1)])
    (8, 0)
    """
    spared = 0
    days = set(days)
    for begin, end, most in HOLIDAYS:
        within = sum(date(day.year, *begin) <= day <= date(day.year, *end) for day in days)
        spared += min(within, most)
    return spared


class Rates(NamedTuple):
    """What a channel brings on a working day and on a day of a weekend, and how scattered that is."""

    working: float
    weekend: float
    scatter: float
    """Variance by mean; 1 where arrivals are independent of each other."""
    total: float
    """Lines that this was learned from."""

    def expect(self, days: Iterable[date]) -> float:
        """Say how many lines some days bring."""
        return sum(self.weekend if day.weekday() >= 5 else self.working for day in days)

    def chance(self, count: int, expected: float, *, fewer: bool) -> float:
        """Give the chance of so few (so many) lines or fewer (more) where so many are expected.

        The rates are known from so many lines only, so the count is one of a Poisson distribution whose mean is
        itself uncertain (negative binomial); counts that come in bunches are worth less.

        >>> daily = Rates(5.0, 5.0, 1.0, 420)
        >>> daily.chance(0, 15.0, fewer=True) < 1e-5 < daily.chance(0, 10.0, fewer=True)
        True
        """
        mean, shape = expected / self.scatter, max(self.total / self.scatter, 1.0)
        upto = int(count / self.scatter) if fewer else int(count / self.scatter) - 1
        rest = log(shape / (shape + mean)) * shape
        step = log(mean / (shape + mean)) if mean > 0 else -1e9
        below = sum(
            exp(lgamma(shape + n) - lgamma(shape) - lgamma(n + 1) + rest + n * step) for n in range(upto + 1)
        )
        return below if fewer else max(0.0, 1.0 - below)


def learn(nights: Sequence[Night]) -> Rates | None:
    """Learn a channel's rates from single nights; None where there are too few of them."""
    single = [(night.days[0].weekday() >= 5, night.new) for night in nights if len(night.days) == 1]
    if len(single) < HABIT_NIGHTS:
        return None
    rates, capped = [], []
    for weekend in (False, True):
        counts = [count for rest, count in single if rest == weekend]
        low, _, high = quantiles(counts, n=4) if len(counts) > 1 else (0.0, 0.0, 0.0)
        most = high + SCATTER * max(high - low, high**0.5, 1.0)
        counts = [min(count, most) for count in counts]
        rates.append(mean(counts) if counts else 0.0)
        capped += [(count, rates[-1]) for count in counts]
    scatter = mean((count - rate) ** 2 / rate for count, rate in capped if rate) if any(rates) else 1.0
    return Rates(rates[0], rates[1], max(scatter, 1.0), sum(count for count, _ in capped))


def is_unusual(nights: Sequence[Night]) -> tuple[str, str] | None:
    """Say how the last nights are unlike the weeks before: a rule and a sentence; None where they are not.

    >>> june = [date(2026, 6, 1) + timedelta(days=number) for number in range(60)]
    >>> steady = [Night((day,), 2 if day.weekday() >= 5 else 6 + day.day % 3) for day in june]
    >>> is_unusual(steady), is_unusual(steady[:20] + [Night((june[20],), 0)])
    (None, None)
    >>> is_unusual(steady[:-2] + [Night((day,), 0) for day in june[-2:]])
    ('few new', 'found 0 new lines in the last 2 nights, where about 14 were to be expected and no stretch as long had less than 4')
    >>> is_unusual(steady[:-1] + [Night(june[-1:], 90)])
    ('many new', 'found 90 new lines in a night, where about 7 were to be expected and no night had more than 8')
    """
    if not nights:
        return None
    last = nights[-1].days[-1]
    nights = [night for night in nights if (last - night.days[-1]).days <= HABIT_DAYS + LONGEST]
    return few(nights) or many(nights)


def few(nights: Sequence[Night]) -> tuple[str, str] | None:
    """Find the shortest stretch of last nights that brought too few lines."""
    usual = mean(night.new for night in nights)
    for length in range(1, min(LONGEST, len(nights) - HABIT_NIGHTS) + 1):
        habit, tonight = nights[:-length], nights[-length:]
        if sum(night.new for night in tonight) > 2.5 * FEW * usual * sum(
            len(night.days) for night in tonight
        ):
            continue  # whatever the exact rates are
        rates = learn(habit)
        if rates is None:
            return None
        days = [day for night in tonight for day in night.days]
        found = sum(night.new for night in tonight)
        expected = rates.expect(days) - spare(days) * max(rates.working, rates.weekend)
        if found > FEW * expected or rates.chance(found, expected, fewer=True) > RARE:
            continue
        least = min(stretches(habit, len(days)), default=0)
        if found < least:
            what = "in a night" if length == 1 else f"in the last {length} nights"
            return "few new", (
                f"found {found} new lines {what}, where about {expected:.0f} were to be expected and "
                f"no stretch as long had less than {least}"
            )
    return None


def stretches(nights: Sequence[Night], days: int) -> list[int]:
    """Count the lines of each stretch of nights that is no longer than so many days, and of no fewer nights than fit."""
    sums = []
    for at in range(len(nights)):
        covered = total = 0
        for night in nights[at:]:
            covered += len(night.days)
            total += night.new
            if covered >= days:
                sums.append(total)
                break
    return sums


def many(nights: Sequence[Night]) -> tuple[str, str] | None:
    """Say whether the last night brought too many lines."""
    habit, tonight = nights[:-1], nights[-1]
    rates = learn(habit)
    if rates is None:
        return None
    expected = rates.expect(tonight.days)
    most = max(night.new for night in habit)
    if tonight.new < max(MANY * expected, expected + MORE, 1.5 * most):
        return None
    if rates.chance(tonight.new, expected, fewer=False) > RARE:
        return None
    return "many new", (
        f"found {tonight.new} new lines in a night, where about {expected:.0f} were to be expected and "
        f"no night had more than {most}"
    )
