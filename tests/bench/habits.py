"""How often the rules of habit are wrong, and how soon that of arrivals is right: simulated channels with a weekly rhythm.

False alarms: channels that go on as ever are watched for some nights, after as many as the rule wants to know them. One
in a month for all together is what is allowed. Delay: channels fall silent, or to a tenth, and the nights until that is
told are held against the shortest time in which a count could be so rare at all, were the rate known exactly.

``python -m tests.bench.habits --channels 200 --nights 100``
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator
from datetime import date, timedelta
from math import ceil, exp, log
from statistics import median

from crawler.archive import History
from crawler.balance import Sample, Tally, hold, odd_lengths, shares
from crawler.habits import HABIT_DAYS, RARE, Night, is_unusual

KINDS = ("even", "bunched", "weekly")
"""Independent arrivals; as many in bunches of four; half of a week's on one day of it."""
RATES = (0.2, 0.5, 1, 2, 3, 5, 8, 12, 20, 40)
"""Lines a working day."""


def draw(chance: random.Random, mean: float) -> int:
    """Draw a count of independent arrivals."""
    if mean > 30:
        return draw(chance, mean / 2) + draw(chance, mean / 2)
    count, product, limit = 0, chance.random(), exp(-mean)
    while product > limit:
        count, product = count + 1, product * chance.random()
    return count


def live(chance: random.Random, kind: str, rate: float, weekend: float, begin: date) -> Iterator[Night]:
    """Give a channel's nights for ever."""
    day = begin
    while True:
        expected = rate * (weekend if day.weekday() >= 5 else 1.0)
        if kind == "weekly":
            expected = 0.5 * expected + (3.0 * rate if day.weekday() == 3 else 0.0)
        count = 4 * draw(chance, expected / 4) if kind == "bunched" else draw(chance, expected)
        yield Night((day,), count)
        day += timedelta(days=1)


def watch(chance: random.Random, kind: str, rate: float, nights: int) -> tuple[int, int]:
    """Count the false alarms of one channel, and the nights on which there was one."""
    begin = date(2026, 1, 1) + timedelta(days=chance.randrange(365))
    channel = live(chance, kind, rate, chance.choice((0.0, 0.2, 0.5, 1.0)), begin)
    known = [next(channel) for _ in range(30)]
    told = begun = 0
    before = False
    for _ in range(nights):
        known.append(next(channel))
        wrong = is_unusual(known) is not None
        told += wrong
        begun += wrong and not before
        before = wrong
    return begun, told


PAGE = Sample("http://a.example/", None)
SHARES = {"missed": 0.03, "changed": 0.04}
READERS = {"body: #zoom": 0.97, "body: density": 0.03}


def read(chance: random.Random, pages: int) -> Tally:
    """Give what a night had of a channel whose pages are as ever."""
    tally = Tally(pages=pages, asked=2 * pages, again=pages)
    tally.missed = sum(chance.random() < SHARES["missed"] for _ in range(tally.asked))
    tally.changed = sum(chance.random() < SHARES["changed"] for _ in range(tally.again))
    tally.readers.update(chance.choices(list(READERS), list(READERS.values()), k=pages))
    tally.lengths = [(int(chance.lognormvariate(6.5, 0.7)), PAGE) for _ in range(pages)]
    tally.samples = dict.fromkeys([*SHARES, *READERS], PAGE)
    return tally


def watch_pages(chance: random.Random, rate: float, nights: int) -> int:
    """Count the false alarms about the pages of one channel: misses, changes, readers, lengths."""
    told = 0
    nightly: list[Tally] = []
    lengths: list[int] = []
    for night in range(nights + 10):
        tally = read(chance, draw(chance, rate))
        sums = Tally()
        for each in nightly[-30:]:
            sums.add(each)
        counts = (sums.pages, sums.parsed, sums.titled, sums.dated, sums.sourced)
        before = History(*counts, sums.asked, sums.missed, sums.again, sums.changed, sums.readers)
        if night >= 10:
            told += len(list(hold(tally, before)))
            usual = median(lengths) if lengths else 0.0
            new = zip(
                shares((length for length, _ in tally.lengths), usual), [PAGE] * tally.pages, strict=False
            )
            told += odd_lengths(list(new), shares(lengths[-200:], usual)) is not None
        nightly.append(tally)
        lengths += [length for length, _ in tally.lengths]
    return told


def wait(chance: random.Random, kind: str, rate: float, rest: float) -> int | None:
    """Count the nights until a fall to `rest` of the rate is told; None where that takes a month."""
    begin = date(2026, 6, 1) + timedelta(days=chance.randrange(60))
    known = [night for night, _ in zip(live(chance, kind, rate, 1.0, begin), range(HABIT_DAYS), strict=False)]
    falls = live(chance, kind, rate * rest, 1.0, known[-1].days[-1] + timedelta(days=1))
    for waited in range(1, 31):
        known.append(next(falls))
        found = is_unusual(known)
        if found and found[0] == "few new":
            return waited
    return None


def main() -> None:
    """Measure and print."""
    told = argparse.ArgumentParser(prog="python -m tests.bench.habits", description=__doc__)
    told.add_argument("--channels", type=int, default=200)
    told.add_argument("--nights", type=int, default=100)
    told.add_argument("--falls", type=int, default=40, help="how many falls of each kind and rate")
    told.add_argument("--seed", type=int, default=1)
    said = told.parse_args()
    chance = random.Random(said.seed)
    months = said.nights / 30
    print(f"false alarms, {said.channels} channels x {said.nights} nights, allowed: 1.0 a month")
    for kind in KINDS:
        sums = [
            watch(chance, kind, RATES[number % len(RATES)], said.nights) for number in range(said.channels)
        ]
        begun, nights = (sum(counts) for counts in zip(*sums, strict=True))
        print(f"  {kind:8} {begun / months:5.2f} a month ({begun} in all, on {nights} nights)")
    wrong = sum(
        watch_pages(chance, RATES[number % len(RATES)], said.nights) for number in range(said.channels)
    )
    print(f"  {'pages':8} {wrong / months:5.2f} a month ({wrong} in all: misses, changes, readers, lengths)")
    print(
        f"nights until a fall is told (median of {said.falls}), least: where chance alone could do it rarer than {RARE:g}"
    )
    print(
        "  lines a day     least "
        + " ".join(f"{kind + ' ' + fall:>14}" for kind in KINDS for fall in ("0", "1/10"))
    )
    for rate in RATES[2:]:
        cells = []
        for kind in KINDS:
            for rest in (0.0, 0.1):
                waits = [wait(chance, kind, rate, rest) for _ in range(said.falls)]
                had = [waited for waited in waits if waited is not None]
                never = len(waits) - len(had)
                cells.append(f"{median(had):g}" + (f" ({never} never)" if never else "") if had else "never")
        print(f"  {rate:11g} {ceil(-log(RARE) / rate):9} " + " ".join(f"{cell:>14}" for cell in cells))


if __name__ == "__main__":
    main()
