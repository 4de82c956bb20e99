"""The tamper desk: ``/DATABASE/-/tampering``, what somebody who broke in left on the portals' pages, for those who mend them.

``/DATABASE/-/tampering/BLOCK`` is one campaign: the blocks of the same text or target host, named by any of its
blocks, so that an address stays good when campaigns turn out to be one.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from datasette import NotFound, Response
from datasette.database import Database

from crawler.browsing.charts import Chart, draw_bars
from crawler.browsing.display import parse_json
from crawler.browsing.home import count_back, read_month
from crawler.browsing.language import tr
from crawler.browsing.queries import fetch, find_archive, list_columns, name_channels

PAGE = 25
"""How many pages, campaigns, blocks or articles stand on one page of a list."""
SUSPECTS = 10
"""How many suspects the desk shows; their table has them all."""
HOSTS = 200
"""How many hosts a campaign's page lists."""
NIGHTLY = 62
"""Up to how many days the chart goes by night; from then on it goes by month, `MONTHS` of them."""
MONTHS = 36
SAMPLE = 400
"""How many characters of a block are shown."""

HACKED = "hacked AS MATERIALIZED (SELECT id, portal FROM articles WHERE tampered)"
PORTAL = "CASE WHEN h.id IS NULL THEN (SELECT a.portal FROM articles a WHERE a.id = f.article_id) ELSE h.portal END"
"""The portal of an article, out of an index for those that are hacked: only what is clean again is looked up."""

SIGNALS = {
    "hidden": ("读者看不见它", "it is hidden from readers"),
    "off-topic": ("像广告：用词或口气", "it sells, by its words or by the way it speaks"),
    "foreign": (
        "链接通往本站正常页面从不提到的主机",
        "its links lead to hosts that no honest page of the portal names",
    ),
    "place": ("在页面开始之前或页脚之后", "it stands before the page begins or after it ends"),
    "stray": ("与整页文字几乎没有共同之处", "it shares hardly a pair of characters with the page"),
    "joined": ("成排的链接词，用竖线之类连着", "a row of link words with bars between them"),
    "beside": ("紧挨着剪下的链接", "it stands right beside links that are cut out"),
    "repeated": ("同样的块也见于别的文章", "the same block is found on other articles"),
    "overwritten": (
        "标题或摘要与页面本身不符",
        "a title or description that the page itself does not bear out",
    ),
    "switch": ("辨认搜索引擎的脚本", "a script that looks for search engines"),
    "encoded": ("把所写内容藏起来的脚本", "a script that hides what it writes"),
    "odd": ("没有人会这样公布的地址", "an address such as nobody publishes"),
}
"""The signals of `docs/spam.md` in words."""

KINDS = {
    "hidden": ("隐藏的内容", "hidden block"),
    "link-farm": ("成堆的链接", "link farm"),
    "text": ("混入正文的文字", "text in plain sight"),
    "plain-text": ("纯文本里的文字", "text of a plain file"),
    "meta": ("被改写的标题或摘要", "overwritten title or description"),
    "script": ("脚本", "script"),
    "comment": ("注释", "comment"),
    "iframe": ("框架", "frame"),
    "links": ("链接", "links"),
    "suspect": ("可疑", "suspect"),
}
"""The kinds of blocks in words; another one is shown as it is stored."""


async def show_desk(request: Any, datasette: Any) -> Response:
    """Answer with the tamper desk; ``portal`` keeps to one, ``page`` and ``campaigns`` turn its lists."""
    db = await find_archive(request, datasette)
    columns = await list_columns(db)
    portal = request.args.get("portal") or ""
    page, turned = (read_number(request.args.get(name)) for name in ("page", "campaigns"))
    pages = await list_pages(db, portal, page)
    campaigns = await list_campaigns(db, columns, turned, portal)
    answer = await datasette.render_template(
        "tampering.html",
        {
            "database": db.name,
            "portal": portal,
            "portals": await fetch(
                db,
                "SELECT portal, count(*) AS pages FROM articles WHERE tampered GROUP BY portal "
                "ORDER BY pages DESC, portal",
            ),
            "total": await count_pages(db, portal),
            "chart": await draw_finds(db, portal),
            "pages": pages[:PAGE],
            "page": page,
            "further": len(pages) > PAGE,
            "campaigns": campaigns[:PAGE],
            "campaigns_page": turned,
            "further_campaigns": len(campaigns) > PAGE,
            "certainties": await count_certainties(db, pages[:PAGE]),
            "suspects": await list_suspects(db, columns, portal),
            "names": await name_channels(db),
        },
        request=request,
        view_name="tampering",
    )
    return Response.html(answer)


def read_number(written: str | None) -> int:
    """Read the number of a list's page from an address; 1 for what is none."""
    return max(1, int(written)) if written and re.fullmatch(r"[0-9]{1,6}", written) else 1


async def count_pages(db: Database, portal: str) -> dict[str, int]:
    """Count the pages that show signs of hacking now, of a portal or of all, and the blocks and edits on record."""
    rows = await fetch(
        db,
        "SELECT count(*) AS pages FROM articles WHERE tampered AND (:portal = '' OR portal = :portal)",
        portal=portal,
    )
    return {"pages": rows[0]["pages"] if rows else 0}


async def list_pages(db: Database, portal: str, page: int) -> list[dict[str, Any]]:
    """Give the hacked pages, the last found first, one more than a page of them: each with its last such version.

    ``since``: when it was first seen so without a clean version between; ``clean``: the number of that version.
    ``state``: `still`, `clean` again, or `withdrawn`.
    """
    rows = await fetch(
        db,
        """SELECT p.*,
                  (SELECT count(*) FROM edits e WHERE e.article_id = p.id AND e.version = p.version) AS edits,
                  (SELECT count(*) FROM removed r WHERE r.article_id = p.id AND r.version = p.version) AS blocks,
                  (SELECT min(seen) FROM versions w WHERE w.article_id = p.id AND w.tampered
                   AND w.version > coalesce(p.clean, 0)) AS since,
                  (SELECT min(seen) FROM versions w WHERE w.article_id = p.id AND w.version > p.version
                   AND w.change <> 'withdrawn') AS cleaned
           FROM (SELECT a.id, a.title, a.portal, a.channel, a.published, a.last_seen, a.gone, a.tampered, v.version, v.seen,
                        (SELECT max(w.version) FROM versions w WHERE w.article_id = a.id AND w.version < v.version
                         AND NOT w.tampered AND w.change <> 'withdrawn') AS clean
                 FROM versions v JOIN articles a ON a.id = v.article_id
                 WHERE v.tampered AND (:portal = '' OR a.portal = :portal)
                 AND NOT EXISTS (SELECT 1 FROM versions w
                                 WHERE w.article_id = v.article_id AND w.version > v.version AND w.tampered)
                 ORDER BY v.seen DESC, v.article_id DESC LIMIT :limit OFFSET :skip) p
           ORDER BY p.seen DESC, p.id DESC""",
        portal=portal,
        limit=PAGE + 1,
        skip=PAGE * (page - 1),
    )
    return [
        {**row, "state": "withdrawn" if row["gone"] else "still" if row["tampered"] else "clean"}
        for row in rows
    ]


async def count_certainties(db: Database, pages: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Count the edits of the pages that are shown, by how certain they are."""
    places = json.dumps([[row["id"], row["version"]] for row in pages])
    rows = await fetch(
        db,
        """SELECT e.certainty, count(*) AS n FROM json_each(:places) j
           JOIN edits e ON e.article_id = j.value ->> 0 AND e.version = j.value ->> 1 GROUP BY e.certainty""",
        places=places,
    )
    return {row["certainty"] or "": row["n"] for row in rows}


async def draw_finds(db: Database, portal: str) -> Chart | None:
    """Draw the pages by the night, or the month, in which they were first found hacked, a colour for each portal.

    A night is from noon to noon, as on the pages of nights.
    """
    # `+` keeps the planner from the order of the primary key, which reads every version
    rows = await fetch(
        db,
        f"""WITH found AS MATERIALIZED (SELECT article_id, date(substr(min(seen), 1, 19), '+12 hours') AS day
                                      FROM versions WHERE tampered AND seen > '' GROUP BY +article_id),
                {HACKED}
           SELECT {PORTAL} AS portal, f.day, count(*) AS n
           FROM found f LEFT JOIN hacked h ON h.id = f.article_id GROUP BY 1, 2""",
    )
    rows = [row for row in rows if not portal or row["portal"] == portal]
    found = [(row["portal"] or "", day, row["n"]) for row in rows if (day := read_day(row["day"]))]
    if not found:
        return None
    totals: Counter[str] = Counter()
    for name, _, number in found:
        totals[name] += number
    portals = sorted(totals, key=lambda name: (-totals[name], name))
    first, last = min(day for _, day, _ in found), max(day for _, day, _ in found)
    nightly = (last - first).days < NIGHTLY
    sums: Counter[tuple[str, str]] = Counter()
    for name, day, number in found:
        sums[name, str(day) if nightly else str(day)[:7]] += number
    labels = list_days(min(first, last - timedelta(days=6)), last) if nightly else list_months(first, last)
    title = (
        tr("各夜新发现被篡改的页面", "Pages found tampered with, by night")
        if nightly
        else tr("各月新发现被篡改的页面", "Pages found tampered with, by month")
    )
    return draw_bars(
        "finds", title, portals, [(label, [sums[name, label] for name in portals]) for label in labels]
    )


def read_day(written: object) -> date | None:
    """Read a stored day; None for what is none."""
    try:
        return date.fromisoformat(str(written))
    except ValueError:
        return None


def list_days(first: date, last: date) -> list[str]:
    """Name every day from one to another."""
    return [str(first + timedelta(days=each)) for each in range((last - first).days + 1)]


def list_months(first: date, last: date) -> list[str]:
    """Name every month from one day to another, the last `MONTHS` of them."""
    end = read_month(str(last)[:7]) or (last.year, last.month)
    span = (last.year - first.year) * 12 + last.month - first.month
    return [count_back(end, back) for back in range(min(span, MONTHS - 1), -1, -1)]


async def list_campaigns(
    db: Database, columns: Mapping[str, frozenset[str]], page: int, portal: str = ""
) -> list[dict[str, Any]]:
    """Give the campaigns of most blocks first, one more than a page of them; of an elder archive, the blocks.

    All is counted in an index; what is shown of each is looked up for those on the page alone.
    """
    by = name_campaign(columns)
    if by is None:
        return []
    within = f"AND {by} IN (SELECT f.{by} FROM removed f LEFT JOIN hacked h ON h.id = f.article_id WHERE {PORTAL} = :portal)"
    rows = await fetch(
        db,
        f"""WITH {HACKED}
            SELECT c.*, (SELECT substr(x.text, 1, {SAMPLE}) FROM removed x
                         WHERE x.{by} = c.campaign AND x.text <> '' LIMIT 1) AS sample
            FROM (SELECT {by} AS campaign, count(*) AS blocks, count(DISTINCT article_id) AS articles,
                         min(seen) AS first_seen, max(seen) AS last_seen, count(DISTINCT block) AS texts
                  FROM removed r WHERE {by} IS NOT NULL {within if portal else ""}
                  GROUP BY {by} ORDER BY blocks DESC, {by} LIMIT :limit OFFSET :skip) c
            ORDER BY c.blocks DESC, c.campaign""",
        **({"portal": portal} if portal else {}),
        limit=PAGE + 1,
        skip=PAGE * (page - 1),
    )
    portals = await fetch(
        db,
        f"""WITH found AS MATERIALIZED (SELECT DISTINCT r.{by} AS campaign, r.article_id FROM json_each(:names) j
                                      JOIN removed r ON r.{by} = j.value),
                {HACKED}
           SELECT f.campaign, count(DISTINCT {PORTAL}) AS portals
           FROM found f LEFT JOIN hacked h ON h.id = f.article_id GROUP BY f.campaign""",
        names=json.dumps([row["campaign"] for row in rows]),
    )
    counted = {row["campaign"]: row["portals"] for row in portals}
    return [
        {
            **row,
            "sample": " ".join((row["sample"] or "").split()),
            "portals": counted.get(row["campaign"]),
            **await list_targets(db, columns, row["campaign"], 3),
        }
        for row in rows
    ]


def name_campaign(columns: Mapping[str, frozenset[str]]) -> str | None:
    """Name the column by which blocks belong together; None where there are none."""
    present = columns.get("removed", frozenset())
    return next((name for name in ("campaign", "block") if name in present), None)


async def list_targets(
    db: Database, columns: Mapping[str, frozenset[str]], campaign: str, limit: int
) -> dict[str, Any]:
    """Give the hosts that a campaign's blocks lead to, the commonest first, and how many there are."""
    if "targets" not in columns:
        return {"hosts": [], "host_count": 0}
    hosts = await fetch(
        db,
        """SELECT host, blocks, first_seen, last_seen, count(*) OVER () AS host_count FROM targets
           WHERE campaign = ? ORDER BY blocks DESC, host LIMIT ?""",
        campaign,
        limit,
    )
    return {"hosts": hosts, "host_count": hosts[0]["host_count"] if hosts else 0}


async def list_suspects(
    db: Database, columns: Mapping[str, frozenset[str]], portal: str
) -> dict[str, Any] | None:
    """Give the last suspects; None where an archive keeps none."""
    if "suspects" not in columns:
        return None
    rows = await fetch(
        db,
        """SELECT s.id, s.article_id, s.reasons, s.seen, substr(s.text, 1, 120) AS text, a.title, a.portal
           FROM suspects s JOIN articles a ON a.id = s.article_id
           WHERE :portal = '' OR a.portal = :portal ORDER BY s.id DESC LIMIT :limit""",
        portal=portal,
        limit=SUSPECTS,
    )
    number = await fetch(db, "SELECT count(*) AS n FROM suspects")
    return {
        "count": number[0]["n"] if number else 0,
        "rows": [{**row, "signals": read_signals(row["reasons"])} for row in rows],
    }


def read_signals(reasons: object) -> list[str]:
    """Say the reasons of a block in words, the weightiest first.

    >>> read_signals('[["off-topic",0.7],["hidden",1.0],["new-one",0.5]]')
    ['读者看不见它', '像广告：用词或口气', 'new-one']
    >>> read_signals("no JSON"), read_signals('{"a": 1}')
    ([], [])
    """
    parsed = parse_json(reasons)
    pairs = [
        (str(each[0]), each[1] if len(each) > 1 and isinstance(each[1], int | float) else 0.0)
        for each in (parsed if isinstance(parsed, list) else [])
        if isinstance(each, list) and each
    ]
    return [tr(*SIGNALS.get(name, (name, name))) for name, _ in sorted(pairs, key=lambda pair: -pair[1])]


def name_kind(kind: str) -> str:
    """Name the kind of a block; one that is not known stays as it is stored."""
    return tr(*KINDS.get(kind, (kind, kind)))


async def show_campaign(request: Any, datasette: Any) -> Response:
    """Answer with the page of one campaign; ``page`` turns its articles, ``texts`` its blocks."""
    db = await find_archive(request, datasette)
    columns = await list_columns(db)
    asked = request.url_vars["campaign"]
    page, texts = (read_number(request.args.get(name)) for name in ("page", "texts"))
    campaign = await find_campaign(db, columns, asked)
    if campaign is None:
        raise NotFound(tr(f"没有这一群：{asked}", f"No such campaign: {asked}"))
    by = name_campaign(columns)
    counted = await fetch(
        db,
        f"""SELECT count(*) AS blocks, count(DISTINCT article_id) AS articles, count(DISTINCT block) AS texts,
                   min(seen) AS first_seen, max(seen) AS last_seen FROM removed WHERE {by} = ?""",
        campaign,
    )
    articles = await fetch(
        db,
        f"""SELECT a.id, a.title, a.portal, a.channel, a.published, a.tampered, a.gone, f.blocks, f.seen
            FROM (SELECT article_id, count(*) AS blocks, min(seen) AS seen FROM removed WHERE {by} = :campaign
                  GROUP BY article_id ORDER BY article_id DESC LIMIT :limit OFFSET :skip) f
            JOIN articles a ON a.id = f.article_id ORDER BY a.id DESC""",
        campaign=campaign,
        limit=PAGE + 1,
        skip=PAGE * (page - 1),
    )
    blocks = await list_texts(db, str(by), campaign, texts)
    answer = await datasette.render_template(
        "campaign.html",
        {
            "database": db.name,
            "campaign": campaign,
            "by": by,
            "counts": counted[0] if counted else {},
            **await list_targets(db, columns, campaign, HOSTS),
            "portals": await fetch(
                db,
                f"""SELECT a.portal, count(*) AS articles FROM (SELECT DISTINCT article_id FROM removed WHERE {by} = ?) f
                    JOIN articles a ON a.id = f.article_id GROUP BY a.portal ORDER BY articles DESC, a.portal""",
                campaign,
            ),
            "sample": " ".join((blocks[0]["text"] or "").split()) if blocks else "",
            "articles": articles[:PAGE],
            "page": page,
            "further": len(articles) > PAGE,
            "blocks": blocks[:PAGE],
            "texts_page": texts,
            "further_texts": len(blocks) > PAGE,
            "signals": count_signals(blocks[:PAGE]),
            "names": await name_channels(db),
        },
        request=request,
        view_name="campaign",
    )
    return Response.html(answer)


async def find_campaign(db: Database, columns: Mapping[str, frozenset[str]], asked: str) -> str | None:
    """Give the campaign of that name, or the one that a block of that name belongs to now; None where there is none."""
    by = name_campaign(columns)
    if by is None:
        return None
    rows = await fetch(
        db, f"SELECT {by} AS campaign FROM removed WHERE {by} = ? LIMIT 1", asked
    ) or await fetch(
        db, f"SELECT {by} AS campaign FROM removed WHERE block = ? AND {by} IS NOT NULL LIMIT 1", asked
    )
    return rows[0]["campaign"] if rows else None


async def list_texts(db: Database, by: str, campaign: str, page: int) -> list[dict[str, Any]]:
    """Give the different texts of a campaign's blocks, the commonest first, each with one block that has it."""
    rows = await fetch(
        db,
        f"""SELECT t.times, t.articles, r.id, r.article_id, r.kind, r.reasons, r.place, r.links,
                   substr(r.text, 1, :length) AS text, length(r.text) AS letters
            FROM (SELECT min(id) AS id, count(*) AS times, count(DISTINCT article_id) AS articles
                  FROM removed WHERE {by} = :campaign GROUP BY block
                  ORDER BY times DESC, min(id) LIMIT :limit OFFSET :skip) t
            JOIN removed r ON r.id = t.id ORDER BY t.times DESC, t.id""",
        campaign=campaign,
        length=SAMPLE,
        limit=PAGE + 1,
        skip=PAGE * (page - 1),
    )
    return [
        {
            **row,
            "kind": name_kind(row["kind"]),
            "signals": read_signals(row["reasons"]),
            "links": list_links(row["links"]),
        }
        for row in rows
    ]


def list_links(value: object) -> list[str]:
    """Read the addresses in a block as text; they are never links."""
    parsed = parse_json(value)
    return [str(each) for each in parsed if each] if isinstance(parsed, list) else []


def count_signals(blocks: Sequence[Mapping[str, Any]]) -> list[tuple[str, int]]:
    """Count on how many of the blocks each signal was seen, the commonest first."""
    found = Counter(signal for block in blocks for signal in block["signals"])
    return sorted(found.items(), key=lambda pair: -pair[1])
