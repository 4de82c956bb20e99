"""An archived version read once more from its captures, as the crawl read it, with every change marked in its text."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from crawler.archive import Archive
from crawler.archive.values import storable
from crawler.captures import Capture, CaptureRecord, Damage, capture_file, read_record
from crawler.sheets import sheet_text, style_sheets
from crawler.text.marks import Marked, mark_page
from crawler.text.memory import Memory

LARGE = 2_000_000
"""Bytes of one answer beyond which it is not read again while somebody waits for a page."""


class Source(NamedTuple):
    """One captured page of an article, with all that its reading depends on."""

    part: int | None
    """None for the article's own page, 2, 3, … for further ones."""
    url: str
    """The address that it was read with."""
    capture: Capture | None
    record: CaptureRecord | Damage | None
    sheets: Mapping[str, str]
    """The style sheets of its run that it links, by address."""
    memory: Memory
    error: str | None = None
    """Why a further page could not be had when it was fetched."""


class Part(NamedTuple):
    """One page of an article with its changes marked."""

    part: int | None
    url: str
    marked: Marked


class Reread(NamedTuple):
    """A version with its changes marked, or why it could not be."""

    parts: tuple[Part, ...]
    problem: str | None = None
    """``capture``: none is on record; ``missing``: its file is not there; ``damaged``; ``large``; ``elder``: the
    archive's shape does not tell enough; ``otherwise``: it reads otherwise now; ``unmarked``: the changes found no place."""
    detail: str = ""
    """What was found, what was wanted, where."""


def find_sources(
    archive: Archive, directory: Path, article_id: int, version: int, capture_id: int
) -> Iterator[Source]:
    """Give the captured pages of a version: that of a capture, then its further pages.

    `directory` holds the capture files. What the archive knew of the portal is that of the capture's run.
    """
    capture = archive.capture(capture_id)
    article = archive.article(article_id)
    if capture is None or article is None:
        return
    memory: Memory = archive.memory(str(article["portal"]), archive.epoch_of(capture_id))
    record = read_record(capture_file(directory, capture.warc), capture.offset, archive.resolver(directory))
    sheets: dict[str, str] = {}
    url = str(article["url"])
    if isinstance(record, CaptureRecord):
        url = record.context.get("url", record.url)
        if linked := style_sheets(record.unpacked().body, record.url):
            sheets = {at: text for at, text in _sheets_beside(archive, capture, directory) if at in linked}
    yield Source(None, url, capture, record, sheets, memory)
    memory = archive.memory(str(article["portal"]), archive.epoch_of(capture_id)).within(str(article["url"]))
    for part in archive.parts(article_id, version):
        its = archive.capture(part["capture_id"]) if part["capture_id"] and not part["error"] else None
        further = its and read_record(
            capture_file(directory, its.warc), its.offset, archive.resolver(directory)
        )
        yield Source(part["part"], part["url"], its, further, sheets, memory, part["error"])


def _sheets_beside(archive: Archive, capture: Capture, directory: Path) -> Iterator[tuple[str, str]]:
    """Give address and text of each style sheet of the run that a capture is of."""
    for each in archive.captures_beside(capture, "sheet"):
        record = read_record(capture_file(directory, each.warc), each.offset, archive.resolver(directory))
        if isinstance(record, CaptureRecord):
            body = record.unpacked().body
            text = sheet_text(record.status, record.flags, body, record.content_type)
            if text is not None:
                yield record.context.get("url", record.url), text


def reread(archive: Archive, directory: Path, article_id: int, version: int) -> Reread:
    """Read a version once more and mark its changes; what comes out is held against the archive."""
    try:
        return _reread(archive, directory, article_id, version)
    except (sqlite3.OperationalError, IndexError) as error:  # tables and columns that elder shapes have not
        return Reread((), "elder", str(error))


def _reread(archive: Archive, directory: Path, article_id: int, version: int) -> Reread:
    row = archive.conn.execute(
        "SELECT text, capture_id FROM versions WHERE article_id = ? AND version = ?", (article_id, version)
    ).fetchone()
    if row is None or row["capture_id"] is None:
        return Reread((), "capture", f"article {article_id} version {version}")
    parts: list[Part] = []
    for source in find_sources(archive, directory, article_id, version, row["capture_id"]):
        if source.error is not None or source.capture is None:
            continue
        if problem := _fault(source, directory):
            return Reread((), *problem)
        assert isinstance(source.record, CaptureRecord)
        body = source.record.unpacked().body
        if len(body) > LARGE:
            return Reread((), "large", f"{len(body):,} > {LARGE:,}")
        marked = mark_page(body, source.url, source.record.content_type, source.sheets, source.memory)
        parts.append(Part(source.part, source.url, marked))
    if not parts:
        return Reread((), "capture", f"article {article_id} version {version}")
    found = Reread(tuple(parts))
    if wrong := _differs(archive, found, row["text"], article_id, version):
        return found._replace(problem="otherwise", detail=", ".join(wrong))
    if problems := [part.marked.problem for part in parts if part.marked.problem]:
        return found._replace(problem="unmarked", detail="; ".join(problems))
    return found


def _fault(source: Source, directory: Path) -> tuple[str, str] | None:
    """Say why a captured page cannot be read again."""
    capture, record = source.capture, source.record
    assert capture is not None
    where = f"{capture.warc} @ {capture.offset}"
    if not capture_file(directory, capture.warc).is_file():
        return "missing", capture.warc
    if not isinstance(record, CaptureRecord):
        return "damaged", f"{where}: {record.what if record else ''}"
    if not record.resolved:
        return "missing", f"{where}: {' '.join(record.refers_to or ())}"
    if record.digest != capture.digest or record.digest_ok is False:
        return "damaged", f"{where}: {record.digest} ≠ {capture.digest}"
    return None


def _differs(archive: Archive, found: Reread, text: str | None, article_id: int, version: int) -> list[str]:
    """Name what comes out otherwise than the archive has it."""
    texts = [part.marked.extracted.text for part in found.parts]
    wrong = [] if storable("\n".join(each for each in texts if each)) == (text or "") else ["text"]
    # an elder archive has no column for the part
    stored = archive.conn.execute(
        "SELECT fixer, certainty, count(*) FROM edits WHERE article_id = ? AND version = ? GROUP BY fixer, certainty",
        (article_id, version),
    )
    derived: Counter[tuple[str, str]] = Counter()
    for part in found.parts:
        for step in part.marked.steps:
            derived[step.fixer, step.certainty] += len(step.edits)
    return wrong if {(row[0], row[1]): row[2] for row in stored} == derived else [*wrong, "edits"]
