"""The archive's pages in a real browser: Chromium on loopback, and a reader who notes everything that no page may do."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

import pytest
from playwright.sync_api import (
    Browser,
    ConsoleMessage,
    Dialog,
    Page,
    Request,
    Response,
    Route,
    sync_playwright,
)

from crawler.browser import NoBrowser, find_chromium
from tests.home import ROOT, Home

QUIET = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--no-first-run",
    "--no-proxy-server",
    # what is no request of a page (a prefetched name, a report) must not leave this machine either
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
SECONDS = 30
"""How long a page, or one step on it, may take on a machine with much else to do."""

OURS_RE = re.compile(r"/(?:static|-/static)/[\w.-]+(?:\?\w+)?$|/favicon\.ico$")
"""All that a page loads besides itself."""
WATCH = """
addEventListener("securitypolicyviolation", event => console.error(
    "policy: " + event.effectiveDirective + " " + event.blockedURI + " " + event.sample));
"""


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run Chromium with an empty profile; the test is skipped where there is none."""
    try:
        path = find_chromium(os.environ.get("CHROMIUM"))
    except NoBrowser as reason:
        pytest.skip(f"{reason} (make chromium)")
    # its sandbox does not start as root
    alone = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=[*QUIET, *alone])
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def served(home: Home) -> Iterator[str]:
    """Run ``scrapy browse`` over a home's archive; give the address of its home page, without the last slash."""
    command = home.command("browse", "--port", "0")
    process = subprocess.Popen(command, cwd=ROOT, env=home.env, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        said = process.stdout.readline()
        address = re.match(r"http://127\.0\.0\.1:\d+(?=/)", said)
        assert address is not None, f"scrapy browse said {said!r}, wanted an address"
        yield address[0]
    finally:
        process.terminate()
        process.communicate(timeout=SECONDS)


class Reader:
    """One reader's window upon the archive; leaving it fails the test where a page did what no page may.

    That is: any message on the console, an error of a script, a refusal by the content security policy, a request
    to another host or one that fails, a dialog, a second window, a frame, a download, a worker.
    """

    def __init__(self, browser: Browser, base: str, **options: Any) -> None:
        self.base = base
        self.complaints: list[str] = []
        self.expected = {200}
        self.context = browser.new_context(base_url=base, **options)
        self.context.set_default_timeout(SECONDS * 1000)
        self.context.add_init_script(WATCH)
        self.page = self.context.new_page()
        self.context.route("**/*", self._route)
        self.context.on("console", self._console)
        self.context.on("weberror", lambda error: self._complain(f"script: {error.error}"))
        self.context.on("dialog", self._dialog)
        self.context.on("page", lambda page: self._complain(f"second window: {page.url}"))
        self.context.on("response", self._response)
        self.context.on("requestfailed", self._failed)
        self.page.on("frameattached", lambda frame: self._complain(f"frame: {frame.url}"))
        self.page.on("download", lambda download: self._complain(f"download: {download.url}"))
        self.page.on("worker", lambda worker: self._complain(f"worker: {worker.url}"))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.context.close()
        if kind is None:
            assert self.complaints == [], self.complaints

    def open(self, path: str, status: int = 200) -> Page:
        """Go to a page of the archive, which must answer with this status, and wait until it is there."""
        self.expected = {200, status}
        answer = self.page.goto(path, wait_until="load")
        assert answer is not None
        assert (path, answer.status) == (path, status)
        return self.page

    def settle(self) -> None:
        """Wait until everything that the page did so far has been told: the browser tells in order."""
        self.page.wait_for_load_state("load")
        self.page.evaluate("new Promise(done => requestAnimationFrame(() => setTimeout(done)))")

    def _complain(self, what: str) -> None:
        self.complaints.append(f"{self.page.url.removeprefix(self.base)}: {what}")

    def _route(self, route: Route) -> None:
        url, kind = route.request.url, route.request.resource_type
        if url.startswith(self.base + "/"):
            if kind != "document" and not OURS_RE.match(url.removeprefix(self.base)):
                self._complain(f"request for a {kind}: {url}")
            route.continue_()
        else:
            self._complain(f"request to another host: {url}")
            route.abort()

    def _console(self, message: ConsoleMessage) -> None:
        # a page that is meant to answer 404 is said by Chromium to have failed to load
        status = re.match(
            r"Failed to load resource: the server responded with a status of (\d+)", message.text
        )
        if not (status and int(status[1]) in self.expected):
            self._complain(f"console {message.type}: {message.text}")

    def _dialog(self, dialog: Dialog) -> None:
        self._complain(f"dialog {dialog.type}: {dialog.message}")
        dialog.dismiss()

    def _response(self, response: Response) -> None:
        if response.status not in self.expected and response.status != 302:
            self._complain(f"{response.status} {response.url}")

    def _failed(self, request: Request) -> None:
        if request.failure == "net::ERR_ABORTED" and request.url.startswith(self.base + "/"):
            return  # the reader went on before the page was whole
        self._complain(f"request failed: {request.url} {request.failure}")
