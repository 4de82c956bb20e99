"""The home page: what an archive holds."""

from __future__ import annotations

from typing import Any

from datasette.database import Database

from crawler.browsing.display import parse_json
from crawler.browsing.queries import fetch, name_channels

NEWEST = 20
"""How many articles the home page lists."""


async def sum_up(db: Database) -> dict[str, Any]:
    """Collect what the home page says of one archive."""
    counts = await fetch(
        db,
        """SELECT (SELECT count(*) FROM articles) AS articles, (SELECT count(*) FROM versions) AS versions,
           (SELECT count(*) FROM articles WHERE tampered) AS tampered, (SELECT count(*) FROM captures) AS captures,
           (SELECT count(*) FROM articles WHERE duplicate_of IS NOT NULL) AS duplicates,
           (SELECT count(*) FROM listings WHERE state IN ('pending', 'failed', 'challenged')) AS missed""",
    )
    portals = await fetch(
        db,
        """SELECT portal, channel, count(*) AS articles, min(published) AS oldest, max(published) AS newest
           FROM articles GROUP BY portal, channel ORDER BY portal, articles DESC""",
    )
    names = await name_channels(db)
    grouped: dict[str, dict[str, Any]] = {}
    for row in portals:
        group = grouped.setdefault(
            row["portal"] or "", {"articles": 0, "oldest": "9", "newest": "", "channels": []}
        )
        group["articles"] += row["articles"]
        group["oldest"] = min(group["oldest"], row["oldest"] or "9")
        group["newest"] = max(group["newest"], row["newest"] or "")
        group["channels"].append({**row, "name": names.get((row["portal"], row["channel"]))})
    parted = await fetch(db, "SELECT 1 FROM pragma_table_info('articles') WHERE name = 'part_of'")
    runs = await fetch(
        db,
        """SELECT id, spider, started, finished, outcome, listed, archived, changed, failed, missed, alarms
           FROM runs ORDER BY started DESC, id DESC LIMIT 9""",
    )
    return {
        "name": db.name,
        "counts": counts[0] if counts else {},
        "portals": dict(sorted(grouped.items(), key=lambda item: -item[1]["articles"])),
        "newest": await fetch(
            db,
            f"""SELECT id, title, substr(text, 1, 400) AS text, source, published, portal, channel, tampered,
                       duplicate_of, version, gone
                FROM articles {"WHERE part_of IS NULL" if parted else ""}
                ORDER BY published DESC, id DESC LIMIT :limit""",
            limit=NEWEST,
        ),
        "runs": [{**run, "alarms": list_alarms(run["alarms"])} for run in runs],
        "names": names,
    }


def list_alarms(value: object) -> list[str]:
    """Read the alarms of a run: a JSON list of objects, each said in one line."""
    alarms = parse_json(value)
    names = ("portal", "channel", "rule", "what")
    return [
        " · ".join(str(alarm[name]) for name in names if alarm.get(name))
        for alarm in (alarms if isinstance(alarms, list) else [])
        if isinstance(alarm, dict)
    ]
