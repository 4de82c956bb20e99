"""A portal looked at as it is now: what of it works, without a write into the archive."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple, Self, TypeVar
from urllib.parse import urlsplit

import scrapy
from scrapy import Request, signals
from scrapy.crawler import Crawler
from scrapy.http import Response
from scrapy.http.request import NO_CALLBACK
from scrapy.settings import BaseSettings

from crawler.archive import Archive, canonical, now
from crawler.captures import is_cut_off
from crawler.guards import TooSlow, bounded
from crawler.hosts import read_certificate
from crawler.landing import sent_on
from crawler.parts import content_type
from crawler.portals import Ask, Found, Portal, sitemaps
from crawler.portals.gates import gate_reason
from crawler.reasons import explain
from crawler.settings import ITEM_PIPELINES
from crawler.sources import keep_pauses, list_text
from crawler.text import decode, read_page
from crawler.text.memory import Memory

PAGES = 24
"""How many list pages of a portal are looked at."""
T = TypeVar("T")
OK, ODD, FAIL = "ok", "odd", "FAIL"
LEFT_OUT: dict[str, dict[str, int | None]] = {
    "EXTENSIONS": {"crawler.extensions.Ledger": None, "crawler.guards.DiskSpace": None},
    "DOWNLOADER_MIDDLEWARES": {
        "crawler.middlewares.Captures": None,
        "crawler.gates.Gates": None,
        # unpacks what the captures would
        "scrapy.downloadermiddlewares.httpcompression.HttpCompressionMiddleware": 590,
    },
}
"""What a crawl has and a look at a portal has not."""


class Finding(NamedTuple):
    """One line of what was found."""

    verdict: str
    """``ok``; ``odd``: something to know, nothing fails; ``FAIL``."""
    portal: str
    what: str
    """``robots``, ``certificate``, ``home``, ``list CODE``, ``article``, ``canary``."""
    said: str
    url: str


class Look(NamedTuple):
    """A page that was looked at and read."""

    ask: Ask
    response: Response
    lines: int = 0
    newest: date | None = None


class Known(NamedTuple):
    """An article as the archive has it."""

    url: str
    title: str | None
    text: str
    published: str | None
    memory: Memory
    """What was known of the portal when it was read."""


class Checkup(scrapy.Spider):
    """Ask a portal for its home page, its lists and an article, politely, and keep what was found in `findings`."""

    name = "checkup"
    custom_settings: dict[str, Any] | None = {  # noqa: RUF012 - Scrapy declares it as an instance's
        "ITEM_PIPELINES": dict.fromkeys(ITEM_PIPELINES),
        "RETRY_TIMES": 1,
        "CLOSESPIDER_TIMEOUT": 1800.0,
    }

    @classmethod
    def update_settings(cls, settings: BaseSettings) -> None:
        """Leave out what writes, and the browser; all the other guards of a crawl stay."""
        super().update_settings(settings)
        for name, left_out in LEFT_OUT.items():
            settings.set(name, {**settings.getdict(name), **left_out}, priority="spider")

    def __init__(
        self,
        name: str | None = None,
        portals: Sequence[Portal] = (),
        hosts: frozenset[str] = frozenset(),
        archive: Path | None = None,
        page: str | None = None,
    ) -> None:
        """Prepare to look at portals; `page` is one address that is looked at besides."""
        super().__init__(name)
        self.portals = portals
        self.hosts = hosts
        self.archive = archive
        self.page = page
        self.findings: list[Finding] = []
        self.reached = False
        """Whether anything answered at all."""
        self.robots: dict[str, Response] = {}
        self.certified: set[str] = set()
        self.looked: dict[str, str] = {}
        """Where each channel's list was asked for first, by code."""
        self.lists: dict[str, Look] = {}
        """What each channel's list gave that could be read, by code."""
        self.articles: list[Look] = []
        """The articles that could be read."""

    @classmethod
    def from_crawler(cls, crawler: Crawler, *args: Any, **kwargs: Any) -> Self:
        spider = super().from_crawler(crawler, *args, **kwargs)
        keep_pauses(spider.portals, crawler.settings)
        return spider

    async def start(self) -> AsyncIterator[Any]:
        """Look at one portal after the other."""
        self.crawler.signals.connect(self.answered, signals.response_received)
        for portal in self.portals:
            await self.look_at(portal)
        return
        yield  # what makes this a generator

    def answered(self, response: Response) -> None:
        """Keep what answers tell of their hosts."""
        self.reached = True
        if urlsplit(response.url).path == "/robots.txt":
            self.robots.setdefault(urlsplit(response.url).netloc, response)

    def find(self, verdict: str, portal: Portal, what: str, said: str, url: str) -> None:
        """Keep a line."""
        self.findings.append(Finding(verdict, portal.name, what, said, url))

    async def look_at(self, portal: Portal) -> None:
        """Look at all of a portal."""
        home = await self.ask(portal, "home", Ask(portal.home, "home"))
        if home is not None:
            self.tell_page(portal, "home", home)
        articles = await self.look_at_lists(portal, home)
        self.tell_all_robots(portal)
        if self.page and urlsplit(self.page).hostname in portal.hosts:
            articles.insert(0, self.page)
        for url in articles[:1]:
            await self.look_at_article(portal, url)
        await self.look_at_canary(portal)

    async def ask(self, portal: Portal, what: str, ask: Ask) -> Response | None:
        """Fetch a page; where none comes, say why."""
        request = Request(ask.url, headers=dict(ask.headers), callback=NO_CALLBACK, dont_filter=True)
        try:
            response = await self.crawler.engine.download_async(request)
        except Exception as error:  # whatever kept it away is what is to be told
            self.find(FAIL, portal, what, explain(error), ask.url)
            return None
        self.tell_certificate(portal, response)
        if reason := gate_reason(response.status, response.body):
            said = f"a gate answers: {reason}; a crawl gives it to a browser, see docs/gates.md"
            self.find(FAIL, portal, what, said, response.url)
        elif response.status == 404 and ask.kind == "issue":
            self.find(ODD, portal, what, "no issue on this day", response.url)
        elif response.status != 200:
            self.find(FAIL, portal, what, f"answers {response.status}", response.url)
        elif is_cut_off(response.flags):
            self.find(FAIL, portal, what, f"was cut off after {len(response.body)} bytes", response.url)
        else:
            return response
        return None

    def read(
        self, portal: Portal, what: str, url: str, reader: Callable[..., T], *read: Any, **more: Any
    ) -> T | None:
        """Give what a reader makes of a page; where it does not end, say so."""
        try:
            with bounded(f"at {url}"):
                return reader(*read, **more)
        except TooSlow as slow:
            self.find(FAIL, portal, what, str(slow), url)
            return None

    def tell_certificate(self, portal: Portal, response: Response) -> None:
        """Say how long a host's certificate is good, once."""
        host = urlsplit(response.url).hostname or ""
        if response.certificate is None or host in self.certified:
            return
        self.certified.add(host)
        certificate = read_certificate(response.certificate)
        said = certificate.expires(now())
        until = f"until {certificate.ends:%Y-%m-%d}, issued by {certificate.issuer}"
        self.find(ODD if said else OK, portal, "certificate", f"{host}: {said or until}", response.url)

    def tell_all_robots(self, portal: Portal) -> None:
        """Say what the robots.txt of each host that was asked is."""
        for netloc, answer in self.robots.items():
            if netloc in portal.hosts:
                self.tell_robots(portal, netloc, answer)

    def tell_robots(self, portal: Portal, netloc: str, answer: Response) -> None:
        """Say what robots.txt is; what it forbids shows where that is asked for."""
        if answer.status == 200:
            named = sitemaps.named_in(decode(answer.body).text, answer.url, portal)
            more = f" and {len(named) - 1} more" if len(named) > 1 else ""
            said = f"{len(answer.body)} bytes, obeyed" + (
                f"; names the sitemap {named[0]}{more}" if named else ""
            )
        elif answer.status < 500:
            said = f"answers {answer.status}: nothing is forbidden"
        else:
            said = f"answers {answer.status}: nothing is asked"
        self.find(FAIL if answer.status >= 500 else OK, portal, "robots", f"{netloc}: {said}", answer.url)

    def tell_page(self, portal: Portal, what: str, response: Response) -> None:
        """Say how a page was answered and in which encoding."""
        found = decode(response.body, content_type(response))
        onward = sent_on(response.body, response.url, content_type(response))
        led = f", sends its reader on to {onward}" if onward else ""
        if canonical(response.url) != canonical(portal.home):
            led += ", by a redirect"
        said = f"{len(response.body)} bytes, {found.encoding} ({found.reason}){led}"
        self.find(OK, portal, what, said, response.url)

    async def look_at_lists(self, portal: Portal, home: Response | None) -> list[str]:
        """Look at the first page of each list; give addresses of articles, those of the platform's shape first."""
        asks: deque[Ask] = deque(portal.platform.first(portal, portal.channels, None, None))
        asked: set[tuple[str, str, str | None]] = set()
        articles: list[str] = []
        issue = False
        while asks and len(asked) < PAGES:
            ask = asks.popleft()
            if (ask.kind, ask.url, ask.channel) in asked or (ask.kind == "issue" and issue):
                continue
            asked.add((ask.kind, ask.url, ask.channel))
            what = f"list {ask.channel or ask.kind}"
            if ask.channel:
                self.looked.setdefault(ask.channel, ask.url)
            response = (
                home if home is not None and ask.url == portal.home else await self.ask(portal, what, ask)
            )
            if response is None:
                continue
            text = list_text(response)
            found = self.read(
                portal, what, response.url, portal.platform.read, ask, text, response.url, portal
            )
            if found is None:
                continue
            self.tell_list(portal, what, found, response)
            code = ask.channel or (
                found.channels[0].code if found.channels else None
            )  # a home page may be a list
            if code and found.lines and not found.problems:
                days = [line.listed for line in found.lines if line.listed]
                look = Look(ask, response, len(found.lines), max(days, default=None))
                self.lists.setdefault(code, look)
            issue |= ask.kind == "issue"
            asks.extendleft(reversed(found.asks)) if ask.kind == "issue" else asks.extend(found.asks)
            articles += [line.url for line in found.lines if urlsplit(line.url).hostname in portal.hosts]
        if asks:
            self.find(
                ODD, portal, "lists", f"{len(asks)} more were not looked at, {PAGES} at most are", portal.home
            )
        if not articles and not any(found.verdict == FAIL for found in self.findings):
            self.find(FAIL, portal, "lists", "no line of any list leads to a host of the portal", portal.home)
        return sorted(articles, key=lambda url: portal.platform.channel_of(url, portal) is None)

    def tell_list(self, portal: Portal, what: str, found: Found, response: Response) -> None:
        """Say what a list gave."""
        days = [line.listed for line in found.lines if line.listed]
        newest = f", newest {max(days)}" if days else ", none with a date" if found.lines else ""
        leads = found.lines or found.asks
        more = f", {len(found.asks)} further lists" if found.asks else ""
        following = (
            ", has a next page"
            if found.next
            else ", its further pages are out of reach"
            if found.beyond
            else ""
        )
        total = f" of {found.total}" if found.total else ""
        encoding = decode(response.body, content_type(response)).encoding
        said = [*found.problems, *([found.beyond] if found.beyond else ())]
        problems = f"; {'; '.join(said)}" if said else ""
        self.find(
            FAIL if found.problems or not leads else ODD if found.beyond else OK,
            portal,
            what,
            f"{len(found.lines)} lines{total}{newest}{following}{more}, {encoding}{problems}",
            response.url,
        )

    async def look_at_article(self, portal: Portal, url: str) -> None:
        """Read one listed article, and say by which rules."""
        response = await self.ask(portal, "article", Ask(url, "article"))
        if response is None:
            return
        declared = content_type(response)
        page = self.read(
            portal, "article", url, read_page, response.body, response.url, declared, zone=portal.zone
        )
        if page is None:
            return
        rules = dict(page.extracted.rules)
        told = [
            f"{name} by {rules.get(rule, 'nothing')!r}"
            for name, rule in (("title", "title"), ("date", "published"), ("body", "body"))
        ]
        channel = portal.platform.channel_of(url, portal)
        shape = f"channel {channel}" if channel is not None else "its address has not the platform's shape"
        whole = page.title and page.text and page.published
        if whole:
            self.articles.append(Look(Ask(url, "article", channel), response))
        said = f"{', '.join(told)}; {len(page.text)} characters, {page.encoding}; {shape}"
        self.find(
            OK if whole and channel is not None else ODD if whole else FAIL, portal, "article", said, url
        )

    async def look_at_canary(self, portal: Portal) -> None:
        """Read an archived article once more, and hold it against the archive."""
        known = next(self.known(portal), None)
        if known is None:
            self.find(ODD, portal, "canary", "the archive has no article of this portal yet", portal.home)
            return
        response = await self.ask(portal, "canary", Ask(known.url, "article"))
        if response is None:
            return
        declared = content_type(response)
        page = self.read(
            *(portal, "canary", known.url, read_page),
            *(response.body, known.url, declared, {}, known.memory, portal.zone),
        )
        if page is None:
            return
        published = page.published.isoformat() if page.published else None
        wrong = [
            f"{name}: found {found!r}, archived {held!r}"
            for name, found, held in (
                ("title", page.title, known.title),
                ("date", published, known.published),
            )
            if found != held
        ]
        if page.text != known.text:
            wrong.append(f"text: found {len(page.text)} characters, archived {len(known.text)} others")
        said = "; ".join(wrong) or f"title, date and {len(page.text)} characters as archived"
        self.find(FAIL if wrong else OK, portal, "canary", said, known.url)

    def known(self, portal: Portal) -> Iterator[Known]:
        """Give an archived article that is plain, of one page, and no news any more."""
        if self.archive is None or not self.archive.exists():
            return
        with Archive(self.archive, readonly=True) as archive:
            for row in archive.conn.execute(
                "SELECT a.url, a.title, a.text, a.published, a.capture_id FROM articles a WHERE a.portal = ? AND NOT a.tampered "
                "AND a.gone IS NULL AND a.part_of IS NULL AND a.title <> '' AND a.text <> '' AND a.published IS NOT NULL "
                "AND NOT EXISTS (SELECT 1 FROM parts p WHERE p.article_id = a.id) "
                "AND a.version = 1 ORDER BY a.last_seen DESC, a.id DESC LIMIT 1",
                (portal.name,),
            ):
                memory = archive.memory(portal.name, archive.epoch_of(row["capture_id"]))
                yield Known(row["url"], row["title"], row["text"], row["published"], memory)
