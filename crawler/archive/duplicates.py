"""Duplicates: articles that tell one story, linked to the earliest."""

from __future__ import annotations

from crawler.archive.connection import Connection
from crawler.text.signatures import bands, likeness, same_story

CANDIDATES = 60
"""How many articles that share a band are compared in full, those that share most bands first."""


class Duplicates(Connection):
    """The index of bands, and the clusters found with it."""

    def _relate(self, article_id: int) -> None:
        """Put an article's bands into the index, and link it to the articles that tell the same story."""
        row = self._row("SELECT title, text, signature FROM articles WHERE id = ?", article_id)
        assert row is not None
        own = bands(row["signature"] or "")
        self.conn.execute("DELETE FROM bands WHERE article_id = ?", (article_id,))
        if not own:
            return
        self.conn.executemany(
            "INSERT OR IGNORE INTO bands VALUES (?, ?)", [(band, article_id) for band in own]
        )
        candidates = self.conn.execute(
            f"SELECT a.id, a.title, a.text, a.signature, a.duplicate_of FROM (SELECT article_id, count(*) AS shared "
            f"FROM bands WHERE band IN ({', '.join('?' * len(own))}) AND article_id <> ? GROUP BY article_id "
            "ORDER BY shared DESC, article_id LIMIT ?) JOIN articles a ON a.id = article_id "
            "ORDER BY shared DESC, article_id",
            (*own, article_id, CANDIDATES),
        ).fetchall()
        roots: set[int] = set()
        for other in candidates:
            root = other["duplicate_of"] or other["id"]
            if root in roots or likeness(row["signature"], other["signature"]) < 0.15:
                continue
            if same_story(row["title"], row["text"] or "", other["title"], other["text"] or "").same:
                roots.add(root)
        if roots:
            members = {article_id}
            for root in roots:
                members |= self._cluster(root)
            self._elect(members)

    def _cluster(self, article_id: int) -> set[int]:
        """Give all articles that tell one story with this one, itself included."""
        row = self._row("SELECT coalesce(duplicate_of, id) AS root FROM articles WHERE id = ?", article_id)
        assert row is not None
        found = self.conn.execute("SELECT id FROM articles WHERE duplicate_of = ?", (row["root"],))
        return {row["root"], *(each[0] for each in found)}

    def _elect(self, members: set[int]) -> None:
        """Let all members point to the earliest: by publication, then by the day first seen; then a fixed order decides."""
        marks = ", ".join("?" * len(members))
        first = self.conn.execute(
            f"SELECT id FROM articles WHERE id IN ({marks}) ORDER BY published IS NULL, published, substr(first_seen, 1, 10), key LIMIT 1",
            tuple(members),
        ).fetchone()[0]
        self.conn.execute(
            f"UPDATE articles SET duplicate_of = nullif(?, id) WHERE id IN ({marks})", (first, *members)
        )

    def _part(self, article_id: int) -> None:
        """Take an article whose text changed out of its cluster."""
        rest = self._cluster(article_id) - {article_id}
        self.conn.execute("UPDATE articles SET duplicate_of = NULL WHERE id = ?", (article_id,))
        if rest:
            self._elect(rest)
