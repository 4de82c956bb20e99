"""``scrapy rebuild``: the archive derived anew from the captures alone, by one process or by several.

One process writes, in the order of the captures. What is pure in the way of a page can be read ahead by others: the
record, what its callback makes of it, the stages before the one that writes, the words for the index. The very callbacks
and stages run there; whatever of them wants to ask the archive, or to write, ends the reading ahead, and the process
that writes does all of that page in its turn, as if there were no other. So the archive is the same, row for row,
however many read.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import scrapy
from scrapy.crawler import Crawler
from scrapy.exceptions import DropItem
from scrapy.settings import BaseSettings
from scrapy.statscollectors import StatsCollector

from crawler.archive import ArchiveError, Prepared, words
from crawler.captures import CaptureRecord, Damage, read_record, read_run
from crawler.extensions import Ledger, is_superseded
from crawler.guards import WATCH, TooSlow, bounded
from crawler.items import Page
from crawler.parts import Parts
from crawler.readers import Here, Readers
from crawler.replay import Ingest, Listed, Place, Read, Run, Stages, Survey, answer_of, source_named
from crawler.sources import as_ask, read_list
from crawler.text import Memory, read_page, sign

logger = logging.getLogger(__name__)

BREATH = 0.5
"""Seconds after which signals are let through."""
BATCH = 16
"""Records that are read together: what passes between two processes costs less by the handful."""
LEAST = 2
"""The same at the end of a file."""
HEAVY = 2**19
"""Bytes of pages that are parsed at the same time; a larger one goes alone."""
SAMPLE = "<h1>海州区新建书屋</h1><div id=zoom><p>时间：2024-01-18 来源：连云港日报</p><p>昨日，海州區三處書屋開放，５千册。</p></div>"
"""A page that has the tables made which reading needs."""


class Rebuild(scrapy.Spider):
    """Derive an archive anew from the captures alone."""

    name = "rebuild"
    keeps_captures = False
    custom_settings = {"ARCHIVE_BATCH_PAGES": 200, "ARCHIVE_BATCH_SECONDS": 3600.0}  # noqa: RUF012  # Scrapy's

    def __init__(self, name: str | None = None, elder: Path | None = None, jobs: int = 1) -> None:
        super().__init__(name)
        self.elder = elder
        self.jobs = jobs

    async def start(self) -> AsyncIterator[Any]:
        ledger = self.crawler.get_extension(Ledger)
        assert ledger is not None
        if self.elder:
            ledger.archive.keep_ids(self.elder)
        ledger.archive.hasten()
        with closing(start_readers(self.crawler, self.jobs)) as readers:
            await self.derive(ledger, readers)
        await ledger.read_texts(self.jobs)
        if self.elder:
            try:
                ledger.archive.carry_over(self.elder)
            except ArchiveError as error:
                logger.error("%s: what no capture tells is not taken over from %s", error, self.elder)
        ledger.commit()
        ledger.archive.wait_for_disk()
        ledger.done = True
        return
        yield  # what makes this a generator

    async def derive(self, ledger: Ledger, readers: Reads) -> None:
        """Replay every capture file, in order."""
        stages = Stages(self.crawler, ledger)
        sources: dict[str, Any] = {Ingest.name: None}
        chain: list[tuple[str, Path, Any]] = []
        for path in sorted(Path(self.settings["CAPTURE_DIR"]).glob("*.warc.gz")):
            survey = Survey()
            run = read_run(path, survey.meet)
            if run is None:
                logger.warning(
                    "%s: found no run record of ours, wanted one; give such files to scrapy ingest", path
                )
                continue
            if run.spider not in sources:
                sources[run.spider] = source_named(run.spider, self.crawler)
            ledger.begin_run(run)
            again = Run(path, run.run_id, sources[run.spider], stages, survey)
            ahead = None if again.source is None else read_ahead(again, readers)
            breath = time.monotonic()
            for _ in again.steps(ahead):
                if time.monotonic() - breath > BREATH:
                    await asyncio.sleep(0)  # let signals through
                    breath = time.monotonic()
            ledger.end_run(run)
            chain.append((run.run_id, path, (run.outcome or {}).get("chain")))
            logger.info("%s: %d answers, %d damaged", path.name, again.taken, again.damaged)
            await asyncio.sleep(0)
        for run_id, path, stated in chain:
            ledger.archive.sign_again(run_id, path, stated)


# -- what reads ahead --


class Task(NamedTuple):
    """One capture that is to be read."""

    offset: int
    held: tuple[str, int] | None
    """Where the record with the payload of a revisit is."""


class Tasks(NamedTuple):
    """Captures of one file that are read one after the other."""

    path: str
    tasks: tuple[Task, ...]

    def __str__(self) -> str:
        """Name the captures."""
        return f"{Path(self.path).name} at {', '.join(str(task.offset) for task in self.tasks)}"


class Answer(NamedTuple):
    """A record, and what became of its page or list; None: that is for the process that writes to say."""

    record: CaptureRecord | Damage
    read: Read | Listed | None = None


Reads = Readers[Tasks, list[Answer]] | Here[Tasks, list[Answer]]
"""What reads captures in order."""


class Known(NamedTuple):
    """What is the same for all captures of a run."""

    spider: str
    sheets: Mapping[str, str]
    memories: Mapping[str, Memory]
    """What was remembered of each portal when the run began."""


class Asks(Exception):  # no error: an end that is foreseen
    """A callback or a stage wants to know or to write what only the process that writes can."""


class _Elsewhere:
    """What is in the process that writes."""

    def __getattr__(self, name: str) -> Any:
        raise Asks(name)


class _Remembered(_Elsewhere):
    """An archive of which is known what it remembers."""

    memories: Mapping[str, Memory] = {}  # set anew for each run

    def memory(self, portal: str) -> Memory:
        if portal not in self.memories:
            raise Asks("memory")
        return self.memories[portal]


class _Ledger(_Elsewhere):
    """A ledger whose archive is one of these."""

    def __init__(self) -> None:
        self.archive = _Remembered()


class _Reader(Crawler):
    """What callbacks and stages take from a crawl, where there is none."""

    ledger: _Ledger

    def get_extension(self, cls: type[Any]) -> Any:
        return self.ledger if cls is Ledger else None


class Reading:
    """A capture that is being read."""

    __slots__ = ("dropped", "left", "listed", "page", "record", "stats")

    def __init__(self, record: CaptureRecord | Damage) -> None:
        self.record = record
        self.page: Page | None = None
        self.listed: Listed | None = None
        self.stats: dict[str, int] = {}
        self.dropped: str | None = None
        self.left = False
        """Whether it is left to the process that writes: whatever went wrong is met there again, and said."""

    @property
    def answer(self) -> Answer:
        """What became of it."""
        if self.page is None or self.left or isinstance(self.record, Damage):
            return Answer(self.record, self.listed)
        return Answer(self.record._replace(body=b""), Read(lighten(self.page), self.stats, self.dropped))


class Ahead:
    """Reads captures before their turn, in a process of its own or in the one that writes."""

    def __init__(self, settings: BaseSettings) -> None:
        """Make callbacks and stages as a crawl has them."""
        thawed = settings.copy()
        thawed.frozen = False
        self.crawler = _Reader(scrapy.Spider, thawed)  # type: ignore[arg-type]
        self.crawler.stats = StatsCollector(self.crawler)
        self.crawler.ledger = _Ledger()
        self.stages = Stages(self.crawler, self.crawler.ledger)  # type: ignore[arg-type]
        self.sources: dict[str, Any] = {}

    def begin(self, known: Known) -> Callable[[Tasks], list[Answer]]:
        """Take up a run; give what reads its captures."""
        if known.spider not in self.sources:
            self.sources[known.spider] = source_named(known.spider, self.crawler)
        source = self.sources[known.spider]
        source.forget()
        source.sheets.update(known.sheets)
        self.crawler.ledger.archive.memories = known.memories
        return partial(self.read, source)

    def read(self, source: Any, given: Tasks) -> list[Answer]:
        """Read captures, and their pages or lists as far as that asks nobody.

        Each step is done for several pages before the next one: so it finds its code and tables in the processor's memory.
        """
        done: list[Reading] = []
        some: list[Reading] = []
        weight = 0
        for task in given.tasks:
            some.append(Reading(open_record(given.path, task)))
            weight += len(getattr(some[-1].record, "body", b""))
            if weight > HEAVY:
                done += self.carry(source, some)
                some, weight = [], 0
        return [reading.answer for reading in (*done, *self.carry(source, some))]

    def carry(self, source: Any, some: list[Reading]) -> list[Reading]:
        """Carry captures through their callbacks and the stages before the one that writes."""
        for reading in some:
            self.try_out(reading, partial(take, source))
        for stage in self.stages.reading:
            for reading in some:
                if reading.page is not None and reading.dropped is None:
                    self.try_out(reading, partial(pass_on, stage))
        for reading in some:
            if reading.page is not None and reading.dropped is None:
                self.try_out(reading, prepare)
        return some

    def try_out(self, reading: Reading, step: Callable[[Reading], None]) -> None:
        """Do a step of the way of a page, unless an earlier one failed."""
        if reading.left:
            return
        self.crawler.stats.set_stats(reading.stats)
        try:
            step(reading)
        except DropItem as reason:
            reading.dropped = str(reason)
        except Exception:
            reading.left = True


def open_record(path: str, task: Task) -> CaptureRecord | Damage:
    """Read the record of a task."""

    def resolve(record: CaptureRecord) -> CaptureRecord | None:
        found = read_record(*task.held) if task.held else None
        return found if isinstance(found, CaptureRecord) else None

    return read_record(path, task.offset, resolve)


def take(source: Any, reading: Reading) -> None:
    """Make of a record the page or the list that it is."""
    record = reading.record
    if isinstance(record, Damage) or is_superseded(
        record.status, record.flags, record.context.get("attempt", 0)
    ):
        return
    if record.kind == "list":
        reading.listed = list_of(source, record)
    else:
        reading.page = page_of(source, record)


def pass_on(stage: Any, reading: Reading) -> None:
    """Give a page to a stage."""
    reading.page = stage.process_item(reading.page)


def prepare(reading: Reading) -> None:
    """Work out what is written of a page."""
    assert reading.page is not None
    reading.page.prepared = Prepared.of(reading.page)


def list_of(source: Any, record: CaptureRecord) -> Listed | None:
    """Read the list page that a record is of; None where there is none to be read, or not in time."""
    portal = source.by_name.get(record.context.get("portal"))
    ask = as_ask(record.context["ask"])
    if portal is None or "lost" in dict(ask.state):
        return None
    try:
        return read_list(answer_of(record, record.capture), portal, ask, record.capture)
    except TooSlow:
        return None


def page_of(source: Any, record: CaptureRecord) -> Page | None:
    """Give the page that a callback makes of a record, if it makes nothing else and asks nobody."""
    response = answer_of(record, record.capture)
    try:
        with bounded(f"in the page {response.url}", record.capture):
            walk = response.meta["parts"] = Parts(response)
            if walk.next():
                return None  # further pages are read in their turn
            found = list(source.judge_article(response))
    except (Asks, TooSlow):
        return None
    return found[0] if len(found) == 1 and isinstance(found[0], Page) and not found[0].parts else None


def lighten(page: Page) -> Page:
    """Take from a page what only the stages that read it need."""
    page.body, page.sheets, page.tree, page.capture = b"", {}, None, None
    if page.decoded:
        page.decoded = page.decoded._replace(text="")
    if page.repaired:
        page.repaired = page.repaired._replace(text="")
    return page


def start_readers(crawler: Crawler, jobs: int) -> Reads:
    """Start processes that read ahead, with the tables of the text core made; one job is done by this process itself."""
    if jobs == 1:
        return Here(Ahead(crawler.settings).begin)
    text = read_page(SAMPLE.encode(), "http://www.lyg.gov.cn/a/content/1.html").text
    sign(text)
    words(None, text)
    captures = Path(crawler.settings["CAPTURE_DIR"]).absolute()
    return Readers(jobs, partial(make_reader, crawler.settings), partial(WATCH.take_up, captures))


def make_reader(settings: BaseSettings) -> Callable[[Known], Callable[[Tasks], list[Answer]]]:
    """Make what reads, in its process."""
    logging.getLogger().setLevel(logging.ERROR)  # the process that writes says it
    WATCH.open_alone(Path(settings["CAPTURE_DIR"]).absolute())
    return Ahead(settings).begin


def read_ahead(run: Run, readers: Reads) -> Iterator[tuple[CaptureRecord | Damage, Read | Listed | None]]:
    """Give the records of a run in order, with what others read ahead."""
    archive, source = run.archive, run.source
    assert source is not None
    memories = {name: archive.memory(name) for name in sorted(run.survey.portals)}
    readers.begin(Known(source.name, dict(source.sheets), memories))
    for answers, places in readers.read(deal(run, readers.count)):
        done = iter(answers or ())
        for place, asked in places:
            if asked:
                yield next(done)
            elif isinstance(place, Damage):
                yield place, None
            else:
                yield read_record(run.path, place.offset, run.resolve), None


def deal(run: Run, jobs: int) -> Iterator[tuple[Tasks | None, list[tuple[Place | Damage, bool]]]]:
    """Deal the records of a run into what is read by one process at a time; True: of these all are read ahead."""
    for some in parted(run.survey.order, jobs):
        tasks = [task_of(run, place) for place in some]
        given = tuple(task for task in tasks if task is not None)
        beside = [(place, task is not None) for place, task in zip(some, tasks, strict=True)]
        yield Tasks(str(run.path), given) if given else None, beside


def parted(order: Sequence[Place | Damage], jobs: int) -> Iterator[Sequence[Place | Damage]]:
    """Part what stands in a file; towards its end several processes get less at once, so that they end together."""
    at = 0
    while at < len(order):
        size = BATCH if jobs == 1 else max(LEAST, min(BATCH, (len(order) - at) // (4 * jobs)))
        yield order[at : at + size]
        at += size


def task_of(run: Run, place: Place | Damage) -> Task | None:
    """Give the task of reading a record ahead; None where there is nothing to be won."""
    if isinstance(place, Damage) or place.kind not in ("article", "list") or place.status != 200:
        return None
    held = None
    if place.refers_to is not None:
        capture = run.archive.find_capture(*place.refers_to)
        if capture is None:
            return None
        held = str(run.path.parent / Path(capture.warc).name), capture.offset
    return Task(place.offset, held)
