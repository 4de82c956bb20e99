"""Whether the archive, its index and its captures agree."""

from __future__ import annotations

import json
import os
import sqlite3
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crawler.archive.accounts import WRONG_LINES
from crawler.archive.articles import Articles, columns_of, row_digest
from crawler.archive.chain import Chain
from crawler.archive.seal import broken, is_at_rest, sums_of
from crawler.archive.search import INDEXED
from crawler.archive.shape import FILE_STATES
from crawler.archive.values import SURROGATE_RE, as_json, block_digest, storable, stored
from crawler.captures import Capture, CaptureRecord, Damage, read_captures, read_run, sign_file
from crawler.text.signatures import sign
from crawler.text.tampering import revert

if TYPE_CHECKING:
    from crawler.items import Page

CHECKED = 2
"""The eldest shape that is checked as it is; before it there were no attachments."""

OUTCOMES = ("finished", "partial", "failed", "interrupted")

TOLD = ("url", "fetched_at", "status", "digest", "length", "content_type", "etag", "last_modified", "kind")
"""The columns of a capture that its record tells."""

WRONG = {
    "article {} points to {}, which points further itself": "SELECT a.id, b.id FROM articles a JOIN articles b "
    "ON b.id = a.duplicate_of WHERE b.duplicate_of IS NOT NULL",
    "article {} is a duplicate of itself": "SELECT id FROM articles WHERE duplicate_of = id",
    "article {} is part of {}, which is part of another itself": "SELECT a.id, b.id FROM articles a JOIN articles b "
    "ON b.id = a.part_of WHERE b.part_of IS NOT NULL",
    "article {} has {} versions, the last is number {}": "SELECT article_id, count(*), max(version) FROM versions "
    "GROUP BY article_id HAVING count(*) <> max(version) OR min(version) <> 1",
    "article {} is at version {}, the last one with a text is {}": "SELECT a.id, a.version, max(v.version) "
    "FROM articles a JOIN versions v ON v.article_id = a.id WHERE v.change <> 'withdrawn' "
    "GROUP BY a.id HAVING max(v.version) <> a.version",
    "article {} was first seen {}, its first version {}": "SELECT a.id, a.first_seen, v.seen FROM articles a "
    "JOIN versions v ON v.article_id = a.id AND v.version = 1 WHERE v.seen <> a.first_seen",
    "article {} was first seen {}, later than last seen {}": "SELECT id, first_seen, last_seen FROM articles "
    "WHERE first_seen > last_seen",
    "edits row {} belongs to no version ({} of article {})": "SELECT e.id, e.version, e.article_id FROM edits e WHERE NOT "
    "EXISTS (SELECT 1 FROM versions v WHERE v.article_id = e.article_id AND v.version = e.version)",
    "removed row {} belongs to no version ({} of article {})": "SELECT e.id, e.version, e.article_id FROM removed e WHERE NOT "
    "EXISTS (SELECT 1 FROM versions v WHERE v.article_id = e.article_id AND v.version = e.version)",
    **{
        f"listings row {{}} ({{!r}}) is {what}": f"SELECT rowid, state FROM listings WHERE {condition}"
        for what, condition in WRONG_LINES.items()
    },
    "runs row {} has the outcome {}": f"SELECT id, outcome FROM runs WHERE outcome NOT IN {OUTCOMES}",
    "capture {} stands for {}, whose payload is another one": "SELECT c.id, p.id FROM captures c JOIN captures p "
    "ON p.id = c.revisit_of WHERE p.digest <> c.digest",
    "campaign {} does not bear the name of its smallest block {}": "SELECT campaign, min(block) FROM removed "
    "WHERE campaign IS NOT NULL GROUP BY campaign HAVING min(block) <> campaign",
    "target {} is of the campaign {}, which has no block": "SELECT host, campaign FROM targets t WHERE NOT EXISTS "
    "(SELECT 1 FROM removed r WHERE r.campaign = t.campaign)",
}
"""What must not be, as a sentence and a question whose rows it is true of."""


class Checks(Articles, Chain):
    """What `scrapy verify` looks at."""

    def verify(
        self, capture_dir: str | os.PathLike[str] | None = None, *, head: str | None = None
    ) -> list[str]:
        """Check the whole archive and give the problems found, one sentence each; see `problems`."""
        return list(self.problems(capture_dir, head=head))

    def problems(
        self, capture_dir: str | os.PathLike[str] | None = None, *, head: str | None = None
    ) -> Iterator[str]:
        """Check the whole archive and say one after the other what is wrong, a sentence each.

        The file against its seal; SQLite's own integrity and the foreign keys; what rows must not say (`WRONG`);
        versions against their digests and the articles against their versions; the full-text index against the
        articles, word by word, and the near-duplicate index
        against their signatures; with `capture_dir`, every record of every capture file against its row, and the
        files against what the runs signed. `head` is the digest of a run that was written down: the chain must
        have it.
        """
        yield from self._verify_file()
        try:
            shape = self.conn.execute("PRAGMA user_version").fetchone()[0]
            if shape < CHECKED:
                yield f"archive: found shape version {shape}, wanted {CHECKED} at least: the next run brings it up"
                return
            found = [
                f"SQLite: {row[0]}" for row in self.conn.execute("PRAGMA integrity_check") if row[0] != "ok"
            ]
            yield from found
            if found:
                return  # whatever else is found wrong follows from this
            for row in self.conn.execute("PRAGMA foreign_key_check"):
                yield f"foreign key: {row[0]} row {row[1]} points to a missing row of {row[2]}"
            yield from self._verify_articles()
            yield from self._verify_rows()
            yield from self._verify_attachments()
            yield from self._verify_index()
            yield from self._verify_duplicates()
            if capture_dir is not None:
                yield from self._verify_captures(Path(capture_dir))
                yield from self._verify_chain(Path(capture_dir), head)
        except sqlite3.DatabaseError as error:
            yield f"SQLite: {error}"

    def notes(self, capture_dir: str | os.PathLike[str]) -> Iterator[str]:
        """Say what a person should know that is nothing wrong: what no seal and no run covers, what was cut off."""
        directory = Path(capture_dir)
        if not sums_of(self.path).exists():
            yield f"{self.path} has no seal: a run is under way, or was killed; the next one seals it"
        links = self.links()
        signed = {link.run_id for link in links}
        for row in self.conn.execute("SELECT id, outcome, stats FROM runs ORDER BY id"):
            if row["id"] not in signed and (directory / f"{row['id']}.warc.gz").exists():
                state = row["outcome"] or "under way"
                yield f"run {row['id']} ({state}) has signed nothing yet: a later run signs for it"
        for path in sorted(directory.glob("*.torn")):
            yield f"{path} holds {path.stat().st_size} bytes of a record that was not written to its end"

    def _verify_file(self) -> Iterator[str]:
        if is_at_rest(self.path):
            yield from broken(self.path)

    def _verify_rows(self) -> Iterator[str]:
        if self._is_elder():
            return
        for said, question in WRONG.items():
            for row in self.conn.execute(question):
                yield said.format(*row)
        for row in self.conn.execute("SELECT id, text, signature FROM articles"):
            if row["signature"] != sign(row["text"] or ""):
                yield f"article {row['id']} has another signature than its text"
        for table in ("removed", "suspects"):
            for row in self.conn.execute(
                f"SELECT id, text, html, block FROM {table} WHERE block IS NOT NULL"
            ):
                if row["block"] != block_digest(row["text"] or row["html"] or ""):
                    yield f"{table} row {row['id']} does not match its digest"

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
                self._catch_up()
                self.conn.execute("INSERT INTO articles_fts (articles_fts) VALUES ('integrity-check')")
            except sqlite3.DatabaseError as error:
                yield f"full-text index: {error}"
                return
            finally:
                if quiet:
                    self.rollback()
        if self._is_elder(4):
            return  # spelled otherwise
        rest: Counter[int] = Counter()
        """For each article the sum of the hashes of its entries: the same in whatever order they come."""
        for row in self.conn.execute(INDEXED):
            rest[row["id"]] += sum(map(hash, self._indexed(row["id"], row).split()))
        self.conn.execute(
            "CREATE VIRTUAL TABLE temp.articles_entries USING fts5vocab(main, articles_fts, instance)"
        )
        try:
            for term, article_id in self.conn.execute("SELECT term, doc FROM temp.articles_entries"):
                rest[article_id] -= hash(term)
        finally:
            self.conn.execute("DROP TABLE temp.articles_entries")
        if wrong := sorted(article_id for article_id, left in rest.items() if left):
            yield f"full-text index: {len(wrong)} articles have other words there, the first is {wrong[0]}"

    def _verify_captures(self, directory: Path) -> Iterator[str]:
        known = [row[0] for row in self.conn.execute("SELECT DISTINCT warc FROM captures ORDER BY warc")]
        present = {path.name for path in directory.glob("*.warc.gz")}
        for name in sorted({*known} - present):
            yield f"captures: {directory / name} is missing"
        under_way = {
            f"{row[0]}.warc.gz"
            for row in self.conn.execute(
                "SELECT id FROM runs WHERE outcome IS NULL OR (outcome = 'interrupted' AND stats IS NULL)"
            )
        }
        for name in sorted(present):
            yield from self._verify_capture_file(directory / name, name in under_way)

    def _verify_capture_file(self, path: Path, under_way: bool) -> Iterator[str]:
        """Compare a capture file with its rows; one that a run writes, or a killed one left, may have more than rows."""
        name = path.name
        rows = {
            row["offset"]: row
            for row in self.conn.execute(
                f"SELECT id, offset, flags, charset, {', '.join(TOLD)} FROM captures WHERE warc = ?", (name,)
            )
        }
        last = max(rows, default=-1)
        for record in read_captures(path):
            if isinstance(record, Damage):
                if not (under_way and record.offset > last):
                    yield f"captures: {record.path} at {record.offset}: {record.what}"
                continue
            row = rows.pop(record.offset, None)
            where = f"{name} at {record.offset} ({record.url})"
            if row is None:
                if not under_way:
                    yield f"captures: {where} is not in the archive"
            elif record.digest_ok is False:
                yield f"captures: {where} does not match its digest"
            elif wrong := _wrong_columns(row, record):
                yield f"captures: {where} differs from its row {row['id']}: {', '.join(wrong)}"
        for row in rows.values():
            yield f"captures: {name} at {row['offset']} has no sound record for row {row['id']} ({row['url']})"
        yield from self._verify_statement(path)

    def _verify_statement(self, path: Path) -> Iterator[str]:
        """Compare what the closing record of a capture file states with the file, and of the chain with the runs' rows."""
        run = read_run(path)
        if run and run.so_far and sign_file(path, run.so_far[0])[1:] != run.so_far:
            yield f"captures: {path} is not what its closing record states: the first {run.so_far[0]} bytes differ"
        stated = (run.outcome or {}).get("chain") if run else None
        if run is None or not stated:
            return
        links = {link.run_id: link for link in self.links()}
        said = [(each["run"], each["previous"], each["digest"]) for each in stated.get("signed", ())]
        if run.run_id in links and links[run.run_id].warc == path.name:
            said.append((run.run_id, stated["previous"], links[run.run_id].digest))
        for run_id, previous, digest in said:
            link = links.get(run_id)
            if link is not None and (link.previous, link.digest) != (previous, digest):
                yield f"chain: {path.name} states another digest of run {run_id}, or of the run before it, than its row"

    # -- what a derivation compares with --

    def begin_again(self, run_id: str) -> str:
        """Remember what a run did when it began, and give the name of its spider."""
        row = self._row("SELECT spider, memory FROM runs WHERE id = ?", run_id)
        epoch = (row["memory"] if row else None) or ""
        if epoch != self.epoch:
            self.epoch = epoch
            self._memories.clear()
            self._blocks.clear()
        return str(row["spider"]) if row else ""

    def is_elder(self) -> bool:
        """Tell whether the file is of a shape that lacks what a derivation compares with."""
        return self._is_elder()

    def capture_at(self, warc: str, offset: int) -> Capture | None:
        """Give the capture whose record lies at a place."""
        names = ", ".join(Capture._fields)
        row = self._row(f"SELECT {names} FROM captures WHERE warc = ? AND offset = ?", warc, offset)
        return Capture(*row) if row else None

    def wrong_columns(self, page: Page, article_id: int, version: int | None) -> list[str]:
        """Name the columns of a version, or of an article (None), that a page tells otherwise.

        Title and text of an article are not among them: they are those of its newest version.
        """
        if version is None:
            row = self._row("SELECT * FROM articles WHERE id = ?", article_id)
        else:
            row = self._row(
                "SELECT * FROM versions WHERE article_id = ? AND version = ?", article_id, version
            )
        has = dict(row) if row else {}
        told = columns_of(page)
        names = [name for name in told if version is not None or name not in ("title", "text")]
        wrong = [name for name in names if name != "fields" and has.get(name) != told[name]]
        fields = json.loads(has.get("fields") or "{}")
        fields.pop("runover", None)  # worked out from several pages
        return [*wrong, "fields"] if fields != json.loads(told["fields"]) else wrong

    def wrong_edits(self, page: Page, article_id: int, version: int) -> list[str]:
        """Say ``edits`` where those of a version are not what a page shows, or do not undo to the captured text."""
        has = self.conn.execute(
            "SELECT part, step, fixer, certainty, start, before, after FROM edits "
            "WHERE article_id = ? AND version = ? ORDER BY id",
            (article_id, version),
        )
        told = [
            (part, number, step.fixer, step.certainty, edit.start, *map(_whole, (edit.before, edit.after)))
            for part, each in page.numbered
            for number, step in enumerate(each.repaired.steps if each.repaired else (), 1)
            for edit in step.edits
        ]
        undone = all(
            revert(each.repaired.text, each.repaired.steps) == each.decoded.text
            for _, each in page.numbered
            if each.repaired and each.repaired.steps and each.decoded
        )
        return [] if undone and list(map(tuple, has)) == told else ["edits"]

    def wrong_blocks(self, page: Page, article_id: int, version: int, seen: str, *, whole: bool) -> list[str]:
        """Name the tables of blocks that have others than a page shows; not `whole`: the page may show more."""
        wrong = []
        for table in ("removed", "suspects"):
            has = set(
                map(
                    tuple,
                    self.conn.execute(
                        f"SELECT part, kind, reasons, place, text, html, links, block FROM {table} "
                        "WHERE article_id = ? AND version = ? AND seen = ?",
                        (article_id, version, seen),
                    ),
                )
            )
            told = {
                (
                    *(part, block.kind, as_json(block.reasons), storable(block.place), storable(block.text)),
                    *(storable(block.html), as_json(block.links), block_digest(block.text or block.html)),
                )
                for part, each in page.numbered
                for block in getattr(each, table)
            }
            if not (has == told if whole else has <= told):
                wrong.append(table)
        return wrong


def _wrong_columns(row: sqlite3.Row, record: CaptureRecord) -> list[str]:
    """Name the columns of a capture's row that its record tells otherwise."""
    told: dict[str, Any] = record.capture._asdict()
    told["url"] = storable(record.url)
    wrong = [
        name
        for name in TOLD
        if row[name] != (stored(told[name]) if isinstance(told[name], str) and name != "url" else told[name])
    ]
    flags = set((row["flags"] or "").split())
    return wrong if flags >= set(record.flags) else [*wrong, "flags"]


def _whole(text: str) -> str:
    return SURROGATE_RE.sub("\ufffd", text)
