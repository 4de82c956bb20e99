"""Two archives compared, and a new one put in the place of the present one."""

from __future__ import annotations

import os
from pathlib import Path

from crawler.archive.file import Archive
from crawler.archive.locking import ArchiveError


def compare(elder: str | os.PathLike[str], newer: str | os.PathLike[str]) -> list[str]:
    """Say in lines what a newer archive has that differs from an elder one, by article, version, edit and block.

    Raises ArchiveError where one of them cannot be read.
    """
    with Archive(newer, readonly=True) as new:
        new.conn.execute("ATTACH DATABASE ? AS elder", (f"{Path(elder).resolve().as_uri()}?mode=ro",))
        lines = []
        present = {row[0] for row in new.conn.execute("SELECT name FROM elder.sqlite_schema")}
        for what, rows in COMPARED.items():
            if what not in present:
                lines.append(f"{what}: all new, {elder} has no such table")
                continue
            gone = new.conn.execute(
                f"SELECT count(*) FROM ({rows.format(place='elder')} EXCEPT {rows.format(place='main')})"
            ).fetchone()[0]
            came = new.conn.execute(
                f"SELECT count(*) FROM ({rows.format(place='main')} EXCEPT {rows.format(place='elder')})"
            ).fetchone()[0]
            lines.append(f"{what}: {'the same' if not gone and not came else f'{gone} no more, {came} new'}")
    return lines


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
    "captures": "SELECT id, url, fetched_at, status, digest, warc, offset FROM {place}.captures",
    "listings": "SELECT portal, channel, key, title, listed, first_listed FROM {place}.listings",
}
"""What `compare` looks at: rows that the captures alone tell."""


def put_in_place(new: str | os.PathLike[str], present: str | os.PathLike[str]) -> Path | None:
    """Let a new archive take the place of the present one, which is kept as ``NAME.before-rebuild``; give that path.

    Both must be closed by this process. Raises ArchiveError where the present one cannot be moved.
    """
    place = Path(present).resolve()
    kept = place.with_name(place.name + ".before-rebuild") if place.exists() else None
    try:
        if kept is not None:
            Archive(place).close()  # empties the write-ahead log into the file
            os.replace(place, kept)
        os.replace(Path(new).resolve(), place)
    except OSError as error:
        raise ArchiveError(
            f"archive: wanted to put {new} in the place of {place}, cannot: {error}"
        ) from error
    for end in ("-wal", "-shm"):
        place.with_name(place.name + end).unlink(missing_ok=True)
    return kept
