"""The one item: a page on its way from a response to the archive."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from crawler.captures import SHANGHAI, Capture
from crawler.text import Decoded, Extracted, Removed, Repaired, Traces


@dataclass(slots=True, kw_only=True, repr=False)
class Page:
    """One fetched page; each group of fields is filled by the stage that it names."""

    def __repr__(self) -> str:
        """Name the page: Scrapy logs what a stage drops or fails on, and a body is no line of a log."""
        return f"<Page {self.url}>"

    # the spider
    url: str
    """Absolute, as the portal listed it."""
    portal: str
    channel: str | None = None
    listed_title: str | None = None
    listed: date | None = None
    """The date that the portal's list showed."""
    source: str | None = None
    """The source to take where the page prints none."""
    zone: ZoneInfo = SHANGHAI
    """The zone of the times that the page prints."""
    body: bytes = b""
    content_type: str | None = None
    hosts: frozenset[str] = frozenset()
    """The hosts that the source may ask: files of the page elsewhere are recorded only."""
    sheets: Mapping[str, str] = field(default_factory=dict)
    """The texts of the style sheets that the page links on its own host, by address, as far as the run has them."""
    capture: Capture | None = None
    """The WARC record; None for what was saved elsewhere and has none yet."""
    answered: str | None = None
    """The address that the answer came from in the end, where redirects led there."""
    named: str | None = None
    """The address that the page itself names as its canonical one."""
    parts: tuple[Page, ...] = ()
    """The further pages of an article that is split over several, in order."""
    whole: str | None = None
    """Of a further page: the address of its article."""
    error: str | None = None
    """Of a further page: why it could not be had."""
    again: str | None = None
    """When the article was missed, of the second look at it."""
    attempts: int = 0
    """How many runs had the article asked for before and did not have it whole."""

    odd: tuple[str, ...] = ()
    """What a stage found odd about it, words for the flags of its capture."""

    # encoding
    decoded: Decoded | None = None
    # tamper
    repaired: Repaired | None = None
    # spam
    tree: Any = None
    """The one parsed tree (lxml), blocks already cut out."""
    removed: tuple[Removed, ...] = ()
    suspects: tuple[Removed, ...] = ()
    """Blocks that one signal alone suspects; they stay in the tree."""
    # extraction
    extracted: Extracted | None = None
    title: str | None = None
    text: str | None = None
    published: datetime | date | None = None
    traces: Traces | None = None
    """What the page teaches for reading further pages of its portal."""
    tampered: bool = False
    # parts: the fields above hold the whole article from here on
    # dedup
    signature: str | None = None
    # archive
    prepared: Any = None
    """What can be worked out for its rows beforehand (`crawler.archive.Prepared`), where that was done."""
    article_id: int | None = None
    version: int | None = None
    change: str | None = None

    @property
    def missed(self) -> tuple[Page, ...]:
        """The further pages that could not be had."""
        return tuple(part for part in self.parts if part.error)

    @property
    def numbered(self) -> list[tuple[int | None, Page]]:
        """The page as None, and its further pages with their numbers: 2, 3, …"""
        return [(None, self), *enumerate(self.parts, 2)]
