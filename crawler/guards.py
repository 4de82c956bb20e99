"""What breaks off before it does harm: the reading of a page that does not end, a run on a disk that is nearly full."""

from __future__ import annotations

import asyncio
import faulthandler
import shutil
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, wraps
from pathlib import Path
from typing import Any, Self, TypeVar

from scrapy import signals
from scrapy.crawler import Crawler
from scrapy.exceptions import DropItem
from scrapy.settings import BaseSettings

from crawler.extensions import Ledger

STAGE_SECONDS = 20.0
"""How long one stage may read one page: the largest page that is read takes one second."""
LAST_SECONDS = 50.0
"""After so much processor time a process is ended that does not even notice that its time is up: a parser in C that
does not return."""
MIB = 2**20

Stage = TypeVar("Stage", bound=Callable[..., Any])


class TooSlow(DropItem):
    """A page that took too long to read; its capture stays."""


@contextmanager
def bounded(what: str) -> Iterator[None]:
    """Break off the block after `STAGE_SECONDS` by TooSlow, which names `what`.

    Regular expressions and all Python code are broken off so. A library that does not return is not: then the
    process is ended after `LAST_SECONDS`, by SIGPROF and with a trace on standard error; no other thread could do that,
    for the library may hold the interpreter, and to start one for each stage takes longer than a stage. Does nothing outside the main thread, where no signals come.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def break_off(number: int, frame: object) -> None:
        raise TooSlow(f"too-slow: found no end after {STAGE_SECONDS:g} seconds, wanted one, {what}")

    _tell_last()
    before = signal.signal(signal.SIGALRM, break_off)
    signal.setitimer(signal.ITIMER_REAL, STAGE_SECONDS)
    signal.setitimer(signal.ITIMER_PROF, LAST_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGALRM, before)


@cache
def _tell_last() -> None:
    """Let SIGPROF say where the process was before it ends it."""
    faulthandler.register(signal.SIGPROF, file=2, all_threads=False, chain=True)


def patient(process_item: Stage) -> Stage:
    """Let a stage read no page longer than `STAGE_SECONDS`."""

    @wraps(process_item)
    def read(self: Any, item: Any) -> Any:
        with bounded(f"in {type(self).__name__} at {item.url}"):
            return process_item(self, item)

    return read  # type: ignore[return-value]


def free_space(settings: BaseSettings) -> tuple[int, Path]:
    """Give the free bytes where the archive or the captures are, whichever are fewer, and the folder."""
    found = []
    for place in (Path(settings["ARCHIVE_PATH"]).absolute().parent, Path(settings["CAPTURE_DIR"]).absolute()):
        there = next(each for each in (place, *place.parents) if each.exists())
        found.append((shutil.disk_usage(there).free, place))
    return min(found)


def lack_of_space(settings: BaseSettings, name: str) -> str | None:
    """Say that fewer megabytes are free than the setting `name` wants; None where there are as many."""
    free, place = free_space(settings)
    wanted = settings.getint(name)
    if free >= wanted * MIB:
        return None
    return f"found {free // MIB} MB free at {place}, wanted {wanted} MB ({name})"


class DiskSpace:
    """Say when the disk is nearly full, and end the run in good order before it is: SQLite says so too late."""

    def __init__(self, crawler: Crawler) -> None:
        self.crawler = crawler
        self.settings = crawler.settings
        self.told = False
        self.task: asyncio.Task[None] | None = None

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        space = cls(crawler)
        crawler.signals.connect(space.open, signal=signals.spider_opened)
        crawler.signals.connect(space.close, signal=signals.spider_closed)
        return space

    def open(self) -> None:
        self.task = asyncio.ensure_future(self.watch())

    def close(self) -> None:
        if self.task is not None:
            self.task.cancel()

    async def watch(self) -> None:
        """Look at the disk as long as the run goes on."""
        while not self.is_full():
            await asyncio.sleep(self.settings.getfloat("DISK_CHECK_SECONDS"))

    def is_full(self) -> bool:
        """Look once; tell whether the run was ended."""
        ledger = self.crawler.get_extension(Ledger)
        assert ledger is not None, "EXTENSIONS lacks crawler.extensions.Ledger"
        if not self.told and (low := lack_of_space(self.settings, "DISK_LOW_MB")):
            self.told = True
            ledger.alarm("-", None, "disk nearly full", low, "", None)
        full = lack_of_space(self.settings, "DISK_FLOOR_MB")
        if full:
            ledger.stop_for_storage(OSError(f"disk nearly full: {full}"))
        return full is not None
