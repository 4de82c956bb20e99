"""Campaigns: blocks cut out of many pages, by what they say and where they lead."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from crawler.archive.remembering import Remembering
from crawler.archive.values import targets_of
from crawler.archive.words import match_expression
from crawler.text.hosts import domain_of, host_of
from crawler.text.learning import Lesson


class Tampered(NamedTuple):
    """One article whose newest version shows signs of hacking."""

    article_id: int
    version: int
    since: bool
    """Whether it was clean before."""


class Campaign(NamedTuple):
    """One campaign of spam, as far as it shows on some pages."""

    pages: int
    hosts: tuple[str, ...]
    """The three that its blocks lead to most; empty where they have no links."""
    text: str
    """The beginning of one of its blocks."""


class Campaigns(Remembering):
    """What the removed blocks have in common, and what `scrapy learn` learns from."""

    def _join_campaign(self, block: str, hosts: Sequence[str], when: str, epoch: str | None = None) -> None:
        """Put the rows of a block to the campaign that has its text or one of its hosts; campaigns that it links are one.

        A campaign bears the name of its smallest block, so that it does not depend on which was seen first.
        """
        names = {
            row[0]
            for row in self.conn.execute(
                "SELECT DISTINCT campaign FROM removed WHERE block = ? AND campaign IS NOT NULL", (block,)
            )
        }
        for host in hosts:
            names.update(
                self.conn.execute("SELECT campaign FROM targets WHERE host = ?", (host,)).fetchone() or ()
            )
        name = min({block, *names})
        self.conn.execute(
            "UPDATE removed SET campaign = ? WHERE block = ? AND campaign IS NOT ?", (name, block, name)
        )
        for other in names - {name}:
            for table in ("removed", "targets"):
                self.conn.execute(f"UPDATE {table} SET campaign = ? WHERE campaign = ?", (name, other))
        self.conn.executemany(
            "INSERT INTO targets (host, campaign, blocks, first_seen, last_seen, epoch) "
            "VALUES (:host, :name, 1, :seen, :seen, :epoch) "
            "ON CONFLICT (host) DO UPDATE SET blocks = blocks + 1, first_seen = min(first_seen, excluded.first_seen), "
            "last_seen = max(last_seen, excluded.last_seen), epoch = min(epoch, excluded.epoch)",
            [
                {"host": host, "name": name, "seen": when, "epoch": self.epoch if epoch is None else epoch}
                for host in hosts
            ],
        )

    def tampered(self) -> dict[str, list[Tampered]]:
        """Give the articles whose newest version shows signs of hacking, by portal, the portal with most first."""
        found: dict[str, list[Tampered]] = {}
        for row in self.conn.execute(
            "SELECT portal, id, version, EXISTS (SELECT 1 FROM versions v WHERE v.article_id = articles.id "
            "AND v.tampered = 0 AND v.text NOT NULL) AS since FROM articles WHERE tampered ORDER BY id"
        ):
            found.setdefault(row["portal"] or "", []).append(
                Tampered(row["id"], row["version"], bool(row["since"]))
            )
        return dict(sorted(found.items(), key=lambda pair: -len(pair[1])))

    def campaigns(self, pages: Iterable[Tampered], limit: int = 3) -> list[Campaign]:
        """Say which campaigns show on some pages, that of most pages first."""
        if self._is_elder():
            return []
        count: Counter[str] = Counter()
        for page in pages:
            names = self.conn.execute(
                "SELECT DISTINCT coalesce(campaign, block) FROM removed WHERE article_id = ? AND version = ?",
                (page.article_id, page.version),
            )
            count.update(row[0] for row in names)
        found = []
        for name, number in sorted(count.items(), key=lambda pair: (-pair[1], pair[0]))[:limit]:
            hosts = self.conn.execute(
                "SELECT host FROM targets WHERE campaign = ? ORDER BY blocks DESC, host LIMIT 3", (name,)
            )
            sample = self._row(
                "SELECT min(text) FROM removed WHERE coalesce(campaign, block) = ? AND text <> ''", name
            )
            text = " ".join(((sample[0] if sample else None) or "").split())
            found.append(Campaign(number, tuple(row[0] for row in hosts), text[:30]))
        return found

    def lessons(self) -> list[Lesson]:
        """Give the blocks that were cut out, each once an article, for `crawler.text.learning`."""
        rows = self.conn.execute(
            "SELECT r.article_id, r.text, r.reasons, r.links, a.url FROM removed r JOIN articles a ON a.id = r.article_id "
            "GROUP BY r.article_id, r.block, r.text ORDER BY r.id"
        )
        return [
            Lesson(
                row["article_id"],
                row["text"] or "",
                tuple((name, score) for name, score in json.loads(row["reasons"] or "[]")),
                tuple(targets_of(json.loads(row["links"] or "[]"), row["url"])),
            )
            for row in rows
        ]

    def says(self, word: str) -> bool:
        """Tell whether an untampered article, or an attachment of one, has a word."""
        with self._reading():
            found = self._row(
                "SELECT 1 FROM articles_fts JOIN articles a ON a.id = articles_fts.rowid "
                "WHERE articles_fts MATCH ? AND NOT a.tampered LIMIT 1",
                match_expression(f'"{word}"'),
            )
        return found is not None

    def honest_links(self) -> dict[str, set[int]]:
        """Give the hosts outside their portal that untampered articles link, with those articles."""
        found: dict[str, set[int]] = {}
        for row in self.conn.execute("SELECT id, url, fields FROM articles WHERE NOT tampered"):
            own = domain_of(host_of(row["url"]))
            fields = json.loads(row["fields"] or "{}")
            links = [*fields.get("links", ()), *(url for url, _ in fields.get("attachments", ()))]
            for host in {host_of(url) for url in links if isinstance(url, str)}:
                if host and domain_of(host) != own:
                    found.setdefault(host, set()).add(row["id"])
        return found

    def named_hosts(self) -> dict[str, int]:
        """Count the untampered articles whose pages name a host, in the article or beside it."""
        if self._is_elder():
            return {}
        rows = self.conn.execute(
            "SELECT key, sum(pages + fresh) FROM memory WHERE kind = 'host' GROUP BY key"
        )
        return {row[0]: row[1] for row in rows}

    def _find_campaigns(self) -> None:
        """Put blocks that an elder program cut out to their campaigns."""
        rows = self.conn.execute(
            "SELECT r.block, r.links, r.seen, a.url FROM removed r JOIN articles a ON a.id = r.article_id "
            "WHERE r.campaign IS NULL AND r.block IS NOT NULL ORDER BY r.id"
        ).fetchall()
        for row in rows:
            self._join_campaign(
                row["block"], targets_of(json.loads(row["links"] or "[]"), row["url"]), row["seen"]
            )
