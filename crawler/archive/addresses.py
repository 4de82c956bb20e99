"""The further addresses of an article: where redirects led, and what pages name as their canonical address."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from crawler.archive.connection import Connection
from crawler.archive.values import canonical, host_name, storable
from crawler.text.signatures import digest, fold

if TYPE_CHECKING:
    from crawler.items import Page

OPEN = "not asked for yet"
"""Why a canonical address is not one of the article's yet: nobody has seen what it shows."""
SHARED = "named by other articles, too"
"""Why it is not: careless portals let all pages of a template name the same one."""

TELLING = 8
"""From so many letters on a title tells one story from others; 公示公告 is the title of many."""


class Addresses(Connection):
    """The rows of addresses. One that is followed (``refused`` is NULL) is the article's as much as its own."""

    def article_at(self, key: str) -> sqlite3.Row | None:
        """Give the article that a canonical form is an address of, its own or a further one."""
        row = self._row("SELECT * FROM articles WHERE key = ?", key)
        if row is not None or self._is_elder(4):
            return row
        return self._row(
            "SELECT a.* FROM addresses d JOIN articles a ON a.id = d.article_id "
            "WHERE d.key = ? AND d.refused IS NULL ORDER BY d.first_seen, a.id LIMIT 1",
            key,
        )

    def addresses(self, article_id: int) -> list[dict[str, Any]]:
        """Give the further addresses of an article, those that are only said to be its own too."""
        if self._is_elder(4):
            return []
        rows = self.conn.execute(
            "SELECT * FROM addresses WHERE article_id = ? ORDER BY first_seen, key", (article_id,)
        )
        return [dict(row) for row in rows]

    def other_addresses(self, url: str) -> list[str]:
        """Give the further addresses under which an article has been seen, none for one that is not archived."""
        if self._is_elder(4):
            return []
        rows = self.conn.execute(
            "SELECT d.url FROM articles a JOIN addresses d ON d.article_id = a.id WHERE a.key = ? "
            "AND d.refused IS NULL ORDER BY d.first_seen, d.key",
            (canonical(url),),
        )
        return [row[0] for row in rows]

    def is_list(self, portal: str, key: str) -> bool:
        """Tell whether a canonical form is the address of one of a portal's lists."""
        rows = self.conn.execute("SELECT url FROM channels WHERE portal = ? AND url IS NOT NULL", (portal,))
        return any(canonical(row[0]) == key for row in rows)

    def _meant(self, page: Page, key: str, text: str | None, when: str) -> sqlite3.Row | None:
        """Find the article that a page under a new address is: where its redirect led, or whose canonical one it shares.

        That a redirect leads to another article was looked at before. What a page names is believed only where
        the texts are the same.
        """
        if found := self.article_at(key):
            return found
        if page.answered and (found := self.article_at(canonical(page.answered))):
            self._write_address(key, page.url, found["id"], "redirect", None, when, page)
            return found
        named = canonical(page.named) if page.named and not self._refuse(page) else key
        claims = self.conn.execute(
            "SELECT a.* FROM articles a WHERE a.key = :named UNION SELECT a.* FROM addresses d "
            "JOIN articles a ON a.id = d.article_id WHERE d.key IN (:key, :named) AND d.how = 'canonical' ORDER BY 1",
            {"named": named, "key": key},
        ).fetchall()
        row: sqlite3.Row
        for row in claims:
            if text and row["text"] and digest(row["text"]) == digest(text):
                self._write_address(key, page.url, row["id"], "canonical", None, when, page)
                found = row
                break
        return found

    def _refuse(self, page: Page) -> str | None:
        """Say why what a page names as its canonical address cannot be one; None where it can."""
        assert page.named is not None
        own = {host.removeprefix("www.") for host in page.hosts or {host_name(page.url) or ""}}
        if (host_name(page.named) or "").removeprefix("www.") not in own:
            return "off the portal's hosts"
        path = urlsplit(f"//{canonical(page.named)}").path
        if path.endswith("/"):
            return "the home page, or a list"
        return "a list" if self.is_list(page.portal, canonical(page.named)) else None

    def _note_addresses(self, page: Page, article_id: int, when: str) -> Iterable[str]:
        """Write the further addresses of an archived page; give the keys of those that are the article's.

        What a page names is followed once a page there showed the same text (`_meant`), or where a list says of
        it what it says of the article (`_agree`).
        """
        row = self._row("SELECT key FROM articles WHERE id = ?", article_id)
        own = {row["key"] if row else "", canonical(page.url)}
        followed = []
        for how, url in (("redirect", page.answered), ("canonical", page.named)):
            key = canonical(url) if url else ""
            if not url or key in own:
                continue
            other = self._row("SELECT id FROM articles WHERE key = ? AND id <> ?", key, article_id)
            refused = self._refuse(page) if how == "canonical" else None
            if refused is None and other is not None:
                refused = f"the address of article {other['id']}"
            if refused is None and how == "canonical":
                refused = self._doubt(key, article_id)
            self._write_address(key, url, article_id, how, refused, when, page)
            if refused is None:
                followed.append(key)
        return followed

    def _doubt(self, key: str, article_id: int) -> str | None:
        """Say why it is not certain that a named address is that of an article; None where it is."""
        known = self._row(
            "SELECT 1 FROM addresses WHERE key = ? AND article_id = ? AND refused IS NULL", key, article_id
        )
        if known is not None:
            return None
        shared = self.conn.execute(
            "UPDATE addresses SET refused = :shared WHERE key = :key AND article_id <> :id AND how = 'canonical' "
            "AND refused IN (:open, :shared)",
            {"shared": SHARED, "open": OPEN, "key": key, "id": article_id},
        ).rowcount
        if shared:
            return SHARED
        titles = [
            row[0]
            for row in self.conn.execute(
                "SELECT title FROM listings WHERE key = ? AND title IS NOT NULL", (key,)
            )
        ]
        return None if self._agree(article_id, titles) else OPEN

    def _agree(self, article_id: int, titles: list[str]) -> bool:
        """Tell whether lists say of another address what the article is called; with nothing said they do not."""
        row = self._row("SELECT title FROM articles WHERE id = ?", article_id)
        known = row["title"] if row else None
        if not known or not titles or len(fold(known)) < TELLING:
            return False
        return not any(retitled(title, known) for title in titles)

    def _claimed(self, key: str, title: str | None) -> sqlite3.Row | None:
        """Find the one article that names an address which is listed now under the article's title, and follow it."""
        claims = self.conn.execute(
            "SELECT a.* FROM addresses d JOIN articles a ON a.id = d.article_id "
            "WHERE d.key = ? AND d.how = 'canonical' AND d.refused = ?",
            (key, OPEN),
        ).fetchall()
        if len(claims) != 1 or not title or not self._agree(claims[0]["id"], [title]):
            return None
        self.conn.execute(
            "UPDATE addresses SET refused = NULL WHERE key = ? AND article_id = ? AND how = 'canonical'",
            (key, claims[0]["id"]),
        )
        row: sqlite3.Row = claims[0]
        return row

    def _write_address(
        self, key: str, url: str, article_id: int, how: str, refused: str | None, when: str, page: Page
    ) -> None:
        self.conn.execute(
            "INSERT INTO addresses (key, url, article_id, how, refused, first_seen, last_seen, capture_id) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key, article_id, how) DO UPDATE SET "
            "refused = excluded.refused, first_seen = min(first_seen, excluded.first_seen), "
            "last_seen = max(last_seen, excluded.last_seen), capture_id = excluded.capture_id",
            (
                *(key, storable(url), article_id, how, refused, when, when),
                page.capture.id if page.capture else None,
            ),
        )

    def _write_keys_anew(self) -> None:
        """Give every row the key that its address has by the present rules; no article, file or page is lost.

        Where two articles come to one key, the elder has it; the younger keeps its own, and its address is noted
        as one of the elder's. Lines that come to one are put together.
        """
        for table in ("attachments", "parts"):
            self._rekey(table)
        for rowid, old, url in self.conn.execute("SELECT id, key, url FROM articles ORDER BY id").fetchall():
            if (key := canonical(url)) == old:
                continue
            held = self._row("SELECT id, capture_id, first_seen, last_seen FROM articles WHERE key = ?", key)
            if held is None:
                self.conn.execute("UPDATE articles SET key = ? WHERE id = ?", (key, rowid))
            else:
                self.conn.execute(
                    "INSERT OR IGNORE INTO addresses (key, url, article_id, how, first_seen, last_seen, capture_id) "
                    "VALUES (?, ?, ?, 'canonical', ?, ?, ?)",
                    (old, url, held["id"], held["first_seen"], held["last_seen"], held["capture_id"]),
                )
        lines = self.conn.execute("SELECT rowid, * FROM listings ORDER BY first_listed, rowid").fetchall()
        for line in lines:
            if (key := canonical(line["url"])) != line["key"]:
                self._rekey_line(line, key)

    def _rekey(self, table: str) -> None:
        for rowid, old, url in self.conn.execute(f"SELECT rowid, key, url FROM {table}").fetchall():
            if (key := canonical(url)) != old:
                self.conn.execute(f"UPDATE {table} SET key = ? WHERE rowid = ?", (key, rowid))

    def _rekey_line(self, line: sqlite3.Row, key: str) -> None:
        held = self._row(
            "SELECT rowid, * FROM listings WHERE portal = ? AND channel = ? AND key = ?",
            *(line["portal"], line["channel"], key),
        )
        if held is None:
            self.conn.execute("UPDATE listings SET key = ? WHERE rowid = ?", (key, line["rowid"]))
            return
        better, other = sorted((line, held), key=lambda row: (row["article_id"] is None, row["rowid"]))
        self.conn.execute("DELETE FROM listings WHERE rowid = ?", (other["rowid"],))
        self.conn.execute(
            "UPDATE listings SET key = ?, first_listed = min(first_listed, ?), last_listed = max(last_listed, ?), "
            "title = coalesce(title, ?), listed = coalesce(listed, ?), section = coalesce(section, ?) WHERE rowid = ?",
            (
                *(key, other["first_listed"], other["last_listed"], other["title"], other["listed"]),
                *(other["section"], better["rowid"]),
            ),
        )


def retitled(before: str | None, after: str | None) -> bool:
    """Tell whether a title changed; lists cut the same title at different places.

    >>> retitled("市民政局开展走访…", "市民政局开展走访慰问"), retitled("甲", "乙"), retitled(None, "乙")
    (False, True, False)
    """
    if not before or not after:
        return False
    one, other = (re.sub(r"(?:\.{2,}|…+)$", "", title.strip()).strip() for title in (before, after))
    return not (one.startswith(other) or other.startswith(one))
