"""What the portals say: one publishing platform a module, pure functions over text.

A platform module answers four questions and imports neither Scrapy nor SQLite:

``first(portal, channels, since, until) -> list[Ask]``
    which pages to ask for at the start of a run;
``read(ask, text, url, portal) -> Found``
    what an answered list page says: its lines, how the list goes on, what was missing;
``channel_of(url, portal) -> str | None``
    the channel of an article URL, None where the URL has not the article shape of this platform;
``moved(home_text, home_url, portal, code, name, gone) -> Ask | None``
    where a list that was not found is linked from the home page now.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from types import ModuleType
from typing import NamedTuple
from zoneinfo import ZoneInfo

from crawler.text.labels import SHANGHAI


class Ask(NamedTuple):
    """One list page to ask a portal for."""

    url: str
    kind: str
    """What the platform module knows the page as: ``home``, ``list``, ``more``, ``issue``, ``edition``."""
    channel: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    state: tuple[tuple[str, str | int], ...] = ()
    """What the platform module wants back with the answer (cursor, column id, …); JSON-safe."""


class Line(NamedTuple):
    """One line of a portal's list."""

    url: str
    """Absolute. May lead off-site: the caller compares it with the portal's hosts."""
    title: str
    """As listed; lists cut long titles with ``...``."""
    listed: date | None
    """The date that the list shows, None where it shows none."""
    channel: str
    section: str | None = None
    """A division below the channel, such as a printed page's name."""


class Channel(NamedTuple):
    """One column 栏目 of a portal."""

    code: str
    name: str
    url: str


class Found(NamedTuple):
    """What one answered list page says."""

    lines: tuple[Line, ...] = ()
    next: Ask | None = None
    """The next page of the same list: asked for as long as the run's rule wants more."""
    asks: tuple[Ask, ...] = ()
    """Other list pages, always asked for: channels discovered, a list that moved, printed pages."""
    channels: tuple[Channel, ...] = ()
    total: int | None = None
    """How many lines the portal says the whole list has."""
    problems: tuple[str, ...] = ()
    """What was wanted and not found, each one sentence: what was found, what was wanted, where."""
    notes: tuple[str, ...] = ()
    """What was found in another place or form than usual and could be read all the same, each one sentence."""
    beyond: str | None = None
    """What shows that the list goes on where its next page cannot be told: a sentence as those of `problems`."""
    attachments: tuple[tuple[str, str], ...] = ()
    """Files that belong to the list page itself, address and name, such as the PDF of a printed page."""


@dataclass(frozen=True, kw_only=True)
class Portal:
    """One portal as its entry declares it, see `crawler.portals.entries`."""

    name: str
    """The value of the ``portal`` columns: the host without ``www.``, or the host."""
    title: str = ""
    """What it calls itself."""
    operator: str | None = None
    """Who runs it."""
    spider: str = "portals"
    """The spider that crawls it."""
    platform: ModuleType
    hosts: tuple[str, ...]
    """Every host that serves it, exact, lower case. Nothing else is ever asked."""
    home: str
    site: str = ""
    """The site code in the path, where the platform has one."""
    channels: tuple[str, ...] = ()
    """Channel codes taken by default; empty: discovered from the home page."""
    on_request: tuple[str, ...] = ()
    """Channel codes taken only when ``-a channel=`` names them."""
    source: str | None = None
    """The source of every article, where the pages do not print one (a newspaper's own e-paper)."""
    options: dict[str, str] = field(default_factory=dict)
    """Facts that only the platform module reads."""
    delay: float = 0.0
    """Seconds that lie between two requests to one of its hosts at least; the setting ``DOWNLOAD_DELAY`` holds besides."""
    concurrency: int = 1
    """How many requests to one of its hosts may be under way."""
    zone: ZoneInfo = SHANGHAI
    """The zone of the times that its pages print."""
    licence: str | None = None
    """A note on what may be done with its texts."""
    proven: date | None = None
    """When it was last seen to be read as it should, live; None: never."""
