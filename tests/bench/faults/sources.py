"""The source that the bench crawls: portals of dated pages, declared by the variable ``BAD_PORTALS``."""

from __future__ import annotations

import json
import os
import re
import signal
from collections import deque
from collections.abc import AsyncIterator, Iterator
from itertools import repeat
from typing import Any

from scrapy.http import Response

from crawler import guards
from crawler.guards import patient
from crawler.items import Page
from crawler.portals import Portal, dated
from crawler.sources import Source

CHANNEL = "news/bad"
if "BAD_SECONDS" in os.environ:  # what a stage may take, and a library that does not return
    guards.STAGE_SECONDS, guards.LAST_SECONDS = (float(each) for each in os.environ["BAD_SECONDS"].split())
HOSTILE_RE = re.compile(r"(\w+\s?)*$")
"""An expression that takes for ever on some texts: the fault that a watchdog is for."""


class Bad(Source):
    """Portals as the bench declares them, and the mistakes that ``BAD_MISTAKE`` names."""

    name = "bad"
    portals = tuple(
        Portal(
            name=each["name"],
            platform=dated,
            hosts=tuple(each["hosts"]),
            home=each.get("home", f"http://{each['hosts'][0]}/"),
            channels=(CHANNEL,),
        )
        for each in json.loads(os.environ.get("BAD_PORTALS", "[]"))
    )

    async def start(self) -> AsyncIterator[Any]:
        if os.environ.get("BAD_MISTAKE") == "start":
            raise LookupError("a mistake in start()")
        async for request in super().start():
            yield request

    def parse_article(self, response: Response) -> Iterator[Any]:
        mistake = os.environ.get("BAD_MISTAKE")
        if mistake == "callback":
            raise LookupError("a mistake in a callback")
        if mistake == "chatter":
            for number in range(1200):
                self.logger.debug("%d %s", number, "x" * 1000)
        if mistake == "leak":
            LEAK.append(b"x" * (4 * 2**20))
        yield from super().parse_article(response)


LEAK: list[bytes] = []


class FailingPipeline:
    """A stage that fails: on every page, or on those whose address holds ``BAD_STAGE``."""

    def process_item(self, item: Page) -> Page:
        if os.environ.get("BAD_STAGE", "") in item.url:
            raise LookupError("a mistake in a stage")
        return item


class EndlessPipeline:
    """A stage that does not end, on pages whose address holds ``BAD_STAGE``."""

    @patient
    def process_item(self, item: Page) -> Page:
        if item.url.endswith(os.environ["BAD_STAGE"]) or os.environ["BAD_STAGE"] == "/":
            HOSTILE_RE.match("a" * 60 + "!")
        return item


class HangingPipeline:
    """A stage that calls a library which does not return and holds the interpreter, on pages as ``BAD_STAGE`` says."""

    @patient
    def process_item(self, item: Page) -> Page:
        if item.url.endswith(os.environ["BAD_STAGE"]):
            deque(repeat(1), maxlen=0)
        return item


class EndingPipeline:
    """A stage that tells its own run to end."""

    def process_item(self, item: Page) -> Page:
        os.kill(os.getpid(), signal.SIGTERM)
        return item
