"""A real browser for the few pages that need one: Chromium of this machine, through scrapy-playwright.

It is started when the first page wants it, opens one page at a time, and reaches through `Gateway` what the spider
may reach. Images, fonts and downloads are not loaded. What hangs is closed after `BROWSER_SECONDS`.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import logging
import os
import re
import shutil
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Page
from playwright.async_api import Request as PageRequest
from playwright.async_api import Response as PageResponse
from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.exceptions import DownloadFailedError
from scrapy_playwright.handler import ScrapyPlaywrightDownloadHandler

from crawler.addresses import trusted_hosts
from crawler.gateway import Gateway
from crawler.portals.gates import gate_reason

logger = logging.getLogger(__name__)
logging.getLogger("scrapy-playwright").setLevel(logging.ERROR)  # our own lines say what is done

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
INSTALL = "apt-get install chromium"
ARGUMENTS = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--no-first-run",
    "--no-pings",
    "--renderer-process-limit=2",
    "--js-flags=--max-old-space-size=256",
    "--blink-settings=imagesEnabled=false",
    "--proxy-bypass-list=<-loopback>",  # without it, what is on loopback is asked past the proxy
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
)
UNWANTED = frozenset({"image", "media", "font", "websocket", "eventsource", "manifest", "ping"})
"""Kinds of things that a page wants and its text does not."""
ROUNDS = 4
"""How often a page may send the browser on; a gate that goes on longer does not open."""
POLL = 0.25
"""Seconds between two looks at a page that may still change."""


class NoBrowser(Exception):
    """No Chromium is on this machine; the message says how to get one."""


class Rendered(NamedTuple):
    """What a browser got for an address."""

    url: str
    status: int
    headers: list[tuple[str, str]]
    body: bytes
    """The page as the server sent it, unpacked."""
    document: str
    """The page as it stands after its scripts, as HTML."""
    cookies: str
    """The cookies that the host gave, as the field ``Cookie`` has them."""


def find_chromium(named: str | None) -> str:
    """Give the path of Chromium: the one named, or the system's; raises NoBrowser where there is none."""
    for name in (named,) if named else NAMES:
        if found := shutil.which(name):
            return found
    wanted = f"CHROMIUM={named}" if named else f"one of {', '.join(NAMES)} on the PATH"
    raise NoBrowser(f"no browser: found no Chromium, wanted {wanted}; on Debian: {INSTALL}")


class Browser(ScrapyPlaywrightDownloadHandler):  # type: ignore[misc]  # it ships no types
    """One Chromium for one crawl."""

    def __init__(self, crawler: Crawler) -> None:
        """Prepare; raises NoBrowser where there is no Chromium."""
        super().__init__(crawler)
        settings = crawler.settings
        self.seconds = settings.getfloat("BROWSER_SECONDS")
        hosts: frozenset[str] = getattr(crawler.spider, "hosts", frozenset())
        self.gateway = Gateway(
            hosts, trusted_hosts(settings), seconds=self.seconds * 2, size=settings.getint("DOWNLOAD_MAXSIZE")
        )
        self.user_agent = settings["USER_AGENT"]
        self.path = find_chromium(settings.get("CHROMIUM"))
        self.config.max_pages_per_context = 1
        self.config.navigation_timeout_ms = self.seconds * 1000
        self.config.target_closed_max_retries = 1
        self.abort_request = self._unwanted
        self.rounds = 0
        self.started = False

    def _unwanted(self, request: PageRequest) -> bool:
        """Tell whether the browser goes without something that a page wants."""
        if request.is_navigation_request() and request.frame.parent_frame is None:
            self.rounds += 1
            return self.rounds > 1 + ROUNDS
        return request.resource_type in UNWANTED

    async def _maybe_launch_in_thread(self) -> None:
        """Do nothing when the engine starts: most crawls need no browser."""

    async def start(self) -> None:
        """Open the gateway and get ready to start Chromium."""
        root = hasattr(os, "geteuid") and os.geteuid() == 0
        self.config.launch_options = {
            "executable_path": self.path,
            "headless": True,
            "chromium_sandbox": not root,  # Chromium refuses to run as root with one
            "args": [*ARGUMENTS, *trust_arguments()],
            "proxy": {"server": await self.gateway.open()},
            "timeout": self.seconds * 1000,
        }
        await self._launch()
        self.started = True

    async def fetch(self, url: str, headers: dict[str, str] | None = None) -> Rendered:
        """Open an address; give the page when no gate stands before it any more, or as it is at the end of the time.

        Raises DownloadFailedError where there is no page.
        """
        if not self.started:
            await self.start()
        answers: list[PageResponse] = []
        self.rounds = 0
        request = Request(
            url,
            headers={"User-Agent": self.user_agent, **(headers or {})},
            meta={
                "playwright": True,
                "playwright_include_page": True,
                "playwright_page_goto_kwargs": {"wait_until": "load"},
                "playwright_context_kwargs": {
                    "user_agent": self.user_agent,
                    "accept_downloads": False,
                    "service_workers": "block",
                    "locale": "zh-CN",
                },
                "playwright_page_init_callback": lambda page, request: watch(page, answers),
            },
        )
        try:
            async with asyncio.timeout(self.seconds):
                await self.download_request(request)
                return await self._settle(request.meta["playwright_page"], answers)
        except TimeoutError as error:
            raise DownloadFailedError(
                f"the browser had no page after {self.seconds:g} seconds: {url}"
            ) from error
        except (PlaywrightError, RuntimeError, KeyError) as error:
            raise DownloadFailedError(f"the browser failed: {str(error).splitlines()[0][:300]}") from error
        finally:
            await self._leave()

    async def _settle(self, page: Page, answers: list[PageResponse]) -> Rendered:
        """Wait for a page that is no gate; after `ROUNDS`, or at the end of the time, take what is there."""
        ends = asyncio.get_running_loop().time() + self.seconds / 2
        shown: tuple[PageResponse, bytes] | None = None
        while True:
            if answers and (shown is None or shown[0] is not answers[-1]):
                with suppress(PlaywrightError):  # it is gone where the page went on
                    last = answers[-1]
                    shown = last, await last.body()
            late = self.rounds > ROUNDS or asyncio.get_running_loop().time() > ends
            if shown is not None:
                closed = gate_reason(shown[0].status, shown[1])
                if late or (not closed and shown[0] is answers[-1]):
                    return await self._read(page, *shown)
            elif late:
                said = (
                    f"goes round and round, last with status {answers[-1].status}"
                    if answers
                    else "does not answer"
                )
                raise DownloadFailedError(f"a browser does not pass it either: it {said}")
            await asyncio.sleep(POLL)

    async def _read(self, page: Page, answer: PageResponse, body: bytes) -> Rendered:
        if not answer.url.startswith(("http://", "https://")):
            raise DownloadFailedError(f"the browser went to {answer.url[:200]}")
        document = ""
        with suppress(PlaywrightError):  # a page that never rests is taken as it is
            await page.wait_for_load_state("networkidle", timeout=min(5.0, self.seconds / 4) * 1000)
        with suppress(PlaywrightError):  # a gate that goes round and round has no document
            document = await page.content()
        cookies = await page.context.cookies(answer.url)
        fields = [
            (field["name"], field["value"])
            for field in await answer.headers_array()
            if field["name"].lower() not in ("content-encoding", "content-length", "transfer-encoding")
        ]
        given = "; ".join(f"{cookie.get('name')}={cookie.get('value')}" for cookie in cookies)
        return Rendered(answer.url, answer.status, fields, body, document, given)

    async def _leave(self) -> None:
        """Close every page, its pop-ups too; a browser that does not let go is ended."""
        try:
            async with asyncio.timeout(5):
                for wrapper in list(self.context_wrappers.values()):
                    for page in wrapper.context.pages:
                        await page.close()
        except (TimeoutError, PlaywrightError):
            logger.warning("the browser does not close its pages: it is ended")
            await self.end()

    async def end(self) -> None:
        """End Chromium; the next page starts another."""
        if not self.started:
            return
        self.started = False
        await self.gateway.close()
        try:
            async with asyncio.timeout(10):
                await self._close()
        except (TimeoutError, PlaywrightError) as error:
            logger.warning("the browser did not end in good order: %r", error)
        self.__dict__.pop("browser", None)


async def watch(page: Page, answers: list[PageResponse]) -> None:
    """Keep every answer for the page itself, the last one is what it shows; close what it opens beside itself."""

    def keep(answer: PageResponse) -> None:
        with suppress(PlaywrightError):
            if answer.request.is_navigation_request() and answer.frame == page.main_frame:
                answers.append(answer)

    page.on("response", keep)
    page.on("popup", lambda opened: asyncio.ensure_future(opened.close()))


def trust_arguments() -> list[str]:
    """Let the browser trust the keys of the certificates that ``SSL_CERT_FILE`` names, as the plain requests do."""
    named = os.environ.get("SSL_CERT_FILE")
    if not named or not Path(named).is_file():
        return []
    pem = Path(named).read_bytes()
    keys = []
    for each in re.findall(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", pem, re.S):
        key = x509.load_pem_x509_certificate(each).public_key()
        spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        keys.append(base64.b64encode(hashlib.sha256(spki).digest()).decode())
    return [f"--ignore-certificate-errors-spki-list={','.join(keys)}"] if 0 < len(keys) <= 50 else []
