"""The shape of the archive as data: tables, indexes, views."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

APPLICATION_ID = 0x676F766E
"""``govn``: what SQLite's header says of a file that is one of ours."""

SHAPE_VERSION = 4
"""``user_version``: counts up when the shape changes."""

STATES = ("pending", "archived", "unchanged", "failed", "challenged", "gone", "offsite")

FILE_STATES = ("pending", "archived", "failed", "challenged", "gone", "oversize", "refused", "offsite")
"""The states of an attachment; ``refused``: robots.txt forbids it, or it leads to a host that is not the portal's."""


class Table(NamedTuple):
    """One table as data."""

    shape: str
    """Its columns in order; text, unless ``:int`` says otherwise; ``!``: never NULL."""
    pk: str | tuple[str, ...] = "id"
    foreign_keys: tuple[tuple[str, str, str], ...] = ()
    defaults: Mapping[str, Any] = {}

    @property
    def columns(self) -> dict[str, type]:
        """The columns and the types that they are made of."""
        named = (word.rstrip("!").partition(":") for word in self.shape.split())
        return {name: int if kind else str for name, _, kind in named}

    @property
    def not_null(self) -> set[str]:
        """The columns that are never NULL."""
        return {word.partition(":")[0].rstrip("!") for word in self.shape.split() if word.endswith("!")}


TABLES = {
    "runs": Table(
        "id spider started finished outcome listed:int archived:int changed:int failed:int missed:int "
        "stats arguments alarms attachments:int tampered:int memory warc bytes:int captures previous digest"
    ),
    "captures": Table(
        "id:int url! fetched_at! status:int content_type charset encoding digest! warc! offset:int! length:int! "
        "run_id kind etag last_modified flags revisit_of:int",
        foreign_keys=(("run_id", "runs", "id"), ("revisit_of", "captures", "id")),
    ),
    "articles": Table(
        "id:int url! key! portal channel title text published source author tampered:int! duplicate_of:int "
        "signature first_seen! last_seen! capture_id:int version:int! gone fields encoding asked part_of:int",
        foreign_keys=(
            ("duplicate_of", "articles", "id"),
            ("capture_id", "captures", "id"),
            ("part_of", "articles", "id"),
        ),
    ),
    "versions": Table(
        "article_id:int version:int capture_id:int seen! title text published source author tampered:int "
        "encoding fields change! digest",
        pk=("article_id", "version"),
        foreign_keys=(("article_id", "articles", "id"), ("capture_id", "captures", "id")),
    ),
    "edits": Table(
        "id:int article_id:int! version:int! stage! step:int! fixer certainty start:int! before! after! part:int",
        foreign_keys=(("article_id", "articles", "id"),),
    ),
    "removed": Table(
        "id:int article_id:int! version:int! kind! reasons place text html links block target seen campaign epoch part:int",
        foreign_keys=(("article_id", "articles", "id"),),
    ),
    "targets": Table("host campaign! blocks:int! first_seen! last_seen! epoch", pk="host"),
    "memory": Table(
        "portal kind key pages:int! fresh:int! first_seen! last_seen! since", pk=("portal", "kind", "key")
    ),
    "suspects": Table(
        "id:int article_id:int! version:int! kind! reasons place text html links block target seen epoch part:int",
        foreign_keys=(("article_id", "articles", "id"),),
    ),
    "parts": Table(
        "article_id:int version:int part:int key! url! capture_id:int error",
        pk=("article_id", "version", "part"),
        foreign_keys=(("article_id", "articles", "id"), ("capture_id", "captures", "id")),
    ),
    "listings": Table(
        "portal channel key url! title section listed first_listed! last_listed! state! attempts:int! error due "
        "article_id:int capture_id:int asked",
        pk=("portal", "channel", "key"),
        foreign_keys=(("article_id", "articles", "id"), ("capture_id", "captures", "id")),
        defaults={"attempts": 0},
    ),
    "addresses": Table(
        "key url! article_id:int how refused first_seen! last_seen! capture_id:int",
        pk=("key", "article_id", "how"),
        foreign_keys=(("article_id", "articles", "id"), ("capture_id", "captures", "id")),
    ),
    "books": Table(
        "run_id portal channel listed:int! archived:int! unchanged:int! pending:int! failed:int! challenged:int! "
        "gone:int! offsite:int! total:int lines:int! pages:int! parsed:int! titled:int! dated:int! sourced:int! "
        "asked:int missed:int again:int changed:int readers",
        pk=("run_id", "portal", "channel"),
        foreign_keys=(("run_id", "runs", "id"),),
    ),
    "attachments": Table(
        "id:int article_id:int portal! channel kind! key! url! name state! mime size:int digest capture_id:int "
        "text error attempts:int! due first_seen! withdrawn asked",
        foreign_keys=(("article_id", "articles", "id"), ("capture_id", "captures", "id")),
        defaults={"attempts": 0},
    ),
    "channels": Table(
        "portal code name url total:int lines:int first_seen last_seen last_lines:int problem unfinished:int!",
        pk=("portal", "code"),
        defaults={"unfinished": 0},
    ),
}

# What sqlite-utils has no words for.
BY_HAND = {
    "bands": "CREATE TABLE bands (band INTEGER PRIMARY KEY, articles TEXT NOT NULL)",
    "bands_new": "CREATE TABLE bands_new (article_id INTEGER PRIMARY KEY REFERENCES articles(id), keys BLOB NOT NULL)",
    # Contentless: its entries are made in Python, the texts are not stored a second time. The tokenizer is
    # `ascii` because it parts only at ASCII signs, and `words` has done all the rest. Places and lengths are
    # left out: whether the pairs of a longer word stand in a row is looked up in the text.
    "articles_fts": "CREATE VIRTUAL TABLE articles_fts USING fts5(entries, content='', tokenize='ascii', detail=none, "
    "columnsize=0)",
}

INDEXES = {
    "captures_place": "UNIQUE INDEX {} ON captures(warc, offset)",
    "captures_url": "INDEX {} ON captures(url, id)",
    "captures_run": "INDEX {} ON captures(run_id)",
    "captures_revisit": "INDEX {} ON captures(revisit_of) WHERE revisit_of IS NOT NULL",
    "articles_key": "UNIQUE INDEX {} ON articles(key)",
    "articles_moment": "INDEX {} ON articles(coalesce(published, first_seen))",
    "articles_published": "INDEX {} ON articles(published)",
    "articles_undated": "INDEX {} ON articles(first_seen) WHERE published IS NULL",
    "articles_seen": "INDEX {} ON articles(first_seen)",
    # what the home page counts: a quarter as wide as the next one
    "articles_place": "INDEX {} ON articles(portal, channel)",
    # all that `by_channel_month` counts, and the days of each channel: what stands behind the text in a row is dear to read
    "articles_counted": "INDEX {} ON articles(portal, channel, published, first_seen, tampered, duplicate_of, gone, part_of)",
    # all that a search wants of an article before it reads the text: of thousands in the order of their ids
    "articles_found": "INDEX {} ON articles(id, coalesce(published, first_seen), portal, channel, source, tampered, part_of)",
    "articles_duplicate": "INDEX {} ON articles(duplicate_of) WHERE duplicate_of IS NOT NULL",
    "articles_part": "INDEX {} ON articles(part_of) WHERE part_of IS NOT NULL",
    "articles_hacked": "INDEX {} ON articles(portal, tampered) WHERE tampered",
    "articles_capture": "INDEX {} ON articles(capture_id)",
    "versions_seen": "INDEX {} ON versions(seen) WHERE version > 1",
    # the tamper desk lists what is hacked as it was found; SQLite 3.40 wants the column of a condition in the index, too,
    # before it leaves the table alone
    "versions_tampered": "INDEX {} ON versions(seen, article_id, version, tampered) WHERE tampered",
    "versions_capture": "INDEX {} ON versions(capture_id)",
    "edits_version": "INDEX {} ON edits(article_id, version)",
    "removed_version": "INDEX {} ON removed(article_id, version)",
    "removed_block": "INDEX {} ON removed(block)",
    "parts_key": "INDEX {} ON parts(key)",
    "parts_capture": "INDEX {} ON parts(capture_id)",
    "memory_since": "INDEX {} ON memory(portal, kind, since) WHERE since IS NOT NULL",
    # all that is counted of a campaign: what stands behind the markup in a row is dear to read
    "removed_counted": "INDEX {} ON removed(campaign, block, article_id, seen)",
    "targets_campaign": "INDEX {} ON targets(campaign)",
    "suspects_version": "INDEX {} ON suspects(article_id, version)",
    "suspects_block": "INDEX {} ON suspects(block)",
    # all that the books count of a portal at the end of a run: a fifth as wide as the lines, and in the order of the books
    "listings_counted": "INDEX {} ON listings(portal, channel, state, listed, first_listed, article_id, attempts, due)",
    "listings_key": "INDEX {} ON listings(key)",
    "listings_pending": "INDEX {} ON listings(portal, listed DESC) WHERE state = 'pending'",
    "listings_due": "INDEX {} ON listings(portal, due) WHERE due IS NOT NULL",
    "listings_article": "INDEX {} ON listings(article_id) WHERE article_id IS NOT NULL",
    "listings_capture": "INDEX {} ON listings(capture_id) WHERE capture_id IS NOT NULL",
    "addresses_article": "INDEX {} ON addresses(article_id)",
    "books_channel": "INDEX {} ON books(portal, channel, run_id)",
    "attachments_article": "INDEX {} ON attachments(article_id)",
    "attachments_key": "INDEX {} ON attachments(key)",
    "attachments_pending": "INDEX {} ON attachments(portal, kind) WHERE state = 'pending'",
    "attachments_due": "INDEX {} ON attachments(portal, due) WHERE due IS NOT NULL",
    "attachments_unread": "INDEX {} ON attachments(mime) WHERE text IS NULL AND error IS NULL",
    "attachments_capture": "INDEX {} ON attachments(capture_id) WHERE capture_id IS NOT NULL",
}

SUPERSEDED = ("articles_channel", "articles_tampered", "removed_campaign")
"""Indexes of elder files; others have their columns."""

VIEWS = {
    "newest": "SELECT id, url, portal, channel, title, published, source, tampered, gone, first_seen "
    "FROM articles WHERE duplicate_of IS NULL AND part_of IS NULL ORDER BY coalesce(published, first_seen) DESC, id DESC",
    "tampered": "SELECT a.id, a.url, a.portal, a.title, a.published, a.version, "
    "(SELECT count(*) FROM edits e WHERE e.article_id = a.id AND e.version = a.version) AS edits, "
    "(SELECT count(*) FROM removed r WHERE r.article_id = a.id AND r.version = a.version) AS removed, "
    "a.last_seen FROM articles a WHERE a.tampered ORDER BY a.last_seen DESC",
    "by_channel_month": "SELECT a.portal, a.channel, c.name AS channel_name, "
    "substr(coalesce(a.published, a.first_seen), 1, 7) AS month, count(*) AS articles, "
    "sum(a.tampered) AS tampered, sum(a.duplicate_of IS NOT NULL) AS duplicates, "
    "sum(a.gone IS NOT NULL) AS gone FROM articles a "
    "LEFT JOIN channels c ON c.portal = a.portal AND c.code = a.channel WHERE a.part_of IS NULL "
    "GROUP BY a.portal, a.channel, month ORDER BY month DESC, a.portal, a.channel",
    "missed": "SELECT portal, channel, url, title, listed, state, attempts, error, due, first_listed, last_listed "
    "FROM listings WHERE state IN ('pending', 'failed', 'challenged', 'gone') ORDER BY first_listed DESC",
    "files": "SELECT f.id, f.article_id, a.title, f.kind, f.name, f.state, f.mime, f.size, f.digest, f.url, f.error, "
    "f.first_seen FROM attachments f LEFT JOIN articles a ON a.id = f.article_id "
    "WHERE f.kind <> 'image' AND f.withdrawn IS NULL ORDER BY f.id DESC",
    "duplicates": "SELECT a.id, a.url, a.portal, a.title, a.published, a.duplicate_of, f.url AS first_url, "
    "f.portal AS first_portal, f.title AS first_title, f.published AS first_published "
    "FROM articles a JOIN articles f ON f.id = a.duplicate_of ORDER BY a.first_seen DESC",
    "changes": "SELECT a.id, a.url, a.portal, a.channel, v.title, v.change, v.version, v.seen, a.published, v.capture_id "
    "FROM versions v JOIN articles a ON a.id = v.article_id WHERE v.version > 1 ORDER BY v.seen DESC, a.id",
    "runovers": "SELECT a.id, a.url, a.channel, a.title, a.published, p.id AS further_id, p.url AS further_url, "
    "p.channel AS further_channel, p.title AS further_title, json_extract(a.fields, '$.runover') AS runover "
    "FROM articles a LEFT JOIN articles p ON p.part_of = a.id "
    "WHERE a.fields LIKE '%\"runover\":%' AND a.part_of IS NULL ORDER BY a.published DESC, a.id",
    "campaigns": "SELECT coalesce((SELECT group_concat(host, ' ') FROM (SELECT host FROM targets t "
    "WHERE t.campaign = r.campaign ORDER BY t.blocks DESC, host LIMIT 10)), min(r.target)) AS target, "
    "min(nullif(r.text, '')) AS text, count(DISTINCT r.article_id) AS articles, "
    "count(DISTINCT a.portal) AS portals, count(*) AS blocks, count(DISTINCT r.block) AS texts, "
    "group_concat(DISTINCT r.kind) AS kind, min(r.seen) AS first_seen, max(r.seen) AS last_seen, "
    "coalesce(r.campaign, r.block) AS campaign, min(r.block) AS block "
    "FROM removed r JOIN articles a ON a.id = r.article_id "
    "GROUP BY coalesce(r.campaign, r.block) ORDER BY articles DESC, last_seen DESC",
}
