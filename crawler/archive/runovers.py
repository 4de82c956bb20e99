"""Stories of a printed issue that run over to another page, put together."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from typing import Any

from crawler.archive.duplicates import Duplicates
from crawler.archive.search import Search
from crawler.archive.values import as_json, fields_in
from crawler.text.runover import CODE_RE, MARKED_RE, Piece, Story, put_together
from crawler.text.signatures import sign


class Runovers(Duplicates, Search):
    """What each page showed stays in its version; the whole story is worked out from there."""

    def _run_over(self, article_id: int, before: bool) -> None:
        """Put the stories of an article's issue together that run over, and take apart what no longer fits.

        What each page showed stays in `versions`; the whole text is worked out from there, so the order in
        which the pages come does not matter. `before` says that the article was one of them.
        """
        article = self._row(
            "SELECT portal, channel, published, title, text FROM articles WHERE id = ?", article_id
        )
        assert article is not None
        marked = before or MARKED_RE.search(f"{article['title']}\n{article['text']}")
        if not marked or not article["published"] or not CODE_RE.fullmatch(article["channel"] or ""):
            return
        rows = {
            row["key"]: row
            for row in self.conn.execute(
                "SELECT a.*, v.text AS shown FROM articles a JOIN versions v ON v.article_id = a.id "
                "AND v.version = a.version WHERE a.portal = ? AND substr(a.published, 1, 10) = ? ORDER BY a.key",
                (article["portal"], article["published"][:10]),
            ).fetchall()
        }
        stories, apart = put_together(
            [
                Piece(key, row["channel"], row["title"] or "", row["shown"] or "")
                for key, row in rows.items()
                if CODE_RE.fullmatch(row["channel"] or "")
            ]
        )
        wanted: dict[str, tuple[int | None, str | None, dict[str, Any]]] = {
            key: (None, row["shown"], {}) for key, row in rows.items()
        }
        for key, others in apart.items():
            wanted[key] = (None, rows[key]["shown"], {"apart": [rows[other]["url"] for other in others]})
        for story in stories:
            wanted |= self._told(story, rows)
        for key, row in rows.items():
            self._retell(row, *wanted[key])

    def _told(
        self, story: Story, rows: Mapping[str, sqlite3.Row]
    ) -> dict[str, tuple[int | None, str | None, dict[str, Any]]]:
        """Say of each piece of a story which article it is part of, what its text is and what `fields` say of it."""
        first, *further = story.keys
        pages = [{"page": rows[key]["channel"], "url": rows[key]["url"]} for key in further]
        told: dict[str, tuple[int | None, str | None, dict[str, Any]]] = {}
        told[first] = (None, story.text, {"pages": pages, "marks": list(story.marks)})
        for key in further:
            told[key] = (rows[first]["id"], rows[key]["shown"], {"of": rows[first]["url"]})
        return told

    def _retell(
        self, row: sqlite3.Row, part_of: int | None, text: str | None, runover: dict[str, Any]
    ) -> None:
        """Write what became of a piece of a story: index, duplicates and all."""
        fields = fields_in(row)
        fields.pop("runover", None)
        values = {
            "part_of": part_of,
            "text": text,
            "fields": as_json(fields | ({"runover": runover} if runover else {})),
        }
        if all(row[name] == value for name, value in values.items()):
            if part_of is not None:
                self._leave(row["id"])
            return
        before = self._indexed(row["id"], row)
        moved = (row["part_of"], row["text"]) != (part_of, text)
        if moved or part_of is not None:  # a piece that was saved again was related
            self._leave(row["id"])
        self._update("articles", row["id"], values | {"signature": sign(text or "")})
        self._reindex(row["id"], before, self._indexed(row["id"], {**dict(row), **values}))
        if moved and part_of is None:
            self._relate(row["id"])

    def _apart(self, row: sqlite3.Row) -> sqlite3.Row:
        """Give an article back the text that its own page showed; `_run_over` puts the story together again."""
        if "runover" not in fields_in(row):
            return row
        shown = self._row(
            "SELECT text, fields FROM versions WHERE article_id = ? AND version = ?",
            row["id"],
            row["version"],
        )
        assert shown is not None
        runover = fields_in(row)["runover"]
        fields = json.loads(shown["fields"] or "{}") | {"runover": runover}
        before = self._indexed(row["id"], row)
        self._update("articles", row["id"], {"text": shown["text"], "fields": as_json(fields)})
        found = self._row("SELECT * FROM articles WHERE id = ?", row["id"])
        assert found is not None
        self._reindex(row["id"], before, self._indexed(row["id"], found))
        return found

    def _is_story(self, article_id: int) -> bool:
        """Tell whether an article's text is what its page and those that go on with it showed."""
        if self._is_elder():
            return False
        rows = self.conn.execute(
            "SELECT a.key, a.channel, a.title, v.text, a.text AS whole FROM articles a JOIN versions v ON v.article_id = a.id "
            "AND v.version = a.version WHERE a.id = ? OR a.part_of = ? ORDER BY a.part_of IS NOT NULL",
            (article_id, article_id),
        ).fetchall()
        pieces = [Piece(row["key"], row["channel"], row["title"] or "", row["text"] or "") for row in rows]
        return rows[0]["whole"] in [story.text for story in put_together(pieces)[0]]

    def apart(self, run_id: str) -> list[dict[str, Any]]:
        """Give the articles of a run that a printed page names a continuation or beginning of which was not found, or not for certain."""
        rows = self.conn.execute(
            "SELECT a.portal, a.channel, a.url, json_extract(a.fields, '$.runover.apart') AS others FROM articles a "
            "JOIN captures c ON c.id = a.capture_id WHERE a.fields LIKE '%\"runover\":%' AND c.run_id = ? "
            "AND others IS NOT NULL ORDER BY a.key",
            (run_id,),
        )
        return [{**row, "others": json.loads(row["others"])} for row in map(dict, rows)]
