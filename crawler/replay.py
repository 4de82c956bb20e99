"""Captures once more through the callbacks and stages that a crawl uses, without a network.

One way serves three users: what a killed run captured and did not archive, ``scrapy rebuild`` (`crawler.rebuilding`)
and ``scrapy ingest``.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

import scrapy
from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.exceptions import DropItem
from scrapy.http import HtmlResponse, Response
from scrapy.settings import BaseSettings
from scrapy.spiderloader import get_spider_loader
from scrapy.utils.misc import build_from_crawler, load_object
from twisted.python.failure import Failure

from crawler.archive import now
from crawler.captures import (
    CUT_SHORT,
    SHANGHAI,
    Capture,
    CaptureRecord,
    Damage,
    mend,
    payload_digest,
    read_captures,
    read_record,
    read_run,
)
from crawler.extensions import SETTLED_LATER, Ledger, is_superseded
from crawler.guards import TooSlow, bounded
from crawler.items import Page
from crawler.landing import named_address
from crawler.parts import Parts
from crawler.portals import Found, Portal
from crawler.portals.listing import page_key

if TYPE_CHECKING:
    from crawler.sources import Source

logger = logging.getLogger(__name__)


class Place(NamedTuple):
    """Where in a capture file a record is, and what decides whether it is read ahead."""

    offset: int
    kind: str | None
    status: int
    refers_to: tuple[str, str] | None


class Read(NamedTuple):
    """What the stages made of a page elsewhere, before its turn."""

    page: Page
    stats: Mapping[str, int]
    dropped: str | None
    """Why a stage dropped it."""


Listed = tuple[Found, list[str]]
"""What a list page says, and its links that lead nowhere, read elsewhere before its turn (`crawler.sources.read_list`)."""


class Stages:
    """The item pipelines of the settings, called one after the other in order, not on the engine's queue."""

    def __init__(self, crawler: Crawler, ledger: Ledger) -> None:
        named = crawler.settings.getwithbase("ITEM_PIPELINES")
        self.stages = [
            build_from_crawler(load_object(path), crawler)
            for path, order in sorted(named.items(), key=lambda pair: pair[1] or 0)
            if order is not None
        ]
        last = next((at for at, stage in enumerate(self.stages) if getattr(stage, "writes", False)), None)
        self.reading, self.writing = self.stages[:last], self.stages[last:] if last is not None else []
        self.crawler = crawler
        self.ledger = ledger

    def take(self, page: Page) -> Page | None:
        """Carry a page through all stages; None where one dropped it or failed on it (both noted)."""
        return self.carry(page, self.stages)

    def write(self, read: Read, capture: Capture) -> Page | None:
        """Carry a page that was read elsewhere through the rest of the stages, as if it had been read here."""
        for name, count in read.stats.items():
            self.crawler.stats.inc_value(name, count)
        read.page.capture = capture
        if read.dropped is None:
            return self.carry(read.page, self.writing)
        assert self.crawler.spider is not None
        self.ledger.dropped(read.page, None, DropItem(read.dropped), self.crawler.spider)
        return None

    def carry(self, page: Page, stages: Iterable[Any]) -> Page | None:
        """Carry a page through some stages; None where one dropped it or failed on it (both noted)."""
        spider = self.crawler.spider
        assert spider is not None
        try:
            for stage in stages:
                page = stage.process_item(page)
        except DropItem as reason:
            self.ledger.dropped(page, None, reason, spider)
            return None
        except Exception:
            failure = Failure()  # type: ignore[no-untyped-call]
            logger.exception("Error in a stage on %s", page.url)
            self.ledger.failed(page, None, failure, spider)
            return None
        return page


def answer_of(record: CaptureRecord, capture: Capture | None) -> HtmlResponse:
    """Make the response that a record is of, as a callback gets it."""
    return HtmlResponse(
        record.url,
        status=record.status,
        headers=record.headers_multi(unpacked=CUT_SHORT not in record.flags),
        body=record.unpacked().body,
        flags=list(record.flags),
        request=Request(record.url, meta={"context": record.context, "capture": capture}, dont_filter=True),
    )


class Survey:
    """What stands in a capture file of ours, and where: a page stands there before its style sheets and further pages."""

    def __init__(self) -> None:
        self.order: list[Place | Damage] = []
        self.portals: set[str] = set()
        """The portals of the articles."""
        self.sheets: list[int] = []
        """Where the style sheets are."""
        self.payloads: dict[int, int] = {}
        """Where the records are that later ones refer to, by a hash of address and time: there are many."""
        self.parts: dict[str, list[int]] = {}
        """Where the answers for an address are that can be a further page or the first one of it."""

    def meet(self, record: CaptureRecord | Damage) -> None:
        """Take up the next record."""
        if isinstance(record, Damage):
            self.order.append(record)
            return
        self.order.append(Place(record.offset, record.kind, record.status, record.refers_to))
        if record.revisit is None:
            self.payloads[hash((record.url, record.fetched_at))] = record.offset
        if record.kind == "article" and isinstance(portal := record.context.get("portal"), str):
            self.portals.add(portal)
        elif record.kind == "sheet":
            self.sheets.append(record.offset)
        elif record.kind == "part" or (record.kind == "saved" and record.status == 200):
            self.parts.setdefault(page_key(record.context.get("url", record.url)), []).append(record.offset)


class Run:
    """One of our capture files that is replayed, and what stands in it further down: style sheets, further pages."""

    def __init__(
        self, path: Path, run_id: str, source: Source | None, stages: Stages, survey: Survey | None = None
    ) -> None:
        """Begin with what a survey of the file found; without one it is made."""
        if survey is None:
            survey = Survey()
            read_run(path, survey.meet)
        self.path = path
        self.run_id = run_id
        self.source = source
        self.stages = stages
        self.survey = survey
        self.archive = stages.ledger.archive
        self.earlier = self.archive.resolver(path.parent)
        self.payloads = survey.payloads
        self.places = survey.parts
        self.taken = self.damaged = 0
        if source is None:
            return
        source.forget()
        for offset in survey.sheets:
            record = read_record(path, offset, self.earlier)
            if isinstance(record, CaptureRecord):
                url = record.context.get("url", record.url)
                source.keep_sheet(url, answer_of(record, None), record.capture)

    def resolve(self, record: CaptureRecord) -> CaptureRecord | None:
        """Find the payload of a revisit: in a file before, or in this one, which is not read in order."""
        at = self.payloads.get(hash(record.refers_to))
        if (held := self.earlier(record)) or at is None:
            return held
        found = read_record(self.path, at)
        same = isinstance(found, CaptureRecord) and (found.url, found.fetched_at) == record.refers_to
        return found if same and isinstance(found, CaptureRecord) else None

    def replay(self) -> tuple[int, int]:
        """Replay the records that have no row yet; give how many, and how many were damaged."""
        for _ in self.steps():
            pass
        return self.taken, self.damaged

    def steps(
        self, records: Iterable[tuple[CaptureRecord | Damage, Read | Listed | None]] | None = None
    ) -> Iterator[None]:
        """Replay record by record; `records` are those of the file, with what was read of each elsewhere."""
        for record, read in records or ((record, None) for record in read_captures(self.path, self.resolve)):
            if isinstance(record, Damage):
                self.damaged += 1
                logger.warning("%s at byte %d: %s", record.path, record.offset, record.what)
            elif not self.archive.has_capture(self.path.name, record.offset):
                self.taken += 1
                capture = self.archive.add_record(record, self.run_id)
                if isinstance(read, Read):
                    self.stages.ledger.tick()  # as the callback does
                    self.stages.write(read, capture)
                else:
                    self.answer(record, capture, read)
                self.stages.ledger.tick()
            elif record.kind == "part":  # read before its turn; what it refers to may have come since
                self.archive.add_record(record, self.run_id)
            yield

    def answer(self, record: CaptureRecord, capture: Capture, listed: Listed | None = None) -> None:
        """Give a captured response to the callback that it was asked for with; what it would ask stays unasked.

        `listed` is what was read of a list beforehand.
        """
        if record.kind == "saved":
            if record.status in (0, 200):
                self.answer_saved(record, capture)
            return
        source = self.source
        if source is None or record.kind not in SETTLED_LATER:
            return
        if record.kind == "list" and record.context.get("portal") not in source.by_name:
            logger.warning(
                "%s: found a list of the portal %r, which no entry of %s declares; it is kept, not replayed",
                *(record.url, record.context.get("portal"), source.name),
            )
            return
        if is_superseded(record.status, record.flags, record.context.get("attempt", 0)):
            return
        response = answer_of(record, capture)
        response.meta["listed"] = listed
        if record.kind == "article":
            try:
                with bounded(f"in the page {response.url}", capture):
                    walk = response.meta["parts"] = Parts(response)
            except TooSlow as slow:
                source.miss(record.context, "failed", str(slow), capture)
                return
            while url := walk.next():
                # the last one: what came before it were redirects and repeats
                offsets = [each for each in self.places.get(page_key(url), ()) if each > record.offset]
                walk.take(self.read(url, offsets[-1]) if offsets else None)
        callbacks: dict[str, Callable[[Response], Iterator[Any]]] = {
            "list": source.parse_list,
            "article": source.parse_article,
            "attachment": source.parse_attachment,
        }
        for found in callbacks[record.kind](response):
            if isinstance(found, Page):
                self.stages.take(found)

    def answer_saved(self, record: CaptureRecord, capture: Capture) -> None:
        """Take a saved page through the stages, with the further pages that were saved with it."""
        page = saved_page(record, capture, self.stages.crawler.settings)
        if not page.url.startswith(("http://", "https://")):  # nobody knows its address
            self.stages.take(page)
            return
        walk = Parts(answer_of(record, capture))
        if not walk.is_first:
            if not self.archive.belongs(page.url, walk.first) and page_key(walk.first) not in self.places:
                what = f"a further page of {walk.first}, which was not saved with it"
                self.stages.ledger.alarm(page.portal, page.channel, "part alone", what, page.url, capture)
            return
        while url := walk.next():
            offsets = self.places.get(page_key(url), [])
            later = [each for each in offsets if each > record.offset]
            if offsets:
                walk.take(self.read(url, later[0] if later else offsets[-1]))
            else:
                meta = {"context": {"url": url}, "capture": None}
                walk.take(HtmlResponse(url, status=0, body=b"not saved", request=Request(url, meta=meta)))
        page.parts = walk.pages(page)
        self.stages.take(page)

    def read(self, url: str, offset: int) -> Response | None:
        """Read the answer for a further page; None where the file is damaged there."""
        record = read_record(self.path, offset, self.resolve)
        if not isinstance(record, CaptureRecord):
            return None
        response = answer_of(record, self.archive.add_record(record, self.run_id))
        response.meta["context"] = {**record.context, "url": url}
        return response


def take_leftovers(source: Source, stages: Stages) -> None:
    """Deal with the answers that killed runs of this source captured and did not come to; once a run."""
    ledger = stages.ledger
    directory = Path(ledger.settings["CAPTURE_DIR"])
    for run_id in ledger.archive.interrupted_runs(source.name):
        for path in sorted(directory.glob(f"{run_id}*.warc.gz")):
            if torn := mend(path):
                logger.warning("%s: %d bytes of a torn record moved to %s.torn", path, torn, path.name)
            if path.exists():
                taken, damaged = Run(path, run_id, source, stages).replay()
                logger.info("%s: %d answers that a killed run left, %d damaged", path, taken, damaged)
        ledger.archive.adopt_run(run_id)
    source.forget()
    ledger.missed_once.clear()  # this run looks for itself
    ledger.withdraw("incomplete")  # and asks for the pages that the killed one had not
    ledger.commit()


class Ingest(scrapy.Spider):
    """Take saved pages and foreign captures through the stages of a crawl, without a network."""

    name = "ingest"

    def __init__(self, name: str | None = None, paths: tuple[Path, ...] = (), url: str | None = None) -> None:
        super().__init__(name)
        self.paths = paths
        self.url = url
        self.arguments = {"paths": " ".join(path.name for path in paths), **({"url": url} if url else {})}

    async def start(self) -> AsyncIterator[Any]:
        ledger = self.crawler.get_extension(Ledger)
        assert ledger is not None
        stages = Stages(self.crawler, ledger)
        for path in self.paths:
            for saved in read_saved(path, self.url):
                if isinstance(saved, Damage):
                    what = f"byte {saved.offset}: {saved.what}"
                    ledger.alarm("ingest", None, "damaged", what, saved.path, None)
                    continue
                if saved.kind == "part" and not saved.status:
                    continue  # says that no page came
                ledger.keep(
                    url=saved.url,
                    status=saved.status,
                    headers=saved.headers,
                    body=saved.body,
                    fetched_at=saved.fetched_at or now(),
                    kind="saved",
                    context={"file": path.name},
                    flags=saved.flags,
                    saved=not saved.headers,
                )
            await asyncio.sleep(0)
        if ledger.writer is not None and ledger.writer.path is not None:
            ledger.writer.sync()
            Run(ledger.writer.path, ledger.run_id, None, stages).replay()
        ledger.commit()
        ledger.done = True
        return
        yield


def source_named(name: str, crawler: Crawler) -> Source | None:
    """Make the source that a run's captures name; None, with a warning, where there is no such spider any more."""
    try:
        spider = get_spider_loader(crawler.settings).load(name)
    except KeyError:
        logger.warning(
            "found captures of the source %r, wanted one of the spiders; they are kept, not replayed", name
        )
        return None
    return spider.from_crawler(crawler)  # type: ignore[return-value]  # only sources make captures of this kind


def portal_of(url: str, settings: BaseSettings) -> tuple[Portal, str | None, frozenset[str]] | None:
    """Find the declared portal that serves a URL, the channel that the URL tells, and the hosts of its source."""
    host = (urlsplit(url).hostname or "").lower()
    loader = get_spider_loader(settings)
    for name in sorted(loader.list()):
        spider: Any = loader.load(name)
        portals: tuple[Portal, ...] = getattr(spider, "portals", ())
        for portal in portals:
            if host in portal.hosts:
                of = (portal,) if spider.apart else portals
                hosts = frozenset(host for each in of for host in each.hosts)
                return portal, portal.platform.channel_of(url, portal), hosts
    return None


def saved_page(record: CaptureRecord, capture: Capture, settings: BaseSettings) -> Page:
    """Make a page of a saved file or of a foreign capture."""
    found = portal_of(record.url, settings)
    return Page(
        url=record.url,
        portal=found[0].name if found else urlsplit(record.url).hostname or "ingest",
        channel=found[1] if found else None,
        source=found[0].source if found else None,
        zone=found[0].zone if found else SHANGHAI,
        body=record.unpacked().body,
        content_type=record.content_type,
        hosts=found[2] if found else frozenset(),
        capture=capture,
        named=named_address(record.unpacked().body, record.url),
    )


# Where saved pages say which page they are a copy of: browsers' comment, the canonical link, the government meta tag.
SAVED_FROM_RE = re.compile(
    rb"<!--\s*saved from url=\(\d+\)(https?://[^\s>]+)"
    rb"|<(?=link\b[^<>]{0,2000}?\brel=[\"']?canonical\b)[^<>]{0,2000}?\bhref=[\"'](https?://[^\"'<>]+)"
    rb"|<(?=meta\b[^<>]{0,2000}?\bname=[\"']?url\b)[^<>]{0,2000}?\bcontent=[\"'](https?://[^\"'<>]+)",
    re.I,
)


def read_saved(path: Path, url: str | None) -> Iterator[CaptureRecord | Damage]:
    """Read a saved file as answers: a WARC or WACZ gives many, anything else is one page.

    A page's address is `url`, else what the page says of itself, else ``urn:sha256:HEX`` of its bytes.
    Raises OSError where the file cannot be read.
    """
    if path.name.endswith((".warc", ".warc.gz", ".wacz")):
        yield from read_captures(path, None)
        return
    body = path.read_bytes()
    digest = payload_digest(body)
    if url is None and (said := SAVED_FROM_RE.search(body[:65536])):
        url = next(group for group in said.groups() if group).decode("utf-8", "replace")
    yield CaptureRecord(
        path=str(path),
        offset=0,
        length=len(body),
        url=url or f"urn:{digest}",
        fetched_at="",
        status=200,
        reason="",
        headers=(),
        body=body,
        kind="saved",
        context={},
        flags=(),
        digest=digest,
        digest_ok=None,
    )
