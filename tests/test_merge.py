"""Shards that are merged are the archive that one machine would have made of the same captures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.test_crawl import contents, rows

MEANING = {
    "listings": "SELECT l.portal, l.channel, l.key, l.url, l.title, l.section, l.listed, l.state, l.attempts, l.error, a.key "
    "FROM listings l LEFT JOIN articles a ON a.id = l.article_id ORDER BY 1, 2, 3",
    "addresses": "SELECT d.key, a.key, d.how, d.refused FROM addresses d JOIN articles a ON a.id = d.article_id "
    "ORDER BY 1, 2, 3",
    "channels": "SELECT portal, code, name, total, lines, last_lines, problem, unfinished FROM channels ORDER BY 1, 2",
    "captures": "SELECT DISTINCT url, status, kind, digest, revisit_of IS NULL FROM captures WHERE status = 200 "
    "ORDER BY 1, 2, 3, 4, 5",
    "campaigns": "SELECT r.campaign, r.block, a.key FROM removed r JOIN articles a ON a.id = r.article_id ORDER BY 1, 2, 3",
    "targets": "SELECT host, campaign, blocks FROM targets ORDER BY 1",
    "parts": "SELECT a.key, p.version, p.part, p.key, p.url, p.error FROM parts p JOIN articles a ON a.id = p.article_id "
    "ORDER BY 1, 2, 3",
    "part of": "SELECT a.key, b.key, a.fields FROM articles a JOIN articles b ON b.id = a.part_of ORDER BY 1",
}


def meaning(archive: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Everything that an archive says of what was published, without ids and times of asking."""
    return contents(archive) | {what: rows(archive, sql) for what, sql in MEANING.items()}
