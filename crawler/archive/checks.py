"""Whether the archive, its index and its captures agree."""

from __future__ import annotations

import os
import sqlite3
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from crawler.archive.articles import Articles, row_digest
from crawler.archive.shape import FILE_STATES
from crawler.archive.words import words
from crawler.captures import Damage, read_captures


class Checks(Articles):
    """What `scrapy verify` looks at."""

    def verify(self, capture_dir: str | os.PathLike[str] | None = None) -> list[str]:
        """Check the whole archive and give the problems found, one sentence each.

        SQLite's own integrity and the foreign keys; the full-text index against the articles, word by word, and
        the near-duplicate index against their signatures;
        versions against their digests and the articles against their versions; with `capture_dir`, every
        record of every capture file against its row.
        """
        try:
            problems = [
                f"SQLite: {row[0]}" for row in self.conn.execute("PRAGMA integrity_check") if row[0] != "ok"
            ]
            if problems:
                return problems  # whatever else is found wrong follows from this
            problems += [
                f"foreign key: {row[0]} row {row[1]} points to a missing row of {row[2]}"
                for row in self.conn.execute("PRAGMA foreign_key_check")
            ]
            problems += self._verify_articles()
            problems += self._verify_attachments()
            problems += self._verify_index()
            problems += self._verify_duplicates()
            if capture_dir is not None:
                problems += self._verify_captures(Path(capture_dir))
        except sqlite3.DatabaseError as error:
            return [f"SQLite: {error}"]
        return problems

    def _verify_articles(self) -> Iterator[str]:
        rows = self.conn.execute(
            "SELECT a.id, a.url, a.capture_id, v.version, "
            "a.title IS v.title AND a.tampered IS v.tampered AS equal, a.text IS v.text AS same "
            "FROM articles a LEFT JOIN versions v ON v.article_id = a.id AND v.version = a.version"
        )
        for row in rows:
            if row["capture_id"] is None:
                yield f"article {row['id']} has no capture ({row['url']})"
            if row["version"] is None:
                yield f"article {row['id']} lacks its newest version ({row['url']})"
            elif not (row["equal"] and (row["same"] or self._is_story(row["id"]))):
                yield f"article {row['id']} differs from its newest version ({row['url']})"
        for version in self.conn.execute("SELECT * FROM versions"):
            if version["digest"] != row_digest({name: version[name] for name in version.keys()}):  # noqa: SIM118  # a Row iterates over values
                yield f"version {version['version']} of article {version['article_id']} does not match its digest"

    def _verify_attachments(self) -> Iterator[str]:
        rows = self.conn.execute(
            "SELECT f.id, f.url, f.state, f.digest, f.size, c.digest AS captured, c.status FROM attachments f "
            "LEFT JOIN captures c ON c.id = f.capture_id"
        )
        for row in rows:
            where = f"attachment {row['id']} ({row['url']})"
            if row["state"] not in FILE_STATES:
                yield f"{where} is in the state {row['state']}, wanted one of {' '.join(FILE_STATES)}"
            elif row["state"] == "archived" and row["captured"] is None:
                yield f"{where} is archived and has no capture"
            elif row["state"] == "archived" and (row["digest"], 200) != (row["captured"], row["status"]):
                yield f"{where} differs from its capture"

    def _verify_index(self) -> Iterator[str]:
        if not self.readonly:
            quiet = not self.conn.in_transaction
            try:
                self.conn.execute("INSERT INTO articles_fts (articles_fts) VALUES ('integrity-check')")
            except sqlite3.DatabaseError as error:
                yield f"full-text index: {error}"
                return
            finally:
                if quiet:
                    self.rollback()
        wanted: Counter[str] = Counter()
        documents: Counter[str] = Counter()
        for row in self.conn.execute("SELECT id, title, text, source FROM articles"):
            tokens = " ".join(map(words, self._indexed(row["id"], row))).split()
            wanted.update(tokens)
            documents.update(set(tokens))
        self.conn.execute("CREATE VIRTUAL TABLE temp.articles_words USING fts5vocab(main, articles_fts, row)")
        try:
            wrong = 0
            for row in self.conn.execute("SELECT term, doc, cnt FROM temp.articles_words"):
                if (documents.pop(row[0], 0), wanted.pop(row[0], 0)) != (row[1], row[2]):
                    wrong += 1
            wrong += len(wanted)
        finally:
            self.conn.execute("DROP TABLE temp.articles_words")
        if wrong:
            yield f"full-text index: {wrong} words do not match the articles"

    def _verify_captures(self, directory: Path) -> Iterator[str]:
        known = [row[0] for row in self.conn.execute("SELECT DISTINCT warc FROM captures ORDER BY warc")]
        present = {path.name for path in directory.glob("*.warc.gz")}
        for name in sorted({*known} - present):
            yield f"captures: {directory / name} is missing"
        for name in sorted(present):
            rows = {
                row["offset"]: row
                for row in self.conn.execute(
                    "SELECT id, url, offset, length, digest, status FROM captures WHERE warc = ?", (name,)
                )
            }
            for record in read_captures(directory / name):
                if isinstance(record, Damage):
                    yield f"captures: {record.path} at {record.offset}: {record.what}"
                    continue
                row = rows.pop(record.offset, None)
                where = f"{name} at {record.offset} ({record.url})"
                if row is None:
                    yield f"captures: {where} is not in the archive"
                elif record.digest_ok is False:
                    yield f"captures: {where} does not match its digest"
                elif (row["digest"], row["length"], row["status"]) != (
                    record.digest,
                    record.length,
                    record.status,
                ):
                    yield f"captures: {where} differs from its row {row['id']}"
            for row in rows.values():
                yield f"captures: {name} at {row['offset']} has no sound record for row {row['id']} ({row['url']})"
