"""Two archives compared, and a new one put in the place of the present one."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any, NamedTuple

from crawler.archive.file import Archive
from crawler.archive.locking import ArchiveError
from crawler.archive.seal import sums_of


def compare(elder: str | os.PathLike[str], newer: str | os.PathLike[str]) -> list[str]:
    """Say in lines what a newer archive has that differs from an elder one, by article, version, edit and block.

    Raises ArchiveError where one of them cannot be read.
    """
    with _beside(elder, newer) as new:
        return [_counted(what, numbers) for what, numbers in _numbers(new).items()]


def _counted(what: str, numbers: tuple[int, int] | None) -> str:
    if numbers is None:
        return f"{what}: all new, the elder archive has no such rows"
    gone, came = numbers
    return f"{what}: {f'{gone} no more, {came} new' if gone or came else 'the same'}"


def _beside(elder: str | os.PathLike[str], newer: str | os.PathLike[str]) -> Archive:
    """Open a newer archive with an elder one attached as ``elder``."""
    Archive(elder, readonly=True).close()  # says what is wrong with it
    new = Archive(newer, readonly=True)
    new.conn.execute("ATTACH DATABASE ? AS elder", (f"{Path(elder).resolve().as_uri()}?mode=ro",))
    return new


def _numbers(new: Archive) -> dict[str, tuple[int, int] | None]:
    """Count for each kind of row those that are no more, and the new ones; None where the elder cannot have any."""
    found: dict[str, tuple[int, int] | None] = {}
    for what, rows in COMPARED.items():
        try:
            found[what] = _one_way(new, rows, "elder", "main"), _one_way(new, rows, "main", "elder")
        except sqlite3.OperationalError as error:
            if "no such" not in str(error):
                raise
            found[what] = None  # a table or column that the elder shape does not have
    return found


def _one_way(new: Archive, rows: str, one: str, other: str) -> int:
    told = f"SELECT count(*) FROM ({rows.format(place=one)} EXCEPT {rows.format(place=other)})"
    return int(new.conn.execute(told).fetchone()[0])


COMPARED = {
    "articles": "SELECT id, key, portal, channel, title, text, published, source, author, tampered, duplicate_of, "
    "first_seen, version, gone IS NULL FROM {place}.articles",
    "versions": "SELECT a.key, v.version, v.seen, v.title, v.text, v.change FROM {place}.versions v "
    "JOIN {place}.articles a ON a.id = v.article_id",
    "edits": "SELECT a.key, e.version, e.stage, e.step, e.fixer, e.certainty, e.start, e.before, e.after "
    "FROM {place}.edits e JOIN {place}.articles a ON a.id = e.article_id",
    "removed": "SELECT a.key, r.version, r.kind, r.place, r.text, r.html, r.links FROM {place}.removed r "
    "JOIN {place}.articles a ON a.id = r.article_id",
    "parts": "SELECT a.key, p.version, p.part, p.key, p.url, p.error IS NULL FROM {place}.parts p "
    "JOIN {place}.articles a ON a.id = p.article_id",
    "addresses": "SELECT d.key, a.key AS article, d.how, d.refused, d.first_seen FROM {place}.addresses d "
    "JOIN {place}.articles a ON a.id = d.article_id",
    "memory": "SELECT portal, kind, CASE kind WHEN 'articles' THEN '' ELSE key END AS key, sum(pages + fresh) AS pages "
    "FROM {place}.memory GROUP BY 1, 2, 3",
    "suspects": "SELECT a.key, s.version, s.place, s.reasons, s.text, s.links FROM {place}.suspects s "
    "JOIN {place}.articles a ON a.id = s.article_id",
    "attachments": "SELECT f.id, a.key AS article, f.portal, f.channel, f.kind, f.key, f.url, f.name, f.mime, f.size, "
    "f.digest, f.text, f.first_seen, f.withdrawn, CASE WHEN f.state IN ('failed', 'challenged', 'refused') "
    "THEN 'pending' ELSE f.state END FROM {place}.attachments f LEFT JOIN {place}.articles a ON a.id = f.article_id",
    "captures": "SELECT id, url, fetched_at, status, content_type, digest, warc, offset, kind, etag, last_modified, "
    "revisit_of FROM {place}.captures",
    "listings": "SELECT portal, channel, key, title, listed, first_listed FROM {place}.listings",
}
"""What `compare` looks at: rows that the captures alone tell."""


FIELDS = (
    *(
        "id",
        "first_seen",
        "url",
        "portal",
        "channel",
        "title",
        "text",
        "published",
        "source",
        "author",
        "tampered",
    ),
    *("duplicate_of", "part_of", "gone", "version", "encoding", "fields", "signature", "last_seen"),
)
"""The columns of an article that `report` compares, one by one."""

EXAMPLES = 3
"""How many examples of each change a report shows."""

AROUND = 12
"""How many characters an example shows before and behind a change."""


class Example(NamedTuple):
    """One article of which a field changed."""

    url: str
    before: Any
    after: Any


class Report(NamedTuple):
    """What a newer archive has that differs from an elder one."""

    kinds: dict[str, tuple[int, int] | None]
    """For each kind of row, how many are no more and how many are new; None: the elder shape has none."""
    lost: list[str]
    """The articles that are no more, by address; the first `EXAMPLES`."""
    came: list[str]
    """The new articles; the first `EXAMPLES`."""
    articles_lost: int
    captures_lost: int
    fields: dict[str, int]
    """For each field, in how many articles that both have it differs; only those that do."""
    examples: dict[str, list[Example]]
    edits: dict[str, tuple[int, int]]
    """For each fixer, how many edits are no more and how many are new; only where there are any."""
    removed: dict[str, tuple[int, int]]
    """The same for each kind of removed block."""
    signed: list[str]
    """Runs whose captures are not what they signed."""

    @property
    def loses(self) -> bool:
        """Whether articles or captures are no more that the elder archive has."""
        return bool(self.articles_lost or self.captures_lost)

    @property
    def same(self) -> bool:
        """Whether nothing that captures tell differs."""
        changed = any(numbers != (0, 0) for numbers in self.kinds.values())
        return not (changed or self.fields or self.signed)


def report(elder: str | os.PathLike[str], newer: str | os.PathLike[str]) -> Report:
    """Compare two archives row by row and field by field.

    Raises ArchiveError where one of them cannot be read.
    """
    with _beside(elder, newer) as new:

        def ask(sql: str) -> list[sqlite3.Row]:
            return new.conn.execute(sql).fetchall()

        old = {row[1] for row in ask("PRAGMA elder.table_info(articles)")}
        pairs = "elder.articles e JOIN main.articles n ON n.key = e.key"
        names = [name for name in FIELDS if name in old]
        counts = ask(f"SELECT {', '.join(f'sum(e.{name} IS NOT n.{name})' for name in names)} FROM {pairs}")
        fields = {name: count for name, count in zip(names, counts[0], strict=True) if count}
        examples = {
            name: [
                Example(*row)
                for row in ask(
                    f"SELECT n.url, e.{name}, n.{name} FROM {pairs} WHERE e.{name} IS NOT n.{name} "
                    f"ORDER BY n.id LIMIT {EXAMPLES}"
                )
            ]
            for name in fields
        }
        absent = "FROM {one}.{table} o WHERE NOT EXISTS (SELECT 1 FROM {other}.{table} t WHERE {same})"

        def missing(table: str, same: str, one: str = "elder", other: str = "main") -> str:
            return absent.format(table=table, same=same, one=one, other=other)

        lost = missing("articles", "t.key = o.key")
        captures = missing("captures", "t.warc = o.warc AND t.offset = o.offset")
        signed: list[str] = []
        if "digest" in {row[1] for row in ask("PRAGMA elder.table_info(runs)")}:
            signed = [
                row[0]
                for row in ask(
                    "SELECT e.id FROM elder.runs e LEFT JOIN main.runs n ON n.id = e.id "
                    "WHERE e.digest IS NOT NULL AND e.digest IS NOT n.digest ORDER BY e.id"
                )
            ]
        return Report(
            kinds=_numbers(new),
            lost=[row[0] for row in ask(f"SELECT o.url {lost} ORDER BY o.id LIMIT {EXAMPLES}")],
            came=[
                row[0]
                for row in ask(
                    f"SELECT o.url {missing('articles', 't.key = o.key', 'main', 'elder')} "
                    f"ORDER BY o.id LIMIT {EXAMPLES}"
                )
            ],
            articles_lost=ask(f"SELECT count(*) {lost}")[0][0],
            captures_lost=ask(f"SELECT count(*) {captures}")[0][0],
            fields=fields,
            examples=examples,
            edits=_by_word(new, "edits", "fixer"),
            removed=_by_word(new, "removed", "kind"),
            signed=signed,
        )


def _by_word(new: Archive, what: str, word: str) -> dict[str, tuple[int, int]]:
    """Count the rows of a kind that are no more, and the new ones, by one of their columns."""
    found: dict[str, list[int]] = {}
    for side, (one, other) in enumerate((("elder", "main"), ("main", "elder"))):
        rows = f"{COMPARED[what].format(place=one)} EXCEPT {COMPARED[what].format(place=other)}"
        for name, count in new.conn.execute(
            f"SELECT coalesce({word}, ''), count(*) FROM ({rows}) GROUP BY 1"
        ):
            found.setdefault(name, [0, 0])[side] = count
    return {name: (gone, came) for name, (gone, came) in sorted(found.items())}


def tell(found: Report) -> Iterator[str]:
    """Say a report in lines, for a person."""
    for what, numbers in found.kinds.items():
        yield _counted(what, numbers)
    if found.same:
        return
    for said, count, urls in (
        ("no more", found.articles_lost, found.lost),
        ("new", (found.kinds["articles"] or (0, 0))[1] and len(found.came), found.came),
    ):
        if count:
            yield f"articles that are {said}: " + ", ".join(urls) + (" …" if count > len(urls) else "")
    if found.captures_lost:
        yield f"captures that are no more: {found.captures_lost}"
    for run_id in found.signed:
        yield f"runs: the captures of {run_id} are not what it signed"
    for field, count in found.fields.items():
        yield f"{field}: differs in {count} articles"
        for example in found.examples[field]:
            yield f"    {example.url}"
            yield from (f"        {line}" for line in difference(example.before, example.after))
    for what, words in (("edits", found.edits), ("removed", found.removed)):
        for word, (gone, came) in words.items():
            yield f"{what} of {word or 'no name'}: {gone} no more, {came} new"


def difference(before: Any, after: Any) -> list[str]:
    """Show the first places where two values differ: what was, and what is.

    >>> difference("春耕备耕正当时", "春耕备耕正当时。")
    ['“春耕备耕正当时” -> “春耕备耕正当时。”']
    >>> difference(None, 3)
    ['None -> 3']
    """
    if not (isinstance(before, str) and isinstance(after, str)):
        return [f"{_short(before)} -> {_short(after)}"]
    if len(before) + len(after) <= 120:
        return [f"“{before}” -> “{after}”"]
    # a whole text is compared line by line first: the time for signs grows with the square of their number
    one, other = before.split("\n"), after.split("\n")
    lines = SequenceMatcher(None, one, other, autojunk=False) if len(one) + len(other) < 2000 else None
    if lines is None:
        return [f"{len(before)} characters -> {len(after)} characters"]
    changed = [step for step in lines.get_opcodes() if step[0] != "equal"]
    said = []
    for _, begin, end, start, stop in changed[:EXAMPLES]:
        said.append(_around("\n".join(one[begin:end]), "\n".join(other[start:stop])))
    if len(changed) > EXAMPLES:
        said.append(f"and {len(changed) - EXAMPLES} more places")
    return said


def _around(before: str, after: str) -> str:
    """Show two lines as far as they differ, with a little of what is equal around it."""
    head = _alike(before, after)
    tail = _alike(before[head:][::-1], after[head:][::-1])
    cut = max(0, head - AROUND)

    def shown(text: str) -> str:
        part = text[cut : len(text) - tail + min(tail, AROUND)]
        return ("…" if cut else "") + _short(part) + ("…" if tail > AROUND else "")

    return f"“{shown(before)}” -> “{shown(after)}”"


def _alike(one: str, other: str) -> int:
    """Count the signs with which both begin."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))


def _short(value: Any) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= 80 else f"{text[:40]}…{text[-38:]}"


def put_in_place(new: str | os.PathLike[str], present: str | os.PathLike[str]) -> Path | None:
    """Let a new archive take the place of the present one, which is kept as ``NAME.before-rebuild``; give that path.

    Both must be closed by this process. Raises ArchiveError where the present one cannot be moved.
    """
    place = Path(present).resolve()
    kept = place.with_name(place.name + ".before-rebuild") if place.exists() else None
    try:
        if kept is not None:
            Archive(place).close()  # empties the write-ahead log into the file
            _move(place, kept)
        for end in ("-wal", "-shm"):
            place.with_name(place.name + end).unlink(missing_ok=True)
        _move(Path(new).resolve(), place)
        for end in ("-wal", "-shm"):
            Path(f"{Path(new).resolve()}{end}").unlink(missing_ok=True)
    except OSError as error:
        raise ArchiveError(
            f"archive: wanted to put {new} in the place of {place}, cannot: {error}"
        ) from error
    return kept


def _move(one: Path, other: Path) -> None:
    """Move an archive with its seal, so that at no moment a file has the seal of another."""
    sums_of(other).unlink(missing_ok=True)
    os.replace(one, other)
    with suppress(FileNotFoundError):
        os.replace(sums_of(one), sums_of(other))
