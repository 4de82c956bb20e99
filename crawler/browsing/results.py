"""What a search finds: ``/DATABASE/-/search`` as a page, as JSON and as CSV; every state of it is an address.

``/-/search`` is the same over all archives that are served: the parts of one that lies in several files, by portal or year.
"""

from __future__ import annotations

import asyncio
import csv
import io
import json
import re
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple
from urllib.parse import urlencode

from datasette import Response
from datasette.database import Database

from crawler.archive import Archive, Facet, Facets, Found, Hit, ask
from crawler.browsing.display import find_excerpt
from crawler.browsing.language import tr
from crawler.browsing.queries import LONG, find_archive, find_archives, name_channels, read_query

FILTERS = ("portal", "channel", "year", "source", "tampered")
"""What a search can be narrowed to, in the order of the page."""
SIZE, LARGEST, REACH = 20, 200, 5000
"""Articles on a page; the most that one answer has; how far the pages lead (whoever wants all takes the table)."""
SECONDS = 2.0
"""How long one search may take."""
LOOKS = 1000
"""After how many steps of SQLite's the clock is looked at."""
FACETS_MS = 250
"""How long the counting beside a search may take; what is not counted then is a lower bound."""
EVERYTHING = "since:0000"
"""What is asked where nothing is typed: the archive finds nothing for no words, and all articles within such a bound."""
VALUES = 12
"""How many values of a facet are listed."""

SEARCHES = ThreadPoolExecutor(3, thread_name_prefix="search")
"""Searches have threads of their own, so that slow ones hold up nothing but each other."""

OF_ARTICLE = """SELECT a.id, a.url, a.key, a.title, a.text, a.source, a.author, a.published, a.portal, a.channel,
    a.tampered, a.duplicate_of, a.version, a.gone, a.first_seen, coalesce(v.seen, a.first_seen) AS seen
    FROM articles a LEFT JOIN versions v ON v.article_id = a.id AND v.version = a.version
    WHERE a.id IN (SELECT value FROM json_each(?))"""

COLUMNS = (
    *("id", "title", "snippet", "source", "author", "published", "portal", "channel", "channel_name"),
    *("tampered", "gone", "version", "versioned", "reprints", "first_seen", "url", "page", "plain"),
)
"""What JSON and CSV say of each article."""


class Asked(NamedTuple):
    """A state of the results: what is asked for, and which page of it."""

    query: str = ""
    filters: tuple[tuple[str, str], ...] = ()
    """Names of `FILTERS` with their values, in that order."""
    newest: bool = False
    page: int = 1
    size: int = SIZE
    cut: bool = False
    """Whether the query was longer than `LONG` and only its beginning is read."""

    def arguments(self, **more: str | None) -> str:
        """Give the arguments of this state's address; ``more`` sets or (None) drops some, and leads to the first page.

        >>> Asked("民政", (("year", "2024"),), page=3).arguments(portal="lyg.gov.cn")
        'q=%E6%B0%91%E6%94%BF&portal=lyg.gov.cn&year=2024'
        >>> Asked("民政", newest=True, page=3).arguments(page="4")
        'q=%E6%B0%91%E6%94%BF&sort=newest&page=4'
        """
        mine: dict[str, str | None] = {
            "q": self.query,
            **dict.fromkeys(FILTERS),
            **dict(self.filters),
            "sort": "newest" if self.newest and self.query else None,
            "size": str(self.size) if self.size != SIZE else None,
            "page": None,
            **more,
        }
        return urlencode(
            [(name, value) for name, value in mine.items() if value and (name, value) != ("page", "1")]
        )


UNCOUNTED = Facets({}, True, False)


class Results(NamedTuple):
    """What a search gave."""

    asked: Asked
    rows: list[dict[str, Any]]
    total: int = 0
    whole: bool = True
    """Whether `total` is the number of all that fit."""
    more: bool = False
    """Whether there is a next page."""
    facets: Facets = UNCOUNTED
    late: bool = False
    """Whether it took longer than `SECONDS` and was ended."""


def read_asked(args: Any, size: int = SIZE) -> Asked:
    """Read the arguments of a request; what is too long is cut, what cannot be meant is left out.

    >>> read_asked({"q": " 民政 ", "year": "2024", "page": "-1", "tampered": "yes"})
    Asked(query='民政', filters=(('year', '2024'),), newest=False, page=1, size=20, cut=False)
    """
    typed = args.get("q") or ""
    size = read_number(args.get("size"), size, LARGEST)
    filters = []
    for name in FILTERS:
        value = (args.get(name) or "").replace("\0", "")[:LONG]
        if re.fullmatch({"year": r"\d{4}", "tampered": "[01]"}.get(name, ".+"), value, re.DOTALL):
            filters.append((name, value))
    return Asked(
        read_query(typed),
        tuple(filters),
        args.get("sort") == "newest",
        read_number(args.get("page"), 1, REACH // size),
        size,
        len(" ".join(typed.split())) > LONG,
    )


def read_number(written: str | None, usual: int, most: int) -> int:
    """Read a number from 1 to ``most``; the usual one where none is written."""
    if not written or not re.fullmatch(r"[0-9]{1,9}", written):
        return usual
    return min(max(int(written), 1), most)


async def search(db: Database, asked: Asked, *, facets: bool = True) -> Results:
    """Search in a thread of `SEARCHES`, for `SECONDS` at most."""
    return await asyncio.get_running_loop().run_in_executor(
        SEARCHES, partial(look, str(db.path), asked, facets=facets)
    )


async def search_all(archives: Sequence[Database], asked: Asked, *, facets: bool = True) -> Results:
    """Search in several archives: the best of all first, or the newest; each row says which one has it."""
    deep = asked if len(archives) == 1 else asked._replace(page=1, size=asked.page * asked.size)
    each = await asyncio.gather(*(search(db, deep, facets=facets) for db in archives))
    rows = [
        {**row, "database": db.name} for db, found in zip(archives, each, strict=True) for row in found.rows
    ]
    start = 0
    if len(archives) > 1:
        start = (asked.page - 1) * asked.size
        if asked.newest or not asked.query:
            rows.sort(key=lambda row: row["published"] or row["first_seen"] or "", reverse=True)
        else:
            rows.sort(key=lambda row: row["rank"])
    return Results(
        asked,
        rows[start : start + asked.size],
        sum(found.total for found in each),
        all(found.whole for found in each),
        len(rows) > start + asked.size or any(found.more for found in each),
        add_up([found.facets for found in each]),
        all(found.late for found in each),
    )


def add_up(each: Sequence[Facets]) -> Facets:
    """Add what several archives count."""
    if len(each) == 1:
        return each[0]
    counts: dict[str, list[Facet]] = {}
    for name in dict.fromkeys(name for facets in each for name in facets.counts):
        sums = Counter[tuple[str, str | None]]()
        for facets in each:
            for one in facets.counts.get(name, ()):
                sums[one.value, one.portal] += one.articles
        known = sorted(sums.items(), key=lambda pair: pair[0][0] if name == "year" else pair[1], reverse=True)
        counts[name] = [Facet(value, count, portal) for (value, portal), count in known[:VALUES]]
    return Facets(counts, all(facets.exact for facets in each), all(facets.whole for facets in each))


def look(path: str, asked: Asked, *, facets: bool = True) -> Results:
    """Search one archive; a search that takes too long gives no rows, and says so."""
    try:
        with open_archive(path) as archive:
            found = find(archive, asked) if asked.query or asked.filters else list_newest(archive, asked)
            hits = {hit.id: hit for hit in found.hits[: asked.size]}
            rows = [
                {
                    **row,
                    "snippet": cut(row, asked.query, hit.snippet),
                    "reprints": hit.reprints,
                    "rank": hit.rank,
                }
                for row in read_rows(archive.conn, list(hits))
                if (hit := hits[row["id"]])
            ]
            more = len(found.hits) > asked.size
            return Results(
                *(asked, rows, found.total, found.whole, more), count(archive, asked) if facets else UNCOUNTED
            )
    except sqlite3.OperationalError as error:
        if not is_late(error):
            raise
        return Results(asked, [], late=True, whole=False)


def find(archive: Archive, asked: Asked) -> Found:
    """Find what is asked for, one more than the page has."""
    return archive.find(
        asked.query or EVERYTHING,
        asked.size + 1,
        (asked.page - 1) * asked.size,
        newest=asked.newest or not asked.query,
        filters=dict(asked.filters),
    )


def list_newest(archive: Archive, asked: Asked) -> Found:
    """Give the newest of all articles, each story once, as the index of moments has them: nothing is put in order."""
    parted = archive.conn.execute(
        "SELECT 1 FROM pragma_table_info('articles') WHERE name = 'part_of'"
    ).fetchone()
    whole = "part_of IS NULL" if parted else "1"
    rows = archive.conn.execute(
        f"""SELECT id, (SELECT count(*) FROM articles d WHERE d.duplicate_of = a.id) AS reprints FROM articles a
            WHERE {whole} AND duplicate_of IS NULL
            ORDER BY coalesce(published, first_seen) DESC, id DESC LIMIT ? OFFSET ?""",
        (asked.size + 1, (asked.page - 1) * asked.size),
    )
    hits = [Hit(row["id"], "", None, None, None, "", 0.0, row["reprints"]) for row in rows]
    total = archive.conn.execute(f"SELECT count(*) FROM articles WHERE {whole}").fetchone()
    return Found(hits, total[0], True)


def count(archive: Archive, asked: Asked) -> Facets:
    """Count beside the results, which stand also where there is no time for it."""
    try:
        return archive.facets(
            asked.query or EVERYTHING, dict(asked.filters), limit=VALUES, within_ms=FACETS_MS
        )
    except sqlite3.OperationalError as error:
        if not is_late(error):
            raise
        return UNCOUNTED


def is_late(error: sqlite3.OperationalError) -> bool:
    """Tell whether a query was ended because it took too long."""
    return "interrupted" in str(error)


@contextmanager
def open_archive(path: str) -> Iterator[Archive]:
    """Open an archive for reading; what it is asked after `SECONDS` ends with an OperationalError "interrupted"."""
    end = time.monotonic() + SECONDS
    with Archive(path, readonly=True) as archive:
        if not archive.conn.execute("SELECT 1 FROM sqlite_schema WHERE name = 'attachments'").fetchone():
            # an archive of shape 1 has none; the search looks into them
            archive.conn.execute("CREATE TEMP TABLE attachments (id, article_id, name, text, withdrawn)")
        archive.conn.set_progress_handler(lambda: time.monotonic() > end, LOOKS)
        yield archive


def read_rows(conn: sqlite3.Connection, ids: list[int]) -> list[dict[str, Any]]:
    """Give what is said of some articles, in the order of their ids as given."""
    rows = {row["id"]: dict(row) for row in conn.execute(OF_ARTICLE, (json.dumps(ids),))}
    return [rows[one] for one in ids if one in rows]


def cut(row: Mapping[str, Any], query: str, snippet: str) -> str:
    """Cut the place of the words out of the text; where they stand in an attachment, the snippet has them."""
    found = find_excerpt(row["text"], query, sought=bool(query))
    return snippet if found is None else found


def tell(row: Mapping[str, Any], names: Mapping[tuple[str, str], str], root: str) -> dict[str, Any]:
    """Say of an article what JSON and CSV say; ``root``: address of the archive's articles."""
    page = f"{root}/{row['id']}"
    made = {
        "channel_name": names.get((row["portal"], row["channel"])),
        "versioned": row["seen"],
        "page": page,
        "plain": f"{page}.txt",
    }
    return {name: made[name] if name in made else row[name] for name in COLUMNS}


class Wanted(NamedTuple):
    """What the address of a search says."""

    asked: Asked
    archives: list[Database]
    here: str
    """The address of its page, without arguments."""
    together: bool
    """Whether it looks in all archives that are served."""

    @property
    def last(self) -> int:
        """How far the pages lead: of several archives each has to find all that comes before."""
        return max(1, (LARGEST if self.together else REACH) // self.asked.size)


async def read_request(request: Any, datasette: Any, size: int = SIZE) -> Wanted:
    """Read the address of a search; raises NotFound where there is no such archive."""
    asked = read_asked(request.args, size)
    if "database" in request.url_vars:
        db = await find_archive(request, datasette)
        return Wanted(asked, [db], f"{datasette.urls.database(db.name)}/-/search", False)
    archives = await find_archives(request, datasette)
    wanted = Wanted(asked, archives, datasette.urls.path("/-/search"), True)
    return wanted._replace(asked=asked._replace(page=min(asked.page, wanted.last)))


async def show_results(request: Any, datasette: Any) -> Response:
    """Answer with the page of results."""
    wanted = await read_request(request, datasette)
    asked, archives, here, together = wanted
    found = await search_all(archives, asked)
    names = await name_all(archives)
    feed = f"{here.removesuffix('search')}feed.xml?{asked.arguments(sort=None)}".rstrip("?")
    page = await datasette.render_template(
        "results.html",
        {
            **({} if together else {"database": archives[0].name}),
            "asked": asked,
            "found": found,
            "filters": dict(asked.filters),
            "names": names,
            "namesakes": find_namesakes(found.facets, names),
            "understood": ask(asked.query).words,
            "here": here,
            "together": [db.name for db in archives] if together else [],
            "feed": "" if together else feed,
            "seconds": SECONDS,
            "last": wanted.last,
        },
        request=request,
        view_name="results",
    )
    return Response.html(page, status=503 if found.late else 200)


async def name_all(archives: Sequence[Database]) -> Mapping[tuple[str, str], str]:
    """Give the names of the channels of some archives."""
    names: dict[tuple[str, str], str] = {}
    for db in archives:
        names |= await name_channels(db)
    return names


def find_namesakes(facets: Facets, names: Mapping[tuple[str, str], str]) -> set[tuple[str | None, str]]:
    """Give the listed channels, by portal and code, whose name another listed one has too."""
    listed = [(one.portal, one.value) for one in facets.counts.get("channel", ())]
    called = [names.get((portal or "", code), code) for portal, code in listed]
    return {key for key, name in zip(listed, called, strict=True) if called.count(name) > 1}


async def give_json(request: Any, datasette: Any) -> Response:
    """Answer with the results as JSON."""
    wanted = await read_request(request, datasette)
    asked, archives, here, _ = wanted
    found = await search_all(archives, asked)
    if found.late:
        return Response.json({"ok": False, "error": late(), "status": 503}, status=503)
    address = datasette.absolute_url(request, here)
    after = f"{address}.json?{asked.arguments(page=str(asked.page + 1))}"
    return Response(
        json.dumps(
            {
                "ok": True,
                "query": asked.query,
                "filters": dict(asked.filters),
                "sort": "newest" if asked.newest or not asked.query else "best",
                "page": asked.page,
                "total": found.total,
                "total_is_exact": found.whole,
                "results": await tell_all(request, datasette, archives, found),
                "facets": {
                    name: [{"value": one.value, "articles": one.articles} for one in counts]
                    for name, counts in found.facets.counts.items()
                },
                "facets_are_exact": found.facets.exact and found.facets.whole,
                "html": f"{address}?{asked.arguments(page=str(asked.page))}".rstrip("?"),
                "next": after if found.more and asked.page < wanted.last else None,
            },
            ensure_ascii=False,
        ),
        content_type="application/json; charset=utf-8",
    )


async def give_csv(request: Any, datasette: Any) -> Response:
    """Answer with the results as CSV, `LARGEST` of them where no size is asked for; `safety` defuses the cells."""
    asked, archives, _, _ = await read_request(request, datasette, LARGEST)
    found = await search_all(archives, asked, facets=False)
    if found.late:
        return Response.text(late() + "\n", status=503)
    out = io.StringIO()
    sheet = csv.DictWriter(out, COLUMNS)
    sheet.writeheader()
    sheet.writerows(await tell_all(request, datasette, archives, found))
    return Response(out.getvalue(), content_type="text/csv; charset=utf-8")


def late() -> str:
    """Say that a search took too long."""
    return tr(
        f"这次搜索超过了 {SECONDS:g} 秒，已经停下；请加上网站、栏目或年份，或换更长的词。",
        f"This search took more than {SECONDS:g} seconds and was ended; narrow it to a portal, channel or year, or use longer words.",
    )


async def tell_all(
    request: Any, datasette: Any, archives: Sequence[Database], found: Results
) -> list[dict[str, Any]]:
    """Give what JSON and CSV say of the articles that were found; their pages are absolute addresses."""
    names = await name_all(archives)
    roots = {
        db.name: datasette.absolute_url(request, datasette.urls.table(db.name, "articles")) for db in archives
    }
    return [tell(row, names, roots[row["database"]]) for row in found.rows]
