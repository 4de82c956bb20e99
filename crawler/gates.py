"""What stands before a page: gates that only a browser passes, lists that show nothing without script.

A gate is tried once a night and host. What the browser brought goes the way of every page, and the cookies that the
gate handed out go with the plain requests after it. A gate that stays closed is left alone until another night.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Self

from scrapy import Request, signals
from scrapy.crawler import Crawler
from scrapy.exceptions import DownloadFailedError
from scrapy.http import HtmlResponse, Response
from scrapy.utils.httpobj import urlparse_cached

from crawler.archive import now
from crawler.captures import RENDERED
from crawler.extensions import Ledger
from crawler.guards import TooSlow, bounded
from crawler.portals.gates import gate_reason

if TYPE_CHECKING:
    from crawler.browser import Browser, Rendered

logger = logging.getLogger(__name__)

KINDS = frozenset({"list", "article", "part"})
"""Kinds of requests that are worth a browser."""
OPENED = "browser"
"""The flag of an answer that a browser was given: it is what the server sent, unpacked."""


class Gates:
    """Open gates with a real browser, and carry the cookies that they hand out."""

    def __init__(self, crawler: Crawler, ledger: Ledger) -> None:
        self.crawler = crawler
        self.ledger = ledger
        self.pages = crawler.settings.getint("BROWSER_PAGES")
        self.pause = crawler.settings.getfloat("BROWSER_PAUSE_SECONDS")
        self.cookies: dict[str, str] = {}
        self.closed: dict[str, str] = {}
        """Hosts whose gate stays closed tonight, and why."""
        self.reasons: Counter[str] = Counter()
        self.turn = asyncio.Lock()
        self.browser: Browser | None = None

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        ledger = crawler.get_extension(Ledger)
        assert ledger is not None, "EXTENSIONS lacks crawler.extensions.Ledger"
        gates = cls(crawler, ledger)
        crawler.signals.connect(gates.leave, signals.spider_closed)
        return gates

    async def process_request(self, request: Request) -> Response | None:
        """Send a host's cookies with a plain request; answer one that asks for a browser."""
        host = urlparse_cached(request).hostname or ""
        if why := request.meta.get("context", {}).get("browser"):
            async with self.turn:
                try:
                    return self.page(request, await self.fetch(request.url, why))
                except (DownloadFailedError, OSError) as error:
                    logger.warning("%s: %s", request.url, error)
        if host in self.cookies:
            request.headers["Cookie"] = self.cookies[host]
        return None

    async def process_response(self, request: Request, response: Response) -> Response | Request:
        """Give what a browser gets where a gate answers, or the gate's answer where it stays closed."""
        why = None
        with suppress(TooSlow), bounded(f"in the answer of {response.url}", request.meta.get("capture")):
            why = gate_reason(response.status, response.body)
        kind = request.meta.get("context", {}).get("kind")
        if why is None or kind not in KINDS or OPENED in response.flags or RENDERED in response.flags:
            return response
        host = urlparse_cached(request).hostname or ""
        async with self.turn:
            if host in self.closed:
                request.meta["closed"] = self.closed[host]
                return response
            known = self.cookies.get(host)
            if known and known.encode() != request.headers.get("Cookie"):  # opened since this was asked
                self.ledger.settle(request.meta["capture"])
                return request.replace(dont_filter=True)
            try:
                rendered = await self.fetch(request.url, f"gate of {host}")
            except (DownloadFailedError, OSError) as error:
                self.shut(host, request, str(error))
                return response
            if closed := gate_reason(rendered.status, rendered.body):
                self.shut(host, request, f"a browser does not pass it either: {closed}")
                return response
            if rendered.cookies:
                self.cookies[host] = rendered.cookies
        self.ledger.settle(request.meta["capture"])  # the gate's own answer stays on record
        answer = HtmlResponse(
            rendered.url,
            status=rendered.status,
            headers=headers_of(rendered),
            body=rendered.body,
            flags=[OPENED],
            request=request,
        )
        request.meta["capture"] = self.ledger.capture(request, answer)
        return answer

    def page(self, request: Request, rendered: Rendered) -> Response:
        """Keep what the server sent, and give the page as it stood after its scripts; `Captures` keeps that."""
        self.ledger.settle(
            self.ledger.keep(
                url=rendered.url,
                status=rendered.status,
                headers=rendered.headers,
                body=rendered.body,
                fetched_at=now(),
                kind="other",
                context={"run": self.ledger.run_id, "spider": self.crawler.spidercls.name},
                flags=(OPENED,),
            )
        )
        return HtmlResponse(
            rendered.url,
            status=rendered.status,
            headers={"Content-Type": "text/html; charset=utf-8"},
            body=rendered.document.encode("utf-8", "replace"),
            flags=[RENDERED],
            request=request,
        )

    async def fetch(self, url: str, why: str) -> Rendered:
        """Let the browser open an address, slowly; raises OSError or DownloadFailedError where it has no page."""
        if self.pages <= 0:
            raise OSError(
                f"no browser: this run has opened as many pages as BROWSER_PAGES allows, wanted {url}"
            )
        browser = self.start()
        self.pages -= 1
        self.reasons[why] += 1
        self.crawler.stats.inc_value("browser/pages")
        await asyncio.sleep(self.pause)
        task = asyncio.ensure_future(browser.fetch(url))
        while not task.done():
            await asyncio.wait({task}, timeout=0.5)
            if self.is_ending() and task.cancel():
                raise DownloadFailedError("the run ends")
        return task.result()

    def is_ending(self) -> bool:
        """Tell whether the run has been told to end: what a browser still does is of no use then."""
        slot = self.crawler.engine._slot if self.crawler.engine else None
        return slot is None or slot.closing is not None

    def start(self) -> Browser:
        """Give the browser of this run; raises OSError where there is none."""
        if self.browser is None:
            from crawler.browser import Browser, NoBrowser  # takes a third of a second, and few runs need it

            try:
                self.browser = Browser(self.crawler)
            except NoBrowser as error:
                raise OSError(str(error)) from error
        return self.browser

    def shut(self, host: str, request: Request, reason: str) -> None:
        """Leave a host's gate alone for tonight, and say why with what it keeps from us."""
        self.closed[host] = request.meta["closed"] = reason
        self.crawler.stats.inc_value(f"browser/closed/{host}")
        logger.warning("The gate of %s stays closed: %s", host, reason)

    async def leave(self) -> None:
        """End the browser, and say how many pages it opened and why."""
        if self.browser is not None:
            await self.browser.end()
            if refused := self.browser.gateway.refused:
                self.crawler.stats.set_value("browser/refused", len(refused))
                logger.info("The browser was refused %d hosts: %s", len(refused), ", ".join(sorted(refused)))
        if self.reasons:
            said = ", ".join(f"{why} ({count})" for why, count in sorted(self.reasons.items()))
            logger.info("A browser opened %d pages: %s", sum(self.reasons.values()), said)


def headers_of(rendered: Rendered) -> dict[str, list[str]]:
    """Collect the fields of an answer by name."""
    headers: dict[str, list[str]] = {}
    for name, value in rendered.headers:
        headers.setdefault(name, []).append(value)
    return headers
