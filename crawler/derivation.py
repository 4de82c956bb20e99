"""Articles derived once more from their captures, and compared with what the archive has of them.

The captures go through the callbacks and stages of a crawl, as in a rebuild, with the style sheets of their run
and with what was remembered when it began; the last stage alone, which writes, is left out.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import scrapy
from scrapy.crawler import Crawler
from scrapy.exceptions import DropItem
from scrapy.http import Response
from scrapy.settings import Settings
from scrapy.statscollectors import StatsCollector

from crawler.archive import Archive
from crawler.captures import CUT_OFF, CaptureRecord, Damage, read_record
from crawler.extensions import Ledger
from crawler.items import Page
from crawler.replay import Ingest, Run, Stages, answer_of, source_named


class Task(NamedTuple):
    """One capture, and one thing that the archive has from it."""

    warc: str
    offset: int
    run_id: str
    capture_id: int
    what: str
    """``version``, ``article``, or ``blocks``: blocks that were found on an unchanged page later."""
    article_id: int
    version: int
    seen: str


class _Reader(Crawler):
    """What the stages take from a crawl, where there is none."""

    ledger: Ledger

    def get_extension(self, cls: type[Any]) -> Any:
        return self.ledger if isinstance(self.ledger, cls) else None


class _Derived(Stages):
    """The stages but the one that writes; what comes out is kept, or why nothing did."""

    def __init__(self, crawler: Crawler, ledger: Ledger) -> None:
        super().__init__(crawler, ledger)
        self.stages = [stage for stage in self.stages if not getattr(stage, "writes", False)]
        self.page: Page | None = None
        self.reason = "no page came of it"

    def take(self, page: Page) -> Page | None:
        """Keep what becomes of a page."""
        try:
            for stage in self.stages:
                page = stage.process_item(page)
        except DropItem as reason:
            self.reason = str(reason)
            return None
        except Exception as error:  # a check tells of it and goes on
            self.reason = f"{type(error).__name__}: {error}"
            return None
        self.page = page
        return page


class _Again(Run):
    """A capture file of which single records are replayed, without writing."""

    stages: _Derived

    def page(self, offset: int) -> Page | None:
        """Derive the page of the record at a place; None, with `_Derived.reason`, where none comes of it."""
        self.stages.page, self.stages.reason = None, "no page came of it"
        record = read_record(self.path, offset, self.resolve)
        if isinstance(record, Damage):
            self.stages.reason = record.what
            return None
        # a page that came cut off was judged by what the archive had then
        record = record._replace(flags=tuple(flag for flag in record.flags if flag not in CUT_OFF))
        capture = self.archive.capture_at(self.path.name, offset)
        assert capture is not None
        self.answer(record, capture)
        return self.stages.page

    def read(self, url: str, offset: int) -> Response | None:
        """Read the answer for a further page."""
        record = read_record(self.path, offset, self.resolve)
        capture = self.archive.capture_at(self.path.name, offset)
        if not isinstance(record, CaptureRecord) or capture is None:
            return None
        response = answer_of(record, capture)
        response.meta["context"] = {**record.context, "url": url}
        return response


class Derivation:
    """All that an archive has from its captures, derived once more."""

    def __init__(self, settings: Settings, archive: Archive) -> None:
        """Prepare to read the captures of the settings' ``CAPTURE_DIR``; the archive is not written."""
        self.archive = archive
        self.directory = Path(settings["CAPTURE_DIR"])
        self.crawler = _Reader(scrapy.Spider, settings.copy())
        self.crawler.stats = StatsCollector(self.crawler)
        self.crawler.ledger = ledger = Ledger(self.crawler)
        ledger.archive = archive
        self.crawler.spider = scrapy.Spider("verify")
        self.stages = _Derived(self.crawler, ledger)
        self.derived = 0
        """How many captures were derived so far."""

    def count(self) -> int:
        """Count the captures that are to be derived."""
        row = self.archive.conn.execute(f"SELECT count(DISTINCT capture_id) FROM ({TASKS})").fetchone()
        return int(row[0])

    def problems(self, progress: Callable[[int], None] = lambda count: None) -> Iterator[str]:
        """Say what the captures tell otherwise than the archive, one sentence a version."""
        if self.archive.is_elder():
            return
        sources: dict[str, Any] = {Ingest.name: None}
        tasks = map(Task._make, self.archive.conn.execute(f"{TASKS} ORDER BY warc, offset"))
        for warc, of_file in groupby(tasks, key=lambda task: task.warc):
            path = self.directory / warc
            again: _Again | None = None
            for capture_id, group in groupby(of_file, key=lambda task: task.capture_id):
                wanted = list(group)
                if not path.is_file():
                    continue  # told once, where the files are looked at
                if again is None:
                    spider = self.archive.begin_again(wanted[0].run_id)
                    if spider not in sources:
                        sources[spider] = source_named(spider, self.crawler)
                    again = _Again(path, wanted[0].run_id, sources[spider], self.stages)
                try:
                    page = again.page(wanted[0].offset)
                    for task in wanted:
                        where = f"its capture {capture_id} ({warc} at {task.offset})"
                        yield from self._compare(task, page, where)
                except (ValueError, sqlite3.DatabaseError) as error:  # JSON or text that is none any more
                    yield f"article {wanted[0].article_id} cannot be read: {error}"
                self.derived += 1
                progress(self.derived)

    def _compare(self, task: Task, page: Page | None, where: str) -> Iterator[str]:
        article, version = task.article_id, task.version
        what = f"article {article}" + (f" version {version}" if task.what != "article" else "")
        if page is None:
            yield f"{what} does not derive from {where}: {self.stages.reason}"
            return
        if task.what == "blocks":
            wrong = self.archive.wrong_blocks(page, article, version, task.seen, whole=False)
        elif task.what == "article":
            wrong = self.archive.wrong_columns(page, article, None)
        else:
            wrong = self.archive.wrong_columns(page, article, version)
            wrong += self.archive.wrong_edits(page, article, version)
            wrong += self.archive.wrong_blocks(page, article, version, task.seen, whole=True)
        if wrong:
            yield (
                f"{what} derives otherwise from {where}: {', '.join(wrong)}; "
                "if the rules changed since, run scrapy rebuild"
            )


_FROM = "JOIN captures c ON c.id = {}.capture_id"

TASKS = (
    "SELECT c.warc, c.offset, c.run_id, c.id AS capture_id, 'version' AS what, v.article_id, v.version, v.seen "
    f"FROM versions v {_FROM.format('v')} WHERE v.change <> 'withdrawn' "
    "UNION ALL SELECT c.warc, c.offset, c.run_id, c.id, 'article', a.id, a.version, a.last_seen "
    f"FROM articles a {_FROM.format('a')} "
    "UNION ALL SELECT c.warc, c.offset, c.run_id, c.id, 'blocks', b.article_id, b.version, b.seen FROM "
    "(SELECT article_id, version, seen FROM removed UNION SELECT article_id, version, seen FROM suspects) b "
    "JOIN versions v ON v.article_id = b.article_id AND v.version = b.version AND v.seen <> b.seen "
    "JOIN articles a ON a.id = b.article_id "
    "JOIN captures c ON c.fetched_at = b.seen AND (c.url = a.url OR c.id = a.capture_id)"
)
"""Everything that is derived: each version, each article from its last capture, and blocks found later."""
