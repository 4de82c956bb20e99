"""What leaves the archive for other programs: JSON lines and CSV, under this archive's names or under standard ones."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import IO, Any, NamedTuple
from urllib.parse import urlsplit

from crawler.archive.checks import Checks
from crawler.text.unseen import CHOOSERS, STACKED, UNSEEN

EXPORTED = (
    *("id", "url", "portal", "channel", "title", "published", "source", "author", "text", "tampered"),
    *("duplicate_of", "first_seen", "last_seen", "gone", "version", "encoding", "fields", "part_of"),
)
"""The columns of an article under this archive's names."""

OF_VERSION = ("title", "published", "source", "author", "text", "tampered", "version", "encoding", "fields")
"""Those of them that each version has of its own; with it come ``change`` and ``seen``."""

FORMULA_RE = re.compile(rf"[\t\r\n]|[\s{UNSEEN}{CHOOSERS}{STACKED}]*[-=+@\uff0d\uff1d\uff0b\uff20]")
"""What a spreadsheet may take for a formula, behind whatever it drops before it looks; the full-width forms, too."""


class Selection(NamedTuple):
    """Which articles are exported."""

    portal: str | None = None
    channel: str | None = None
    since: str | None = None
    """The first day of publication, ``YYYY-MM-DD``; an article without a date counts by when it was first seen."""
    until: str | None = None
    tampered: bool = False
    """Only articles that were tampered with, in the newest version (or, of versions, those versions)."""
    versions: bool = False
    """Every version instead of the newest one."""

    def where(self, of: str = "a") -> tuple[str, dict[str, Any]]:
        """Give the condition on a table of articles (and on `of`, where the text stands), and its values."""
        day = "substr(coalesce(a.published, a.first_seen), 1, 10)"
        tests = [
            *(["a.portal = :portal"] if self.portal else []),
            *(["a.channel = :channel"] if self.channel else []),
            *([f"{day} >= :since"] if self.since else []),
            *([f"{day} <= :until"] if self.until else []),
            *([f"{of}.tampered"] if self.tampered else []),
        ]
        return " AND ".join(tests) or "1", self._asdict()


EVERYTHING = Selection()


class Exports(Checks):
    """What is exported of each article."""

    def export(
        self, form: str, file: IO[str], *, names: str = "archive", selection: Selection = EVERYTHING
    ) -> int:
        """Write articles as JSON lines (``jsonl``) or CSV (``csv``) and give their number.

        `names` are those of this archive, of Dublin Core (``dc``), or of the tags by which government pages
        themselves tell these things (``tags``). In CSV a cell that a spreadsheet would take for a formula gets an
        apostrophe before it. Raises ValueError for another form or other names.
        """
        if form not in ("jsonl", "csv"):
            raise ValueError(f"export: found {form!r}, wanted jsonl or csv")
        if names not in NAMES:
            raise ValueError(f"export: found {names!r}, wanted one of {', '.join(NAMES)}")
        make = NAMES[names]
        write: Callable[[dict[str, Any]], Any]
        if form == "csv":
            sheet = csv.writer(file)
            columns = list(make({}))
            if names == "archive" and selection.versions:
                columns += ["change", "seen"]
            if names == "archive" and self._is_elder():
                columns.remove("part_of")
            sheet.writerow(columns)

            def write(row: dict[str, Any]) -> Any:
                found = make(row)
                sheet.writerow([defuse(found.get(name)) for name in columns])
        else:

            def write(row: dict[str, Any]) -> Any:
                found = make(row)
                if names == "archive":
                    found["tampered"] = bool(found["tampered"])
                    found["fields"] = json.loads(found["fields"] or "{}")
                else:  # what is not known is not said
                    found = {name: value for name, value in found.items() if value not in (None, "", [])}
                file.write(json.dumps(found, ensure_ascii=False) + "\n")

        count = 0
        for row in self._exported(selection):
            write(row)
            count += 1
        return count

    def _exported(self, selection: Selection) -> Iterator[dict[str, Any]]:
        """Give the chosen articles, or versions of them, each with the addresses that it is related to."""
        where, values = selection.where("v" if selection.versions else "a")
        names = [name for name in EXPORTED if name != "part_of" or not self._is_elder()]
        whole = (
            "" if self._is_elder() else ", (SELECT url FROM articles w WHERE w.id = a.part_of) AS whole_url"
        )
        related = f"(SELECT url FROM articles f WHERE f.id = a.duplicate_of) AS first_url{whole}, " + (
            "(SELECT content_type FROM captures c WHERE c.id = {}.capture_id) AS content_type"
        )
        if selection.versions:
            own = [f"{'v' if name in OF_VERSION else 'a'}.{name}" for name in names]
            rows = self.conn.execute(
                f"SELECT {', '.join(own)}, v.change, v.seen, {related.format('v')}, (SELECT max(version) FROM versions n "
                "WHERE n.article_id = a.id) AS versions FROM versions v JOIN articles a ON a.id = v.article_id "
                f"WHERE {where} ORDER BY a.id, v.version",
                values,
            )
        else:
            own = [f"a.{name}" for name in names]
            rows = self.conn.execute(
                f"SELECT {', '.join(own)}, {related.format('a')} FROM articles a WHERE {where} ORDER BY a.id",
                values,
            )
        return map(dict, rows)


def defuse(value: Any) -> Any:
    """Make a value fit for a cell of a sheet: text that a spreadsheet would calculate gets an apostrophe before it.

    >>> defuse("=HYPERLINK(1)"), defuse(" \uff1d1"), defuse("-3"), defuse(-3), defuse("5=5"), defuse(["甲", "乙"])
    ("'=HYPERLINK(1)", "' \uff1d1", "'-3", -3, '5=5', '甲; 乙')
    >>> [defuse(text)[0] for text in ("\\ufeff=1", "\\u200b \\u2066+1", "\\x00-1", "\\t1", "\\u200b5")]
    ["'", "'", "'", "'", '\\u200b']
    """
    if isinstance(value, list):
        value = "; ".join(value)
    return "'" + value if isinstance(value, str) and FORMULA_RE.match(value) else value


def own_names(row: Mapping[str, Any]) -> dict[str, Any]:
    """Give an article under the names of this archive."""
    more = ("change", "seen") if "change" in row else ()
    if not row:
        return dict.fromkeys(EXPORTED)
    return {name: row[name] for name in (*EXPORTED, *more) if name in row}


def dublin_core(row: Mapping[str, Any]) -> dict[str, Any]:
    """Give an article under the names of the Dublin Core terms (DCMI Metadata Terms, ISO 15836-2) that fit.

    ``text`` is no term of Dublin Core; it stands beside them. A version is named by the article's address and
    its number.
    """
    fields = json.loads(row.get("fields") or "{}")
    url = row.get("url")
    version, versions = row.get("version") or 0, row.get("versions") or 0
    named = ["", *(f"{url} version {number}" for number in range(1, versions + 1)), ""]
    return {
        "dc:identifier": named[version] if versions else url,
        "dc:title": row.get("title"),
        "dcterms:alternative": [fields[name] for name in ("kicker", "subtitle") if fields.get(name)],
        "dc:creator": row.get("author"),
        "dc:contributor": fields.get("editor"),
        "dc:publisher": row.get("portal"),
        "dc:source": row.get("source"),
        "dc:date": row.get("published"),
        "dcterms:modified": fields.get("updated"),
        "dc:subject": fields.get("channel_name") or row.get("channel"),
        "dc:language": fields.get("language"),
        "dc:type": "Text" if url else None,
        "dc:format": (row.get("content_type") or "").partition(";")[0].strip() or None,
        "dcterms:available": row.get("seen") or row.get("first_seen"),
        "dcterms:isVersionOf": url if versions else row.get("first_url"),
        "dcterms:isPartOf": row.get("whole_url"),
        "dcterms:hasPart": [each[0] for name in ("images", "attachments") for each in fields.get(name, ())],
        "dcterms:replaces": named[version - 1] if versions else None,
        "dcterms:isReplacedBy": named[version + 1] if versions else None,
        "dcterms:provenance": "tampered with; repaired and cleaned in this archive"
        if row.get("tampered")
        else None,
        "text": row.get("text"),
    }


def page_tags(row: Mapping[str, Any]) -> dict[str, Any]:
    """Give an article under the names of the ``<meta>`` tags of government pages, as far as this archive reads them.

    These names are those of 政府网站发展指引 (国办发〔2017〕47号), as the portals' own pages have them.
    """
    fields = json.loads(row.get("fields") or "{}")
    url = row.get("url")
    return {
        "SiteDomain": urlsplit(url).hostname if url else None,
        "ColumnName": fields.get("channel_name"),
        "ArticleTitle": row.get("title"),
        "PubDate": row.get("published"),
        "ContentSource": row.get("source"),
        "Author": row.get("author"),
        "Url": url,
        "text": row.get("text"),
    }


NAMES: dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    "archive": own_names,
    "dc": dublin_core,
    "tags": page_tags,
}
"""The sets of names that an export can have."""
