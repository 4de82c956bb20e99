"""What breaks off before it does harm: the reading of a page that does not end, a run on a disk that is nearly full."""

from __future__ import annotations

import asyncio
import faulthandler
import logging
import mmap
import os
import shutil
import signal
import threading
from collections import Counter
from collections.abc import Callable
from functools import cache, wraps
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar

from scrapy import signals
from scrapy.crawler import Crawler
from scrapy.exceptions import DropItem
from scrapy.settings import BaseSettings

from crawler.captures import Capture
from crawler.extensions import Ledger

logger = logging.getLogger(__name__)

STAGE_SECONDS = 20.0
"""How much processor time one stage may take for one page: the largest page that is read takes one second. Time of the clock
would end pages on a machine that is busy with other things."""
LAST_SECONDS = 50.0
"""After so much processor time a process is ended that does not even notice that its time is up: a parser in C that
does not return."""
DEATHS = 2
"""Processes that end over one capture before it is given up."""
NAME_BYTES = 512
"""Room for the name of what is read."""
MIB = 2**20

Stage = TypeVar("Stage", bound=Callable[..., Any])


class TooSlow(DropItem):
    """A page that took too long to read; its capture stays."""


class Watch:
    """Which capture this process is reading, kept where its death leaves it.

    A file beside the captures names the capture; when `STAGE_SECONDS` are over the place where the process stands is
    written behind it, by a handler in C that a library which never returns does not hold up. A later process that
    finds such a file counts a death for the bytes of that capture; what has `DEATHS` of them is read no more, though it
    may be fetched again. The name is written into memory that is the file: it costs no system call, and no fsync, for what
    it is for is the death of a process, not of the machine.
    """

    def __init__(self) -> None:
        self.users = 0
        self.file = -1
        self.name: mmap.mmap | None = None
        self.path = Path()
        self.deaths: Counter[str] = Counter()

    def open(self, captures: Path) -> None:
        """Count the deaths that other processes left, and begin to write down what is read."""
        self.users += 1
        if self.users > 1:
            return
        for left in sorted(captures.parent.glob(f"{captures.name}.reading-*")):
            number = left.name.rpartition("-")[2]
            if number.isdigit() and not Path(f"/proc/{number}").exists():
                self.count(left, deadly_of(captures))
        self.read_deaths(captures)
        captures.parent.mkdir(parents=True, exist_ok=True)
        self.path = captures.with_name(f"{captures.name}.reading-{os.getpid()}")
        self.file = os.open(
            self.path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o644
        )
        os.truncate(self.file, NAME_BYTES)
        self.name = mmap.mmap(self.file, NAME_BYTES)
        _arm()
        faulthandler.register(signal.SIGVTALRM, file=self.file, all_threads=False, chain=True)

    def open_alone(self, captures: Path) -> None:
        """Begin in a process that was forked: what is open is the file of the one that it comes from."""
        self.users, self.file, self.name = 0, -1, None
        self.open(captures)

    def take_up(self, captures: Path, pid: int) -> None:
        """Count the death that a process of this one left over a capture, if it did."""
        left = captures.with_name(f"{captures.name}.reading-{pid}")
        if left.exists():
            self.count(left, deadly_of(captures))
            self.read_deaths(captures)

    def read_deaths(self, captures: Path) -> None:
        """Read how many processes ended over each capture."""
        deadly = deadly_of(captures)
        told = deadly.read_text(encoding="utf-8").splitlines() if deadly.exists() else []
        self.deaths = Counter(line.partition(" ")[0] for line in told)

    def count(self, left: Path, deadly: Path) -> None:
        """Enter a death where a process died over a capture."""
        told = left.read_bytes()
        name, trace = (
            part.rstrip(b"\0").decode("utf-8", "replace") for part in (told[:NAME_BYTES], told[NAME_BYTES:])
        )
        if name and trace:
            logger.error(
                "A process died while it read the capture %s: %s", name, " ".join(trace.split())[:1000]
            )
            with deadly.open("a", encoding="utf-8") as file:
                file.write(f"{name}\n")
        left.unlink()

    def close(self) -> None:
        """End with the last crawler of this process."""
        self.users -= 1
        if self.users == 0 and self.name is not None:
            faulthandler.unregister(signal.SIGVTALRM)
            self.name.close()
            self.name = None
            os.close(self.file)
            self.file = -1
            self.path.unlink(missing_ok=True)

    def write(self, name: str) -> None:
        """Write down what is read now; empty: nothing that can be named."""
        if self.name is not None:
            self.name[:] = name.encode()[:NAME_BYTES].ljust(NAME_BYTES, b"\0")


def deadly_of(captures: Path) -> Path:
    """Name the file beside the captures that tells over which of them processes ended."""
    return captures.with_name(f"{captures.name}.deadly")


WATCH = Watch()


class Watching:
    """Open the watch for a crawl, close it with it."""

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        WATCH.open(Path(crawler.settings["CAPTURE_DIR"]).absolute())
        crawler.signals.connect(cls.close, signal=signals.spider_closed)
        return cls()

    @staticmethod
    def close() -> None:
        WATCH.close()


class bounded:
    """Break off the block after `STAGE_SECONDS` by TooSlow, which names `what`.

    Regular expressions and all Python code are broken off so. A library that does not return is not: then the
    process is ended after `LAST_SECONDS`, by SIGPROF and with a trace on standard error; no other thread could do that,
    for the library may hold the interpreter, and to start one for each stage takes longer than a stage. A `capture`
    over which `DEATHS` processes ended so is not read again. Does nothing outside the main thread, where no signals come.
    """

    __slots__ = ("before", "capture", "what")

    before: bounded | None

    now: ClassVar[bounded | None] = None
    """The innermost block that is under way."""

    def __init__(self, what: str, capture: Capture | None = None) -> None:
        self.what = what
        self.capture = capture

    def __enter__(self) -> None:
        if threading.current_thread() is not threading.main_thread():
            self.before = self
            return
        name = ""
        if capture := self.capture:
            if (deaths := WATCH.deaths[capture.digest]) >= DEATHS:
                raise TooSlow(
                    f"too-slow: {deaths} processes ended over it, wanted one that reads it, {self.what}"
                )
            name = f"{capture.digest} {capture.warc}:{capture.offset}"
        WATCH.write(name)
        _arm()
        self.before, bounded.now = bounded.now, self
        signal.setitimer(signal.ITIMER_VIRTUAL, STAGE_SECONDS)
        signal.setitimer(signal.ITIMER_PROF, LAST_SECONDS)

    def __exit__(self, *error: object) -> None:
        if self.before is not self:
            signal.setitimer(signal.ITIMER_VIRTUAL, STAGE_SECONDS if self.before else 0)
            signal.setitimer(signal.ITIMER_PROF, LAST_SECONDS if self.before else 0)
            bounded.now = self.before


def _break_off(number: int, frame: object) -> None:
    if bounded.now is not None:  # the time may be up in the instant in which the block ends
        WATCH.write("")
        raise TooSlow(
            f"too-slow: found no end after {STAGE_SECONDS:g} seconds, wanted one, {bounded.now.what}"
        )


@cache
def _arm() -> None:
    """Let SIGVTALRM break off the block that is under way, and SIGPROF say where the process was before it ends it."""
    signal.signal(signal.SIGVTALRM, _break_off)
    faulthandler.register(signal.SIGPROF, file=2, all_threads=False, chain=True)


def patient(process_item: Stage) -> Stage:
    """Let a stage read no page longer than `STAGE_SECONDS`."""

    @wraps(process_item)
    def read(self: Any, item: Any) -> Any:
        with bounded(f"in {type(self).__name__} at {item.url}", item.capture):
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
