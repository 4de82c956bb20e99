"""How the archive is read: Chinese search in the stock search box, pages that read like articles, safe output.

Everything here is for `datasette data/`. What the plugin knows of a table it reads from that database alone,
so any number of archives (`archive.db`, `demo.db`, a copy) can lie side by side in the directory.
Stored text is evidence of what a portal, or somebody who broke into it, wrote: it is shown, never obeyed.
"""

from __future__ import annotations

import csv
import io
import json
import re
import unicodedata
from collections.abc import Awaitable, Callable, Iterable, Iterator
from datetime import date, datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from datasette import handle_exception, hookimpl
from datasette.database import Database, QueryInterrupted
from datasette.facets import Facet
from datasette.filters import FilterArguments
from datasette.utils import escape_sqlite, path_with_added_args, path_with_removed_args, tilde_decode
from markupsafe import Markup, escape

from crawler.archive import APPLICATION_ID, ask, cut_snippet, match_expression, spelled
from crawler.text import repair

NEWEST = 20
"""How many articles the home page lists."""
EDITS = 300
"""How many different changes an article page lists; the table of edits has them all."""
SHOWN = 4000
"""How many characters of an attachment's text an article page shows; the row of the attachment has them all."""
CELL = 200
"""How many characters of a changed piece are shown before it is cut."""

HEADERS = (
    (
        b"content-security-policy",
        b"default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    ),
    (b"x-frame-options", b"DENY"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
)

UNSEEN_RE = re.compile(
    "["
    "\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters: a terminal or a log would act on them
    "\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff"  # nothing to see, or text turned round
    "\ue000-\uf8ff"  # private use: another sign, or none, in every font; left over by broken byte pairs
    "\ufff9-\ufffb\U000e0000-\U000e007f"  # interlinear marks and tag characters: text inside text
    "]"
)
"""Characters that change how text is shown without being seen themselves."""
LINK_RE = re.compile(r"https?://[^\s\\<>\"'`]+", re.IGNORECASE)
"""What may become a link at all: two schemes, nothing that a browser reads in a second way."""
FORMULA_RE = re.compile(r"[\t\r ]*[=+\-@]")
"""The beginning of a cell that a spreadsheet would calculate."""
NUMBER_RE = re.compile(r"[+-]?\d+(\.\d+)?")
csv.field_size_limit(2**31 - 1)  # the stock limit of 128 KiB is less than a long article

LABELS = {
    "portal": "网站 portal",
    "channel": "栏目 channel",
    "tampered": "篡改 tampered",
    "published": "年份 year",
    "source": "来源 source",
    "duplicate_of": "转载 reprints",
    "part_of": "转版 runover",
    "state": "状态 state",
    "outcome": "结果 outcome",
    "spider": "爬虫 spider",
    "kind": "种类 kind",
    "fixer": "修复规则 fixer",
    "certainty": "把握 certainty",
    "change": "变化 change",
    "status": "状态码 status",
    "encoding": "编码 encoding",
    "stage": "阶段 stage",
}
WORDS = {
    "proven": ("✓ 确证", "proven: no other original gives this text"),
    "inferred": ("≈ 推断", "inferred: the likeliest of several originals"),
    "lost": ("✗ 已失", "lost: cannot be known, the place is marked"),
    "first": ("初次收录", "first seen"),
    "edited": ("已修改", "edited by the portal without a word"),
    "corrected": ("已更正", "corrected, and said so"),
    "extended": ("已增补", "more was added, nothing changed"),
    "reread": ("重新解读", "the page is as it was, it is read differently now"),
    "withdrawn": ("已撤下", "withdrawn"),
    "restored": ("已恢复", "restored"),
    "tampered": ("被篡改", "tampered with"),
    "finished": ("完成", "finished"),
    "partial": ("部分完成", "partial"),
    "failed": ("失败", "failed"),
    "interrupted": ("中断", "interrupted"),
    "pending": ("待取", "pending"),
    "archived": ("已收录", "archived"),
    "unchanged": ("未变", "unchanged"),
    "challenged": ("被拦截", "challenged"),
    "gone": ("已不在", "gone"),
    "offsite": ("站外", "offsite"),
    "oversize": ("过大", "larger than the limit"),
    "refused": ("不许取", "refused: robots.txt forbids it, or it leads to another host"),
}


# what is shown of a text


def name_unseen(text: object) -> str:
    """Give the text with each unseen character written out as ``[U+202E]``, for titles and attributes.

    >>> name_unseen("公告\\u202egnp.exe")
    '公告[U+202E]gnp.exe'
    >>> name_unseen("第一行\\n第二行")
    '第一行\\n第二行'
    """
    return UNSEEN_RE.sub(lambda found: f"[U+{ord(found[0]):04X}]", "" if text is None else str(text))


def show_unseen(text: object) -> Markup:
    """Escape the text and put a small named mark where an unseen or a lost character stands.

    >>> show_unseen("<b>a\\u200b</b>")
    Markup('&lt;b&gt;a<span class="unseen" title="ZERO WIDTH SPACE">U+200B</span>&lt;/b&gt;')
    """

    def mark(found: re.Match[str]) -> str:
        name = unicodedata.name(
            found[0], "PRIVATE USE" if "\ue000" <= found[0] <= "\uf8ff" else "CONTROL CHARACTER"
        )
        return f'<span class="unseen" title="{name}">U+{ord(found[0]):04X}</span>'

    escaped = UNSEEN_RE.sub(mark, str(escape("" if text is None else str(text))))
    lost = '<span class="lost" title="此处原文无法恢复 lost">\ufffd</span>'
    return Markup(escaped.replace("\ufffd", lost))


def show_piece(text: object) -> Markup:
    """Escape a changed piece, cut it at `CELL` characters, and make plain blanks visible."""
    piece = "" if text is None else str(text)
    shown = show_unseen(piece[:CELL].replace("\n", "⏎"))
    if piece and not piece.strip(" \u3000\xa0\t"):
        shown = Markup("").join(
            Markup('<span class="unseen">U+{:04X}</span>').format(ord(c)) for c in piece[:9]
        )
    return shown + f"…（{len(piece)} 字）" if len(piece) > CELL else shown


def split_paragraphs(text: str | None) -> list[str]:
    """Give the paragraphs of an article's text, without the blanks that stood for an indent."""
    return [line for line in (part.strip(" \t\r\u3000\xa0") for part in (text or "").split("\n")) if line]


def split_blocks(text: str | None) -> list[tuple[str, Any]]:
    """Give the text's blocks: ``("p", line)``, and ``("table", rows of cells)`` where lines have tabs.

    The archive keeps the rows of a table as lines, the cells parted by tabs.

    >>> split_blocks("名单如下。\\n姓名\\t年龄\\n王某\\t70\\n特此公告。")
    [('p', '名单如下。'), ('table', [['姓名', '年龄'], ['王某', '70']]), ('p', '特此公告。')]
    """
    blocks: list[tuple[str, Any]] = []
    for line in (text or "").split("\n"):
        plain = line.strip(" \t\r\u3000\xa0")
        if not plain:
            continue
        if "\t" not in plain:
            blocks.append(("p", plain))
        elif blocks and blocks[-1][0] == "table":
            blocks[-1][1].append(line.split("\t"))
        else:
            blocks.append(("table", [line.split("\t")]))
    return blocks


def show_date(value: object) -> str:
    """Write an ISO time as it is read in Chinese; give back unchanged what is no ISO time.

    >>> show_date("2024-01-18T09:54:49+08:00")
    '2024年1月18日 09:54'
    >>> show_date("2024-01-18"), show_date("不详"), show_date(None)
    ('2024年1月18日', '不详', '')
    """
    written = "" if value is None else str(value)
    try:
        when = date.fromisoformat(written) if len(written) == 10 else datetime.fromisoformat(written)
    except ValueError:
        return name_unseen(written)
    day = f"{when.year}年{when.month}月{when.day}日"
    return f"{day} {when:%H:%M}" if isinstance(when, datetime) else day


def find_link(url: object, page: object = None) -> str | None:
    """Give the URL where it may be a link, else None.

    ``page``: the article's own URL; with it, only a URL on the same host may.

    >>> find_link("http://www.lyg.gov.cn/a.html")
    'http://www.lyg.gov.cn/a.html'
    >>> find_link("javascript:alert(1)"), find_link("http://evil.example/", "http://www.lyg.gov.cn/a.html")
    (None, None)
    """
    written = str(url or "").strip()
    if not LINK_RE.fullmatch(written) or UNSEEN_RE.search(written):
        return None
    try:
        host = urlsplit(written).hostname
        own = urlsplit(str(page)).hostname if page is not None else host
    except ValueError:
        return None
    if not host or not own or host.removeprefix("www.") != own.removeprefix("www."):
        return None
    return written


def show_link(url: object, label: object = None, page: object = None) -> Markup:
    """Link a URL that may be one, without a trace of where the reader came from; else show it as inert text."""
    shown = show_unseen(url if label is None else label)
    target = find_link(url, page)
    if target is None:
        return Markup('<span class="inert">{}</span>').format(shown)
    return Markup('<a href="{}" rel="nofollow noopener noreferrer">{}</a>').format(target, shown)


def find_words(query: str) -> re.Pattern[str] | None:
    """Give what finds the searched words in a text, in either script and width; None where the query has none.

    >>> find_words("发〔2023〕5号").search("连政办發[２０２３]5号文件")[0]
    '發[２０２３]5号'
    >>> find_words("，") is None
    True
    """
    return spelled(ask(query).words)


def mark_words(text: object, query: str) -> Markup:
    """Escape the text and mark the searched words in it."""
    words, written = find_words(query), str(text or "")
    out, at = [], 0
    for hit in words.finditer(written) if words else ():
        out += [show_unseen(written[at : hit.start()]), Markup("<mark>{}</mark>").format(show_unseen(hit[0]))]
        at = hit.end()
    return Markup("").join([*out, show_unseen(written[at:])])


def cut_excerpt(text: str | None, query: str = "", length: int = 110) -> Markup:
    """Give the piece of the text around the first searched word, or its beginning; the words are marked."""
    flat = "　".join(split_paragraphs(text)).replace("\t", " ")
    words = find_words(query)
    hit = words.search(flat) if words else None
    first = max(0, hit.start() - length // 3) if hit else 0
    if first:
        # begin after the nearest end of a sentence, where there is one
        ends = max(flat.rfind(sign, first, hit.start() if hit else first) for sign in "。！？　")
        first = ends + 1 if ends > 0 else first
    piece = mark_words(flat[first : first + length], query)
    return Markup("").join(["…" if first else "", piece, "…" if first + length < len(flat) else ""])


def parse_json(value: object) -> Any:
    """Read a JSON cell; None where it is none."""
    try:
        return json.loads(value) if isinstance(value, str) else None
    except ValueError:
        return None


def indent_json(value: object) -> str | None:
    """Give a JSON object or list on several lines, None for everything else."""
    parsed = parse_json(value)
    return (
        json.dumps(parsed, ensure_ascii=False, indent=1)
        if isinstance(parsed, dict | list) and parsed
        else None
    )


def list_pairs(value: object) -> list[tuple[str, str]]:
    """Read ``[[first, second], …]`` from what JSON gave; leave out what has another shape."""
    if not isinstance(value, list):
        return []
    pairs = [tuple(pair) if isinstance(pair, list | tuple) else (pair, "") for pair in value]
    return [(str(pair[0] or ""), str(pair[1] or "")) for pair in pairs if len(pair) >= 2]


def show_both(text: object) -> Markup:
    """Show a title of metadata.yaml, "中文 · English", with the second part set as English.

    >>> show_both("文章 · Articles")
    Markup('文章 <span lang="en">Articles</span>')
    """
    chinese, _, english = str(text or "").partition(" · ")
    if not english:
        return escape(chinese)
    return Markup('{} <span lang="en">{}</span>').format(chinese, english)


def say(word: object) -> Markup:
    """Show one of the archive's fixed words in Chinese, the English in its title."""
    chinese, english = WORDS.get(str(word), (name_unseen(word), name_unseen(word)))
    kind = re.sub(r"[^a-z]", "", str(word))
    return Markup('<span class="word word-{}" title="{}">{}</span>').format(kind, english, chinese)


# what is asked of the archive


async def fetch(db: Database, sql: str, parameters: Any = None) -> list[dict[str, Any]]:
    """Run one query; a query that takes longer than the server's limit gives no rows."""
    try:
        return [dict(row) for row in await db.execute(sql, parameters or {})]
    except QueryInterrupted:
        return []


async def is_archive(db: Database) -> bool:
    """Tell by the file's application id whether this database is an archive of ours."""
    if db.is_memory:
        return False
    return bool((await db.execute("PRAGMA application_id")).single_value() == APPLICATION_ID)


async def list_archives(datasette: Any) -> list[Database]:
    """Give the archives that are served, `archive` first."""
    found = [db for db in datasette.databases.values() if await is_archive(db)]
    return sorted(found, key=lambda db: (db.name != "archive", db.name))


async def name_channels(db: Database) -> dict[tuple[str, str], str]:
    """Give the name of each channel, by portal and code."""
    rows = await fetch(db, "SELECT portal, code, name FROM channels WHERE name IS NOT NULL")
    return {(row["portal"], row["code"]): row["name"] for row in rows}


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
            {"limit": NEWEST},
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


async def tell_article(db: Database, key: str) -> dict[str, Any] | None:
    """Collect everything that an article's page says; None where there is no such article.

    ``key`` is the ID as the address has it: SQLite compares it as Datasette's own row page does.
    """
    rows = await fetch(db, "SELECT * FROM articles WHERE id = :id", {"id": key})
    if not rows:
        return None
    article = rows[0]
    article_id = article["id"]
    this = {"id": article_id, "version": article["version"]}
    fields = parse_json(article["fields"])
    fields = fields if isinstance(fields, dict) else {}
    capture = await fetch(
        db,
        """SELECT c.*, p.warc AS payload_warc, p."offset" AS payload_offset FROM captures AS c
           LEFT JOIN captures AS p ON p.id = c.revisit_of WHERE c.id = :id""",
        {"id": article["capture_id"]},
    )
    return {
        "row": article,
        "fields": fields,
        "attachments": await list_files(db, article_id, fields),
        "channel_name": (await name_channels(db)).get((article["portal"], article["channel"]))
        or fields.get("channel_name"),
        "capture": capture[0] if capture else None,
        "edits": await fetch(
            db,
            """SELECT stage, fixer, certainty, before, after, count(*) AS times, min(start) AS start
               FROM edits WHERE article_id = :id AND version = :version
               GROUP BY stage, fixer, certainty, before, after ORDER BY stage, min(step), times DESC, start
               LIMIT :limit""",
            {**this, "limit": EDITS},
        ),
        "edited": await fetch(
            db,
            """SELECT stage, fixer, certainty, count(*) AS times FROM edits
               WHERE article_id = :id AND version = :version GROUP BY stage, fixer, certainty
               ORDER BY stage, min(step)""",
            this,
        ),
        "removed": await list_blocks(db, "removed", this),
        "suspects": await list_blocks(db, "suspects", this),
        "further": await fetch(
            db,
            "SELECT id, title, channel FROM articles WHERE part_of = :id ORDER BY channel",
            {"id": article_id},
        )
        if "part_of" in article
        else [],
    }


async def list_blocks(db: Database, table: str, this: dict[str, Any]) -> list[dict[str, Any]]:
    """Give the blocks that were cut out of an article's page, or the suspects in it; an elder archive has none of these."""
    if not await fetch(db, "SELECT 1 FROM sqlite_schema WHERE name = :table", {"table": table}):
        return []
    rows = await fetch(
        db,
        f"""SELECT id, kind, reasons, place, substr(text, 1, 4000) AS text, length(text) AS length, links
            FROM {table} WHERE article_id = :id AND version = :version ORDER BY id LIMIT 50""",
        this,
    )
    return [
        {**row, "reasons": parse_json(row["reasons"]) or [], "links": parse_json(row["links"]) or []}
        for row in rows
    ]


async def list_files(db: Database, article_id: int, fields: dict[str, Any]) -> list[dict[str, Any]]:
    """Give the attachments and pictures of an article; where the archive has no rows of them, what its page named."""
    present = await fetch(db, "SELECT 1 FROM sqlite_schema WHERE name = 'attachments'")
    found = present and await fetch(
        db,
        """SELECT id, kind, name, url, state, mime, size, digest, capture_id, error, withdrawn,
                  substr(text, 1, :shown) AS text, length(text) AS length FROM attachments
           WHERE article_id = :id ORDER BY kind = 'image', withdrawn IS NOT NULL, id LIMIT :limit""",
        {"id": article_id, "shown": SHOWN, "limit": EDITS},
    )
    if found:
        return found
    kinds = (("attachment", "attachments"), ("image", "images"))
    return [
        {"kind": kind, "url": url, "name": name}
        for kind, field in kinds
        for url, name in list_pairs(fields.get(field))
    ]


def show_size(size: object) -> str:
    """Write a number of bytes for a reader.

    >>> show_size(812), show_size(2_500_000), show_size(None)
    ('812 B', '2.4 MB', '')
    """
    if not isinstance(size, int):
        return ""
    for unit in ("B", "KB", "MB"):
        if size < 1024 or unit == "MB":
            break
        size /= 1024
    return f"{size:.1f} {unit}" if isinstance(size, float) else f"{size} {unit}"


# hooks


@hookimpl(trylast=True)  # Datasette's own functions of the same name are registered before
def prepare_connection(conn: Any) -> None:
    """Register SQL functions: ``escape_fts`` is what the stock search box calls on what a person typed."""
    conn.create_function(
        "escape_fts", 1, lambda query: match_expression(str(query or "")), deterministic=True
    )
    conn.create_function("search", 1, lambda query: match_expression(str(query or "")), deterministic=True)
    conn.create_function("fits", 4, fits, deterministic=True)
    conn.create_function("snippet_zh", 2, snippet_zh, deterministic=True)
    conn.create_function("repair", 1, lambda text: repair(text).text if isinstance(text, str) else text)
    conn.create_function("host", 1, read_host, deterministic=True)


def fits(query: object, title: object, text: object, source: object) -> bool:
    """Tell whether an article has what is asked for (SQL function ``fits``); `search` finds those that may."""
    told = (str(part) if part is not None else None for part in (title, text, source))
    return ask(str(query or "")).fits(*told)


def snippet_zh(text: object, query: object) -> str:
    """Cut out the first place of a searched word, from the beginning of its sentence (SQL function ``snippet_zh``)."""
    return cut_snippet(str(text or ""), ask(str(query or ""))) or ""


def read_host(url: object) -> str | None:
    """Give the host of a URL, None where it has none (SQL function ``host``)."""
    try:
        return urlsplit(str(url or "")).hostname
    except ValueError:
        return None


@hookimpl
def startup(datasette: Any) -> None:
    """Say of every served file what metadata.yaml says of the tables of `archive`: they are the same tables."""
    # once and in place: the get_metadata hook is asked some hundred times for a page
    databases = datasette._metadata_local.setdefault("databases", {})
    tables = (databases.get("archive") or {}).get("tables") or {}
    for name, db in datasette.databases.items():
        if not db.is_memory:
            databases.setdefault(name, {}).setdefault("tables", tables)
    # where rich is installed, the stock handler prints every 404 with all local variables
    handle_exception.rich = None


@hookimpl
def prepare_jinja2_environment(env: Any) -> None:
    """Register the filters that the templates use."""
    env.filters.update(
        shown=show_unseen,
        named=name_unseen,
        piece=show_piece,
        blocks=split_blocks,
        when=show_date,
        excerpt=cut_excerpt,
        marked=mark_words,
        both=show_both,
        said=say,
        sized=show_size,
        indented=indent_json,
        label=lambda name: LABELS.get(name, name),
    )
    env.globals.update(namesake=name_channel, link=show_link, find_link=find_link, without=drop_args)


def name_channel(names: dict[tuple[str, str], str], code: str) -> str | None:
    """Give the name of a channel code where all portals that have it call it the same."""
    found = {name for (_, other), name in names.items() if other == code}
    return f"{found.pop()} {code}" if len(found) == 1 else None


def drop_args(request: Any, *names: str, **more: str) -> str:
    """Give the address of this page with other arguments: without ``names``, with ``more``."""
    kept = [(key, value) for key, value in parse_qsl(request.query_string) if key not in {*names, *more}]
    query = urlencode([*kept, *more.items()])
    return f"{request.path}?{query}" if query else str(request.path)


@hookimpl
def extra_template_vars(
    datasette: Any, database: str | None, table: str | None, view_name: str | None, request: Any
) -> Callable[[], Awaitable[dict[str, Any]]]:
    """Give each page what its template wants: the home page sums, the article page its article."""

    async def collect() -> dict[str, Any]:
        archives = await list_archives(datasette)
        here = next((db for db in archives if db.name == database), None)
        given: dict[str, Any] = {
            "house": (here or archives[0]).name if archives and (here or database is None) else None,
            "archives": [db.name for db in archives],
        }
        if view_name == "index":
            given["sums"] = [await sum_up(db) for db in archives]
        if here is not None and view_name in ("table", "row") and table in ("articles", "versions"):
            given["names"] = await name_channels(here)
        if here is not None and view_name == "row" and table == "articles":
            given["article"] = await tell_article(here, tilde_decode(request.url_vars["pks"]))
        return given

    return collect


OWN_URLS = {("articles", "url"), ("captures", "url"), ("versions", "url")}
"""Columns whose URLs the archive itself asked for; every other URL is something that a page said."""


ID_COLUMNS = {
    "article_id": "articles",
    "duplicate_of": "articles",
    "part_of": "articles",
    "further_id": "articles",
    "first_id": "articles",
    "capture_id": "captures",
    "revisit_of": "captures",
}
"""Columns that hold the ID of a row of another table: the stock row page does not link them."""


@hookimpl
def render_cell(
    value: object, column: str, table: str | None, database: str, row: Any, datasette: Any
) -> Any:
    """Show a cell: own pages linked without referrer, other URLs inert, unseen characters named."""
    if column in ID_COLUMNS and isinstance(value, int | dict):
        key, label = (value["value"], value["label"]) if isinstance(value, dict) else (value, value)
        address = f"{datasette.urls.table(database, ID_COLUMNS[column])}/{key}"
        return Markup('<a href="{}">{}</a>').format(address, show_unseen(label) or key)
    if not isinstance(value, str) or not value:
        return None
    if (table, column) in OWN_URLS:
        return show_link(value)
    if column == "title" and table in ("newest", "tampered", "duplicates", "changes") and "id" in row.keys():  # noqa: SIM118
        address = datasette.urls.table(database, "articles") + f"/{int(row['id'])}"
        return Markup('<a href="{}">{}</a>').format(address, show_unseen(value))
    limit = datasette.setting("truncate_cells_html")
    if re.match(r"\s*(?:https?|ftp|javascript|data):", value, re.IGNORECASE):
        return Markup('<span class="inert">{}</span>').format(show_unseen(value))
    if UNSEEN_RE.search(value):
        return show_unseen(value[:limit]) + ("…" if len(value) > limit else "")
    return None


@hookimpl
def filters_from_request(request: Any, database: str, table: str, datasette: Any) -> Any:
    """Make the stock search box exact: what its index finds is held against the text, and the days are bounded."""

    async def inner() -> FilterArguments:
        query = request.args.get("_search")
        if table != "articles" or not query or not await is_archive(datasette.get_database(database)):
            return FilterArguments([])
        asked = ask(query)
        where = []
        if not asked.exact:
            where.append(f"fits(:asked, title, {WHOLE}, source)")
        if asked.since:
            where.append("coalesce(published, first_seen) >= :since")
        if asked.until:
            where.append("substr(coalesce(published, first_seen), 1, length(:until)) <= :until")
        return FilterArguments(where, {"asked": query, "since": asked.since, "until": asked.until})

    return inner


WHOLE = (
    "coalesce(text, '') || coalesce((SELECT char(10) || group_concat(f.text, char(10)) FROM attachments f "
    "WHERE f.article_id = articles.id AND f.withdrawn IS NULL), '')"
)
"""The text of an article with those of its attachments."""


class YearFacet(Facet):
    """Count by the year of an ISO time column: ``facets: [{year: published}]``."""

    type = "year"

    async def facet_results(self) -> tuple[list[dict[str, Any]], list[str]]:
        """Count the years of each column asked for; columns that took too long come second."""
        given, late = [], []
        pairs = self.get_querystring_pairs()
        for asked in self.get_configs():
            column = asked["config"].get("column") or asked["config"]["simple"]
            name, size = escape_sqlite(column), self.get_facet_size()
            try:
                counted = await self.ds.execute(
                    self.database,
                    f"SELECT substr({name}, 1, 4) AS value, count(*) AS count FROM ({self.sql})"
                    f" WHERE {name} IS NOT NULL GROUP BY 1 ORDER BY 1 DESC LIMIT {size + 1}",
                    self.params,
                    truncate=False,
                    custom_time_limit=self.ds.setting("facet_time_limit_ms"),
                )
            except QueryInterrupted:
                late.append(column)
                continue
            results = []
            for row in counted.rows[:size]:
                picked = (f"{column}__startswith", str(row["value"]))
                selected = picked in pairs
                path = (path_with_removed_args if selected else path_with_added_args)(
                    self.request, dict([picked])
                )
                results.append(
                    {
                        "value": row["value"],
                        "label": row["value"],
                        "count": row["count"],
                        "selected": selected,
                        "toggle_url": self.ds.absolute_url(self.request, self.ds.urls.path(path)),
                    }
                )
            given.append(
                {
                    "name": column,
                    "type": self.type,
                    "results": results,
                    "hideable": asked["source"] != "metadata",
                    "toggle_url": path_with_removed_args(self.request, {"_facet_year": column}),
                    "truncated": len(counted.rows) > size,
                }
            )
        return given, late


@hookimpl
def register_facet_classes() -> list[type[Facet]]:
    """Give Datasette the facet by year."""
    return [YearFacet]


# what leaves the server


def defuse_row(row: Iterable[str]) -> Iterator[str]:
    """Put an apostrophe before a cell that a spreadsheet would calculate; numbers stay numbers.

    >>> list(defuse_row(["=HYPERLINK(1)", "-5", "-5+2", "民政"]))
    ["'=HYPERLINK(1)", '-5', "'-5+2", '民政']
    """
    for cell in row:
        yield "'" + cell if FORMULA_RE.match(cell) and not NUMBER_RE.fullmatch(cell) else cell


def defuse_csv(text: str) -> str:
    """Defuse every cell of a CSV text."""
    out = io.StringIO()
    csv.writer(out).writerows(defuse_row(row) for row in csv.reader(io.StringIO(text, newline="")))
    return out.getvalue()


@hookimpl
def asgi_wrapper() -> Callable[[Any], Any]:
    """Add the safety headers to every answer, defuse CSV, refuse paths that redirect to another host."""

    def wrap(app: Any) -> Any:
        async def serve(scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            start: dict[str, Any] = {}
            held: list[bytes] = []

            async def answer(message: Any) -> None:
                if message["type"] == "http.response.start":
                    kept = [pair for pair in message["headers"] if pair[0].lower() not in dict(HEADERS)]
                    message = {**message, "headers": [*kept, *HEADERS]}
                    kind = {key.lower(): value for key, value in kept}.get(b"content-type", b"")
                    csv_path = scope["path"].endswith(".csv")
                    if csv_path and kind.split(b";")[0].strip() in (b"text/plain", b"text/csv"):
                        start.update(message)  # sent when the body is whole
                        return
                elif start:
                    held.append(message.get("body", b""))
                    if message.get("more_body"):
                        return
                    body = defuse_csv(b"".join(held).decode("utf-8", "replace")).encode()
                    await send(start)
                    message = {"type": "http.response.body", "body": body}
                await send(message)

            # Datasette 0.65 answers /\host/ and //host/ with a redirect to that host (datasette#2680)
            raw = (scope.get("raw_path") or scope["path"].encode()).partition(b"?")[0]
            if raw.startswith(b"//") or b"\\" in raw or b"%5c" in raw.lower():
                head = [(b"content-type", b"text/plain; charset=utf-8")]
                await answer({"type": "http.response.start", "status": 400, "headers": head})
                await answer({"type": "http.response.body", "body": "没有这样的路径 no such path\n".encode()})
                return
            await app(scope, receive, answer)

        return serve

    return wrap
