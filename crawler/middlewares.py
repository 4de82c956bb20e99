"""The gates between the engine and the wire: which hosts, whether robots agree, what is kept."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Coroutine
from email.utils import parsedate_to_datetime
from typing import Any, Self

from scrapy import Request
from scrapy.core.downloader import Downloader, Slot
from scrapy.crawler import Crawler
from scrapy.downloadermiddlewares.retry import RetryMiddleware
from scrapy.downloadermiddlewares.robotstxt import RobotsTxtMiddleware
from scrapy.exceptions import CannotResolveHostError, IgnoreRequest
from scrapy.http import Response
from scrapy.http.request import NO_CALLBACK
from scrapy.robotstxt import RobotParser
from scrapy.settings import BaseSettings
from scrapy.statscollectors import StatsCollector
from scrapy.utils.httpobj import urlparse_cached
from scrapy.utils.misc import build_from_crawler
from twisted.internet.defer import Deferred

from crawler.addresses import REFUSED, refusal
from crawler.archive import now
from crawler.captures import CUT_SHORT, NO_END, TAGS, TOO_MANY, is_cut_off, lacks_end, unpack
from crawler.extensions import Ledger
from crawler.guards import TooSlow, bounded
from crawler.reasons import explain, name_some
from crawler.text import decode

PAGES = frozenset({"list", "article", "part"})
"""Kinds of requests that are answered by pages."""


class OneByOne(Downloader):
    """Scrapy's downloader, which sends no more at once to a host than ``CONCURRENT_REQUESTS_PER_DOMAIN`` says.

    The stock one counts a request as under way when its task has begun, and hands out others before that: without a
    pause, or after a stall that is longer than it, all that waits for a host is sent at once.
    """

    def _wait_for_download(
        self, slot: Slot, request: Request, queue_dfd: Deferred[Response]
    ) -> Coroutine[Any, Any, None]:
        slot.transferring.add(request)
        return super()._wait_for_download(slot, request, queue_dfd)


class ExactHosts:
    """Refuse every request whose host the portal does not name, redirects and robots.txt included.

    Scrapy's own off-site filter lets sub-domains through and spares requests marked
    ``dont_filter``; copies of a portal live on look-alike hosts, so neither will do here.
    """

    def __init__(self, crawler: Crawler) -> None:
        self.crawler = crawler
        self.longest = crawler.settings.getint("URLLENGTH_LIMIT")

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls(crawler)

    def process_request(self, request: Request) -> None:
        spider: Any = self.crawler.spider
        hosts: frozenset[str] | None = getattr(spider, "hosts", None)
        if hosts is None:
            return
        portal = request.meta.get("context", {}).get("portal")
        if portal and hasattr(spider, "hosts_of"):
            hosts &= spider.hosts_of(portal)
        if len(request.url) > self.longest:
            self.crawler.stats.inc_value("hosts/too_long")
            raise IgnoreRequest(
                f"refused address: found {len(request.url)} characters, wanted {self.longest} at most: {request.url[:100]}…"
            )
        parts = urlparse_cached(request)
        host = (parts.hostname or "").lower()
        if parts.scheme in ("http", "https") and host in hosts and parts.port in (None, 80, 443):
            return
        self.crawler.stats.inc_value("hosts/refused")
        if ledger := self.crawler.get_extension(Ledger):
            ledger.hosts.stray(request.url, request.meta)
        raise IgnoreRequest(f"refused host: found {request.url}, wanted http(s) on one of {name_some(hosts)}")


class PublicAddresses:
    """Say of a name that `PublicResolver` refused that it was refused, and ask no more."""

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls()

    def process_exception(self, request: Request, exception: Exception) -> None:
        name = (urlparse_cached(request).hostname or "").lower()
        if isinstance(exception, CannotResolveHostError) and name in REFUSED:
            raise IgnoreRequest(refusal(name, REFUSED[name]))


class RobotsUnreachable(IgnoreRequest):
    """robots.txt could not be had, so the host may not be asked in this run."""


class StrictRobots(RobotsTxtMiddleware):
    """Obey robots.txt, and take one that cannot be had (5xx, no answer) for a no (RFC 9309, 2.3.1.4)."""

    def __init__(self, crawler: Crawler) -> None:
        super().__init__(crawler)
        self.answers: dict[str, asyncio.Future[RobotParser | str]] = {}

    async def process_request(self, request: Request) -> None:  # type: ignore[override]
        if request.meta.get("dont_obey_robotstxt"):
            return
        netloc = urlparse_cached(request).netloc
        if netloc not in self.answers:
            self.answers[netloc] = asyncio.ensure_future(self.ask(request))
        answer = await self.answers[netloc]
        if isinstance(answer, str):
            raise RobotsUnreachable(f"robots.txt of {netloc} could not be had: {answer}")
        try:
            with bounded(f"in the rules of robots.txt of {netloc}"):
                self.process_request_2(answer, request)
        except TooSlow as slow:
            raise RobotsUnreachable(str(slow)) from slow

    async def ask(self, request: Request) -> RobotParser | str:
        """Fetch and parse a host's robots.txt; a string says why it could not be had. A 4xx answer allows all."""
        parts = urlparse_cached(request)
        asked = Request(
            f"{parts.scheme}://{parts.netloc}/robots.txt",
            priority=self.DOWNLOAD_PRIORITY,
            meta={"dont_obey_robotstxt": True},
            callback=NO_CALLBACK,
        )
        body = b""
        try:
            response = await self.crawler.engine.download_async(asked)
        except IgnoreRequest:
            pass  # it leads to another host: there is none on this one
        except Exception as error:  # whatever kept it away is the reason to give
            return explain(error)
        else:
            if response.status >= 500:
                return f"it answers {response.status}"
            body = response.body if response.status < 300 else b""
            if b"\0" in body:  # UTF-16: the parser would see no rule in it, and take that for a yes
                body = decode(body).text.encode("utf-8", "replace")
        try:
            with bounded(f"in {asked.url}"):
                return build_from_crawler(self._parserimpl, self.crawler, body)
        except TooSlow as slow:
            return str(slow)


class PatientRetry(RetryMiddleware):
    """Repeat what failed for a passing reason, each time after a longer pause; ask once more for a cut-off page."""

    def __init__(self, settings: BaseSettings) -> None:
        super().__init__(settings)
        self.pause = settings.getfloat("RETRY_BACKOFF_SECONDS")

    async def process_response(self, request: Request, response: Response) -> Request | Response:  # type: ignore[override]
        if is_cut_off(response.flags) and not request.meta.get("retry_times"):
            again = self._retry(request, "cut off")
        elif response.status in self.retry_http_codes and not request.meta.get("dont_retry"):
            again = self._retry(request, f"status {response.status}")
        else:
            return response
        if again is None:
            return response
        await asyncio.sleep(self.wait(again, response))
        return again

    async def process_exception(  # type: ignore[override]
        self, request: Request, exception: Exception
    ) -> Request | None:
        again = super().process_exception(request, exception)
        if not isinstance(again, Request):
            return None
        await asyncio.sleep(self.wait(again, None))
        return again

    def wait(self, again: Request, response: Response | None) -> float:
        """Give the pause in seconds: doubled each time, or what Retry-After asks, 60 at most."""
        seconds = self.pause * 2 ** (again.meta["retry_times"] - 1)
        header = response.headers.get("Retry-After") if response is not None else None
        if header:
            seconds = max(seconds, retry_after(header.decode("latin-1")))
        return float(min(seconds, 60.0))


def retry_after(header: str) -> float:
    """Read a Retry-After header (seconds, or a date) as seconds from now; 0 where it says neither.

    >>> retry_after("7"), retry_after("soon")
    (7.0, 0.0)
    """
    if re.fullmatch(r"\d{1,6}", header.strip()):
        return float(header)
    try:
        return max(0.0, (parsedate_to_datetime(header) - now()).total_seconds())
    except (ValueError, TypeError):
        return 0.0


class Captures:
    """Keep every response as it came from the wire, then hand it on unpacked.

    The record is on disk before anything is derived. It is unpacked here, and not by Scrapy's own middleware, so
    that a crawl reads what a rebuild reads: a body that is cut off, or not what its label says, is kept and flagged.
    """

    def __init__(self, ledger: Ledger, stats: StatsCollector) -> None:
        self.ledger = ledger
        self.stats = stats

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        ledger = crawler.get_extension(Ledger)
        assert ledger is not None, "EXTENSIONS lacks crawler.extensions.Ledger"
        return cls(ledger, crawler.stats)

    def process_response(self, request: Request, response: Response) -> Response:
        if "download_stopped" in response.flags:
            response = response.replace(body=b"", flags=[CUT_SHORT])
        labels = b",".join(response.headers.getlist("Content-Encoding")).decode("latin-1")
        unpacked = unpack(response.body, labels) if labels and CUT_SHORT not in response.flags else None
        body = response.body if unpacked is None else unpacked.body
        response.flags += list(unpacked.flags) if unpacked else []
        if request.meta.get("context", {}).get("kind") in PAGES:
            response.flags += [TOO_MANY] if body.count(b"<") > TAGS else []
            response.flags += [NO_END] if lacks_end(body) else []
        request.meta["capture"] = self.ledger.capture(request, response)
        self.stats.inc_value("captures/written")
        if unpacked is None:
            return response
        headers = response.headers.copy()
        del headers["Content-Encoding"]
        return response.replace(body=body, headers=headers)
