"""An archive held against the truth table: what is missing, what is too much, what differs."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

from crawler.archive import canonical

from .server import Replica
from .stories import PAPER, Story

PAPER_DAYS = 7
"""Issues of the e-paper that a default run takes."""


class Finding(NamedTuple):
    """One difference between archive and truth."""

    what: str
    """``missing``, ``too much``, or the column that differs."""
    url: str
    found: str | None
    wanted: str | None


def default_stories(replica: Replica, *hosts: str, night: int | None = None) -> list[Story]:
    """Give the stories that an archive holds when default runs (no arguments) went on since the first night."""
    assert replica.today is not None
    first = (replica.today - timedelta(days=PAPER_DAYS - 1)).isoformat()
    return [
        story
        for story in replica.expected(*hosts, night=night)
        if story.host != PAPER or story.published[:10] >= first
    ]


def audit_files(archive: Path, stories: Iterable[Story]) -> list[Finding]:
    """Compare the attachments and pictures of every article with the truth table."""
    wanted = {
        (canonical(story.url), canonical(each.url)): (each.name, each.kind, each.state, each.mime, each.text)
        for story in stories
        for each in story.files()
    }
    with closing(sqlite3.connect(archive)) as connection:
        found = {
            (key, canonical(url)): tuple(rest)
            for key, url, *rest in connection.execute(
                "SELECT a.key, f.url, f.name, f.kind, f.state, f.mime, f.text FROM attachments f "
                "JOIN articles a ON a.id = f.article_id WHERE a.gone IS NULL"
            )
        }
    return [
        Finding("attachment", url, str(found.get((key, url))), str(wanted.get((key, url))))
        for key, url in sorted({*wanted, *found})
        if found.get((key, url)) != wanted.get((key, url))
    ]


def audit(archive: Path, stories: Iterable[Story], night: int) -> list[Finding]:
    """Compare every article of an archive with the truth table; an empty list is a perfect archive."""
    with closing(sqlite3.connect(archive)) as connection:
        connection.row_factory = sqlite3.Row
        articles = {
            row["key"]: row
            for row in connection.execute("SELECT * FROM articles WHERE gone IS NULL AND part_of IS NULL")
        }
    found: list[Finding] = []
    for story in stories:
        row = articles.pop(canonical(story.url), None)
        if row is None:
            found.append(Finding("missing", story.url, None, story.title_on(night)))
            continue
        wanted = {
            "title": story.title_on(night),
            "text": story.text_on(night),
            "published": story.published,
            "source": story.source,
            "channel": story.channel,
            "portal": story.portal,
            "tampered": int(bool(story.tampered)),
        }
        found += [
            Finding(name, story.url, str(row[name]), str(value))
            for name, value in wanted.items()
            if row[name] != value
        ]
    found += [Finding("too much", row["url"], row["title"], None) for row in articles.values()]
    return found
