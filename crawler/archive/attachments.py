"""Attachments and pictures of articles, and the files that lists offer."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from crawler.archive.captures import Captures
from crawler.archive.listings import GONE_PAUSES, PAUSES, due
from crawler.archive.search import INDEXED, Search
from crawler.archive.values import as_iso, canonical, now, storable, stored
from crawler.captures import Capture, local_time
from crawler.documents import READABLE, Document

FILES = 200
"""How many attachments and pictures of one page are taken up."""

_ANSWER = ("state", "mime", "size", "digest", "capture_id", "text", "error", "attempts", "due", "asked")
"""What is known of an address, whichever article offers it."""


class OwedFile(NamedTuple):
    """One attachment to ask a portal for."""

    url: str
    portal: str
    channel: str | None
    kind: str
    attempts: int = 0


class Unread(NamedTuple):
    """One captured attachment whose text was not looked for yet."""

    key: str
    mime: str
    capture: Capture


class Attachments(Captures, Search):
    """One row for each file that a page offers."""

    def offer(
        self,
        files: Iterable[tuple[str, str | None]],
        *,
        portal: str,
        channel: str | None,
        hosts: Iterable[str],
        seen: str,
    ) -> None:
        """Write the files that a list page itself offers (address, name), such as the PDF of a printed page."""
        with self._write():
            named = [(url, name, "page") for url, name in files]
            self._offer(named, None, portal, channel, hosts, local_time(seen))

    def _offer(
        self,
        files: Iterable[tuple[str, str | None, str]],
        article_id: int | None,
        portal: str,
        channel: str | None,
        hosts: Iterable[str],
        when: str,
    ) -> None:
        """Write the files (address, name, kind) of a page; what its article offered before and no more is marked so."""
        own = frozenset(hosts)
        keys: set[str] = set()
        for url, name, kind in files:
            key = canonical(url)
            if key in keys or len(keys) >= FILES:
                continue
            keys.add(key)
            named = {"url": storable(url), "name": stored(name), "withdrawn": None}
            known = self._row("SELECT id FROM attachments WHERE article_id IS ? AND key = ?", article_id, key)
            if known:
                self._update("attachments", known["id"], named)
                continue
            had: dict[str, Any] = {"state": "pending" if _askable(url, own) else "offsite"}
            other = self._row(
                f"SELECT {', '.join(_ANSWER)} FROM attachments WHERE key = ? AND state <> 'offsite' LIMIT 1",
                key,
            )
            if other is not None and had["state"] == "pending":
                had = dict(other)
            self._insert(
                "attachments",
                {
                    "id": self._id("attachments", "article_id IS ? AND key = ?", article_id, key),
                    "article_id": article_id,
                    "portal": portal,
                    "channel": channel,
                    "kind": kind,
                    "key": key,
                    "first_seen": when,
                    **named,
                    **had,
                },
            )
        if article_id is None:
            return
        for row in self.conn.execute(
            "SELECT id, key FROM attachments WHERE article_id = ? AND withdrawn IS NULL", (article_id,)
        ).fetchall():
            if row["key"] not in keys:
                self._update("attachments", row["id"], {"withdrawn": when})

    def owed_files(
        self,
        portals: Sequence[str],
        *,
        run_id: str,
        limits: Mapping[str, int],
        since: date | None = None,
        until: date | None = None,
        channels: Sequence[str] = (),
        limit: int = 32,
        at: datetime | str | None = None,
    ) -> list[OwedFile]:
        """Hand out the next attachments to ask for, each address once a run; an empty list when nothing is owed.

        `limits` gives the largest size of each kind in bytes; a kind with 0 is not asked for, and what was
        larger than an earlier limit and is not than this one is owed again. First come files never had, then
        those whose pause is over; pictures come last.
        """
        kinds = [kind for kind, size in limits.items() if size > 0]
        bounds: dict[str, Any] = {"run": run_id, "at": local_time(at or now()), "limit": limit}
        bounds |= {"since": as_iso(since), "until": as_iso(until)}
        bounds |= {f"p{n}": name for n, name in enumerate(portals)} | {
            f"k{n}": kind for n, kind in enumerate(kinds)
        }
        bounds |= {f"s{n}": limits[kind] for n, kind in enumerate(kinds)}
        bounds |= {f"c{n}": code for n, code in enumerate(channels)}
        smaller = " OR ".join(f"(kind = :k{n} AND size <= :s{n})" for n in range(len(kinds))) or "0"
        inside = "".join(
            (
                f" AND channel IN ({', '.join(f':c{n}' for n in range(len(channels)))})" if channels else "",
                " AND coalesce(day, :since) >= :since" if since else "",
                " AND coalesce(day, :until) <= :until" if until else "",
            )
        )
        rows = self.conn.execute(
            "SELECT key, url, portal, channel, kind, attempts FROM (SELECT f.*, substr(a.published, 1, 10) AS day "
            "FROM attachments f LEFT JOIN articles a ON a.id = f.article_id "
            f"WHERE f.portal IN ({', '.join(f':p{n}' for n in range(len(portals)))}) "
            f"AND f.kind IN ({', '.join(f':k{n}' for n in range(len(kinds)))}) AND f.withdrawn IS NULL "
            "AND (f.state = 'pending' OR f.due <= :at OR f.state = 'oversize')) "
            f"WHERE (asked IS NULL OR asked <> :run) AND (state <> 'oversize' OR {smaller}){inside} "
            "GROUP BY key ORDER BY kind = 'image', due IS NOT NULL, min(id) LIMIT :limit",
            bounds,
        ).fetchall()
        with self._write():
            self.conn.executemany(
                "UPDATE attachments SET asked = ? WHERE key = ?", [(run_id, row["key"]) for row in rows]
            )
        return [OwedFile(*tuple(row)[1:]) for row in rows]

    def had_file(self, url: str, capture: Capture, mime: str, size: int) -> None:
        """Note that a file was captured; what was read of other bytes at its address is forgotten."""
        answer = {
            "mime": stored(mime[:100]),
            "size": size,
            "digest": capture.digest,
            "capture_id": capture.id,
        }
        with self._write():
            for row in self._files_at(url):
                kept = {"text": row["text"], "error": row["error"]} if row["digest"] == capture.digest else {}
                if row["state"] != "archived":
                    kept = {}
                self._answer(
                    row,
                    {"state": "archived", **answer, "text": None, "error": None, "attempts": 0, "due": None}
                    | kept,
                )

    def miss_file(
        self,
        url: str,
        state: str,
        error: str,
        when: str,
        capture_id: int | None = None,
        size: int | None = None,
    ) -> None:
        """Note why a file was not had: ``failed``, ``challenged``, ``gone``, ``refused`` or ``oversize``.

        What is larger than the limit is not asked for again until the limit allows it; for all else the
        pauses grow as for articles. A file that was captured before stays so.
        """
        moment = local_time(when)
        pauses = {"oversize": (), "gone": GONE_PAUSES, "refused": GONE_PAUSES}.get(state, PAUSES)
        with self._write():
            for row in self._files_at(url):
                if row["state"] == "archived":
                    continue
                attempts = row["attempts"] + 1
                self._answer(
                    row,
                    {
                        "state": state,
                        "error": stored(error[:1000]),
                        "attempts": attempts,
                        "due": due(moment, attempts, pauses),
                        "capture_id": capture_id,
                        "size": size,
                    },
                )

    def unread(self, limit: int = 32) -> list[Unread]:
        """Give captured files of a readable kind whose text was not looked for yet, each address once."""
        marks = ", ".join("?" * len(READABLE))
        rows = self.conn.execute(
            f"SELECT key, mime, max(capture_id) AS capture_id FROM attachments WHERE text IS NULL AND error IS NULL "
            f"AND mime IN ({marks}) AND state = 'archived' GROUP BY key, mime ORDER BY min(id) LIMIT ?",
            (*READABLE, limit),
        ).fetchall()
        found = [(row, self.capture(row["capture_id"])) for row in rows]
        return [Unread(row["key"], row["mime"], capture) for row, capture in found if capture]

    def read_file(self, file: Unread, document: Document) -> None:
        """Write the text of a captured file, and put it into the index of every article that offers it."""
        values = {
            "text": None if document.text is None else storable(document.text),
            "error": stored(document.error),
        }
        if values["text"] is None and values["error"] is None:
            values["text"] = ""  # looked for and not there
        with self._write():
            for row in self.conn.execute(
                "SELECT * FROM attachments WHERE key = ? AND capture_id = ? AND state = 'archived'",
                (file.key, file.capture.id),
            ).fetchall():
                self._answer(row, values)

    def _files_at(self, url: str) -> list[sqlite3.Row]:
        return self.conn.execute(
            "SELECT * FROM attachments WHERE key = ? AND state <> 'offsite'", (canonical(url),)
        ).fetchall()

    def _answer(self, row: sqlite3.Row, values: Mapping[str, Any]) -> None:
        """Change an attachment's row, and the index where that changes the text of its article."""
        article_id = row["article_id"]
        article = self._row(f"{INDEXED} WHERE id = ?", article_id)
        if article is None or values.get("text", row["text"]) == row["text"]:
            self._update("attachments", row["id"], values)
            return
        before = self._indexed(article_id, article)
        self._update("attachments", row["id"], values)
        self._reindex(article_id, before, self._indexed(article_id, article))

    def files_by_state(self) -> dict[str, int]:
        """Count the attachments by state."""
        rows = self.conn.execute("SELECT state, count(*) FROM attachments GROUP BY state ORDER BY state")
        return {row[0]: row[1] for row in rows}

    def attachments(self, article_id: int) -> list[dict[str, Any]]:
        """Give the attachments of an article, in the order in which its page offered them first."""
        rows = self.conn.execute("SELECT * FROM attachments WHERE article_id = ? ORDER BY id", (article_id,))
        return [dict(row) for row in rows]


def _askable(url: str, hosts: frozenset[str]) -> bool:
    """Tell whether a file's address is on one of the hosts that may be asked."""
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and parts.hostname in hosts and parts.port in (None, 80, 443)
    except ValueError:
        return False
