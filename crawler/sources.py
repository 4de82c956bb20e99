"""The spider that every source declares: lists into the ledger, then what the ledger owes.

A list page never leads straight to its articles. Its lines go into ``listings`` first; what is
asked for next is read back from there, a few at a time. So an interrupted run knows what is
owed, the next run takes it up in the same way, and memory does not grow with the list.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import date, timedelta
from typing import Any, ClassVar, NamedTuple
from urllib.parse import urlsplit

import scrapy
from scrapy import Request, signals
from scrapy.exceptions import IgnoreRequest
from scrapy.http import HtmlResponse, Response
from scrapy.http.request import NO_CALLBACK
from scrapy.settings import SETTINGS_PRIORITIES, BaseSettings
from scrapy.utils.httpobj import urlparse_cached
from twisted.python.failure import Failure

from crawler.archive import Archive, Owed, OwedFile, Standing, canonical, now
from crawler.balance import Sample
from crawler.captures import (
    CUT_SHORT,
    MAX_BODY,
    OVERLONG,
    SHANGHAI,
    TAGS,
    TOO_MANY,
    Capture,
    is_cut_off,
    unpack,
)
from crawler.extensions import Ledger
from crawler.guards import TooSlow, bounded
from crawler.items import Page
from crawler.landing import HOPS, is_astray, named_address, sent_on
from crawler.middlewares import RobotsUnreachable
from crawler.parts import Parts, content_type
from crawler.portals import Ask, Found, Portal
from crawler.portals.entries import entries
from crawler.portals.gates import gate_reason
from crawler.portals.listing import grown_address, links_nowhere
from crawler.portals.pager import PARTS
from crawler.reasons import explain
from crawler.replay import Stages, take_leftovers
from crawler.sheets import WEB_PAGE_RE, sheet_text, style_sheets
from crawler.text import decode

BATCH = 32
"""How many owed articles are taken from the ledger at a time; of many portals some more."""
MOST = 64
"""So many requests are under way at once in a run of very many portals."""
UNDER_WAY = 4
"""A portal of which so many requests are under way is given no more: its host is asked one thing at a time."""


OVERDUE_DAYS = 60
"""How far back the issues of missed nights are looked for."""

CUT_ATTEMPTS = 2
"""Runs that ask again for a page that comes cut off; after them the part that comes is better than nothing."""


SAME_AGAIN = 3
"""Pages of one list that show the lines of earlier ones: more is no list that moved while it was read."""
THIN = 3
"""Lines a page that a list has at the least which is no calendar."""

SCRIPT_RE = re.compile(rb"<script\b", re.I)
"""Evidence that a page may show more than it was sent with."""


class Window(NamedTuple):
    """What a run was asked to look at; a value that cannot be is a ValueError that says so."""

    since: date | None = None
    until: date | None = None
    channels: tuple[str, ...] = ()
    full: bool = False
    portals: tuple[str, ...] = ()
    """The portals that were named; none: those that the source takes by itself."""

    @classmethod
    def read(
        cls,
        portals: tuple[Portal, ...],
        since: str | None = None,
        until: str | None = None,
        channel: str | None = None,
        full: str | None = None,
        portal: str | None = None,
        **others: str,
    ) -> Window:
        """Read the spider arguments ``since until channel full portal``; `portals` are those of the source."""
        if others:
            raise ValueError(
                f"unknown spider argument: found {', '.join(sorted(others))}, wanted since, until, channel, full or portal"
            )
        window = cls(
            read_day("since", since),
            read_day("until", until),
            read_words(channel),
            read_switch("full", full),
            read_words(portal),
        )
        names = {each.name for each in portals}
        if foreign := [name for name in window.portals if name not in names]:
            raise ValueError(
                f"unknown portal: found {', '.join(foreign)}, wanted some of {', '.join(sorted(names))}"
            )
        portals = tuple(each for each in portals if not window.portals or each.name in window.portals)
        if window.since and window.until and window.since > window.until:
            raise ValueError(f"since={window.since} lies after until={window.until}")
        known = {code for portal in portals for code in (*portal.channels, *portal.on_request)}
        discovering = any(not portal.channels for portal in portals)
        if not discovering and (unknown := [code for code in window.channels if code not in known]):
            raise ValueError(
                f"unknown channel: found {', '.join(unknown)}, wanted some of {', '.join(sorted(known))}"
            )
        return window

    def holds(self, listed: date | None) -> bool:
        """Tell whether a listed date lies in the window; a line without a date always does."""
        return listed is None or (
            (not self.since or listed >= self.since) and (not self.until or listed <= self.until)
        )


def say_gate(reason: str, response: Response) -> str:
    """Say which gate answers, and why no browser opened it."""
    closed = response.meta.get("closed")
    return f"a gate answers: {reason}" + (f"; {closed}" if closed else "")


def read_day(name: str, value: str | None) -> date | None:
    """Read a ``YYYY-MM-DD`` spider argument; None and empty are None."""
    if not value:
        return None
    try:
        if len(value) != len("YYYY-MM-DD"):
            raise ValueError
        return date.fromisoformat(value)
    except ValueError:
        raise ValueError(f"{name}: found {value!r}, wanted a date as YYYY-MM-DD") from None


def read_words(value: str | None) -> tuple[str, ...]:
    """Read words joined by commas, each once; None and empty are none.

    >>> read_words("gcyw, bmdt,gcyw"), read_words(None)
    (('gcyw', 'bmdt'), ())
    """
    words = (word.strip() for word in (value or "").split(","))
    return tuple(dict.fromkeys(word for word in words if word))


def read_switch(name: str, value: str | None) -> bool:
    """Read an on/off spider argument: 1 true yes on, 0 false no off or nothing."""
    text = (value or "").strip().lower()
    if text in ("1", "true", "yes", "on"):
        return True
    if text in ("", "0", "false", "no", "off"):
        return False
    raise ValueError(f"{name}: found {value!r}, wanted 1 or 0")


class Entries:
    """The portals whose entries name a spider."""

    def __get__(self, spider: Source | None, owner: type[Source]) -> tuple[Portal, ...]:
        return tuple(portal for portal in entries() if portal.spider == owner.name)


def slots_of(portals: Iterable[Portal], settings: BaseSettings) -> dict[str, dict[str, Any]]:
    """Give ``DOWNLOAD_SLOTS`` for the hosts of portals whose entries say how they are to be asked.

    An entry makes a crawl slower than ``DOWNLOAD_DELAY``, never faster, and what it asks for is a least pause: without
    jitter. What the settings say of a host counts more.
    """
    found: dict[str, dict[str, Any]] = {}
    for portal in portals:
        slot: dict[str, Any] = {}
        if portal.delay:
            slot |= {"delay": max(portal.delay, settings.getfloat("DOWNLOAD_DELAY")), "jitter": 0.0}
        if portal.concurrency > 1:
            slot |= {"concurrency": portal.concurrency}
        found |= {host: slot for host in portal.hosts if slot}
    return {**found, **settings.getdict("DOWNLOAD_SLOTS")}


def keep_pauses(portals: Sequence[Portal], settings: BaseSettings) -> None:
    """Set the pauses between two requests to a host as the entries of portals ask for, and how many are under way at once.

    A run that is told to end waits for all of them, so there are no more than its portals want.
    """
    if (settings.getpriority("CONCURRENT_REQUESTS") or 0) <= SETTINGS_PRIORITIES["project"]:
        wanted = min(MOST, max(settings.getint("CONCURRENT_REQUESTS"), UNDER_WAY * len(portals)))
        settings.set("CONCURRENT_REQUESTS", wanted, priority="spider")
    if slots := slots_of(portals, settings):
        settings.set("DOWNLOAD_SLOTS", slots, priority="cmdline")


def share(portals: Sequence[str]) -> int:
    """Give how many owed articles of each portal are taken at a time."""
    return max(UNDER_WAY, BATCH // max(1, len(portals)))


class Source(scrapy.Spider):
    """Crawl the portals whose entries name a subclass.

    Spider arguments: ``since`` and ``until`` (YYYY-MM-DD, on listed dates), ``channel``
    (codes, joined by commas), ``full`` (1: page every list to its end), ``portal`` (names, joined by commas).
    """

    portals: ClassVar[Entries | tuple[Portal, ...]] = Entries()
    apart: ClassVar[bool] = False
    """Whether its portals have nothing to do with each other: each keeps to its own hosts, and is taken without
    being named only where it is proven."""

    def __init__(self, name: str | None = None, **arguments: str) -> None:
        self.window = Window.read(self.portals, **arguments)
        super().__init__(name)
        self.arguments = arguments
        self.by_name = {portal.name: portal for portal in self.portals}
        """All its portals: captures of every one of them are read, whichever this run asks."""
        named = self.window.portals
        self.asked = tuple(p for p in self.portals if p.name in named) if named else self.by_itself()
        """The portals that this run asks."""
        self.hosts = frozenset(host for portal in self.asked for host in self.hosts_of(portal.name))
        self.unfinished: set[tuple[str, str]] = set()
        self.paged: Counter[tuple[str, str]] = Counter()
        """How many pages of each list this run was answered."""
        self.lined: Counter[tuple[str, str]] = Counter()
        """How many lines they had."""
        self.shown: defaultdict[tuple[str, str], set[int]] = defaultdict(set)
        """A hash of the lines of each of those pages."""
        self.repeated: Counter[tuple[str, str]] = Counter()
        """How many of them showed no other lines than one before."""
        self.since_kill: str | None = None
        """Since when killed runs that this one goes on with were at work."""
        self.sheets: dict[str, str] = {}
        """The style sheets of this run, by address; of a replayed run, those that it captured."""
        self.sheets_asked: dict[str, asyncio.Future[None]] = {}

    @classmethod
    def by_itself(cls) -> tuple[Portal, ...]:
        """Give the portals that a run takes where none is named."""
        return tuple(portal for portal in cls.portals if portal.proven or not cls.apart)

    @classmethod
    def update_settings(cls, settings: BaseSettings) -> None:
        super().update_settings(settings)
        keep_pauses(cls.portals, settings)

    def hosts_of(self, name: str) -> frozenset[str]:
        """Give the hosts that pages of a portal may come from and be sent on to: those of its source."""
        return frozenset(
            host
            for each in self.by_name.values()
            if each.name == name or not self.apart
            for host in each.hosts
        )

    @property
    def ledger(self) -> Ledger:
        """The run's ledger: archive, captures and the books."""
        ledger = self.crawler.get_extension(Ledger)
        assert ledger is not None, "EXTENSIONS lacks crawler.extensions.Ledger"
        return ledger

    @property
    def archive(self) -> Archive:
        return self.ledger.archive

    def forget(self) -> None:
        """Begin anew with what is known of one run alone."""
        for each in (self.sheets, self.paged, self.lined, self.shown, self.repeated):
            each.clear()

    # -- what is asked ---------------------------------------------------------------------

    async def start(self) -> AsyncIterator[Any]:
        """Yield what a killed run left, the first lists, owed articles, then owed attachments until none is left.

        Last of all comes a second look at each article that was missed.
        """
        self.unfinished = self.archive.unfinished_channels()
        self.since_kill = self.archive.since_kill(self.ledger.run_id)
        self.take_leftovers()
        for portal in self.asked:
            for ask in self.first(portal):
                yield self.list_request(portal, ask)
        while True:
            await self.crawler.signals.wait_for(signals.scheduler_empty)
            free = self.free()
            owed = self.owed(free)
            for row in owed:
                for request in self.article_request(row):
                    yield request
            files = [] if owed else self.owed_files(free)
            for file in files:
                for request in self.file_request(file):
                    yield request
            if not owed and not files and self.at_rest():
                if not self.ledger.missed_once:
                    break
                for context in self.ledger.take_missed():
                    for request in self.request_article(context, {}):
                        yield request
        await self.ledger.read_texts()
        self.ledger.done = True

    def take_leftovers(self) -> None:
        """Archive what killed runs captured; their articles are not asked for again."""
        take_leftovers(self, Stages(self.crawler, self.ledger))

    def first(self, portal: Portal) -> list[Ask]:
        """Name the lists of a portal that this run starts with."""
        codes = self.window.channels
        if portal.channels:
            codes = tuple(c for c in codes if c in portal.channels or c in portal.on_request)
            if self.window.channels and not codes:
                return []
        since, until = self.window.since, self.window.until
        asks: list[Ask] = portal.platform.first(portal, codes, since, until)
        if since or not any(ask.kind == "issue" for ask in asks):
            return asks
        return asks + self.overdue(portal, codes, frozenset(ask.url for ask in asks))

    def overdue(self, portal: Portal, codes: tuple[str, ...], asked: Collection[str]) -> list[Ask]:
        """Name the issues of a paper that came out since it is crawled and that no run has read: nights that were missed.

        A list shows what is older than a night; an issue shows its own day alone.
        """
        begun = self.archive.begun(portal.name)
        if begun is None:
            return []
        start = max(begun, now().date() - timedelta(days=OVERDUE_DAYS))
        issues: list[Ask] = portal.platform.first(portal, codes, start, self.window.until)
        return [ask for ask in issues if ask.url not in asked and not self.archive.has_issue(ask.url)]

    def free(self) -> tuple[str, ...]:
        """Name the portals of which so little is under way that more may be asked for: none waits until others are done."""
        active = Counter(
            urlparse_cached(request).hostname for request in self.crawler.engine.downloader.active
        )
        return tuple(
            portal.name for portal in self.asked if sum(active[host] for host in portal.hosts) < UNDER_WAY
        )

    def owed(self, portals: Sequence[str]) -> list[Owed]:
        """Take the next articles of portals to ask for from the ledger."""
        recent = now().date() - timedelta(days=self.crawler.settings.getint("RECENT_DAYS"))
        return self.archive.owed(
            portals,
            run_id=self.ledger.run_id,
            since=self.window.since,
            until=self.window.until,
            channels=self.window.channels,
            recent=recent,
            since_kill=self.since_kill,
            limit=share(portals),
        )

    @property
    def limits(self) -> dict[str, int]:
        """The largest size of each kind of attachment, in bytes; 0: none are asked for."""
        files, images = (self.settings.getint(f"{kind}_MAXSIZE") for kind in ("ATTACHMENT", "IMAGE"))
        return {"attachment": files, "page": files, "image": images}

    def owed_files(self, portals: Sequence[str]) -> list[OwedFile]:
        """Take the next attachments of portals to ask for from the archive."""
        return [
            file
            for portal in portals
            for file in self.archive.owed_files(
                (portal,),
                run_id=self.ledger.run_id,
                limits=self.limits,
                since=self.window.since,
                until=self.window.until,
                channels=self.window.channels,
                limit=share(portals),
            )
        ]

    def at_rest(self) -> bool:
        """Tell whether nothing is under way that could still add lines to the ledger."""
        engine = self.crawler.engine
        assert engine.scraper.slot is not None
        scheduler = engine._slot.scheduler if engine._slot else None
        return (
            not engine.downloader.active
            and engine.scraper.slot.is_idle()
            and not (scheduler and scheduler.has_pending_requests())
        )

    def list_request(self, portal: Portal, ask: Ask, browser: str | None = None) -> Request:
        """Ask for a list page; lists go before articles. `browser` says why a browser is wanted for it."""
        why = {"browser": browser} if browser else {}
        return Request(
            ask.url,
            callback=self.parse_list,
            errback=self.miss_list,
            headers=dict(ask.headers),
            priority=10,
            dont_filter=True,  # the platform modules bound what they ask; a list is asked anew each time
            meta={"context": {"kind": "list", "portal": portal.name, "ask": ask, **why}},
        )

    def article_request(self, row: Owed) -> Iterator[Request]:
        """Ask for an article, conditionally where the archive holds its last answer."""
        context = {
            "kind": "article",
            "portal": row.portal,
            "channel": row.channel,
            "url": row.url,
            "title": row.title,
            "listed": row.listed,
            "attempts": row.attempts,
        }
        headers = {"If-None-Match": row.etag, "If-Modified-Since": row.last_modified}
        yield from self.request_article(context, {name: value for name, value in headers.items() if value})

    def request_article(self, context: dict[str, Any], headers: dict[str, str]) -> Iterator[Request]:
        """Ask for an article; one whose address is none is missed, and the others are asked for all the same."""
        try:
            yield Request(
                context.get("at") or context["url"],
                callback=self.receive_article,
                errback=self.miss_article,
                headers=headers,
                dont_filter=True,  # the ledger hands each article out once a run
                meta={"context": context},
            )
        except ValueError as error:
            self.miss(context, "failed", f"cannot be asked for: {error}", None)

    def file_request(self, file: OwedFile) -> Iterator[Request]:
        """Ask for an attachment, after everything else; one that is too large is left where that shows."""
        limit = self.limits[file.kind]
        context = {"kind": "attachment", "portal": file.portal, "channel": file.channel, "url": file.url}
        try:
            yield Request(
                file.url,
                callback=self.parse_attachment,
                errback=self.miss_attachment,
                headers={"Accept": "*/*", "Accept-Encoding": "identity"},
                priority=-20,
                dont_filter=True,  # the archive hands each address out once a run
                # Scrapy's own limit loses what came: it stands a little higher
                meta={"context": context, "maxsize": limit, "download_maxsize": limit + 2**20},
            )
        except ValueError as error:
            self.ledger.miss_file(context, "refused", f"cannot be asked for: {error}", None)

    # -- what is answered ------------------------------------------------------------------

    def parse_list(self, response: Response) -> Iterator[Request]:
        """Write the lines of a list page into the ledger and go on with the list while there is more to learn."""
        context, capture = response.meta["context"], self.ledger.settle(response.meta["capture"])
        portal, ask = self.by_name[context["portal"]], as_ask(context["ask"])
        self.ledger.answers[portal.name] = Sample(response.url, capture)
        if reason := gate_reason(response.status, response.body):
            self.ledger.alarm(
                portal.name, ask.channel, "challenged", say_gate(reason, response), response.url, capture
            )
            return
        if response.status != 200:
            yield from self.list_refused(portal, ask, response, capture)
            return
        if not OVERLONG.isdisjoint(response.flags):
            what = say_overlong(response)
            self.ledger.alarm(portal.name, ask.channel, "list failed", what, response.url, capture)
            return
        if "lost" in dict(ask.state):
            yield from self.look_for_list(portal, ask, list_text(response), response.url)
            return
        try:
            found, nowhere = response.meta.get("listed") or read_list(response, portal, ask, capture)
        except TooSlow as slow:
            self.ledger.alarm(portal.name, ask.channel, "list failed", str(slow), response.url, capture)
            return
        for problem in found.problems:
            self.ledger.alarm(portal.name, ask.channel, "unread", problem, response.url, capture)
        if nowhere:
            self.crawler.stats.inc_value("links/skipped", len(nowhere))
            said = f"{len(nowhere)} links that lead nowhere, such as {nowhere[0][:100]!r}"
            self.logger.info("%s %s: passed over %s", portal.name, ask.channel or "", said)
        for note in found.notes:
            self.logger.info("%s %s: %s", portal.name, ask.channel or "", note)
        if self.wants_script(portal, ask, found, response):
            yield self.list_request(
                portal, ask, f"no lines without script in {portal.name} {ask.channel or ''}".strip()
            )
            return
        for channel in found.channels:
            self.archive.meet_channel(
                portal.name, channel.code, channel.name, channel.url, seen=capture.fetched_at
            )
        if len(found.lines) > (most := self.settings.getint("LIST_LINES")):
            what = f"found {len(found.lines)} lines on one page, the first {most} were taken up (LIST_LINES)"
            self.ledger.alarm(portal.name, ask.channel, "many lines", what, response.url, capture)
            found = found._replace(lines=found.lines[:most])
        standings = self.ledger.enlist(portal, found, ask, capture, self.hosts_of(portal.name))
        cut_off = is_cut_off(response.flags)
        if cut_off:  # what came is listed, what did not come is still to be had: the channel stays open
            what = f"the answer was cut off after {len(response.body)} bytes"
            self.ledger.alarm(portal.name, ask.channel, "list failed", what, response.url, capture)
        wanted = bool(found.next or found.beyond) and self.goes_on(portal, ask, found, standings)
        goes_on = found.next is not None and wanted
        if wanted and found.beyond:
            self.ledger.alarm(
                portal.name, ask.channel, "first screen only", found.beyond, response.url, capture
            )
        endless = self.find_trap(portal, ask, found)
        if goes_on and endless:
            self.ledger.alarm(portal.name, ask.channel, *endless, response.url, capture)
            goes_on = False
        if ask.channel and not goes_on and not cut_off:
            self.archive.close_channel(portal.name, ask.channel)
        self.ledger.commit_list()
        for more in found.asks:
            if self.wants(portal, more.channel):
                yield self.list_request(portal, more)
        if found.next and goes_on:
            yield self.list_request(portal, found.next)

    def find_trap(self, portal: Portal, ask: Ask, found: Found) -> tuple[str, str] | None:
        """Count a page of a list; say by which rule and why its further pages are not asked for, None where they may be.

        A trap: addresses that grow without end, pages that show again what others showed (session ids, a circle),
        page after page with hardly a line (a calendar) up to ``LIST_PAGES``.
        """
        place, most = (portal.name, ask.channel or ""), self.settings.getint("LIST_PAGES")
        self.paged[place] += 1
        self.lined[place] += len(found.lines)
        shown = hash(frozenset(line.url for line in found.lines))
        if found.lines and shown in self.shown[place]:
            self.repeated[place] += 1
        self.shown[place].add(shown)
        if found.next and (grown := grown_address(found.next.url)):
            return "trap", f"{grown}; the rest was not asked for"
        if self.repeated[place] >= SAME_AGAIN:
            return (
                "trap",
                f"{SAME_AGAIN} pages of it showed the lines of earlier ones; the rest was not asked for",
            )
        if self.paged[place] < most:
            return None
        what = f"found no end of the list after {most} pages, the rest was not asked for (LIST_PAGES)"
        if self.lined[place] < THIN * most:
            return "trap", f"{what}; {self.lined[place]} lines in all, as a calendar has"
        return "many pages", what

    def wants_script(self, portal: Portal, ask: Ask, found: Found, response: Response) -> bool:
        """Tell whether a list that always had lines has none as it was sent, but scripts that may fill it."""
        if found.lines or found.asks or found.next or "browser" in response.meta["context"]:
            return False
        known = self.archive.channel(portal.name, ask.channel) if ask.channel else None
        return bool(known and known.last_lines and SCRIPT_RE.search(response.body))

    def wants(self, portal: Portal, channel: str | None) -> bool:
        """Tell whether a discovered channel is within what the run was asked to look at."""
        if channel is None:
            return True
        if self.window.channels:
            return channel in self.window.channels
        return not portal.channels or channel in portal.channels

    def goes_on(self, portal: Portal, ask: Ask, found: Found, standings: list[Standing]) -> bool:
        """Tell whether the next page of a list is wanted.

        ``full`` wants every page, and so does a list whose paging a killed run left half way.
        ``since`` ends with a page whose dated lines are all older. Otherwise paging goes on until
        a whole page holds nothing but stories that are archived and listed as before: late
        inserts happen, so one known story proves nothing.
        """
        if self.window.full:
            return True
        if self.window.since and found.lines:
            dated = [line.listed for line in found.lines if line.listed]
            if dated and max(dated) < self.window.since:
                return False
        if (portal.name, ask.channel or "") in self.unfinished:
            return True
        return any(not standing.settled for standing in standings)

    def list_refused(
        self, portal: Portal, ask: Ask, response: Response, capture: Capture
    ) -> Iterator[Request]:
        """Report a list that was not answered with 200, and look for where it went."""
        if ask.kind == "issue" and response.status == 404:
            self.logger.info("No issue on this day: %s answers 404", response.url)
            return
        if ask.kind == "more":
            self.ledger.alarm(
                portal.name,
                ask.channel,
                "first screen only",
                f"the list goes on, but {response.url} answers {response.status}",
                response.url,
                capture,
            )
            if ask.channel and response.status in (404, 410):  # what cannot be had is not tried every night
                self.archive.close_channel(portal.name, ask.channel)
            return
        if response.status in (404, 410) and ask.channel and not dict(ask.state).get("found"):
            known = self.archive.channel(portal.name, ask.channel)
            state = (
                ("lost", ask.channel),
                ("name", known.name if known and known.name else ""),
                ("gone", ask.url),
            )
            yield self.list_request(portal, Ask(portal.home, "home", None, (), state))
            return
        what = f"{response.url} answers {response.status}"
        lost = lost_channel(ask)
        rule = self.rule_of_loss(portal, lost) if lost else "list refused"
        self.ledger.alarm(portal.name, ask.channel or lost, rule, what, response.url, capture)

    def look_for_list(self, portal: Portal, ask: Ask, text: str, url: str) -> Iterator[Request]:
        """Find on the home page where a list that was not found is now."""
        code, name, gone = (str(dict(ask.state)[each]) for each in ("lost", "name", "gone"))
        target = portal.platform.moved(text, url, portal, code, name or None, gone)
        if target:
            self.ledger.alarm(
                portal.name, code, "list moved", f"{gone} answers 404, {url} links {target.url}", gone, None
            )
            yield self.list_request(portal, target._replace(state=(*target.state, ("found", 1))))
            return
        for further in portal.platform.read(ask, text, url, portal).asks:
            if further.kind == "home" and further.url != ask.url:  # the home page sends its reader on
                yield self.list_request(portal, further._replace(state=(*ask.state, *further.state)))
                return
        rule = self.rule_of_loss(portal, code)
        self.ledger.alarm(portal.name, code, rule, f"{gone} answers 404 and {url} links no other", gone, None)

    def rule_of_loss(self, portal: Portal, code: str) -> str:
        """Name what it is that a list is not there: it was once, or nobody has ever seen it."""
        seen = self.archive.channel(portal.name, code)
        return "list refused" if seen and seen.last_lines else "no such list"

    def miss_list(self, failure: Failure) -> None:
        """Report a list that could not be had."""
        context = failure.request.meta["context"]  # type: ignore[attr-defined]
        ask = as_ask(context["ask"])
        if capture := failure.request.meta.get("capture"):  # type: ignore[attr-defined]
            self.ledger.settle(capture)
        self.ledger.alarm(
            context["portal"],
            ask.channel or lost_channel(ask),
            "list failed",
            explain(failure.value),
            ask.url,
            None,
            network=isinstance(failure.value, RobotsUnreachable)
            or not isinstance(failure.value, IgnoreRequest),
        )

    async def receive_article(self, response: Response) -> AsyncIterator[Page | Request]:
        """Judge an answer for an article once the style sheets that it links and its further pages are there."""
        if response.status == 200 and self.settings.getbool("STYLE_SHEETS"):
            for url in self.linked_sheets(response):
                if url not in self.sheets_asked:
                    self.sheets_asked[url] = asyncio.ensure_future(self.fetch_sheet(url))
                await self.sheets_asked[url]
        try:
            with bounded(f"in the page {response.url}", response.meta["capture"]):
                walk = response.meta["parts"] = Parts(response)
        except TooSlow as slow:
            self.miss(response.meta["context"], "failed", str(slow), response.meta["capture"])
            return
        while further := walk.next():
            walk.take(await self.fetch_part(further, response.meta["context"]))
        for found in self.parse_article(response):
            yield found

    def linked_sheets(self, response: Response) -> list[str]:
        """Give the addresses of the style sheets of a page; none where they are not found in time."""
        with suppress(TooSlow), bounded(f"in the links of {response.url}", response.meta["capture"]):
            found = response.meta["sheets"] = style_sheets(response.body, response.url)
            return found
        return []

    async def fetch_sheet(self, url: str) -> None:
        """Fetch a style sheet; a page goes without one that cannot be had."""
        limit = self.settings.getint("STYLE_SHEET_MAXSIZE")
        context = {"kind": "sheet", "url": url}
        request = Request(
            url,
            callback=NO_CALLBACK,
            headers={"Accept": "text/css,*/*;q=0.1"},
            meta={
                "context": context,
                "dont_retry": True,
                "maxsize": limit,
                "download_maxsize": limit + 2**20,
            },
        )
        try:
            response = await self.crawler.engine.download_async(request)
        except Exception as error:  # whatever kept it away, the page is read all the same
            self.logger.info("%s: %s", url, explain(error))
            self.crawler.stats.inc_value("sheets/missed")
            return
        self.keep_sheet(url, response, response.meta["capture"])

    def keep_sheet(self, url: str, response: Response, capture: Capture) -> None:
        """Keep the text of a style sheet for the pages of its run."""
        flags = {*(capture.flags or "").split(), *response.flags}
        text = sheet_text(response.status, flags, response.body, content_type(response))
        if text is not None:
            self.sheets[url] = text
        self.crawler.stats.inc_value("sheets/missed" if text is None else "sheets/read")

    async def fetch_part(self, url: str, context: dict[str, Any]) -> Response | None:
        """Fetch a further page of an article; one that no answer comes for is captured as such (status 0).

        None where the run is ending: the article waits for another one.
        """
        about = {"url": url, "of": context["url"]}
        request = Request(url, callback=NO_CALLBACK, meta={"context": {"kind": "part", **about}})
        engine = self.crawler.engine
        try:
            return await engine.download_async(request)
        except Exception as error:  # whatever kept it away is written down
            if engine._slot is None or engine._slot.closing is not None:
                return None
            said = explain(error)
        capture = self.ledger.keep(
            url=url,
            status=0,
            headers=[],
            body=said.encode(),
            fetched_at=now(),
            kind="part",
            context={"run": self.ledger.run_id, "spider": self.name, **about},
        )
        asked = request.replace(meta={"context": about, "capture": self.ledger.settle(capture)})
        return HtmlResponse(url, status=0, body=said.encode(), request=asked)

    def parse_article(self, response: Response) -> Iterator[Page | Request]:
        """Judge an answer for an article, in no more than the time that one page may take."""
        context, capture = response.meta["context"], response.meta["capture"]
        try:
            with bounded(f"in the page {response.url}", capture):
                found = list(self.judge_article(response))
        except TooSlow as slow:
            self.miss(context, "failed", str(slow), capture)
            found = []
        self.ledger.tick()
        yield from found

    def judge_article(self, response: Response) -> Iterator[Page | Request]:
        """Judge an answer for an article: a page, unchanged, gone, a gate, or a failure."""
        context, capture = response.meta["context"], response.meta["capture"]
        url, when = context["url"], capture.fetched_at
        walk: Parts = response.meta["parts"]
        if response.status == 304 and self.archive.article(url):
            self.ledger.settle(capture)
            self.archive.unchanged(url, when)
            self.ledger.tally(context["portal"], context.get("channel")).stood()
            self.ledger.count("unchanged")
        elif reason := gate_reason(response.status, response.body):
            self.miss(context, "challenged", say_gate(reason, response), capture)
        elif response.status in (404, 410):
            capture = self.ledger.settle(capture)
            if context.get("again"):
                yield from self.look_elsewhere(context, capture, response.status)
            else:  # asked again before it is called gone
                self.ledger.missing(context, response.status, capture)
        elif response.status != 200:
            self.miss(context, "failed", f"{response.url} answers {response.status}", capture)
        elif not OVERLONG.isdisjoint(response.flags):
            self.miss(context, "failed", say_overlong(response), capture)
        elif is_cut_off(response.flags) and self.spares_cut_page(context):
            self.miss(context, "failed", f"cut off after {len(response.body)} bytes", capture)
        elif not walk.is_first:
            yield from self.go_to_first(context, self.ledger.settle(capture), walk.first)
        elif walk.broken_off:  # the run ended, or was killed, on the way
            self.ledger.settle(capture)
            self.logger.info("%s: its further pages were not all asked for", url)
        elif further := self.further_address(response):
            self.ledger.settle(capture)
            hops = context.get("hops", 0) + 1
            self.logger.info("%s sends its reader on to %s", response.url, further)
            yield from self.request_article({**context, "at": further, "hops": hops}, {})
        elif astray := self.is_astray(response):
            self.miss(context, "failed", astray, capture)
        else:
            portal = self.by_name.get(context["portal"])
            listed = context.get("listed")
            linked = response.meta.get(
                "sheets"
            )  # found before they were asked for; a replayed page has none there
            page = Page(
                url=url,
                portal=context["portal"],
                channel=context.get("channel"),
                listed_title=context.get("title"),
                listed=date.fromisoformat(listed) if listed else None,
                source=portal.source if portal else None,
                body=response.body,
                content_type=content_type(response),
                hosts=self.hosts_of(context["portal"]),
                zone=portal.zone if portal else SHANGHAI,
                sheets={
                    link: self.sheets[link]
                    for link in (style_sheets(response.body, response.url) if linked is None else linked)
                    if link in self.sheets
                },
                capture=capture,
                answered=response.url,
                named=named_address(response.body, response.url),
                attempts=context.get("attempts", 0),
                again=context.get("again"),
            )
            page.parts = walk.pages(page)
            if walk.rest:
                what = f"the article has more than {PARTS} pages, {walk.rest} known ones were not asked for"
                self.ledger.alarm(page.portal, page.channel, "many parts", what, url, capture)
            yield page

    def look_elsewhere(self, context: dict[str, Any], capture: Capture, status: int) -> Iterator[Request]:
        """Ask for an article that is not there any more at its other addresses; it is gone where none has it."""
        url = context["url"]
        tried = [*context.get("tried", ()), context.get("at") or url]
        keys = {canonical(each) for each in tried}
        others = [each for each in self.archive.other_addresses(url) if canonical(each) not in keys]
        if others:
            since = context.get("since") or context["again"]
            context = {**context, "at": others[0], "tried": tried, "again": None, "since": since}
            yield from self.request_article(context, {})
        else:
            self.ledger.missing(context, status, capture)

    def further_address(self, response: Response) -> str | None:
        """Give where a page sends its reader that does nothing else, if a host of the source has it."""
        target = sent_on(response.body, response.url, content_type(response))
        context = response.meta["context"]
        own = target is not None and urlsplit(target).hostname in self.hosts_of(context["portal"])
        return target if own and context.get("hops", 0) < HOPS else None

    def is_astray(self, response: Response) -> str | None:
        """Say why a redirect does not lead to the article that was asked for; None where it may."""
        context = response.meta["context"]
        portal = self.by_name.get(context["portal"])
        if portal is None or response.url == context["url"]:
            return None
        text = decode(response.body, content_type(response)).text
        return is_astray(context["url"], response.url, portal, self.archive, context.get("title"), text)

    def go_to_first(self, context: dict[str, Any], capture: Capture, first: str) -> Iterator[Request]:
        """Deal with a listed page that is a further one of an article: that is asked for, where no list has it."""
        url = context["url"]
        self.logger.info("%s is a further page of %s", url, first)
        self.archive.belongs(url, first)
        if self.archive.article(first) is None and not self.archive.listed(first):
            yield from self.request_article({**context, "url": first, "listed_as": url}, {})

    def spares_cut_page(self, context: dict[str, Any]) -> bool:
        """Tell whether a cut-off page waits for a whole one: it never replaces a version, and is asked for again."""
        return self.archive.article(context["url"]) is not None or context.get("attempts", 0) < CUT_ATTEMPTS

    def miss(self, context: dict[str, Any], state: str, error: str, capture: Capture | None) -> None:
        """Note an article that was not had; a later run asks for it again."""
        url = context["url"]
        self.ledger.tally(context["portal"], context.get("channel")).miss(state, url, capture)
        self.ledger.miss(context["portal"], context.get("channel"), url, state, error, capture)
        if "listed_as" in context:
            when = capture.fetched_at if capture else now().isoformat()
            self.archive.note(context["listed_as"], state, f"{url}: {error}", when)

    def miss_article(self, failure: Failure) -> None:
        """Note an article whose request failed; what came before it failed is kept."""
        meta = failure.request.meta  # type: ignore[attr-defined]
        self.miss(meta["context"], "failed", explain(failure.value), meta.get("capture"))
        self.ledger.tick()

    def parse_attachment(self, response: Response) -> Iterator[Page]:
        """Judge an answer for an attachment: a file, gone, too large, a gate, or a failure."""
        context, body = response.meta["context"], response.body
        capture = self.ledger.settle(response.meta["capture"])
        missed: tuple[str, str] | None = None
        size = None
        if reason := gate_reason(response.status, body):
            missed = "challenged", say_gate(reason, response)
        elif response.status in (404, 410):
            missed = "gone", f"answers {response.status}"
        elif response.status != 200:
            missed = "failed", f"{response.url} answers {response.status}"
        elif CUT_SHORT in (capture.flags or "").split():
            size = stated_length(response)
            missed = "oversize", f"found {size or 'an unknown number of'} bytes, more than the limit"
        elif is_cut_off(response.flags):
            missed = "failed", f"cut off after {len(body)} bytes"
        elif not body:
            missed = "failed", "found no bytes, wanted a file"
        elif WEB_PAGE_RE.match(body):
            missed = "failed", f"found a web page of {len(body)} bytes, wanted a file"
        if missed:
            self.ledger.miss_file(context, *missed, capture, size)
        else:
            self.ledger.save_file(context["url"], body, capture)
        self.ledger.tick()
        yield from ()

    def miss_attachment(self, failure: Failure) -> None:
        """Note an attachment whose request failed, or that may not be asked for."""
        meta = failure.request.meta  # type: ignore[attr-defined]
        capture = meta.get("capture")
        refused = isinstance(failure.value, IgnoreRequest) and not isinstance(
            failure.value, RobotsUnreachable
        )
        self.ledger.miss_file(
            meta["context"],
            "refused" if refused else "failed",
            explain(failure.value),
            self.ledger.settle(capture) if capture else None,
        )
        self.ledger.tick()


def list_body(response: Response) -> bytes:
    """Give the bytes of a list page; a file that is packed with gzip, as sitemaps are, is unpacked."""
    packed = response.body.startswith(b"\x1f\x8b")
    return unpack(response.body, "gzip").body if packed else response.body


def list_text(response: Response) -> str:
    """Give the text of a list page."""
    return decode(list_body(response), content_type(response)).text


def read_list(response: Response, portal: Portal, ask: Ask, capture: Capture) -> tuple[Found, list[str]]:
    """Read a list page, and its links that lead nowhere; raises TooSlow."""
    text = list_text(response)
    with bounded(f"in the list {response.url}", capture):
        found: Found = portal.platform.read(ask, text, response.url, portal)
    return found, links_nowhere(text, response.url)


def say_overlong(response: Response) -> str:
    """Say that an answer is too large to be a page."""
    if TOO_MANY in response.flags:
        return f"larger than any page: found more than {TAGS} tags"
    if CUT_SHORT not in response.flags:
        return f"larger than any page: it unpacks to more than {MAX_BODY} bytes"
    return f"larger than any page: found {stated_length(response) or 'an unknown number of'} bytes, more than the limit"


def stated_length(response: Response) -> int | None:
    """Give the Content-Length that an answer states, None where it states none."""
    said = (response.headers.get("Content-Length") or b"").strip()
    return int(said) if said.isdigit() and len(said) < 19 else None


def lost_channel(ask: Ask) -> str | None:
    """Name the channel for whose list the home page was asked; None where it was asked for itself."""
    lost = dict(ask.state).get("lost")
    return None if lost is None else str(lost)


def as_ask(value: Any) -> Ask:
    """Read an Ask back from the JSON of a capture's context."""
    url, kind, channel, headers, state = value
    return Ask(url, kind, channel, tuple(map(tuple, headers)), tuple(map(tuple, state)))
