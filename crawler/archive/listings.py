"""The ledger of listings: what a portal offered, what became of it, and what is owed."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple, Protocol

from crawler.archive.addresses import Addresses, retitled
from crawler.archive.values import as_iso, canonical, host_name, now, storable, stored
from crawler.captures import local_time

PAUSES = (0, 12, 22, 46, 94, 166, 334)
"""Hours until what failed is asked for again, after the first, second, … failure; then it stays failed.

The first repeat belongs to the next run. Pauses of whole days are two hours short, so that a nightly run
that starts a little early still finds them over.
"""

GONE_PAUSES = (22, 46, 94, 166, 334, 718)
"""Hours until what is gone is looked for again."""


class Standing(NamedTuple):
    """One line of a list, and what the archive knew of it before."""

    key: str
    url: str
    new: bool
    """Not listed in this channel before."""
    state: str | None
    """Before; None for a new line."""
    article_id: int | None
    settled: bool
    """Known, listed as before, and nothing is owed: a whole page of these ends the paging."""


class Owed(NamedTuple):
    """One article to ask a portal for."""

    url: str
    key: str
    portal: str
    channel: str | None
    title: str | None
    listed: str | None
    """The listed date, ``YYYY-MM-DD``."""
    etag: str | None = None
    """Of the answer that the archived article was made from; None where there is no article."""
    last_modified: str | None = None
    article_id: int | None = None
    attempts: int = 0


class Lines(Protocol):
    """What `Archive.enlist` reads of a line; ``crawler.portals.Line`` is one."""

    @property
    def url(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def listed(self) -> date | None: ...
    @property
    def channel(self) -> str: ...
    @property
    def section(self) -> str | None: ...


class Listings(Addresses):
    """One row for each line of a portal's lists."""

    def enlist(
        self,
        lines: Iterable[Lines],
        *,
        portal: str,
        hosts: Iterable[str],
        seen: str,
        capture_id: int | None = None,
    ) -> list[Standing]:
        """Write the lines of a list, and say for each what was known of it before.

        A line seen again keeps when it was first listed. A line of an article that is archived already
        (from another channel) owes nothing. An archived line whose title changed is owed again.
        """
        own = {host.lower() for host in hosts}
        when = local_time(seen)
        found: list[Standing] = []
        with self._write():
            for line in lines:
                found.append(self._enlist_line(line, portal, own, when, capture_id))
        return found

    def _enlist_line(
        self, line: Lines, portal: str, own: set[str], when: str, capture_id: int | None
    ) -> Standing:
        key = canonical(line.url)
        url = storable(line.url)
        title = stored(line.title)
        listed = as_iso(line.listed)
        before = self._row(
            "SELECT state, title, listed, article_id, due FROM listings WHERE portal = ? AND channel = ? AND key = ?",
            portal,
            line.channel,
            key,
        )
        if before is None:
            known = (
                self.article_at(key)
                or self._claimed(key, title)
                or self._row(
                    "SELECT a.id, a.gone FROM parts p JOIN articles a ON a.id = p.article_id AND a.version = p.version "
                    "WHERE p.key = ?",
                    key,
                )
            )
            other = self._row(
                "SELECT state, error, due, attempts, asked, article_id FROM listings WHERE key = ? LIMIT 1",
                key,
            )
            if host_name(url) not in own:
                state = "offsite"
            elif known:
                state = "gone" if known["gone"] else "archived"
            else:
                state = other["state"] if other else "pending"
            self._insert(
                "listings",
                {
                    "portal": portal,
                    "channel": line.channel,
                    "key": key,
                    "url": url,
                    "title": title,
                    "section": stored(line.section),
                    "listed": listed,
                    "first_listed": when,
                    "last_listed": when,
                    "state": state,
                    "attempts": other["attempts"] if other else 0,
                    "error": other["error"] if other else None,
                    "due": other["due"] if other else None,
                    "asked": other["asked"] if other else None,
                    "article_id": known["id"] if known else other["article_id"] if other else None,
                    "capture_id": capture_id,
                },
            )
            return Standing(key, url, True, None, known["id"] if known else None, False)
        state = before["state"]
        moved = state in ("archived", "unchanged") and retitled(before["title"], title)
        keep = title is None or (before["title"] is not None and _cut(title) and not moved)
        self.conn.execute(
            "UPDATE listings SET url = ?, title = ?, section = coalesce(?, section), listed = coalesce(?, listed), "
            "last_listed = max(last_listed, ?), state = ? WHERE portal = ? AND channel = ? AND key = ?",
            (
                url,
                before["title"] if keep else title,
                stored(line.section),
                listed,
                when,
                "pending" if moved else state,
                portal,
                line.channel,
                key,
            ),
        )
        given_up = state in ("failed", "challenged") and before["due"] is None
        settled = not moved and (state in ("archived", "unchanged", "gone", "offsite") or given_up)
        return Standing(key, url, False, state, before["article_id"], settled)

    def owed(
        self,
        portals: Sequence[str],
        *,
        run_id: str,
        since: date | None = None,
        until: date | None = None,
        channels: Sequence[str] = (),
        recent: date | None = None,
        since_kill: str | None = None,
        limit: int = 32,
        at: datetime | str | None = None,
    ) -> list[Owed]:
        """Hand out the next articles to ask for, each once a run; an empty list when nothing is owed.

        First lines never had (newest first), then those that failed, were challenged or gone and whose
        pause is over, then, where `recent` is given, archived articles published since that day and not
        seen in this run, nor since the time `since_kill`. `since` and `until` bound the listed (or published)
        day; lines without a day are always in. Of each portal come `limit` at most, so that none waits for another.
        Articles come with what a conditional request wants.
        """
        moment = local_time(at or now())
        bounds = {
            "run": run_id,
            "at": moment,
            "since": as_iso(since),
            "until": as_iso(until),
            "recent": as_iso(recent),
            "kill": since_kill,
            "limit": limit,
        }
        inside = "".join(
            (
                f" AND channel IN ({', '.join(f':c{n}' for n in range(len(channels)))})" if channels else "",
                " AND ({day} IS NULL OR {day} >= :since)" if since else "",
                " AND ({day} IS NULL OR substr({day}, 1, 10) <= :until)" if until else "",
            )
        )
        bounds |= {f"c{n}": code for n, code in enumerate(channels)}
        line = "SELECT url, key, portal, channel, title, listed, article_id, attempts FROM listings"
        free = "portal = :portal AND (asked IS NULL OR asked <> :run)"
        questions = [
            f"{line} WHERE state = 'pending' AND {free}{inside.format(day='listed')} ORDER BY listed DESC, rowid LIMIT :limit",
            f"{line} WHERE due <= :at AND {free}{inside.format(day='listed')} ORDER BY due LIMIT :limit",
        ]
        asked: list[tuple[str, dict[str, str], tuple[str, ...]]] = [
            (question, {"portal": portal}, (portal,)) for question in questions for portal in portals
        ]
        if recent is not None:
            names = {f"p{n}": portal for n, portal in enumerate(portals)}
            asked.append(
                (
                    "SELECT * FROM (SELECT url, key, portal, channel, title, substr(published, 1, 10) AS listed, id AS article_id, "
                    # from the two indexes: what stands behind the text in a row is dear to read
                    "0 AS attempts, row_number() OVER (PARTITION BY portal ORDER BY published DESC) AS number "
                    "FROM articles WHERE id IN (SELECT id FROM articles WHERE published >= :recent "
                    "UNION ALL SELECT id FROM articles WHERE published IS NULL AND first_seen >= :recent) "
                    # +: never by the portal, of which there are hundreds of thousands
                    f"AND gone IS NULL AND +portal IN ({', '.join(f':{name}' for name in names)}) "
                    "AND (asked IS NULL OR asked <> :run) AND (:kill IS NULL OR last_seen < :kill) "
                    "AND NOT EXISTS (SELECT 1 FROM listings l WHERE l.key = articles.key AND l.asked = :run)"
                    f"{inside.format(day='published')}) WHERE number <= :limit ORDER BY listed DESC",
                    names,
                    tuple(portals),
                )
            )
        found: dict[str, Owed] = {}
        handed = Counter[str]()
        with self._write():
            for question, named, whose in asked:
                if all(handed[portal] >= limit for portal in whose):
                    continue
                for row in self.conn.execute(question, bounds | named).fetchall():
                    if row["key"] not in found and handed[row["portal"]] < limit:
                        found[row["key"]] = self._hand_out(row, run_id)
                        handed[row["portal"]] += 1
        return list(found.values())

    def _hand_out(self, row: sqlite3.Row, run_id: str) -> Owed:
        for table in ("listings", "articles"):
            self.conn.execute(f"UPDATE {table} SET asked = ? WHERE key = ?", (run_id, row["key"]))
        held = self._row(
            "SELECT c.etag, c.last_modified, a.id FROM articles a JOIN captures c ON c.id = a.capture_id "
            "WHERE a.key = ? AND a.gone IS NULL AND c.url = ? AND coalesce(c.flags, '') NOT LIKE '%dataloss%' "
            "AND coalesce(c.flags, '') NOT LIKE '%truncated-encoding%' "
            # that the first page is as it was says nothing of the others
            "AND NOT EXISTS (SELECT 1 FROM parts p WHERE p.article_id = a.id AND p.version = a.version)",
            row["key"],
            row["url"],
        )
        return Owed(
            url=row["url"],
            key=row["key"],
            portal=row["portal"],
            channel=row["channel"],
            title=row["title"],
            listed=row["listed"],
            etag=held["etag"] if held else None,
            last_modified=held["last_modified"] if held else None,
            article_id=row["article_id"],
            attempts=row["attempts"],
        )

    def note(self, url: str, state: str, error: str | None, when: str) -> None:
        """Write why an article was not had; the pause until it is asked for again grows, and ends.

        `state` is ``failed`` or ``challenged``. An article that is archived stays so, with the error.
        """
        moment = local_time(when)
        key = canonical(url)
        with self._write():
            rows = self.conn.execute(
                "SELECT DISTINCT state, attempts FROM listings WHERE key = ?", (key,)
            ).fetchall()
            for row in rows:
                attempts = row["attempts"] + 1
                kept = row["state"] in ("archived", "unchanged", "offsite")
                self.conn.execute(
                    "UPDATE listings SET state = ?, attempts = ?, error = ?, due = ? "
                    "WHERE key = ? AND state = ? AND attempts = ?",
                    (
                        row["state"] if kept else state,
                        attempts,
                        stored((error or "")[:1000]),
                        None if kept else due(moment, attempts, PAUSES),
                        key,
                        row["state"],
                        row["attempts"],
                    ),
                )

    def _settle(self, key: str, state: str, article_id: int) -> None:
        self.conn.execute(
            "UPDATE listings SET state = ?1, attempts = 0, error = NULL, due = NULL, article_id = ?2 WHERE key = ?3 "
            "AND state <> 'offsite' AND (state, attempts, error, due, article_id) IS NOT (?1, 0, NULL, NULL, ?2)",
            (state, article_id, key),
        )

    def _owe(self, key: str, error: str, moment: str, attempts: int) -> None:
        """Note that an archived article is to be asked for again; the pause grows, and ends."""
        self.conn.execute(
            "UPDATE listings SET attempts = ?, error = ?, due = ? WHERE key = ? AND state <> 'offsite'",
            (attempts, stored(error[:1000]), due(moment, attempts, PAUSES), key),
        )

    def belongs(self, url: str, first: str) -> bool:
        """Note that a page is a further one of the article `first`, so that no line owes it; False where that is not archived."""
        row = self._row("SELECT id FROM articles WHERE key = ?", canonical(first))
        if row is not None:
            with self._write():
                self._settle(canonical(url), "archived", row["id"])
        return row is not None

    def listed(self, url: str) -> list[dict[str, Any]]:
        """Give the lines of the ledger that lead to a URL."""
        rows = self.conn.execute(
            "SELECT * FROM listings WHERE key = ? ORDER BY first_listed", (canonical(url),)
        )
        return [dict(row) for row in rows]

    def begun(self, portal: str) -> date | None:
        """Give the day on which a portal was listed for the first time; None where it never was."""
        row = self._row("SELECT min(first_listed) FROM listings WHERE portal = ?", portal)
        return datetime.fromisoformat(row[0]).date() if row and row[0] else None

    def has_issue(self, url: str) -> bool:
        """Tell whether a day's issue of a paper was read: it led to articles in its folder, or there was none on that day."""
        folder = canonical(url).rstrip("/")
        if "." in folder.rpartition("/")[2]:
            folder = folder.rpartition("/")[0]
        return (
            self._row(
                "SELECT 1 FROM listings WHERE key > ? AND key < ? UNION ALL "
                "SELECT 1 FROM captures WHERE url = ? AND status = 404 LIMIT 1",
                *(f"{folder}/", f"{folder}0", url),
            )
            is not None
        )


def _cut(title: str) -> bool:
    return title.rstrip().endswith(("...", "…"))


def due(moment: str, attempts: int, pauses: Sequence[int]) -> str | None:
    if attempts > len(pauses):
        return None
    return (datetime.fromisoformat(moment) + timedelta(hours=pauses[attempts - 1])).isoformat()
