"""The ledger of a run: one archive, one capture file, one row in ``runs``, and the alarms."""

from __future__ import annotations

import asyncio
import ctypes
import json
import logging
import time
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from resource import getpagesize
from statistics import median
from typing import Any, ClassVar, Self
from urllib.parse import urlsplit

from scrapy import Request, Spider, signals
from scrapy.crawler import Crawler
from scrapy.exceptions import NotConfigured, StopDownload
from scrapy.extensions.feedexport import FeedExporter, FeedSlot
from scrapy.extensions.memusage import MemoryUsage as StockMemoryUsage
from scrapy.extensions.throttle import AutoThrottle as StockAutoThrottle
from scrapy.http import Response
from twisted.python.failure import Failure

from crawler.archive import (
    FILES,
    HACKED,
    HACKING,
    RANKS,
    Archive,
    ArchiveError,
    Books,
    Campaign,
    Standing,
    Tampered,
    Unread,
    moment_of,
    now,
    written,
)
from crawler.balance import Sample, Tally, compare, hold, is_late, odd_lengths, shares
from crawler.captures import (
    RENDERED,
    Capture,
    CaptureRecord,
    CaptureWriter,
    RunRecord,
    is_cut_off,
    read_record,
)
from crawler.documents import Document, ReaderMissing, read_document, sniff
from crawler.habits import HABIT_DAYS, LONGEST, is_unusual, nights_of
from crawler.hosts import Certificate, Hosts
from crawler.items import Page
from crawler.portals import Ask, Found, Portal
from crawler.text.changes import find_notice

logger = logging.getLogger(__name__)

COUNTS = (
    *("listed", "archived", "changed", "unchanged", "failed", "gone", "challenged"),
    *("attachments", "attachments_missed", "tampered"),
)

SETTLED_LATER = ("list", "article", "attachment")
"""Kinds of captures whose row is written with what is made of them."""

SEVERITY = (7, 6, 9, 5, 3, 8, 4)
"""Exit codes, gravest first: of several the first one counts."""

UNDELIVERED = "not delivered"
"""The rule of the alarm that says that an earlier report did not reach anybody."""

CHANGES = (
    *("only old", "few new", "many new", "parse rate", "titles missing", "dates missing", "sources missing"),
    *("read otherwise", "text length", "many changed", "many missed", "portal moved"),
)
"""Alarms that tell that a channel is not what it was: nothing failed, and all the same the run is not whole."""

BOUNDS = ("many lines", "many pages", "trap", "many parts", "many files", "incomplete", "clock")
"""Alarms that tell that something of a list or of an article was not had, or not told from what was had before."""

PAGE_GONE = "answers 404"
"""The error of an article's further page that the portal has not: nothing that this run, or a later one, could do."""

CLOCK_SECONDS = 600
"""By how much the clock may be set back, or be set during a run, without a word."""

KEPT_ALARMS = 20
"""How many alarms of one rule and portal a run's row keeps; the stat ``alarms/<rule>`` counts them all."""

REPEATED = frozenset({301, 302, 303, 307, 308, 408, 429, 500, 502, 503, 504, 522, 524})
"""Statuses that are followed by another request: a redirect, a repeat."""


def gravest(codes: Iterable[int]) -> int:
    """Choose the exit code that counts among those of several sources.

    >>> gravest([0, 4, 3]), gravest([])
    (3, 0)
    """
    found = set(codes)
    return next((code for code in SEVERITY if code in found), 0)


def say_counts(counts: Mapping[str, int]) -> str:
    """Say the counts of a run in one line.

    >>> say_counts({"archived": 2, "attachments_missed": 1}), say_counts({})
    ('2 archived, 1 attachments missed', 'nothing new')
    """
    told = [f"{counts[name]} {name.replace('_', ' ')}" for name in COUNTS if counts.get(name)]
    return ", ".join(told) or "nothing new"


def begun(run_id: str) -> str | None:
    """Read from a run's id when it began, as the archive writes times; None where the id does not tell."""
    moment = moment_of(run_id)
    return moment.isoformat() if moment else None


def is_superseded(status: int, flags: Collection[str], attempt: int) -> bool:
    """Tell whether the crawl itself asks again after an answer, so that only the next one counts."""
    return status in REPEATED or (is_cut_off(flags) and not attempt)


def say_hacking(pages: Sequence[Tampered], campaigns: Iterable[Campaign]) -> str:
    """Say in one line on how many pages of a portal somebody left his marks, and where they lead.

    >>> say_hacking([Tampered(1, 1, False), Tampered(2, 3, True)], [Campaign(2, ("x7.example",), "甲"), Campaign(1, (), "乙")])
    '2 pages, 1 of them clean before; leads to x7.example (2 pages), “乙” (1 page)'
    """

    def counted(number: int) -> str:
        return f"{number} page{'s' * (number != 1)}"

    since = sum(page.since for page in pages)
    said = counted(len(pages)) + (f", {since} of them clean before" if since else "")
    led = [f"{', '.join(each.hosts) or '“' + each.text + '”'} ({counted(each.pages)})" for each in campaigns]
    return said + (f"; leads to {', '.join(led)}" if led else "; no block was cut out, the text was altered")


class Ledger:
    """Open the archive for a run, keep its captures and books, and close them in good order.

    Stats: ``ledger/<count>`` for each of ``COUNTS``, ``dropped/<reason>``, ``alarms``.
    """

    undelivered: ClassVar[list[str]] = []
    """Why the report of the last night reached nobody; the first run of this night tells it."""

    def __init__(self, crawler: Crawler) -> None:
        self.crawler = crawler
        self.settings = crawler.settings
        self.archive: Archive
        self.writer: CaptureWriter | None = None
        self.run_id = ""
        self.outcome = ""
        self.exitcode = 5
        """What a run ends with that nobody could judge."""
        self.done = False
        """Whether the spider came to the end of all that it had to do: Scrapy ends in good order where `start` fails."""
        self.closes = False
        """Whether the run was told that it is over."""
        self.counts: Counter[str] = Counter()
        self.alarms: list[dict[str, Any]] = []
        self.rules: Counter[tuple[str, str]] = Counter()
        self.tampered: dict[str, list[Tampered]] = {}
        self.tallies: dict[tuple[str, str], Tally] = {}
        """What the run saw of each channel, by portal and code."""
        self.answers: dict[str, Sample] = {}
        """What each portal answered last when it was asked for a list."""
        self.books: list[Books] = []
        """The balance of each channel of the run's portals, when it is closed."""
        self.unsettled: dict[int, Capture] = {}
        self.missed_once: dict[str, dict[str, Any]] = {}
        """The contexts of articles that were missed and are to be looked at a second time, by address."""
        self.hosts = Hosts()
        self.network_failures = 0
        self.storage_failures = 0
        self.rows_lost: ArchiveError | None = None
        """Why SQLite undid a transaction: captures that it had are to be dealt with by the next run."""
        self.lists_read = 0
        self._pages = 0
        self._committed = time.monotonic()
        self._began = now().timestamp(), time.monotonic()
        self._closing: asyncio.Future[None] | None = None
        crawler.signals.connect(self.close, signal=signals.spider_closed)
        crawler.signals.connect(self.dropped, signal=signals.item_dropped)
        crawler.signals.connect(self.failed, signal=signals.item_error)
        crawler.signals.connect(self.erred, signal=signals.spider_error)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        if crawler.spider is None:
            raise NotConfigured
        ledger = cls(crawler)
        ledger.open(crawler.spider)
        return ledger

    def open(self, spider: Spider) -> None:
        """Open archive and capture file, and write the run's row; a rebuild writes no captures and no run of its own."""
        arguments = dict(getattr(spider, "arguments", {}))
        for name in ("SHARD", "NIGHT"):
            if value := self.settings[name]:
                arguments[name.lower()] = value
        self.archive = Archive.shared(Path(self.settings["ARCHIVE_PATH"]))
        if whole := self.settings["WHOLE_ARCHIVE"]:
            self.archive.remember_beside(whole)
        if not getattr(spider, "keeps_captures", True):
            return
        self.archive.begin_memory(self.settings["NIGHT"])
        self.run_id = self.archive.start_run(spider.name, arguments)
        self.writer = CaptureWriter(
            Path(self.settings["CAPTURE_DIR"]),
            self.run_id,
            software=self.settings["USER_AGENT"],
            spider=spider.name,
            arguments=arguments,
            memory=self.archive.epoch,
        )
        self.archive.commit()
        before = self.archive.last_moment(self.run_id)
        present = now()
        if before and before > (present + timedelta(seconds=CLOCK_SECONDS)).isoformat(timespec="seconds"):
            what = f"found {present.isoformat(timespec='seconds')}, wanted a time after the last run, {before}: until then no change of a page counts"
            self.alarm("-", None, "clock", what, "", None)
        while Ledger.undelivered:
            self.alarm("-", None, UNDELIVERED, f"the last report: {Ledger.undelivered.pop(0)}", "", None)

    # -- captures --------------------------------------------------------------------------

    def capture(self, request: Request, response: Response) -> Capture:
        """Write a response into the WARC file and into ``captures``; give the record."""
        context = {
            "run": self.run_id,
            "spider": self.crawler.spidercls.name,
            **request.meta.get("context", {}),
        }
        if not request.meta.get("context"):
            context["kind"] = "robots" if request.url.endswith("/robots.txt") else "other"
        attempt = context["attempt"] = request.meta.get("retry_times", 0)
        if certificate := self.hosts.meet(response.url, response.certificate):
            self.meet_certificate(response.url, certificate)
        capture = self.keep(
            url=response.url,
            status=response.status,
            headers=[(name, value) for name, values in response.headers.items() for value in values],
            body=response.body,
            fetched_at=now(),
            kind=context.pop("kind"),
            context=context,
            flags=tuple(response.flags),
            saved=RENDERED in response.flags,
        )
        if capture.kind in SETTLED_LATER and not is_superseded(response.status, response.flags, attempt):
            self.unsettled[capture.offset] = capture
            return capture
        return self.settle(capture)

    def meet_certificate(self, url: str, certificate: Certificate) -> None:
        """Note what a host's certificate says; one of another issuer than in the last run is told in the log."""
        host = urlsplit(url).hostname
        self.crawler.stats.set_value(f"tls/until/{host}", certificate.ends.isoformat())
        self.crawler.stats.set_value(f"tls/issuer/{host}", certificate.issuer)
        before = self.archive.last_stat(self.run_id, f"tls/issuer/{host}")
        if before and before != certificate.issuer:
            logger.info(
                "%s has a certificate of another issuer: %s, before: %s", host, certificate.issuer, before
            )

    def keep(self, *, url: str, **fields: Any) -> Capture:
        """Write one capture into the WARC file; raises CaptureError where the disk refuses."""
        assert self.writer is not None
        try:
            return self.writer.write(url=url, last=self.archive.last_capture(url), **fields)
        except OSError as error:
            self.stop_for_storage(error)
            raise

    def settle(self, capture: Capture) -> Capture:
        """Write a capture's row, in the same transaction as what is made of it; give it with its id.

        A record without a row is one whose answer was never dealt with: what a killed run leaves.
        """
        if capture.id is not None:
            return capture
        self.unsettled.pop(capture.offset, None)
        return capture._replace(id=self.archive.add_capture(capture, self.run_id))

    def stop_for_storage(self, error: OSError) -> None:
        """End the run in good order: asking for pages that cannot be kept does nobody good."""
        self.storage_failures += 1
        if isinstance(error, ArchiveError):
            self.rows_lost = error
        if self.storage_failures == 1:
            logger.error("%s: the run ends here", error)
            closing = self.crawler.engine.close_spider_async(reason="storage")
            self._closing = asyncio.ensure_future(closing)  # a task that nobody holds may be collected

    # -- the books -------------------------------------------------------------------------

    def enlist(
        self, portal: Portal, found: Found, ask: Ask, capture: Capture, hosts: frozenset[str]
    ) -> list[Standing]:
        """Write a list page's lines into ``listings``; raise an alarm where a list fell silent.

        `hosts` are those of the whole source: the files of the page there are owed, others are not asked for.
        """
        standings = self.archive.enlist(
            found.lines,
            portal=portal.name,
            hosts=portal.hosts,
            seen=capture.fetched_at,
            capture_id=capture.id,
        )
        if found.attachments:
            self.archive.offer(
                found.attachments,
                portal=portal.name,
                channel=ask.channel,
                hosts=hosts,
                seen=capture.fetched_at,
            )
        self.lists_read += 1
        listing = Sample(ask.url, capture)
        for code in {ask.channel, *(line.channel for line in found.lines)} - {None}:
            self.tally(portal.name, code).listing = listing
        for line in found.lines:
            self.tally(portal.name, line.channel).lines += 1
        self.count("listed", sum(standing.new for standing in standings))
        if ask.channel and ask.kind != "more" and "section" not in dict(ask.state):
            before = self.archive.channel(portal.name, ask.channel)
            if not found.lines and not found.asks and before and before.last_lines:
                self.alarm(
                    portal.name,
                    ask.channel,
                    "silent list",
                    f"found no line where the last answer had {before.last_lines}",
                    ask.url,
                    capture,
                )
            if found.lines or not before:
                self.archive.meet_channel(
                    portal.name,
                    ask.channel,
                    None,
                    ask.url,
                    seen=capture.fetched_at,
                    total=found.total,
                    lines=len(found.lines),
                )
        return standings

    def save(self, page: Page) -> None:
        """Write a page's article, version, edits and removed blocks."""
        assert page.capture is not None
        page.capture = self.settle(page.capture)
        for word in page.odd:
            self.archive.flag_capture(page.capture.id, word)
        if self.is_notice(page):
            return
        saved = self.archive.save(page)
        self.tally(page.portal, page.channel).saw(page, saved.change)
        page.article_id, page.version, page.change = saved
        if saved.change is None:
            self.count("unchanged")
        else:
            self.count("archived" if saved.change == "first" else "changed")
        if page.missed:
            missed = "; ".join(f"{part.url}: {part.error}" for part in page.missed)
            what = f"{len(page.missed)} of {1 + len(page.parts)} pages missed: {missed}"[:1000]
            gone = all(part.error == PAGE_GONE for part in page.missed)
            rule = "page gone" if gone else "incomplete"
            self.alarm(page.portal, page.channel, rule, what, page.url, page.capture)
        if page.tampered and saved.change:
            self.count("tampered")
            since = saved.change == "tampered"
            rule = HACKED if since else "tampered"
            self.alarm(page.portal, page.channel, rule, page.title or "", page.url, page.capture)
            found = Tampered(saved.article_id, saved.version, since)
            self.tampered.setdefault(page.portal, []).append(found)
        if page.extracted and len(page.extracted.attachments) + len(page.extracted.images) > FILES:
            what = f"the page names more than {FILES} files, the rest was not taken up"
            self.alarm(page.portal, page.channel, "many files", what, page.url, page.capture)
        self.tick()

    def is_notice(self, page: Page) -> bool:
        """Deal with a page that says no more than that the article is not there; False for any other.

        A page that no list has and that was never another is what it is: the notice is archived.
        """
        assert page.capture is not None
        notice = find_notice(page.title, page.text) if page.extracted else None
        known = self.archive.article(page.url) if notice else None
        if notice is None or (known is None and not self.archive.listed(page.url)):
            return False
        if known is not None and (page.title, page.text) == (known["title"], known["text"]):
            return False
        context = {
            "kind": "article",
            "portal": page.portal,
            "channel": page.channel,
            "url": page.url,
            "title": page.listed_title,
            "listed": page.listed.isoformat() if page.listed else None,
            "attempts": page.attempts,
            "again": page.again,
        }
        self.missing(context, page.capture.status, page.capture, notice.text)
        self.tick()
        return True

    def missing(
        self, context: Mapping[str, Any], status: int, capture: Capture, notice: str | None = None
    ) -> None:
        """Note that an article was missed: the first time it is put down for a second look, the second time it is gone."""
        if not context.get("again"):
            self.missed_once.setdefault(context["url"], {**context, "again": capture.fetched_at})
            return
        first = context.get("since") or context["again"]
        since = first if isinstance(first, str) else None  # captures made before 2026-12 do not tell
        url, when = context["url"], capture.fetched_at
        self.archive.missing(url, when, capture.id, status, first=since, notice=notice)
        self.tally(context["portal"], context.get("channel")).miss("gone", url, capture)
        self.count("gone")

    def take_missed(self) -> list[dict[str, Any]]:
        """Hand out what is to be looked at a second time, in the order in which it was missed."""
        taken = list(self.missed_once.values())
        self.missed_once.clear()
        return taken

    # -- attachments -------------------------------------------------------------------------

    def save_file(self, url: str, body: bytes, capture: Capture) -> None:
        """Note a captured attachment; its text is read later, by `read_texts`."""
        self.archive.had_file(url, capture, sniff(body, capture.content_type), len(body))
        self.count("attachments")
        self.crawler.stats.inc_value("attachments/archived")
        self.crawler.stats.inc_value("attachments/bytes", len(body))

    def miss_file(
        self,
        context: dict[str, Any],
        state: str,
        error: str,
        capture: Capture | None,
        size: int | None = None,
    ) -> None:
        """Note an attachment that was not had, in its row and as an alarm."""
        when, number = (capture.fetched_at, capture.id) if capture else (now().isoformat(), None)
        self.archive.miss_file(context["url"], state, error, when, number, size)
        self.count("attachments_missed")
        self.crawler.stats.inc_value(f"attachments/{state}")
        rule = f"attachment {state}"
        self.alarm(context["portal"], context.get("channel"), rule, error, context["url"], capture)

    async def read_texts(self, at_once: int = 1) -> None:
        """Read the texts of captured attachments from their captures, in order, some at once beside the event loop."""
        seconds = self.settings.getint("ATTACHMENT_TEXT_SECONDS")
        self.commit()
        while seconds > 0 and (files := self.archive.unread()):
            for at in range(0, len(files), at_once):
                some = files[at : at + at_once]
                try:
                    documents = await asyncio.gather(*(self.read_text(file, seconds) for file in some))
                except ReaderMissing as missing:  # the files stay unread for a run that has one
                    logger.error("%s", missing)
                    self.crawler.stats.inc_value("attachments/no_reader")
                    self.commit()
                    return
                for file, document in zip(some, documents, strict=True):
                    self.archive.read_file(file, document)
                    state = "unread" if document.text is None else "read"
                    self.crawler.stats.inc_value(f"attachments/{state}")
                    if document.error:
                        logger.info("%s: %s", file.capture.url, document.error)
                    self.tick()
        self.commit()

    async def read_text(self, file: Unread, seconds: int) -> Document:
        """Read the text of a captured attachment; raises ReaderMissing."""
        directory = Path(self.settings["CAPTURE_DIR"])
        place = directory / file.capture.warc
        record = read_record(place, file.capture.offset, self.archive.resolver(directory))
        if not isinstance(record, CaptureRecord):
            return Document(None, f"its capture cannot be read: {record.what}")
        body = record.unpacked(self.settings.getint("ATTACHMENT_MAXSIZE") + 1).body
        return await asyncio.to_thread(read_document, body, file.mime, seconds=seconds)

    # -- what was counted --------------------------------------------------------------------

    def said(self) -> str:
        """Say the run's counts in one line."""
        return say_counts(self.counts)

    def count(self, name: str, by: int = 1) -> None:
        if by:
            self.counts[name] += by
            self.crawler.stats.inc_value(f"ledger/{name}", by)

    def alarm(
        self,
        portal: str,
        channel: str | None,
        rule: str,
        what: str,
        url: str,
        capture: Capture | None,
        *,
        network: bool = False,
    ) -> None:
        """Note what a person should look at: in the log, and in the run's row (`KEPT_ALARMS` of a kind there)."""
        self.network_failures += network
        self.crawler.stats.inc_value("alarms")
        self.crawler.stats.inc_value(f"alarms/{rule.replace(' ', '_')}")
        level = logging.INFO if rule == "tampered" else logging.WARNING
        logger.log(level, "%s %s: %s: %s (%s)", portal, channel or "", rule, what, url)
        self.rules[portal, rule] += 1
        if self.rules[portal, rule] > KEPT_ALARMS:
            return
        row = {"portal": portal, "channel": channel, "rule": rule, "what": what, "url": url}
        self.alarms.append({**row, "capture": capture.id if capture else None})

    def withdraw(self, rule: str) -> None:
        """Take the alarms of a rule back that this run will raise again where they are still true."""
        self.alarms = [alarm for alarm in self.alarms if alarm["rule"] != rule]
        for key in [key for key in self.rules if key[1] == rule]:
            count = self.rules.pop(key)
            self.crawler.stats.inc_value("alarms", -count)
            self.crawler.stats.inc_value(f"alarms/{rule.replace(' ', '_')}", -count)

    def miss(
        self, portal: str, channel: str | None, url: str, state: str, error: str, capture: Capture | None
    ) -> None:
        """Note an article that was not had, in its listing and as an alarm; a later run asks for it again."""
        if capture is not None:
            capture = self.settle(capture)
        self.archive.note(url, state, error, capture.fetched_at if capture else now().isoformat())
        self.count(state)
        self.alarm(portal, channel, f"article {state}", error, url, capture)

    def dropped(self, item: Page, response: Response | None, exception: Exception, spider: Spider) -> None:
        """Note why a page was not archived; its capture stays."""
        reason, _, _ = str(exception).partition(": ")
        self.crawler.stats.inc_value(f"dropped/{reason}")
        if isinstance(exception.__cause__, OSError):
            return  # the run ends, and nothing more can be written; the capture is taken up by the next one
        assert item.capture is not None
        item.capture = self.settle(item.capture)
        self.archive.flag_capture(item.capture.id, reason)
        if self.is_notice(item):
            return
        self.tally(item.portal, item.channel).lost(item, reason)
        self.miss(item.portal, item.channel, item.url, "failed", str(exception), item.capture)
        self.tick()

    def failed(self, item: Page, response: Response | None, failure: Failure, spider: Spider) -> None:
        """Note an error of ours on a page; its capture stays."""
        self.crawler.stats.inc_value("pipelines/errors")
        if isinstance(failure.value, OSError):
            self.stop_for_storage(failure.value)
            return
        error = f"{type(failure.value).__name__}: {failure.value}"[:500]
        assert item.capture is not None
        item.capture = self.settle(item.capture)
        self.tally(item.portal, item.channel).lost(item, type(failure.value).__name__)
        self.miss(item.portal, item.channel, item.url, "failed", error, item.capture)

    def erred(self, failure: Failure, response: Response, spider: Spider) -> None:
        """End the run where a callback could not write."""
        if isinstance(failure.value, OSError):
            self.stop_for_storage(failure.value)
        elif capture := response.meta.get("capture"):
            context = response.meta.get("context", {})
            if context.get("kind") == "article":  # not asked for again and again without a word
                error = f"{type(failure.value).__name__}: {failure.value}"[:500]
                self.miss(context["portal"], context.get("channel"), context["url"], "failed", error, capture)
            self.settle(capture)

    # -- runs read back from captures --------------------------------------------------------

    def begin_run(self, run: RunRecord) -> None:
        """Write the row of a run that is replayed from its captures."""
        self.run_id = run.run_id
        self.archive.open_memory(run.memory or begun(run.run_id) or "")
        started = begun(run.run_id)
        self.archive.start_run(run.spider, run.arguments, started=started, run_id=run.run_id)
        self.alarms = []

    def end_run(self, run: RunRecord) -> None:
        """Close the row of a replayed run as its captures say it ended."""
        self.missed_once.clear()
        said = run.outcome or {"outcome": "interrupted", "counts": {}, "alarms": [], "stats": {}}
        self.archive.finish_run(
            run.run_id,
            outcome=said.get("outcome", "interrupted"),
            counts=said.get("counts", {}),
            alarms=said.get("alarms", []),
            stats=said.get("stats", {}),
            finished=said.get("finished"),
        )
        self.archive.write_books(run.run_id, said.get("books", []))

    # -- transactions ----------------------------------------------------------------------

    def tick(self) -> None:
        """Count a page; end the transaction where it is large or old enough."""
        self._pages += 1
        if self._pages >= self.settings.getint(
            "ARCHIVE_BATCH_PAGES"
        ) or time.monotonic() - self._committed >= self.settings.getfloat("ARCHIVE_BATCH_SECONDS"):
            self.commit()

    def commit_list(self) -> None:
        """End the transaction with a list page, so that what it owes is known whatever ends the run; a rebuild goes on."""
        if self.writer is None:
            self.tick()
        else:
            self.commit()

    def commit(self) -> None:
        """Put the captures on disk, then end the transaction."""
        if self.writer is not None:
            self.writer.sync()
        self.archive.commit()
        self._pages = 0
        self._committed = time.monotonic()

    def close(self, spider: Spider, reason: str) -> None:
        """Judge the run, write its row, close capture file and archive."""
        if self.writer is None:
            # a rebuild that was broken off, or failed, is none
            self.exitcode = {"finished": 0 if self.done else 5, "start_error": 5}.get(reason, 4)
            self.commit()
            self.archive.release()
            return
        self.closes = True
        stats = self.crawler.stats.get_stats()
        for name in sorted(str(stat) for stat in stats if str(stat).startswith("tls/unverified/")):
            host = name.rpartition("/")[2]
            self.alarm(
                host,
                None,
                "certificate not verified",
                "TLS_UNVERIFIED_HOSTS names it",
                f"https://{host}/",
                None,
            )
        for host, said in self.hosts.expiring():
            self.alarm(host, None, "certificate expires", said, f"https://{host}/", None)
        for portal, said, (url, capture) in self.hosts.moved(self.tallies):
            self.alarm(portal, None, "portal moved", said, url, capture)
        for row in self.archive.apart(self.run_id):
            found = ", ".join(row["others"]) or "none"
            what = f"a printed page says that the story goes on or began on another; found to fit: {found}"
            self.alarm(row["portal"], row["channel"], "runover apart", what, row["url"], None)
        if (
            abs(jumped := now().timestamp() - self._began[0] - (time.monotonic() - self._began[1]))
            > CLOCK_SECONDS
        ):
            self.alarm(
                "-", None, "clock", f"the clock was set by {jumped:+.0f} seconds during the run", "", None
            )
        self.balance(spider)
        self.judge(reason, stats)
        self.tell_hacking()
        counts = {name: self.counts[name] for name in COUNTS}
        row = {
            "outcome": self.outcome,
            "counts": counts,
            "alarms": self.alarms,
            "stats": json.loads(json.dumps({**stats, "reason": reason, "exit": self.exitcode}, default=str)),
        }
        books = written(self.books, {place: tally.seen for place, tally in self.tallies.items()})
        try:
            if self.rows_lost is not None:
                raise self.rows_lost
            for capture in list(self.unsettled.values()):  # answers that came while the run was ending
                self.settle(capture)
            chain = self.archive.sign_earlier(self.writer.directory) if self.writer.path else {}
            finished = now().replace(microsecond=0)
            self.archive.finish_run(self.run_id, finished=finished, **row)
            self.archive.write_books(self.run_id, books)
            self.writer.sync()
            closed = {"finished": finished.isoformat(), **row, "books": books, "chain": chain}
            if signed := self.writer.finish(closed):
                self.archive.sign_run(self.run_id, signed, chain["previous"])
            self.archive.commit()
        except OSError as error:  # the next run marks this one as interrupted and takes up what it captured
            logger.error("%s: the run's row could not be written", error)
            self.outcome, self.exitcode = "failed", 6
        self.archive.release()
        logger.info("Run %s %s: %s; %d alarms", self.run_id, self.outcome, self.said(), len(self.alarms))

    def tally(self, portal: str, channel: str | None) -> Tally:
        """Give what the run saw of a channel so far."""
        return self.tallies.setdefault((portal, channel or ""), Tally())

    def balance(self, spider: Spider) -> None:
        """Close the books of the run's portals, and hold what the run saw against what their channels are used to."""
        for portal in getattr(spider, "asked", ()):
            name = portal.name
            self.books += self.archive.books(name)
            for wrong in self.archive.imbalances(name):
                logger.error("The books of %s %s do not balance: %s", *wrong[:3])
                self.alarm(wrong.portal, wrong.channel, "books", wrong.what, wrong.url, None)
            self.look_for_silence(spider, portal)
            self.look_for_losses(name)
            self.look_for_lengths(name)
        for book in self.books:
            logger.info("Books %s", book)

    def look_for_silence(self, spider: Spider, portal: Portal) -> None:
        """Raise an alarm for each channel of the run whose newest line is older than its habit lets expect.

        Not in a run that looks at some days only, nor where a list of the portal could not be had: that is an
        alarm already, and the list may tell of more.
        """
        name, today = portal.name, now().date()
        window = getattr(spider, "window", None)
        failed = any(self.rules[name, rule] for rule in ("list failed", "list refused", "challenged"))
        if failed or window is None or window.since or window.until:
            return
        known = self.archive.known_channels(name, begun(self.run_id) or "")
        wanted = known & set(window.channels or portal.channels or known)
        self.look_for_arrivals(portal, wanted)
        for channel, days in self.archive.listed_days(name, today).items():
            late = is_late(days, today) if channel in wanted else None
            if late:
                listing = self.tally(name, channel).listing or self.answers.get(name)
                url, capture = listing or Sample(portal.home, None)
                self.alarm(name, channel, "only old", late, url, capture)

    def look_for_arrivals(self, portal: Portal, channels: Collection[str]) -> None:
        """Raise an alarm for each channel that had far fewer or far more new lines than it is used to.

        Where none stands out, the lines of the whole portal are looked at together.
        """
        name = portal.name
        runs, seen = self.archive.arrivals(name, self.run_id, HABIT_DAYS + LONGEST + 2)
        # this run's own books are not written yet
        runs = {
            run: (
                began,
                {code for (each, code), tally in self.tallies.items() if each == name and tally.lines},
            )
            if run == self.run_id
            else (began, read)
            for run, (began, read) in runs.items()
        }
        told = False
        for channel in (*sorted(channels), None):
            if channel is None and (told or len(channels) < 2):
                return
            began = [(at, channel in read if channel else bool(read)) for at, read in runs.values()]
            lines = [at for code, every in seen.items() if channel in (code, None) for at in every]
            if found := is_unusual(nights_of(began, lines)):
                listing = self.tally(name, channel).listing or self.answers.get(name)
                url, capture = listing or Sample(portal.home, None)
                self.alarm(name, channel, *found, url, capture)
                told = True

    def look_for_lengths(self, portal: str) -> None:
        """Raise an alarm where new texts are far shorter or longer than usual, in a channel or in all together."""
        whole: tuple[list[tuple[float, Sample]], list[float]] = [], []
        told = False
        for (name, channel), tally in list(self.tallies.items()):
            if name != portal or not channel or not tally.lengths:
                continue
            before = self.archive.lengths(portal, channel, self.run_id)
            usual = median(before) if before else 0.0
            tonight = list(
                zip(
                    shares((length for length, _ in tally.lengths), usual),
                    (sample for _, sample in tally.lengths),
                    strict=False,
                )
            )
            earlier = shares(before, usual)
            told |= self.tell_length(portal, channel, tonight, earlier)
            whole[0].extend(tonight)
            whole[1].extend(earlier)
        if not told:
            self.tell_length(portal, None, *whole)

    def tell_length(
        self,
        portal: str,
        channel: str | None,
        tonight: Sequence[tuple[float, Sample]],
        before: Sequence[float],
    ) -> bool:
        """Raise an alarm where the lengths of new texts are unlike earlier ones; tell whether there was one."""
        if found := odd_lengths(tonight, before):
            what, (url, capture) = found
            self.alarm(portal, channel, "text length", what, url, capture)
        return found is not None

    def look_for_losses(self, portal: str) -> None:
        """Raise an alarm where the pages of a channel, or of all channels together, are read worse than before."""
        whole = Tally()
        told = False
        for (name, channel), tally in list(self.tallies.items()):
            if name == portal and channel:
                whole.add(tally)
                told |= self.tell_losses(portal, channel, tally)
        if not told:
            self.tell_losses(portal, None, whole)

    def tell_losses(self, portal: str, channel: str | None, tally: Tally) -> bool:
        """Raise an alarm for each way in which pages are read worse than before; tell whether there was one."""
        before = self.archive.history(portal, channel, self.run_id)
        found = [*compare(tally, before), *hold(tally, before)]
        for rule, what, sample in found:
            self.alarm(portal, channel, rule, what, sample.url, sample.capture)
        return bool(found)

    def tell_hacking(self) -> None:
        """Put first in the report which portals' pages show signs of hacking, then the pages that were clean before."""
        for portal, pages in self.tampered.items():
            article = self.archive.article(pages[0].article_id)
            said = say_hacking(pages, self.archive.campaigns(pages))
            self.alarm(portal, None, HACKING, said, article["url"] if article else "", None)
        self.alarms.sort(key=lambda alarm: RANKS.get(alarm["rule"], 2))

    def judge(self, reason: str, stats: dict[str, Any]) -> None:
        """Set ``outcome`` (finished, partial, failed) and ``exitcode`` (CONTRACT of ``scrapy nightly``)."""
        codes = set()
        if self.storage_failures or "feed/lost" in stats:
            codes.add(6)
        if lost := stats.get("feed/lost"):
            self.alarm("-", None, "feed", f"{lost} items are not in the feed; the archive has them", "", None)
        if stats.get("spider_exceptions/count") or stats.get("pipelines/errors"):
            codes.add(5)
        if reason == "finished" and not self.done:
            codes.add(5)
        said = Counter[str]()
        for (_, rule), count in self.rules.items():
            said[rule] += count
        if said["silent list"] or said["unread"]:
            codes.add(3)
        if said["damaged"] or said["books"]:
            codes.add(7)
        lists_failed = said["list failed"] + said["list refused"]
        if lists_failed and not self.lists_read:
            codes.add(8 if self.network_failures == lists_failed else 3)
        elif lists_failed or said["first screen only"] or said["challenged"]:
            codes.add(4)
        if any(said[rule] for rule in (*BOUNDS, *CHANGES)):
            codes.add(4)
        if reason != "finished" or self.counts["failed"] or said["attachment failed"]:
            codes.add(4)
        self.exitcode = gravest(codes)
        if not codes:
            self.outcome = "finished"
        elif codes & {6, 5, 8} or (3 in codes and not self.lists_read):
            self.outcome = "failed"
        else:
            self.outcome = "partial"


class Feeds(FeedExporter):
    """Scrapy's feeds (``-o FILE``), which count what could not be written: stat ``feed/lost``, exit code 6.

    The archive has every item all the same. Each item goes to the file at once, so that the count is right.
    """

    def item_scraped(self, item: Any, spider: Spider) -> None:
        try:
            super().item_scraped(item, spider)
            for slot in self.slots:
                if slot.file is not None and not slot.file.closed:
                    slot.file.flush()
        except OSError as error:
            self.lose(error)

    async def _close_slot(self, slot: FeedSlot, spider: Spider) -> None:
        before = self.failures()
        if slot.itemcount and slot.file is not None:
            try:
                slot.finish_exporting()
                slot.file.flush()
            except OSError as error:
                self.lose(error, 0)
                with suppress(OSError):  # closed all the same, once it cannot write what it holds
                    slot.file.close()
                return
        await super()._close_slot(slot, spider)
        if self.failures() > before:
            self.lose(OSError(f"{slot.uri} could not be stored"), 0)

    def failures(self) -> int:
        """Count the feeds that Scrapy could not hand over to where they belong."""
        stats = self.crawler.stats.get_stats()
        return sum(int(count) for name, count in stats.items() if name.startswith("feedexport/failed_count/"))

    def lose(self, error: OSError, items: int = 1) -> None:
        """Count items that are not in the feed; the first of them is told in the log."""
        stats = self.crawler.stats
        if stats.get_value("feed/lost") is None:
            logger.error("feed: %s: what is lost is counted, the archive has it (scrapy export)", error)
        stats.inc_value("feed/lost", items)
        if (
            ledger := self.crawler.get_extension(Ledger)
        ) and ledger.outcome:  # judged before the feed was closed
            ledger.exitcode = gravest((6, ledger.exitcode))


give_back = getattr(ctypes.CDLL(None), "malloc_trim", None)
"""Gives free memory back to the machine (glibc; other C libraries have no such function)."""
tune = getattr(ctypes.CDLL(None), "mallopt", None)
"""Sets how memory is taken from the machine (glibc)."""
MMAP_THRESHOLD, LARGE = -3, 2**20
"""What glibc calls the size from which a piece is taken from the machine by itself, and given back when it is free; and
that size in bytes. Left alone it grows with the first large page, and what the next ones leave is kept between small pieces."""


class SizeLimits:
    """End a download where its body is larger than the request's meta ``maxsize``, else ``PAGE_MAXSIZE``.

    What came of it goes its way.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        limits = cls(crawler.settings.getint("PAGE_MAXSIZE"))
        crawler.signals.connect(limits.headers, signal=signals.headers_received)
        crawler.signals.connect(limits.data, signal=signals.bytes_received)
        return limits

    def headers(self, body_length: object, request: Request) -> None:
        limit = request.meta.get("maxsize", self.limit)
        request.meta["received"] = 0  # a repeat takes over the meta of what was broken off
        if limit and isinstance(body_length, int) and body_length > limit:
            raise StopDownload(fail=False)

    def data(self, data: bytes, request: Request) -> None:
        limit = request.meta.get("maxsize", self.limit)
        if not limit:
            return
        request.meta["received"] = request.meta.get("received", 0) + len(data)
        if request.meta["received"] > limit:
            raise StopDownload(fail=False)


class AutoThrottle(StockAutoThrottle):
    """Scrapy's AutoThrottle, which never goes below the pause that ``DOWNLOAD_SLOTS`` asks for.

    The stock one only begins with it, and goes down to ``DOWNLOAD_DELAY`` where a host answers fast.
    """

    def __init__(self, crawler: Crawler) -> None:
        super().__init__(crawler)
        slots = crawler.settings.getdict("DOWNLOAD_SLOTS")
        self.least = {key: float(slot.get("delay", 0.0)) for key, slot in slots.items()}

    def _response_downloaded(self, response: Response, request: Request, spider: Spider) -> None:
        super()._response_downloaded(response, request, spider)
        key, slot = self._get_slot(request, spider)
        if key is not None and slot is not None:
            slot.delay = max(slot.delay, self.least.get(key, 0.0))


class MemoryUsage(StockMemoryUsage):
    """Scrapy's guard of ``MEMUSAGE_LIMIT_MB``, which measures this process alone.

    The stock one reads ``ru_maxrss``, which a program that is started takes over from the one that
    starts it (getrusage(2), on Linux): a crawl that a large program started would end at once.
    """

    slack = 32 * 2**20
    floor = 0
    """What was left when memory was last given back, in bytes."""

    def __init__(self, crawler: Crawler) -> None:
        super().__init__(crawler)
        if tune is not None:
            tune(MMAP_THRESHOLD, LARGE)

    def get_virtual_size(self) -> int:
        """Return the resident memory of this process, in bytes, once what is free in it was given back.

        A large page leaves free memory between what is in use, which the C library keeps: half as much again after
        some of 15 MB each, and the limit would end a run that needs none of it.
        """
        resident = self.resident()
        if resident > self.floor + self.slack and give_back is not None:
            give_back(0)
            resident = self.floor = self.resident()
        return resident

    def resident(self) -> int:
        """Return the resident memory of this process, in bytes."""
        try:
            pages = Path("/proc/self/statm").read_text().split()[1]
        except (OSError, IndexError):
            return super().get_virtual_size()
        return int(pages) * getpagesize()
