"""Runs, and the channels that they met."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

from crawler.archive.chain import Chain
from crawler.archive.remembering import Remembering
from crawler.archive.values import as_json, now, stored
from crawler.captures import SHANGHAI, local_time

RESTART_HOURS = 20
"""How long what a killed run saw counts as seen by the run that goes on; a nightly run asks for all of it again."""


RUN_RE = re.compile(r"\d{8}T\d{6}Z(?:-|$)")
"""How the id of a run begins: with when it began, in UTC."""
HACKING, HACKED = "signs of hacking", "hacked since last seen"
"""What stands first in a run's report: a portal whose pages are hacked, and a page that was clean before."""
RANKS = {HACKING: 0, HACKED: 1, "tampered": 3}
"""The order of alarms: further pages that are tampered with stand last; all others are 2."""


def moment_of(run: str) -> datetime | None:
    """Read from the id of a run when it began; None where the id does not tell.

    A rebuild by an elder program wrote another time into the row of a run.

    >>> moment_of("20261121T180000Z-lyg_news-2").isoformat(), moment_of("mine")
    ('2026-11-22T02:00:00+08:00', None)
    """
    if not RUN_RE.match(run):
        return None
    try:
        return datetime.strptime(run[:16], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).astimezone(SHANGHAI)
    except ValueError:
        return None


def night_of(moment: datetime) -> date:
    """Give the night that a moment lies in, from noon to noon in Asia/Shanghai, by the date of its morning."""
    return (moment.astimezone(SHANGHAI) + timedelta(hours=12)).date()


def night_of_run(run: str) -> date | None:
    """Give the night of a run by its id; None where the id does not tell.

    >>> night_of_run("20261127T180000Z-lyg_news"), night_of_run("20261128T035959Z-lyg_news")
    (datetime.date(2026, 11, 28), datetime.date(2026, 11, 28))
    >>> night_of_run("20261128T040000Z-ingest"), night_of_run("mine")
    (datetime.date(2026, 11, 29), None)
    """
    began = moment_of(run)
    return night_of(began) if began else None


class Channel(NamedTuple):
    """One row of ``channels``."""

    portal: str
    code: str
    name: str | None
    url: str | None
    total: int | None
    lines: int | None
    first_seen: str | None
    last_seen: str | None
    last_lines: int | None
    problem: str | None
    unfinished: int


class Runs(Remembering, Chain):
    """The rows of runs and channels."""

    def start_run(
        self,
        spider: str,
        arguments: Mapping[str, Any] | None = None,
        *,
        started: datetime | str | None = None,
        run_id: str | None = None,
    ) -> str:
        """Write a run's row and give its id; `run_id` names one that is known (for a rebuild).

        A run of a shard (the argument ``shard``) bears its name, too: no other shard has a run of the same.
        """
        when = local_time(started or now().replace(microsecond=0))
        shard = (arguments or {}).get("shard", spider)
        base = run_id or "-".join(
            (
                f"{datetime.fromisoformat(when).astimezone(UTC):%Y%m%dT%H%M%SZ}",
                *dict.fromkeys((spider, shard)),
            )
        )
        name, number = base, 1
        with self._write():
            while self._row("SELECT 1 FROM runs WHERE id = ?", name):
                if run_id:
                    return run_id
                number += 1
                name = f"{base}-{number}"
            self._insert(
                "runs",
                {
                    "id": name,
                    "spider": spider,
                    "started": when,
                    "arguments": as_json(arguments or {}),
                    "memory": self.epoch or None,
                },
            )
        return name

    def finish_run(
        self,
        run_id: str,
        *,
        outcome: str,
        counts: Mapping[str, int],
        stats: Mapping[str, Any] | None = None,
        alarms: Sequence[Mapping[str, Any]] = (),
        finished: datetime | str | None = None,
    ) -> None:
        """Write how a run ended. ``missed`` is what it could not have: challenged and gone, unless given."""
        missed = counts.get("missed", counts.get("challenged", 0) + counts.get("gone", 0))
        with self._write():
            self.conn.execute(
                "UPDATE runs SET finished = ?, outcome = ?, listed = ?, archived = ?, changed = ?, failed = ?, "
                "missed = ?, attachments = ?, tampered = ?, stats = ?, alarms = ? WHERE id = ?",
                (
                    local_time(finished or now().replace(microsecond=0)),
                    outcome,
                    *(counts.get(name, 0) for name in ("listed", "archived", "changed", "failed")),
                    missed,
                    counts.get("attachments", 0),
                    counts.get("tampered", 0),
                    as_json(stats or {}),
                    as_json(alarms),
                    run_id,
                ),
            )

    def alarmed_since(self, run_id: str) -> dict[tuple[str, str | None, str], str]:
        """Give since when the alarms of a run have been true: by portal, channel and rule the first of the runs in a row.

        Only alarms that the run before had, too; runs of the same spider with the same arguments are one row.
        """
        rows = self.conn.execute(
            "SELECT e.started, e.alarms FROM runs e JOIN runs r ON r.id = ? AND e.spider = r.spider "
            "AND e.arguments IS r.arguments WHERE e.id <= r.id AND e.alarms IS NOT NULL ORDER BY e.id DESC",
            (run_id,),
        )
        since: dict[tuple[str, str | None, str], str] = {}
        true: set[tuple[str, str | None, str]] | None = None
        for started, told in rows:
            had = {(each["portal"], each["channel"], each["rule"]) for each in json.loads(told)}
            if true is not None:
                had &= true
                since |= dict.fromkeys(had, started)
            true = had
            if not true:
                break
        return since

    def last_moment(self, run_id: str) -> str | None:
        """Give the latest time at which another run began or ended or one of the last ones captured; None where none did."""
        row = self._row(
            "SELECT max(moment) AS moment FROM (SELECT max(started, coalesce(finished, '')) AS moment FROM runs "
            "WHERE id <> ?1 UNION ALL SELECT max(fetched_at) FROM captures WHERE run_id IN "
            "(SELECT id FROM runs WHERE id <> ?1 ORDER BY rowid DESC LIMIT 8))",
            run_id,
        )
        return row["moment"] if row else None

    def interrupted_runs(self, spider: str) -> list[str]:
        """Name the runs of a spider that were killed and whose captures nobody has taken up, oldest first."""
        rows = self.conn.execute(
            "SELECT id FROM runs WHERE outcome = 'interrupted' AND spider = ? AND stats IS NULL ORDER BY id",
            (spider,),
        )
        return [row[0] for row in rows]

    def ended(self, night: str) -> list[int]:
        """Give the exit codes of the runs of a night that came to an end of their own, in the order in which they began."""
        rows = self.conn.execute(
            "SELECT coalesce(json_extract(stats, '$.exit'), outcome <> 'finished') FROM runs "
            "WHERE json_extract(arguments, '$.night') = ? AND outcome IN ('finished', 'partial', 'failed') "
            "AND coalesce(json_extract(stats, '$.reason'), '') <> 'shutdown' ORDER BY id",
            (night,),
        )
        return [row[0] for row in rows]

    def runs_of(self, night: str) -> list[dict[str, Any]]:
        """Give the rows of the runs of a night that was crawled from several places."""
        rows = self.conn.execute(
            "SELECT * FROM runs WHERE json_extract(arguments, '$.night') = ? ORDER BY id", (night,)
        )
        return [dict(row) for row in rows]

    def last_minutes(self) -> dict[str, float]:
        """Give how long the last run of each shard took that came to its end, by shard, else by spider."""
        rows = self.conn.execute(
            "SELECT coalesce(json_extract(arguments, '$.shard'), spider), max(id), "
            "(julianday(finished) - julianday(started)) * 1440 FROM runs WHERE finished IS NOT NULL GROUP BY 1"
        )
        return {row[0]: row[2] for row in rows}

    def since_kill(self, run_id: str) -> str | None:
        """Give when the first of the runs began that were killed, one after the other, just before a run.

        What they archived is not asked for again at once; after `RESTART_HOURS` it is. None where the run before
        came to its own end.
        """
        row = self._row(
            "SELECT min(k.started) FROM runs k JOIN runs r ON r.spider = k.spider AND k.started <= r.started "
            "WHERE r.id = ? AND k.id <> r.id AND k.started > coalesce((SELECT max(e.started) FROM runs e "
            "WHERE e.spider = r.spider AND e.id <> r.id AND e.started <= r.started "
            "AND NOT (e.outcome = 'interrupted' OR coalesce(json_extract(e.stats, '$.reason'), '') = 'shutdown')), '')",
            run_id,
        )
        if row is None or row[0] is None:
            return None
        earliest = local_time(now().replace(microsecond=0) - timedelta(hours=RESTART_HOURS))
        return max(str(row[0]), earliest)

    def adopt_run(self, run_id: str) -> None:
        """Note that the captures of a killed run were taken up."""
        with self._write():
            self.conn.execute("UPDATE runs SET stats = ? WHERE id = ?", (as_json({"adopted": True}), run_id))

    def meet_channel(
        self,
        portal: str,
        code: str,
        name: str | None,
        url: str | None,
        *,
        seen: str,
        total: int | None = None,
        lines: int | None = None,
        problem: str | None = None,
    ) -> None:
        """Write what is known of a channel; what is None stays as it was.

        `lines` is how many lines its list just gave: it begins the paging, which `close_channel` ends.
        """
        with self._write():
            self.conn.execute(
                "INSERT INTO channels (portal, code, name, url, total, first_seen, last_seen, last_lines, problem, "
                "unfinished) VALUES (:portal, :code, :name, :url, :total, :seen, :seen, :lines, :problem, "
                ":lines IS NOT NULL) ON CONFLICT (portal, code) DO UPDATE SET name = coalesce(excluded.name, name), "
                "url = coalesce(excluded.url, url), total = coalesce(excluded.total, total), "
                "last_seen = excluded.last_seen, last_lines = coalesce(excluded.last_lines, last_lines), "
                "problem = excluded.problem, unfinished = max(unfinished, excluded.unfinished)",
                {
                    "portal": portal,
                    "code": code,
                    "name": stored(name),
                    "url": stored(url),
                    "total": total,
                    "seen": local_time(seen),
                    "lines": lines,
                    "problem": stored(problem),
                },
            )

    def close_channel(self, portal: str, code: str) -> None:
        """Note that a channel's paging came to its end."""
        with self._write():
            self.conn.execute(
                "UPDATE channels SET unfinished = 0, lines = "
                "(SELECT count(*) FROM listings l WHERE l.portal = channels.portal AND l.channel = channels.code) "
                "WHERE portal = ? AND code = ?",
                (portal, code),
            )

    def channel(self, portal: str, code: str) -> Channel | None:
        """Give what is known of a channel."""
        names = ", ".join(Channel._fields)
        row = self._row(f"SELECT {names} FROM channels WHERE portal = ? AND code = ?", portal, code)
        return Channel(*row) if row else None

    def unfinished_channels(self) -> set[tuple[str, str]]:
        """Name the channels whose paging was begun and not ended."""
        return {
            (row[0], row[1])
            for row in self.conn.execute("SELECT portal, code FROM channels WHERE unfinished")
        }

    def run(self, run_id: str) -> dict[str, Any] | None:
        """Give a run's row with `minutes` it took, `captures` and `bytes` it wrote; None where there is none."""
        row = self._row(
            "SELECT *, (julianday(coalesce(finished, started)) - julianday(started)) * 1440 AS minutes FROM runs "
            "WHERE id = ?",
            run_id,
        )
        if row is None:
            return None
        wrote = self._row("SELECT count(*), coalesce(sum(length), 0) FROM captures WHERE run_id = ?", run_id)
        return {**row, "captures": wrote[0], "bytes": wrote[1]} if wrote else dict(row)

    def last_stat(self, run_id: str, name: str) -> Any:
        """Give a stat as the last run of the same spider has it that has it at all; None where none has."""
        row = self._row(
            "SELECT json_extract(e.stats, ?) AS stat FROM runs e JOIN runs r ON r.id = ? AND e.spider = r.spider "
            "WHERE e.id < r.id AND stat IS NOT NULL ORDER BY e.id DESC LIMIT 1",
            f'$."{name}"',
            run_id,
        )
        return row[0] if row else None

    def changes_of(self, run_id: str) -> dict[str, list[str | None]]:
        """Give the titles of the versions that a run's captures brought, by kind of change, new ones first."""
        found: dict[str, list[str | None]] = {}
        for row in self.conn.execute(
            "SELECT v.change, coalesce(v.title, a.title) AS title FROM captures c JOIN versions v ON v.capture_id = c.id "
            "JOIN articles a ON a.id = v.article_id WHERE c.run_id = ? ORDER BY v.change <> 'first', v.change, c.id",
            (run_id,),
        ):
            found.setdefault(row["change"], []).append(row["title"])
        return found

    def last_nights(self, limit: int = 10) -> list[dict[str, Any]]:
        """Give the last nights, the newest first: the day of the morning, and the sums of the runs from noon to noon."""
        counts = ("listed", "archived", "changed", "failed", "missed", "attachments", "tampered")
        sums = ", ".join(f"coalesce(sum({name}), 0) AS {name}" for name in counts)

        def night(started: str) -> str:
            return night_of(datetime.fromisoformat(started)).isoformat()

        self.conn.create_function("night_of", 1, night, deterministic=True)
        rows = self.conn.execute(
            f"SELECT night_of(started) AS night, count(*) AS runs, {sums}, "
            "coalesce(sum(json_extract(stats, '$.\"ledger/gone\"')), 0) AS gone, "
            "coalesce(sum(json_array_length(alarms)), 0) AS alarms, "
            "json_group_array(coalesce(outcome, 'running')) AS outcomes "
            "FROM runs GROUP BY night ORDER BY night DESC LIMIT ?",
            (limit,),
        )
        return [
            {**row, "outcomes": dict(sorted(Counter(json.loads(row["outcomes"])).items()))}
            for row in map(dict, rows)
        ]

    def last_runs(self, limit: int = 10) -> list[dict[str, Any]]:
        """Give the last runs, the newest first, their alarms as a list."""
        rows = self.conn.execute("SELECT * FROM runs ORDER BY started DESC, id DESC LIMIT ?", (limit,))
        return [{**row, "alarms": json.loads(row["alarms"] or "[]")} for row in map(dict, rows)]
