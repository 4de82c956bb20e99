"""The full-text index, kept in step with the articles, and the search in it."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any, NamedTuple

from crawler.archive.connection import Connection
from crawler.archive.words import cut_snippet, match_expression, words

ATTACHED = (
    "SELECT text FROM attachments WHERE article_id = ? AND withdrawn IS NULL AND text IS NOT NULL ORDER BY id"
)
"""The texts that are searched with an article."""


class Hit(NamedTuple):
    """One article found by words."""

    id: int
    url: str
    title: str | None
    portal: str | None
    published: str | None
    snippet: str
    rank: float
    """Lower is better."""


class Search(Connection):
    """The index of articles and the texts of their attachments."""

    def _indexed(self, article_id: int, values: Mapping[str, Any] | sqlite3.Row) -> tuple[str, str, str]:
        """Give what the index has of an article: title, text with the texts of its attachments, source.

        Of a continuation nothing: its words are found where the whole story is.
        """
        parted = "SELECT 1 FROM articles WHERE id = ? AND part_of IS NOT NULL"
        if not self._is_elder() and self._row(parted, article_id):
            return "", "", ""
        texts = self.conn.execute(ATTACHED, (article_id,))
        whole = "\n".join([values["text"] or "", *(row[0] for row in texts)])
        return values["title"] or "", whole, values["source"] or ""

    def _index(self, article_id: int, found: tuple[str, str, str]) -> None:
        self.conn.execute(
            "INSERT INTO articles_fts (rowid, title, text, source) VALUES (?, ?, ?, ?)",
            (article_id, *map(words, found)),
        )

    def _reindex(self, article_id: int, before: tuple[str, str, str], after: tuple[str, str, str]) -> None:
        if before == after:
            return
        self.conn.execute(
            "INSERT INTO articles_fts (articles_fts, rowid, title, text, source) VALUES ('delete', ?, ?, ?, ?)",
            (article_id, *map(words, before)),
        )
        self._index(article_id, after)

    def search(self, query: str, limit: int = 20, offset: int = 0) -> list[Hit]:
        """Find articles by words in them or in their attachments, the best first; see `match_expression`."""
        rows = self.conn.execute(
            "SELECT a.id, a.url, a.title, a.portal, a.published, a.text, bm25(articles_fts, 8.0, 1.0, 2.0) AS rank "
            "FROM articles_fts JOIN articles a ON a.id = articles_fts.rowid WHERE articles_fts MATCH ? "
            "ORDER BY rank, a.id LIMIT ? OFFSET ?",
            (match_expression(query), limit, offset),
        )
        return [
            Hit(
                row["id"],
                row["url"],
                row["title"],
                row["portal"],
                row["published"],
                self._snippet(row, query),
                row["rank"],
            )
            for row in rows
        ]

    def _snippet(self, row: sqlite3.Row, query: str) -> str:
        """Cut out the place of the first word that article or attachment has; the attachment is named."""
        found = cut_snippet(row["text"] or "", query, sought=True)
        if found is not None:
            return found
        for name, text in self.conn.execute(ATTACHED.replace("text", "name, text", 1), (row["id"],)):
            if (found := cut_snippet(text, query, sought=True)) is not None:
                return f"{' '.join((name or '').split())}: {found}"
        return cut_snippet(row["text"] or "", query) or ""
