"""What a run is doing, for people: one live line a source on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TextIO

from scrapy.crawler import Crawler

from crawler.extensions import Ledger

LIVE_SECONDS = 1.0
PLAIN_SECONDS = 60.0


@contextmanager
def shown(crawlers: Sequence[Crawler], stream: TextIO = sys.stderr) -> Iterator[None]:
    """Show the progress of `crawlers` on `stream` while the block runs."""
    stop = threading.Event()
    display = threading.Thread(target=_show, args=(crawlers, stream, stop), daemon=True, name="progress")
    display.start()
    try:
        yield
    finally:
        stop.set()
        display.join(5)


def _show(crawlers: Sequence[Crawler], stream: TextIO, stop: threading.Event) -> None:
    started = time.monotonic()
    live = stream.isatty()
    drawn = 0
    while not stop.wait(LIVE_SECONDS if live else PLAIN_SECONDS):
        lines = [line(crawler, time.monotonic() - started) for crawler in crawlers]
        rewind = f"\x1b[{drawn}F\x1b[J" if live and drawn else ""
        stream.write(rewind + "\n".join(lines) + "\n")
        stream.flush()
        drawn = len(lines)


def line(crawler: Crawler, seconds: float) -> str:
    """Say in one line what a source has done in `seconds`, and how long its queue will last at that rate."""
    name = f"{crawler.spidercls.name:13}"
    try:
        ledger = crawler.get_extension(Ledger)
    except RuntimeError:
        ledger = None
    if ledger is None:
        return f"{name} starting"
    if ledger.outcome:
        return f"{name} {ledger.outcome}: {ledger.said()}"
    counts = ledger.counts
    answers = crawler.stats.get_value("response_received_count", 0) if crawler.stats else 0
    said = (
        f"{name} {counts['listed']:>5} listed {counts['archived']:>5} new {counts['changed']:>4} changed "
        f"{counts['unchanged']:>5} unchanged {counts['failed']:>4} failed {60 * answers / seconds:>5.0f} pages/min"
    )
    queued = waiting(crawler)
    return f"{said}  {clock(queued * seconds / answers)} left" if queued and answers else said


def waiting(crawler: Crawler) -> int:
    """Count the requests that are queued or under way."""
    slot = crawler.engine._slot if crawler.engine else None
    if slot is None:
        return 0
    queue = getattr(slot.scheduler, "__len__", None)
    return len(slot.inprogress) + (queue() if queue else 0)


def clock(seconds: float) -> str:
    """Write a duration for a person.

    >>> clock(59), clock(3700)
    ('0:59', '1:01:40')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
