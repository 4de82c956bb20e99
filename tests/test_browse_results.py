"""What readers find: results, feeds, plain guides for programs, and the stock pages of tables and errors."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from datasette.app import Datasette
from lxml import etree, html

from crawler.archive import Archive
from crawler.browsing import results
from crawler.commands.browse import open_datasette
from tests.home import close

ROOT = Path(__file__).resolve().parent.parent
SHAPES = sorted((ROOT / "tests" / "cases" / "shapes").glob("*.sql"))
ATOM = "{http://www.w3.org/2005/Atom}"
EVIL = '<script>alert(1)</script>"><img src=x onerror=alert(2)>&amp;]]>'
UNSEEN = "\x00\x0b\x1b[31m\u202egnp.exe\u200b"
OWN = "http://www.lyg.gov.cn/gcyw/1.html"

ARTICLES: list[dict[str, Any]] = [
    {
        "id": 1,
        "url": OWN,
        "portal": "www.lyg.gov.cn",
        "channel": "gcyw",
        "title": "养老服务站开门",
        "text": "昨天下了一场雨。\n市民政局说，新站有养老床位二十张。老人走两步就能吃上热饭。",
        "published": "2024-01-18T09:54:49+08:00",
        "source": "连云港日报",
        "author": "王小明",
        "tampered": 1,
        "version": 2,
        "first_seen": "2024-01-20T02:00:00+08:00",
    },
    {
        "id": 2,
        "url": "http://lyg01.net/news/2.shtml",
        "portal": "lyg01.net",
        "channel": "news",
        "title": "养老服务站开门了",
        "text": "市民政局说，新站有养老床位二十张。",
        "published": "2024-01-19",
        "source": "连云港日报",
        "duplicate_of": 1,
        "first_seen": "2024-01-20T02:00:00+08:00",
    },
    {
        "id": 3,
        "url": "http://www.lyg.gov.cn/bmdt/3.html",
        "portal": "www.lyg.gov.cn",
        "channel": "bmdt",
        "title": "港口集装箱吞吐量增长",
        "text": "码头上的吊机没有停过。老人也来看。",
        "published": "2023-06-01T08:00:00+08:00",
        "source": "市港口局",
        "gone": "2024-02-01T02:00:00+08:00",
        "first_seen": "2024-01-21T02:00:00+08:00",
    },
    {
        "id": 4,
        "url": "javascript:alert(3)",
        "portal": "www.lyg.gov.cn",
        "channel": "gcyw",
        "title": EVIL + UNSEEN,
        "text": f"{EVIL}\n=HYPERLINK(1){UNSEEN}",
        "published": EVIL,
        "source": "=1+1",
        "author": EVIL,
        "tampered": 1,
        "first_seen": "2024-01-22T02:00:00+08:00",
    },
    {
        "id": 5,
        "url": "http://mzj.lyg.gov.cn/gzdt/5.html",
        "portal": "mzj.lyg.gov.cn",
        "channel": "gzdt",
        "title": None,
        "text": None,
        "published": None,
        "source": None,
        "first_seen": "2024-01-22T02:00:00+08:00",
    },
]
"""Two that say the same, one that is gone, one that somebody filled with traps, one of which nothing is known."""


def fill(path: Path, articles: list[dict[str, Any]]) -> Path:
    """Make an archive of these articles."""
    Archive(path).close()
    with closing(sqlite3.connect(path)) as db, db:
        for article in articles:
            row = {"version": 1, "tampered": 0, "key": article["url"].partition("//")[2] or article["url"]}
            row |= {"last_seen": article["first_seen"], **article}
            insert(db, "articles", row)
            for version in range(1, row["version"] + 1):
                same = {name: row[name] for name in ("title", "text", "source", "published", "tampered")}
                seen = row["first_seen"] if version == 1 else "2024-01-25T02:00:00+08:00"
                change = "first" if version == 1 else "edited"
                insert(
                    db,
                    "versions",
                    {"article_id": row["id"], "version": version, "seen": seen, "change": change, **same},
                )
        insert(db, "channels", {"portal": "www.lyg.gov.cn", "code": "gcyw", "name": "港城要闻"})
    with Archive(path) as archive:
        archive.rebuild_index()
    return path


def insert(db: sqlite3.Connection, table: str, row: dict[str, Any]) -> None:
    places = ", ".join("?" * len(row))
    db.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({places})", [*row.values()])


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fill(tmp_path_factory.mktemp("results") / "archive.db", ARTICLES)


@pytest.fixture(scope="module")
def datasette(archive: Path) -> Iterator[Datasette]:
    opened = open_datasette([archive])
    yield opened
    close(opened)


@pytest.fixture
def get(datasette: Datasette) -> Callable[..., httpx.Response]:
    return lambda path, **more: ask(datasette, path, **more)


def ask(datasette: Datasette, path: str, **more: Any) -> httpx.Response:
    return asyncio.run(datasette.client.get(path, **more))


def words(element: Any) -> str:
    """Give the text of an element with single blanks."""
    return " ".join(element.text_content().split())


def ids(answer: httpx.Response) -> list[int]:
    return [row["id"] for row in answer.json()["results"]]


# results


def test_a_result_tells_what_an_article_is_and_marks_what_was_sought(
    get: Callable[..., httpx.Response],
) -> None:
    page = html.fromstring(get("/archive/-/search?q=养老").text)
    (line,) = page.cssselect(".articles li")
    assert [
        (each.tag, words(each))
        for each in line.cssselect("h3, .excerpt, .byline > *, h3 mark, .excerpt mark")
    ] == [
        ("h3", "养老服务站开门"),
        ("mark", "养老"),
        ("p", "昨天下了一场雨。 市民政局说，新站有养老床位二十张。老人走两步就能吃上热饭。"),
        ("mark", "养老"),
        ("span", "连云港日报"),
        ("time", "2024年1月18日 09:54"),
        ("span", "www.lyg.gov.cn · 港城要闻"),
        ("span", "被篡改，已修复"),
        ("span", "2 个版本"),
        ("a", "另有 1 处转载"),
    ]
    assert [a.get("href") for a in line.cssselect("a")] == [
        "/archive/articles/1",
        "/archive/articles/1#reprints",
    ]
    assert words(page.cssselect("[role=status]")[0]) == "2 篇"


def test_an_article_without_title_date_and_source_is_listed_too(get: Callable[..., httpx.Response]) -> None:
    page = html.fromstring(get("/archive/-/search?portal=mzj.lyg.gov.cn").text)
    (line,) = page.cssselect(".articles li")
    assert words(line) == "（无标题） 日期不详 mzj.lyg.gov.cn · gzdt"


def test_without_words_the_newest_articles_come_with_the_same_facets(
    get: Callable[..., httpx.Response],
) -> None:
    answer = get("/archive/-/search.json").json()
    assert ([row["id"] for row in answer["results"]], answer["total"], answer["sort"]) == (
        [4, 5, 1, 3],
        5,
        "newest",
    )
    assert answer["facets"]["portal"] == [
        {"value": "www.lyg.gov.cn", "articles": 3},
        {"value": "lyg01.net", "articles": 1},
        {"value": "mzj.lyg.gov.cn", "articles": 1},
    ]


def test_each_facet_narrows_down_and_is_taken_back(get: Callable[..., httpx.Response]) -> None:
    page = html.fromstring(get("/archive/-/search?q=老人&sort=newest").text)
    facets = {
        words(section.cssselect("h2")[0]): [
            (
                words(item.cssselect("a")[0]),
                words(item.cssselect(".n")[0]),
                item.cssselect("a")[0].get("href"),
            )
            for item in section.cssselect("li")
        ]
        for section in page.cssselect("aside section")
    }
    here = "/archive/-/search?q=%E8%80%81%E4%BA%BA"
    assert facets == {
        "网站": [("www.lyg.gov.cn", "2", f"{here}&portal=www.lyg.gov.cn&sort=newest")],
        "栏目": [
            ("bmdt", "1", f"{here}&portal=www.lyg.gov.cn&channel=bmdt&sort=newest"),
            ("港城要闻", "1", f"{here}&portal=www.lyg.gov.cn&channel=gcyw&sort=newest"),
        ],
        "年份": [
            ("2024", "1", f"{here}&year=2024&sort=newest"),
            ("2023", "1", f"{here}&year=2023&sort=newest"),
        ],
        "来源": [
            ("市港口局", "1", f"{here}&source=%E5%B8%82%E6%B8%AF%E5%8F%A3%E5%B1%80&sort=newest"),
            ("连云港日报", "1", f"{here}&source=%E8%BF%9E%E4%BA%91%E6%B8%AF%E6%97%A5%E6%8A%A5&sort=newest"),
        ],
        "篡改": [
            ("未见篡改", "1", f"{here}&tampered=0&sort=newest"),
            ("被篡改", "1", f"{here}&tampered=1&sort=newest"),
        ],
    }
    chosen = html.fromstring(get(f"{here}&year=2023&source=市港口局&sort=newest").text)
    assert [words(a) for a in chosen.cssselect(".articles h3 a")] == ["港口集装箱吞吐量增长"]
    assert [a.get("href") for a in chosen.cssselect(".chosen a")] == [
        f"{here}&source=%E5%B8%82%E6%B8%AF%E5%8F%A3%E5%B1%80&sort=newest",
        f"{here}&year=2023&sort=newest",
        f"{here}&sort=newest",
    ]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("q=养老", [1]),
        ("q=养老&portal=lyg01.net", [2]),
        ("q=老人&sort=newest", [1, 3]),
        ("q=老人&year=2023", [3]),
        ("q=老人 -码头", [1]),
        ("q=source:市港口局", [3]),
        ("q=养老&since=2020", [1]),
        ("tampered=1", [4, 1]),
        ("channel=gcyw&year=2024", [1]),
        ("size=1&page=2", [5]),
        ("size=2&page=2", [1, 3]),
        ("page=3", []),
        ("portal=nowhere.example", []),
        ("year=x&tampered=yes&page=-1&size=0", [4]),
        ("q=，。", []),
    ],
)
def test_every_state_of_the_results_is_an_address(
    get: Callable[..., httpx.Response], asked: str, found: list[int]
) -> None:
    answer = get(f"/archive/-/search.json?{asked}")
    assert (answer.status_code, ids(answer)) == (200, found)
    page = html.fromstring(get(f"/archive/-/search?{asked}").text)
    listed = [a.get("href") for a in page.cssselect(".articles h3 a")]
    assert listed == [f"/archive/articles/{number}" for number in found]


def test_pages_lead_on_and_back(get: Callable[..., httpx.Response]) -> None:
    page = html.fromstring(get("/archive/-/search?size=2&page=2").text)
    assert [(a.get("rel"), a.get("href")) for a in page.cssselect("nav.pages a")] == [
        ("prev", "/archive/-/search?size=2")
    ]
    first = get("/archive/-/search.json?size=2").json()
    assert urlsplit(first["next"])[2:4] == ("/archive/-/search.json", "size=2&page=2")
    assert get("/archive/-/search.json?size=2&page=2").json()["next"] is None


def test_where_nothing_is_found_it_says_what_was_sought_and_what_can_be_loosened(
    get: Callable[..., httpx.Response],
) -> None:
    page = html.fromstring(get("/archive/-/search?q=养老 冰山&year=2023").text)
    assert words(page.cssselect(".nothing p")[0]) == "没有一篇文章有：养老、冰山，在所选的范围里。"
    assert [(words(a), a.get("href")) for a in page.cssselect(".nothing a")] == [
        ("不限年份", "/archive/-/search?q=%E5%85%BB%E8%80%81+%E5%86%B0%E5%B1%B1"),
        ("只找养老", "/archive/-/search?q=%E5%85%BB%E8%80%81&year=2023"),
        ("只找冰山", "/archive/-/search?q=%E5%86%B0%E5%B1%B1&year=2023"),
        ("不要词，看最新的", "/archive/-/search?year=2023"),
    ]


HOSTILE = [
    EVIL,
    UNSEEN,
    '"',
    "AND (",
    "NEAR/",
    "*",
    "-",
    "title:",
    "'; DROP TABLE articles; --",
    "(" * 10_000,
    "养老 OR " * 2000,
    '"' * 999,
    "老" * 5_000,
    "a" * 10_000,
    "\ud800".encode("utf-8", "surrogatepass").decode("latin-1"),
]


@pytest.mark.parametrize("typed", HOSTILE, ids=range(len(HOSTILE)))
def test_no_query_is_an_error_or_becomes_markup(get: Callable[..., httpx.Response], typed: str) -> None:
    for path in ("/archive/-/search", "/archive/-/search.json", "/archive/-/feed.xml", "/archive/articles"):
        given = {"_search" if path == "/archive/articles" else "q": typed}
        answer = get(path, params=given)
        # the stock table repeats its address in every link, and so takes none that is very long
        assert answer.status_code == (400 if "_search" in given and len(answer.url.query) > 4000 else 200)
        if "html" in answer.headers["content-type"]:
            page = html.fromstring(answer.text)
            assert [each.tag for each in page.iter("img", "style")] == []
            assert {each.get("src") for each in page.iter("script")} <= {
                "/static/archive.js",
                "/-/static/table.js",
                *(each.get("src") for each in page.iter("script") if "table.js" in (each.get("src") or "")),
            }
            assert len(answer.text) < 200_000


def test_a_query_that_is_too_long_is_cut_and_says_so(get: Callable[..., httpx.Response]) -> None:
    page = html.fromstring(get("/archive/-/search", params={"q": "老" * 400}).text)
    assert words(page.cssselect(".notice")[0]) == "只读了前 300 个字，后面的没有搜索。"
    assert page.cssselect("#q")[0].get("value") == "老" * 300


def test_a_search_that_takes_too_long_is_ended_and_says_so(
    get: Callable[..., httpx.Response], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results, "SECONDS", -1.0)
    monkeypatch.setattr(results, "LOOKS", 1)
    answers = [
        get(path)
        for path in (
            "/archive/-/search?q=养老",
            "/archive/-/search.json?q=养老",
            "/archive/-/search.csv?q=养老",
            "/archive/-/feed.xml?q=养老",
            "/archive/-/feed.xml?q=",
        )
    ]
    assert [answer.status_code for answer in answers] == [503] * 5
    assert "已经停下" in words(html.fromstring(answers[0].text).cssselect(".notice")[0])
    assert (answers[1].json()["ok"], answers[1].json()["status"]) == (False, 503)


def test_json_says_of_an_article_what_the_page_says(get: Callable[..., httpx.Response]) -> None:
    answer = get("/archive/-/search.json?q=养老").json()
    assert answer["results"] == [
        {
            "id": 1,
            "title": "养老服务站开门",
            "snippet": "昨天下了一场雨。\u3000市民政局说，新站有养老床位二十张。老人走两步就能吃上热饭。",
            "source": "连云港日报",
            "author": "王小明",
            "published": "2024-01-18T09:54:49+08:00",
            "portal": "www.lyg.gov.cn",
            "channel": "gcyw",
            "channel_name": "港城要闻",
            "tampered": 1,
            "gone": None,
            "version": 2,
            "versioned": "2024-01-25T02:00:00+08:00",
            "reprints": 1,
            "first_seen": "2024-01-20T02:00:00+08:00",
            "url": OWN,
            "page": "http://localhost/archive/articles/1",
            "plain": "http://localhost/archive/articles/1.txt",
        }
    ]
    assert {name: answer[name] for name in ("query", "filters", "total", "total_is_exact", "next")} == {
        "query": "养老",
        "filters": {},
        "total": 2,
        "total_is_exact": True,
        "next": None,
    }


def test_csv_has_the_same_rows_and_calculates_nothing(get: Callable[..., httpx.Response]) -> None:
    answer = get("/archive/-/search.csv?tampered=1")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [(row["id"], row["source"]) for row in rows] == [("4", "'=1+1"), ("1", "连云港日报")]


def test_one_search_looks_in_all_archives_that_are_served(
    get: Callable[..., httpx.Response], tmp_path: Path
) -> None:
    parts = [
        fill(tmp_path / f"{name}.db", [one for one in ARTICLES if one["id"] % 2 == odd])
        for name, odd in (("2023", 1), ("2024", 0))
    ]
    datasette = open_datasette(parts)
    try:
        for asked in ("", "q=老人&sort=newest", "q=养老&tampered=0", "q=养老&size=2&page=2&sort=newest"):
            whole, both = (
                get(f"/archive/-/search.json?{asked}").json(),
                ask(datasette, f"/-/search.json?{asked}").json(),
            )
            portals = [sorted(map(str, each["facets"]["portal"])) for each in (whole, both)]
            assert (both["total"], portals[1]) == (whole["total"], portals[0])
            assert sorted(row["url"] for row in both["results"]) == sorted(
                row["url"] for row in whole["results"]
            )
            if "q=养老&tampered" not in asked:  # a word weighs in its own archive
                assert [row["url"] for row in both["results"]] == [row["url"] for row in whole["results"]]
        assert {row["page"].split("/")[3] for row in both["results"]} <= {"2023", "2024"}
        page = html.fromstring(ask(datasette, "/-/search?year=2024").text)
        shown = [link.get("href").split("/")[1] for link in page.cssselect("ol.articles h3 a")]
        assert set(shown) == {"2023", "2024"}
        narrowed = [link.get("href") for link in page.cssselect("#narrow section:first-child a")]
        assert narrowed == [f"/{name}/-/search?year=2024" for name in ("2023", "2024")]
        alone = html.fromstring(ask(datasette, "/2024/-/search?q=老人").text)
        assert "/-/search?q=%E8%80%81%E4%BA%BA" in [link.get("href") for link in alone.cssselect("#narrow a")]
        tables = [
            list(csv.DictReader(io.StringIO(answer.text.lstrip("\ufeff"))))
            for answer in (get("/archive/-/search.csv"), ask(datasette, "/-/search.csv"))
        ]
        assert [row["url"] for row in tables[1]] == [row["url"] for row in tables[0]]
    finally:
        close(datasette)


def test_the_head_names_the_feed_of_this_very_search(get: Callable[..., httpx.Response]) -> None:
    page = html.fromstring(get("/archive/-/search?q=港口&portal=www.lyg.gov.cn&sort=newest").text)
    feeds = [link.get("href") for link in page.cssselect("link[type='application/atom+xml']")]
    asked = "?q=%E6%B8%AF%E5%8F%A3&portal=www.lyg.gov.cn"
    assert feeds == ["/archive/-/feed.xml", f"/archive/-/feed.xml{asked}"]
    assert [each.text for each in read_feed(get(feeds[1]))[1:2]] == ["“港口” · www.lyg.gov.cn — 档案"]


# feeds

MOMENT_RE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)")


def read_feed(answer: httpx.Response) -> Any:
    """Read a feed strictly: what RFC 4287 wants must be there once, and nothing that it does not name."""
    assert (answer.status_code, answer.headers["content-type"]) == (
        200,
        "application/atom+xml; charset=utf-8",
    )
    feed = etree.fromstring(answer.content, etree.XMLParser(resolve_entities=False, no_network=True))
    assert feed.tag == f"{ATOM}feed"
    assert len(feed.findall(f"{ATOM}link[@rel='self']")) == 1
    once = ("id", "title", "updated")
    for each in [feed, *feed.findall(f"{ATOM}entry")]:
        assert [len(each.findall(ATOM + name)) for name in once] == [1, 1, 1]
        assert re.fullmatch(r"urn:uuid:[0-9a-f-]{36}", each.findtext(f"{ATOM}id"))
        for moment in (*each.findall(f"{ATOM}updated"), *each.findall(f"{ATOM}published")):
            assert MOMENT_RE.fullmatch(moment.text)
            assert datetime.fromisoformat(moment.text).tzinfo is not None
        assert all(author.findtext(f"{ATOM}name") for author in each.findall(f"{ATOM}author"))
        assert each.findall(f"{ATOM}author")
        assert all(link.get("href").startswith("http://") for link in each.findall(f"{ATOM}link"))
    for entry in feed.findall(f"{ATOM}entry"):
        assert len(entry.findall(f"{ATOM}link[@rel='alternate'][@type='text/html']")) == 1
        assert {text.get("type") for text in entry.findall(f"{ATOM}content")} == {"text"}
        assert {text.get("type") for text in entry.findall(f"{ATOM}summary")} <= {"text"}
        assert [*entry.iter("{*}script")] == []
    named = [entry.findtext(f"{ATOM}id") for entry in feed.findall(f"{ATOM}entry")]
    assert len({*named}) == len(named)
    known = "feed entry id title updated published author name link category summary content generator rights"
    assert {each.tag for each in feed.iter()} <= {ATOM + name for name in known.split()}
    return feed


def pages_of(feed: Any) -> list[str]:
    """Name the articles that a feed leads to."""
    found = feed.findall(f"{ATOM}entry/{ATOM}link[@type='text/html']")
    return [urlsplit(link.get("href")).path for link in found]


def test_an_entry_says_where_it_is_from_and_when_this_text_was_seen(
    get: Callable[..., httpx.Response],
) -> None:
    (entry,) = read_feed(get("/archive/-/feed.xml?q=养老")).findall(f"{ATOM}entry")
    told = [
        (each.tag.removeprefix(ATOM), (each.text or "").strip() or dict(each.attrib) or each[0].text)
        for each in entry
        if each.tag != f"{ATOM}id"
    ]
    page = "http://localhost/archive/articles/1"
    assert told == [
        ("title", "养老服务站开门"),
        ("updated", "2024-01-25T02:00:00+08:00"),
        ("link", {"rel": "alternate", "type": "text/html", "href": page}),
        ("link", {"rel": "alternate", "type": "text/plain", "href": f"{page}.txt"}),
        ("published", "2024-01-18T09:54:49+08:00"),
        ("link", {"rel": "via", "href": OWN}),
        ("author", "连云港日报"),
        ("author", "王小明"),
        (
            "category",
            {"term": "www.lyg.gov.cn", "label": "www.lyg.gov.cn", "scheme": "urn:x-govnews:portal"},
        ),
        ("category", {"term": "gcyw", "label": "港城要闻", "scheme": "urn:x-govnews:channel"}),
        ("category", {"term": "tampered", "label": "被篡改，已修复", "scheme": "urn:x-govnews:mark"}),
        ("summary", "昨天下了一场雨。\u3000市民政局说，新站有养老床位二十张。老人走两步就能吃上热饭。"),
        ("content", ARTICLES[0]["text"]),
    ]


def test_a_feed_of_hostile_text_is_valid_and_inert(get: Callable[..., httpx.Response]) -> None:
    feed = read_feed(get("/archive/-/feed.xml", params={"channel": "gcyw", "q": "alert"}))
    (entry,) = feed.findall(f"{ATOM}entry")
    assert entry.findtext(f"{ATOM}title") == f"{EVIL}[U+0000][U+000B][U+001B][31m[U+202E]gnp.exe[U+200B]"
    assert entry.findall(f"{ATOM}published") == []
    assert [link.get("href") for link in entry.findall(f"{ATOM}link[@rel='via']")] == []
    read_feed(get("/archive/-/feed.xml", params={"q": EVIL + UNSEEN, "source": EVIL + UNSEEN}))


def test_a_feed_of_nothing_is_a_feed(get: Callable[..., httpx.Response], tmp_path: Path) -> None:
    assert pages_of(read_feed(get("/archive/-/feed.xml?q=冰山"))) == []
    empty = open_datasette([fill(tmp_path / "archive.db", [])])
    try:
        assert pages_of(read_feed(ask(empty, "/archive/-/feed.xml"))) == []
        assert "make crawl" in ask(empty, "/archive/-/search").text
    finally:
        close(empty)


def test_an_article_keeps_its_name_when_the_archive_is_made_anew(
    get: Callable[..., httpx.Response], tmp_path: Path
) -> None:
    turned = [{**article, "id": 60 - article["id"], "duplicate_of": None} for article in ARTICLES]
    again = open_datasette([fill(tmp_path / "archive.db", turned)])
    try:
        feeds = [
            read_feed(answer) for answer in (get("/archive/-/feed.xml"), ask(again, "/archive/-/feed.xml"))
        ]
        before, after = (
            {e.findtext(f"{ATOM}title"): e.findtext(f"{ATOM}id") for e in feed.findall(f"{ATOM}entry")}
            for feed in feeds
        )
    finally:
        close(again)
    assert before == {title: name for title, name in after.items() if title in before}
    assert feeds[0].findtext(f"{ATOM}id") == feeds[1].findtext(f"{ATOM}id")


def test_a_feed_has_pages(get: Callable[..., httpx.Response]) -> None:
    feed = read_feed(get("/archive/-/feed.xml?size=2&page=2"))
    leads = {link.get("rel"): link.get("href") for link in feed.findall(f"{ATOM}link")}
    here = "http://localhost/archive/-/feed.xml?size=2"
    assert leads == {
        "alternate": "http://localhost/archive/-/search",
        "self": f"{here}&page=2",
        "first": here,
        "previous": here,
    }
    first = read_feed(get("/archive/-/feed.xml?size=2"))
    assert [link.get("href") for link in first.findall(f"{ATOM}link[@rel='next']")] == [f"{here}&page=2"]
    assert pages_of(first) + pages_of(feed) == [f"/archive/articles/{number}" for number in (4, 5, 1, 3)]


def test_tampered_pages_come_by_when_the_tampering_was_seen(get: Callable[..., httpx.Response]) -> None:
    feed = read_feed(get("/archive/-/feed.xml?tampered=1"))
    assert pages_of(feed) == ["/archive/articles/4", "/archive/articles/1"]
    narrowed = read_feed(
        get("/archive/-/feed.xml?tampered=1&portal=www.lyg.gov.cn&year=2024&source=连云港日报")
    )
    assert pages_of(narrowed) == ["/archive/articles/1"]
    assert narrowed.findtext(f"{ATOM}title") == "被篡改的页面 · www.lyg.gov.cn · 2024 · 连云港日报 — 档案"


def test_a_reader_that_has_a_feed_is_told_so(get: Callable[..., httpx.Response]) -> None:
    given = get("/archive/-/feed.xml")
    assert given.headers["last-modified"] == "Wed, 24 Jan 2024 18:00:00 GMT"
    again = get("/archive/-/feed.xml", headers={"if-none-match": given.headers["etag"]})
    other = get("/archive/-/feed.xml?q=养老", headers={"if-none-match": given.headers["etag"]})
    assert [(answer.status_code, len(answer.content) > 0) for answer in (again, other)] == [
        (304, False),
        (200, True),
    ]


# guides for programs


def test_every_address_of_the_guide_for_programs_answers(get: Callable[..., httpx.Response]) -> None:
    guide = get("/llms.txt")
    assert guide.headers["content-type"].startswith("text/plain")
    assert guide.text.startswith("# 政务新闻档案 · Government news archive\n\n> ")
    found = re.findall(r"http://localhost(/[^\s)]*)", guide.text)
    assert [get(path).status_code for path in found] == [200] * len(found)
    assert {urlsplit(path).path for path in found} >= {
        "/archive/-/search.json",
        "/archive/-/feed.xml",
        "/archive/articles.json",
        "/archive.json",
        "/-/metadata.json",
    }
    assert "5 articles, archived from 2024-01-20 to 2024-01-22" in guide.text


def test_robots_are_asked_to_leave_only_the_costly_pages(get: Callable[..., httpx.Response]) -> None:
    rules = [line for line in get("/robots.txt").text.splitlines() if line.startswith("Disallow")]
    assert rules == [
        "Disallow: /*/-/search",
        "Disallow: /*/-/diff",
        "Disallow: /*?*_facet",
        "Disallow: /*?*_sort",
    ]


# stock pages


@pytest.mark.parametrize(
    "path",
    [
        "/archive",
        "/archive/-/search",
        "/archive/-/search?q=养老&year=2024",
        "/archive/-/search?q=冰山&tampered=1",
        "/archive/articles",
        "/archive/articles?_col=id&published__startswith=2024",
        "/archive/edits",
        "/archive/channels?_facet=portal",
        "/archive/nothing",
        "/archive?sql=select+1",
        "/archive/articles?_sort=nothing",
    ],
)
def test_a_page_is_in_one_language(get: Callable[..., httpx.Response], path: str) -> None:
    english = html.fromstring(get(path, headers={"accept-language": "en"}).text)
    for stored in english.cssselect("[lang^=zh], td, .chosen, input, aside li"):
        stored.drop_tree()
    assert re.findall("[\u4e00-\u9fff]+", words(english.find("body"))) == []
    chinese = html.fromstring(get(path, headers={"accept-language": "zh"}).text)
    for other in chinese.cssselect(
        "[lang=en], code, pre, td, th, .articles, select, aside li, input, .chosen, dd"
    ):
        other.drop_tree()
    found = re.findall("[A-Za-z]+", words(chinese.find("body")))
    assert {*found} <= {
        "JSON",
        "CSV",
        "Atom",
        "Datasette",
        "HTTP",
        "SQL",
        "ms",
        "archive",
        "csv",
        "json",
        "next",
    } | {*("url", "lines", "SQLite", "scrapy", "browse", "open", "sql", "size")}


def test_the_catalogue_groups_the_tables_and_leads_to_their_data(get: Callable[..., httpx.Response]) -> None:
    page = html.fromstring(get("/archive").text)
    assert [words(h2) for h2 in page.cssselect("h2")] == [
        "文章",
        "证据与改动",
        "夜间运行",
        "现成的视图",
        "全部取走",
    ]
    first, leads = page.cssselect(".tables dt")[0], page.cssselect(".tables dd")[0].cssselect("a")
    assert (words(first), [a.get("href") for a in leads]) == (
        "文章 articles",
        ["/archive/articles.json?_shape=objects&_nofacet=1", "/archive/articles.csv"],
    )
    assert [get(a.get("href")).status_code for a in page.cssselect(".tables dd a")] == [200] * len(
        page.cssselect(".tables dd a")
    )


def test_a_filter_is_told_in_words_and_can_be_changed(get: Callable[..., httpx.Response]) -> None:
    page = html.fromstring(get("/archive/articles?portal=lyg01.net&published__gte=2024").text)
    told = words(page.cssselect("[role=status]")[0])
    assert told == "1 篇 · portal 等于 lyg01.net，published 不小于 2024"
    rows = page.cssselect(".filter-row")
    assert len(rows) == 3
    labels = {select.get("aria-label") for select in page.cssselect(".filter-row select, .filter-row input")}
    assert labels == {"列", "比较", "值"}


@pytest.mark.parametrize(
    ("path", "status", "title"),
    [
        ("/archive/articles/999", 404, "没有这一页"),
        ("/archive/nothing", 404, "没有这一页"),
        ("/nothing", 404, "没有这一页"),
        ("/nothing/-/search", 404, "没有这一页"),
        ("/archive/articles?_sort=nothing", 400, "这个地址读不懂"),
        ("/archive/articles?_size=9999", 400, "这个地址读不懂"),
        ("/archive/articles?_through=x", 400, "这个地址读不懂"),
        ("/archive/articles?_timelimit=x", 400, "这个地址读不懂"),
        ("/archive/articles?_facet_year=" + "{}", 400, "这个地址读不懂"),
        ("/archive/articles?published__gte=" + "2" * 4000, 400, "这个地址读不懂"),
        ("/archive/articles?" + "&".join(["_facet=portal"] * 5), 400, "这个地址读不懂"),
        ("/archive/articles?_where=1", 403, "这里不对读者开放"),
        ("/archive?sql=select+1", 403, "这里不对读者开放"),
        ("/archive.db", 403, "这里不对读者开放"),
    ],
)
def test_an_error_says_in_the_readers_language_what_to_do(
    get: Callable[..., httpx.Response], path: str, status: int, title: str
) -> None:
    answer = get(path)
    page = html.fromstring(answer.text)
    assert (answer.status_code, words(page.cssselect("h1")[0])) == (status, title)
    assert page.cssselect(".about")
    assert page.cssselect("form.search")
    assert page.cssselect(".ways a")


def test_what_was_sought_in_a_table_that_failed_can_be_sought_by_the_ranked_search(
    get: Callable[..., httpx.Response],
) -> None:
    page = html.fromstring(get("/archive/articles?_sort=nothing&_search=养老").text)
    (form,) = page.cssselect("form.search")
    assert (form.get("action"), form.cssselect("input")[0].get("value")) == ("/archive/-/search", "养老")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize(
    "path", ["/", "/archive/articles", "/archive/articles/1", "/archive/-/search", "/nothing"]
)
def test_what_does_not_read_is_refused(datasette: Datasette, method: str, path: str) -> None:
    answer = asyncio.run(datasette.client.request(method, path))
    told = {name: answer.headers.get(name, "")[:20] for name in ("allow", "content-security-policy")}
    assert (answer.status_code, answer.text, told) == (
        405,
        "档案只供阅读 this archive is only read\n",
        {"allow": "GET, HEAD, OPTIONS", "content-security-policy": "default-src 'none'; "},
    )


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/archive/articles?_where=1=1", 403),
        ("/archive/articles?_sort_desc=nope", 400),
        ("/archive/articles?" + "a" * 9000, 400),
        ("/" + "a" * 9000, 404),
        ("/archive/articles/abc", 404),
        ("/archive/articles/" + "9" * 40, 404),
        ("/archive/articles?_next=,,", 400),
        ("/archive/articles?_col=nope", 400),
        ("/archive/articles?%", 400),
        ("/archive/-/search?q=%ff&page=x", 200),
    ],
)
def test_an_address_that_is_wrong_in_any_way_is_answered_in_our_own_look(
    get: Callable[..., httpx.Response], path: str, status: int
) -> None:
    answer = get(path)
    safe = "content-security-policy" in answer.headers and "Traceback" not in answer.text
    page = html.fromstring(answer.text)
    assert (answer.status_code, safe, bool(page.cssselect("form.search"))) == (status, True, True)


def test_an_error_of_data_is_data(get: Callable[..., httpx.Response]) -> None:
    assert get("/archive/nothing.json").json() == {
        "ok": False,
        "error": "Table not found",
        "status": 404,
        "title": "没有这一页",
    }
    told = get("/nothing/-/feed.xml", headers={"accept-language": "en"})
    assert (told.status_code, told.text) == (404, "There is no such page\nNo such archive: nothing\n")


def test_what_nobody_foresaw_stays_inside(
    get: Callable[..., httpx.Response], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("secret of /some/path")

    monkeypatch.setattr(results, "look", fail)
    answer = get("/archive/-/search")
    assert (answer.status_code, "secret" in answer.text) == (500, False)
    assert words(html.fromstring(answer.text).cssselect("h1")[0]) == "本站出错了"
    assert "RuntimeError: secret of /some/path" in capsys.readouterr().err


def test_a_query_that_takes_too_long_is_told_without_its_sql(archive: Path, tmp_path: Path) -> None:
    opened = open_datasette([archive], open_sql=True)
    slow = "with recursive n(i) as (select 1 union all select i + 1 from n) select max(i) from n"
    try:
        answer = ask(opened, "/archive", params={"sql": slow})
    finally:
        close(opened)
    page = html.fromstring(answer.text)
    assert (answer.status_code, words(page.cssselect("h1")[0])) == (503, "这次查询太慢，已经停下")
    assert ([*page.iter("script")], "recursive" in words(page.cssselect("main")[0])) == ([], False)


# safety


@pytest.mark.parametrize(
    "name",
    [
        "databases",
        "threads",
        "plugins",
        "versions",
        "actor",
        "permissions",
        "patterns",
        "messages",
        "allow-debug",
        "auth-token",
        "logout",
        "config",
    ],
)
def test_pages_about_the_server_itself_are_not_there(get: Callable[..., httpx.Response], name: str) -> None:
    assert [get(f"/-/{name}{ending}").status_code for ending in ("", ".json")] == [404, 404]


def test_nothing_that_is_served_names_a_place_on_this_machine(
    get: Callable[..., httpx.Response], archive: Path
) -> None:
    for path in (
        "/",
        "/archive",
        "/archive.json",
        "/-/settings.json",
        "/-/metadata.json",
        "/llms.txt",
        "/.json",
    ):
        assert str(archive.parent) not in get(path).text
    assert get("/-/settings.json").json()["max_returned_rows"] == 200


def test_the_policy_names_each_source_and_allows_nothing_inline(get: Callable[..., httpx.Response]) -> None:
    headers = get("/archive/-/search").headers
    policy = dict(part.strip().partition(" ")[::2] for part in headers["content-security-policy"].split(";"))
    assert policy == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self'",
        "connect-src": "'self'",
        "form-action": "'self'",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "default",
    }
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert "camera=()" in headers["permissions-policy"]


@pytest.mark.parametrize("shape", SHAPES, ids=lambda path: path.stem)
def test_archives_of_elder_shapes_are_searched_and_fed_too(shape: Path, tmp_path: Path) -> None:
    path = tmp_path / "archive.db"
    with closing(sqlite3.connect(path)) as db:
        db.executescript(shape.read_text(encoding="utf-8"))
        (title,) = db.execute("SELECT title FROM articles").fetchone()
    opened = open_datasette([path])
    try:
        found = ask(opened, "/archive/-/search.json").json()["results"]
        assert [row["title"] for row in found] == [title]
        assert ids(ask(opened, "/archive/-/search.json", params={"q": title[:2]})) == [found[0]["id"]]
        assert pages_of(read_feed(ask(opened, "/archive/-/feed.xml"))) == [
            f"/archive/articles/{found[0]['id']}"
        ]
        assert ask(opened, "/archive/-/search").status_code == 200
    finally:
        close(opened)


def test_a_strange_host_leads_nowhere_else(get: Callable[..., httpx.Response]) -> None:
    answer = get("/archive/-/search.json?q=养老", headers={"host": '"><script>'})
    assert answer.status_code in (200, 400)
    assert json.loads(answer.text)["ok"] in (True, False)
