"""Articles and their versions, with every edit and every removed block."""

from __future__ import annotations

import hashlib
import json
import os
import re
import sqlite3
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from crawler.archive.attachments import Attachments
from crawler.archive.campaigns import Campaigns
from crawler.archive.listings import GONE_PAUSES, Listings, due
from crawler.archive.locking import ArchiveError
from crawler.archive.runovers import Runovers
from crawler.archive.shape import TABLES
from crawler.archive.values import (
    SURROGATE_RE,
    as_iso,
    as_json,
    block_digest,
    canonical,
    fields_in,
    host_name,
    now,
    storable,
    stored,
    targets_of,
)
from crawler.archive.words import Asked, Spelled, month_of, words
from crawler.captures import Damage, capture_file, local_time, read_record
from crawler.text.changes import FURNITURE_ONLY, Shown, kind_of_change
from crawler.text.encoding import decode
from crawler.text.signatures import sign
from crawler.text.tampering import Edit, Step, repair, revert

if TYPE_CHECKING:
    from crawler.items import Page

KEPT_DAMAGE = 200
"""How many damaged places of one page are kept in ``fields``: byte offset and bytes in hex."""

PART_ATTEMPTS = 2
"""Runs that ask again for a page of a split article that was there before; after them the rest is what it shows."""


class Saved(NamedTuple):
    """What became of a page."""

    article_id: int
    version: int
    change: str | None
    """One of ``crawler.text.changes.KINDS``; None where the page was as before, but for its furniture."""


class Prepared(NamedTuple):
    """What can be worked out for the rows of a page before it is its turn to be written."""

    columns: dict[str, Any]
    spelled: Spelled

    @classmethod
    def of(cls, page: Page) -> Self:
        """Prepare a page that went through the stages."""
        columns = columns_of(page)
        seen = local_time(page.capture.fetched_at) if page.capture else None
        asked = Asked(
            columns["title"], columns["text"] or "", columns["source"], month_of(columns["published"] or seen)
        )
        return cls(columns, Spelled(asked, words(*asked)))


class Articles(Attachments, Runovers, Listings, Campaigns):
    """The rows of articles and of what belongs to them."""

    def save(self, page: Page) -> Saved:
        """Write a page that went through all stages: article, version, edits, removed blocks, index.

        The same again is no version, and neither is other furniture: what moves (last seen, further fields) moves
        in the article's row. A page older than what the archive has of its URL changes nothing. An article
        split over several pages is owed again where some could not be had; for `PART_ATTEMPTS` runs it does not
        replace a version that has more of them.
        """
        key = canonical(page.url)
        when = local_time(page.capture.fetched_at if page.capture else now().replace(microsecond=0))
        ready: Prepared | None = page.prepared
        values = columns_of(page) if ready is None else dict(ready.columns)
        values["capture_id"] = page.capture.id if page.capture else None
        with self._write():
            for each in (page, *page.parts):
                if each.capture is not None and each.decoded is not None:
                    self.conn.execute(
                        "UPDATE captures SET charset = ?, encoding = ? WHERE id = ?",
                        (_charset(each.content_type), each.decoded.encoding, each.capture.id),
                    )
            before = self._meant(page, key, values["text"], when)
            if before is None:
                saved = self._save_first(page, key, when, values)
            elif when < before["last_seen"]:
                return Saved(before["id"], before["version"], None)
            elif page.missed and page.attempts < PART_ATTEMPTS and self._had_more(before, page):
                saved = Saved(before["id"], before["version"], None)
            else:
                saved = self._save_again(page, before, when, values)
            self._run_over(saved.article_id, before is not None and "runover" in fields_in(before))
            self._settle(key, "archived" if saved.change else "unchanged", saved.article_id)
            for further in self._note_addresses(page, saved.article_id, when):
                self._settle(further, "archived", saved.article_id)
            for part in page.parts:
                self._settle(canonical(part.url), "archived", saved.article_id)
            if page.missed:
                error = f"{len(page.missed)} of {1 + len(page.parts)} pages missed: {page.missed[0].error}"
                self._owe(key, error, when, page.attempts + 1)
        return saved

    def _had_more(self, before: sqlite3.Row, page: Page) -> bool:
        """Tell whether the present version of an article has more of its pages than `page` has."""
        row = self._row(
            "SELECT count(*) FROM parts WHERE article_id = ? AND version = ? AND error IS NULL",
            before["id"],
            before["version"],
        )
        return row is not None and row[0] > len(page.parts) - len(page.missed)

    def _save_first(self, page: Page, key: str, when: str, values: dict[str, Any]) -> Saved:
        row = {
            "id": self._id("articles", "key = ?", key),
            "url": storable(page.url),
            "key": key,
            "portal": page.portal,
            "channel": page.channel,
            **values,
            "signature": page.signature or sign(values["text"] or ""),
            "first_seen": when,
            "last_seen": when,
            "version": 1,
        }
        article_id = self._insert("articles", row)
        self._write_version(page, article_id, when, values, "first")
        self._offer(_files_of(page), article_id, page.portal, page.channel, page.hosts, when)
        self._index(article_id, self._indexed(article_id, row, page.prepared))
        self._relate(article_id)
        self._learn(page)
        return Saved(article_id, 1, "first")

    def _save_again(self, page: Page, before: sqlite3.Row, when: str, values: dict[str, Any]) -> Saved:
        article_id = int(before["id"])
        before = self._apart(before)
        change = self._change(page, before, values)
        if change == FURNITURE_ONLY:
            change = None
            values |= {"title": before["title"], "text": before["text"]}
        same = (before["title"], before["text"]) == (values["title"], values["text"])
        version = int(before["version"])
        if change is not None:
            version = self._write_version(page, article_id, when, values, change)
        else:
            self._write_blocks(page, article_id, version, when)
        row = {**values, "last_seen": when, "gone": None, "version": version}
        if not same:
            self._leave(article_id)
            row["signature"] = page.signature or sign(values["text"] or "")
        indexed = self._indexed(article_id, before)
        self._offer(_files_of(page), article_id, page.portal, page.channel, page.hosts, when)
        after = self._indexed(article_id, {**dict(before), **values}, page.prepared)
        self._reindex(article_id, indexed, after)
        self._update("articles", article_id, row)
        if not same:
            self._relate(article_id)
        elif before["published"] != values["published"]:
            self._elect(self._cluster(article_id))
        return Saved(article_id, version, change)

    def _change(self, page: Page, before: sqlite3.Row, values: Mapping[str, Any]) -> str | None:
        """Tell what kind of change a page shows: ``reread`` where its bytes are those of the last time."""
        earlier = (
            (row["title"], row["text"])
            for row in self.conn.execute(
                "SELECT title, text FROM versions WHERE article_id = ? AND version < ? AND text IS NOT NULL",
                (before["id"], before["version"]),
            )
        )
        change = kind_of_change(
            Shown(*(before[name] for name in Shown._fields)),
            Shown(*(values[name] for name in Shown._fields)),
            gone=before["gone"] is not None,
            earlier=earlier,
            listed_title=page.listed_title,
        )
        if change in ("corrected", "extended", "edited") and page.capture and not page.parts:
            last = self._row(
                "SELECT digest FROM captures WHERE id = ? AND NOT EXISTS (SELECT 1 FROM parts WHERE article_id = ? "
                "AND version = ?)",
                before["capture_id"],
                before["id"],
                before["version"],
            )
            if last is not None and last["digest"] == page.capture.digest:
                return "reread"
        return change

    def _name_changes(self) -> None:
        """Tell corrections, extensions and what was restored from the other edits that an elder program wrote.

        A row that does not match its digest is left alone, so that it shows.
        """
        edited = "SELECT DISTINCT article_id FROM versions WHERE change = 'edited'"
        for (article_id,) in self.conn.execute(edited).fetchall():
            before: list[Shown] = []
            for row in self.versions(article_id):
                shown = Shown(*(row[name] for name in Shown._fields))
                if row["change"] == "edited" and before and row["digest"] == row_digest(row):
                    earlier = [(each.title, each.text) for each in before[:-1]]
                    kind = kind_of_change(before[-1], shown, earlier=earlier)
                    if kind in ("corrected", "extended", "restored"):
                        self.conn.execute(
                            "UPDATE versions SET change = ?, digest = ? WHERE article_id = ? AND version = ?",
                            (kind, row_digest({**row, "change": kind}), article_id, row["version"]),
                        )
                if row["text"] is not None:
                    before.append(shown)

    def _insert_version(self, article_id: int, row: dict[str, Any]) -> int:
        number = self.conn.execute(
            "SELECT coalesce(max(version), 0) + 1 FROM versions WHERE article_id = ?", (article_id,)
        ).fetchone()[0]
        self._insert("versions", {**row, "version": number, "digest": row_digest({**row, "version": number})})
        return int(number)

    def _write_version(
        self, page: Page, article_id: int, when: str, values: Mapping[str, Any], change: str
    ) -> int:
        version = self._insert_version(
            article_id, {"article_id": article_id, **values, "seen": when, "change": change}
        )
        rows = []
        for part, each in page.numbered:
            steps = each.repaired.steps if each.repaired else ()
            for number, step in enumerate(steps, 1):
                for edit in step.edits:
                    rows.append(
                        (
                            *(article_id, version, "tamper", number, step.fixer, step.certainty, edit.start),
                            # kept exactly, control characters too: they are what the undo puts back
                            *(
                                SURROGATE_RE.sub("\ufffd", edit.before),
                                SURROGATE_RE.sub("\ufffd", edit.after),
                            ),
                            part,
                        )
                    )
        self.conn.executemany(
            "INSERT INTO edits (article_id, version, stage, step, fixer, certainty, start, before, after, part) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            rows,
        )
        for number, further in enumerate(page.parts, 2):
            self._insert(
                "parts",
                {
                    "article_id": article_id,
                    "version": version,
                    "part": number,
                    "key": canonical(further.url),
                    "url": storable(further.url),
                    "capture_id": further.capture.id if further.capture else None,
                    "error": stored(further.error),
                },
            )
        self._write_blocks(page, article_id, version, when)
        return version

    def _write_blocks(self, page: Page, article_id: int, version: int, when: str) -> None:
        """Write the blocks cut out of a page, and the suspects; of an unchanged page those that are new."""
        pages = page.numbered
        for table, found in (
            ("removed", [(part, each, block) for part, each in pages for block in each.removed]),
            ("suspects", [(part, each, block) for part, each in pages for block in each.suspects]),
        ):
            known = {
                tuple(row)
                for row in self.conn.execute(
                    f"SELECT part, block FROM {table} WHERE article_id = ? AND version = ?",
                    (article_id, version),
                )
            }
            for part, each, block in found:
                digest = block_digest(block.text or block.html)
                if (part, digest) in known:
                    continue
                row = {
                    "article_id": article_id,
                    "version": version,
                    "kind": block.kind,
                    "reasons": as_json(block.reasons),
                    "place": storable(block.place),
                    "text": storable(block.text),
                    "html": storable(block.html),
                    "links": as_json(block.links),
                    "block": digest,
                    "target": next((host for link in block.links if (host := host_name(link))), None),
                    "seen": when,
                    "epoch": self.epoch,
                    "part": part,
                }
                self._insert(table, row)
                if table == "removed":
                    self._join_campaign(digest, targets_of(block.links, each.url), when)

    def unchanged(self, url: str, when: str) -> None:
        """Note that an article was asked for again and is as it was."""
        key, moment = canonical(url), local_time(when)
        with self._write():
            row = self._row("SELECT id FROM articles WHERE key = ?", key) or self.article_at(key)
            if row is not None:
                self.conn.execute(
                    "UPDATE articles SET last_seen = max(last_seen, ?) WHERE id = ?", (moment, row["id"])
                )
                self._settle(key, "unchanged", row["id"])

    def missing(
        self,
        url: str,
        when: str,
        capture_id: int | None,
        status: int,
        *,
        first: str | None = None,
        notice: str | None = None,
    ) -> None:
        """Note that an article is gone (asked twice): its last text stays, a version says when it was missed.

        `first` is when it was missed first, `when` the second time; `notice` is what stands in its place.
        """
        moment = local_time(when)
        missed = local_time(first) if first else moment
        key = canonical(url)
        with self._write():
            article = self._row("SELECT id, gone FROM articles WHERE key = ?", key)
            if article is not None and article["gone"] is None:
                self._update("articles", article["id"], {"gone": missed})
                self._insert_version(
                    article["id"],
                    {
                        "article_id": article["id"],
                        "capture_id": capture_id,
                        "seen": missed,
                        "change": "withdrawn",
                        "fields": as_json({"status": status, **({"notice": notice} if notice else {})}),
                    },
                )
            row = self._row("SELECT state, attempts FROM listings WHERE key = ? LIMIT 1", key)
            if row is not None:
                attempts = row["attempts"] + 1 if row["state"] == "gone" else 1
                said = f"answers {status}" + (f": {stored(notice)}" if notice else "")
                self.conn.execute(
                    "UPDATE listings SET state = 'gone', attempts = ?, error = ?, due = ? WHERE key = ?",
                    (attempts, said, due(moment, attempts, GONE_PAUSES), key),
                )

    def article(self, which: int | str) -> dict[str, Any] | None:
        """Give an article's row by id or URL."""
        if isinstance(which, int):
            row = self._row("SELECT * FROM articles WHERE id = ?", which)
        else:
            row = self.article_at(canonical(which))
        return dict(row) if row else None

    def versions(self, article_id: int) -> list[dict[str, Any]]:
        """Give all versions of an article, oldest first."""
        rows = self.conn.execute(
            "SELECT * FROM versions WHERE article_id = ? ORDER BY version", (article_id,)
        )
        return [dict(row) for row in rows]

    def parts(self, article_id: int, version: int) -> list[dict[str, Any]]:
        """Give the further pages of a version of a split article, in order."""
        if self._is_elder():
            return []
        rows = self.conn.execute(
            "SELECT * FROM parts WHERE article_id = ? AND version = ? ORDER BY part", (article_id, version)
        )
        return [dict(row) for row in rows]

    def undo(self, article_id: int, capture_dir: str | os.PathLike[str], part: int | None = None) -> str:
        """Give the text as it was captured, by undoing the recorded edits of an article's newest version.

        `part` (2, 3, …) names a further page of a split article. Raises ArchiveError where there is no such article or its capture cannot be read.
        """
        article = self._row("SELECT capture_id, version FROM articles WHERE id = ?", article_id)
        if article is not None and part is not None:
            article = self._row(
                "SELECT capture_id, version FROM parts WHERE article_id = ? AND version = ? AND part = ?",
                article_id,
                article["version"],
                part,
            )
        capture = self.capture(article["capture_id"]) if article and article["capture_id"] else None
        if article is None or capture is None:
            raise ArchiveError(f"archive: found no article {article_id} with a capture in {self.path}")
        place = capture_file(capture_dir, capture.warc)
        record = read_record(place, capture.offset, self.resolver(capture_dir))
        if isinstance(record, Damage):
            raise ArchiveError(f"archive: {place} at byte {capture.offset}: {record.what}", 7)
        text = repair(decode(record.unpacked().body, record.content_type).text).text
        steps: dict[int, list[Edit]] = {}
        for row in self.conn.execute(
            "SELECT step, start, before, after FROM edits WHERE article_id = ? AND version = ? AND part IS ? "
            "ORDER BY step, start",
            (article_id, article["version"], part),
        ):
            steps.setdefault(row["step"], []).append(Edit(row["start"], row["before"], row["after"]))
        return revert(text, [Step("", "", tuple(edits)) for _, edits in sorted(steps.items())])


def _charset(content_type: str | None) -> str | None:
    """Read the declared charset out of a Content-Type header.

    >>> _charset("text/html; Charset='GB2312'"), _charset("text/html")
    ('gb2312', None)
    """
    found = re.search(r"""charset\s*=\s*["']?\s*([^\s"';,]+)""", content_type or "", re.IGNORECASE)
    return storable(found[1].lower()[:40]) if found else None


def columns_of(page: Page) -> dict[str, Any]:
    """Give the columns that articles and versions share, as a page tells them."""
    extracted = page.extracted._asdict() if page.extracted else {}
    author = extracted.get("author")
    named = ("title", "text", "published", "source", "author")
    lost = [
        [damage.offset, damage.bytes.hex(), *([part] if part else [])]
        for part, each in page.numbered
        for damage in (each.decoded.damage if each.decoded else ())
    ]
    more: dict[str, Any] = {"damage": lost[:KEPT_DAMAGE]} if lost else {}
    if page.parts:
        count = 1 + len(page.parts)
        more["parts"] = {"had": count - len(page.missed), "of": count}
        if page.missed:
            more["parts"]["missed"] = [part.url for part in page.missed]
    return {
        "title": stored(page.title),
        "text": stored(page.text),
        "published": as_iso(page.published),
        "source": stored(page.source),
        "author": stored(author),
        "tampered": int(page.tampered),
        "encoding": page.decoded.encoding if page.decoded else None,
        "fields": as_json(
            {name: value for name, value in extracted.items() if value and name not in named} | more
        ),
    }


def _files_of(page: Page) -> list[tuple[str, str | None, str]]:
    """Give the files that a page offers: address, name as printed (of a picture its caption), kind."""
    found = page.extracted
    if found is None:
        return []
    files: list[tuple[str, str | None, str]] = [(url, name, "attachment") for url, name in found.attachments]
    return files + [(url, caption, "image") for url, caption in found.images]


def row_digest(row: Mapping[str, Any]) -> str:
    """Give the digest of a version's row, so that a changed past shows."""
    names = [*TABLES["versions"].columns]
    names.remove("digest")
    values = json.dumps([row.get(name) for name in names], ensure_ascii=False)
    return "sha256:" + hashlib.sha256(values.encode("utf-8")).hexdigest()
