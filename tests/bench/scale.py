"""``python -m tests.bench.scale``: how long a night of 14,000 portals takes, reckoned, not crawled; some seconds.

Portals have sizes with a long tail (Pareto); what a night asks of one is its robots.txt, its lists, what is new, and by
conditional requests what is recent. A host is asked one thing at a time, so a request takes its answer's time or the
pause, whichever is longer. Deals go to slots of machines, the next one to whoever is free; a machine that is lost gives
its deals back after a while, and what was captured stays. Processor time is that of this program, as measured by
`tests.bench.cluster` and written in docs/scale.md. All is drawn from a seed.
"""

from __future__ import annotations

import argparse
import heapq
import random
import sys
from collections.abc import Sequence
from statistics import mean, median
from typing import NamedTuple

START = 1.8
"""Seconds of processor time that a crawl takes by itself, the tables of the first page included."""
STORY = 0.006
"""Seconds of processor time for one article of 600 characters, from the wire into the archive."""
QUIET = 0.002
"""The same for an answer that tells nothing new."""
NOTICED = 30.0
"""Seconds until a lost machine's deals are dealt again."""
HOUR = 3600.0


class Portal(NamedTuple):
    """What a night asks of one host."""

    pages: int
    """How many articles it has in all."""
    lists: int
    new: int
    recent: int
    files: int
    """Attachments and pictures of what is new."""
    latency: float

    def seconds(self, delay: float, requests: float | None = None) -> float:
        """Give how long so many of its requests take, one after the other."""
        return (self.requests if requests is None else requests) * max(self.latency, delay)

    @property
    def requests(self) -> int:
        """Count the requests of a night."""
        return 1 + self.lists + self.new + self.files + self.recent

    @property
    def cpu(self) -> float:
        """Give the processor seconds of a night."""
        return START + self.new * STORY + (self.lists + self.recent) * QUIET


class Night(NamedTuple):
    """How a night went."""

    hours: float
    tail: float
    """Hours in which fewer than a tenth of the slots had work."""
    longest: float
    """Hours of the one host that takes longest."""
    lost: int
    """Deals that were dealt again."""
    busy: float
    """Share of the slots' time with work."""
    cores: float
    """Processor cores that were busy in the mean."""


def draw(chance: random.Random, count: int, pages: int, days: float, recent: int) -> list[Portal]:
    """Draw portals: of all pages so many in all, published in so many days, half of them with a file; recent days are asked again."""
    sizes = [chance.paretovariate(1.16) for _ in range(count)]  # a fifth of the portals has four fifths
    most = pages / 200  # and none more than a two-hundredth
    scale = pages / sum(sizes)
    sizes = [min(size * scale, most) for size in sizes]
    scale = pages / sum(sizes)
    found = []
    for size in (each * scale for each in sizes):
        rate = size / days
        new = int(rate) + (chance.random() < rate - int(rate))
        lists = max(3, round(chance.lognormvariate(2.9, 0.6)))  # 18 channels in the mean of them
        latency = min(20.0, chance.lognormvariate(-1.2, 0.8))  # 0.3 s, a tenth above 0.85 s
        found.append(Portal(round(size), lists, new, round(rate * recent), round(new / 2), latency))
    return found


def crawl(
    chance: random.Random,
    portals: Sequence[Portal],
    machines: int,
    slots: int,
    cores: int,
    delay: float,
    losses: float,
    *,
    longest_first: bool = False,
) -> Night:
    """Reckon a night: the next deal goes to the slot that is free first; `losses` a machine and hour."""
    net = [portal.seconds(delay) for portal in portals]
    load = slots * sum(portal.cpu for portal in portals) / (sum(net) + sum(portal.cpu for portal in portals))
    slow = max(1.0, load / cores)
    work = [seconds + portal.cpu * slow for seconds, portal in zip(net, portals, strict=True)]
    order = list(range(len(portals)))
    chance.shuffle(order)
    if longest_first:
        order.sort(key=lambda place: -work[place])
    # from when on, in which order, how many seconds of it are left
    queue = [(0.0, number, work[place]) for number, place in enumerate(order)]
    heapq.heapify(queue)
    free = [(0.0, number) for number in range(machines * slots)]
    heapq.heapify(free)
    dies = [chance.expovariate(losses / HOUR) if losses else float("inf") for _ in range(machines)]
    spans: list[tuple[float, float]] = []
    number, lost = len(queue), 0
    while queue:
        moment, _, left = heapq.heappop(queue)
        at, slot = heapq.heappop(free)
        begin = max(at, moment)
        machine = slot // slots
        while dies[machine] < begin:
            dies[machine] += chance.expovariate(losses / HOUR)
        end = begin + left
        if end <= dies[machine]:
            heapq.heappush(free, (end, slot))
        else:
            end = dies[machine]
            lost += 1
            number += 1
            # what was captured is taken up; the start is paid again
            heapq.heappush(queue, (end + NOTICED, number, left - (end - begin) + START))
            heapq.heappush(free, (end + NOTICED, slot))
        spans.append((begin, end))
    last = max(end for _, end in spans)
    events = sorted([(begin, 1) for begin, _ in spans] + [(end, -1) for _, end in spans])
    going, before, tail = 0, 0.0, 0.0
    for moment, step in events:
        if going < machines * slots / 10:
            tail += moment - before
        going, before = going + step, moment
    worked = sum(end - begin for begin, end in spans)
    busy = worked / (last * machines * slots)
    cpu = sum(portal.cpu for portal in portals)
    return Night(last / HOUR, tail / HOUR, max(work) / HOUR, lost, busy, cpu / last)


def needed(chance: random.Random, portals: Sequence[Portal], hours: float, slots: int, delay: float) -> int:
    """Give the least number of machines of two cores that end a night in so many hours; 0: none does."""
    low, high = 1, 1
    while (night := crawl(chance, portals, high, slots, 2, delay, 0.0, longest_first=True)).hours > hours:
        if night.hours <= night.longest * 1.01 or high > 4096:
            return 0
        low, high = high, 2 * high
    while low < high:
        middle = (low + high) // 2
        if crawl(chance, portals, middle, slots, 2, delay, 0.0, longest_first=True).hours > hours:
            low = middle + 1
        else:
            high = middle
    return high


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the tables of docs/scale.md."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--portals", type=int, default=14_000)
    parser.add_argument("--pages", type=int, default=100_000_000)
    parser.add_argument("--years", type=float, default=10.0, help="in which the pages were published")
    parser.add_argument("--delay", type=float, default=0.5)
    parser.add_argument("--seed", type=int, default=1)
    said = parser.parse_args(arguments)
    chance = random.Random(said.seed)

    even = [Portal(100, 4, 100, 0, 0, 0.2) for _ in range(8)]
    one = crawl(chance, even, 1, 1, 2, 0.2, 0.0).hours
    for workers in (1, 2, 4):
        night = crawl(chance, even, 1, workers, 2, 0.2, 0.0)
        print(
            f"8 portals of 100 stories, 200 ms, two cores, {workers} workers: {night.hours * HOUR:.0f} s, "
            f"{one / night.hours:.2f} x one"
        )

    portals = draw(chance, said.portals, said.pages, 365.25 * said.years, 14)
    requests = sum(portal.requests for portal in portals)
    floors = sorted(portal.seconds(said.delay) / HOUR for portal in portals)
    print(
        f"\n{said.portals:,} portals, {sum(portal.pages for portal in portals):,} pages: median {median(p.pages for p in portals):,.0f}, "
        f"mean {mean(p.pages for p in portals):,.0f}, largest {max(p.pages for p in portals):,}"
    )
    print(
        f"a night: {requests:,} requests, {sum(p.new for p in portals):,} new articles, {sum(p.recent for p in portals):,} "
        f"asked again, {sum(p.cpu for p in portals) / HOUR:.1f} hours of a core, of them "
        f"{said.portals * START / HOUR:.1f} to start"
    )
    print(
        f"one host after the other takes {sum(floors):,.0f} h; a host's own night: median {median(floors) * 60:.1f} min, "
        f"99 % within {floors[int(0.99 * len(floors))] * 60:.0f} min, the longest {floors[-1] * 60:.0f} min"
    )
    print(
        "\nmachines of 2 cores | slots | order | losses a machine and day | night | tail | dealt again | slots busy"
    )
    for machines, slots, first, losses in (
        *((1, 8, True, 0.0), (2, 8, True, 0.0), (4, 8, True, 0.0), (8, 8, True, 0.0)),
        *((4, 8, False, 0.0), (4, 8, True, 1.0), (4, 8, True, 24.0), (4, 32, True, 0.0)),
    ):
        night = crawl(chance, portals, machines, slots, 2, said.delay, losses / 24, longest_first=first)
        print(
            f"{machines} | {slots} | {'longest first' if first else 'as it comes'} | {losses:g} | {night.hours:.2f} h | "
            f"{night.tail:.2f} h | {night.lost} | {night.busy:.0%}"
        )
    for hours in (4.0, 2.0, 1.0):
        print(
            f"machines of 2 cores and 8 slots for a night of {hours:g} h: {needed(chance, portals, hours, 8, said.delay)}"
        )

    print("\nthe first time, all pages of all hosts:")
    alone = sorted(portal.seconds(said.delay, 1.5 * portal.pages) / HOUR for portal in portals)
    cpu = sum(portal.pages for portal in portals) * STORY / HOUR
    print(
        f"{cpu:,.0f} hours of a core; hosts that are done after one night of 4 h: {sum(a <= 4 for a in alone) / len(alone):.0%}, "
        f"after a week of them {sum(a <= 28 for a in alone) / len(alone):.1%}, after a month "
        f"{sum(a <= 120 for a in alone) / len(alone):.2%}; the largest after {alone[-1] / 4:,.0f} nights of 4 h, or "
        f"{alone[-1] / 24:,.0f} whole days"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
