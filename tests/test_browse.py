"""Reading the archive through Datasette: search, pages, safety."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import io
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from datasette.app import Datasette
from lxml import html

from crawler.archive import Archive
from crawler.archive import words as spell
from crawler.commands.browse import CONFIGURATION, list_archives, open_datasette
from tests.home import close, insert

ROOT = Path(__file__).resolve().parent.parent
OWN = "http://www.lyg.gov.cn/zglygzfmhwz/gcyw/content/aa.html"
EVIL = '<script>alert(1)</script>"><img src=x onerror=alert(2)>'
DIGEST = "sha256:" + "ab" * 32

ARTICLES: list[dict[str, Any]] = [
    {
        "id": 1,
        "url": OWN,
        "portal": "lyg.gov.cn",
        "channel": "gcyw",
        "title": "养老服务站在社区开门",
        "text": "市民政局昨日说,新站有床位二十张。\n老人走两步就能吃上热饭。",
        "published": "2024-01-18T09:54:49+08:00",
        "source": "连云港日报",
        "author": "王小明",
        "tampered": 1,
        "version": 2,
        "capture_id": 2,
        "fields": {
            "editor": "李编辑",
            "document_number": "连政办发〔2023〕5号",
            "attachments": [
                ["http://www.lyg.gov.cn/upload/a.pdf", "名单"],
                ["http://evil.example/b.exe", "赠品"],
            ],
        },
    },
    {
        "id": 2,
        "url": "http://www.lyg01.net/news/lygxw/2024/0119/99.shtml",
        "portal": "lyg01.net",
        "channel": "news/lygxw",
        "title": "养老服务站开门",
        "text": "市民政局昨日说,新站有床位二十张。",
        "published": "2024-01-19",
        "source": "连云港日报",
        "duplicate_of": 1,
        "capture_id": 3,
    },
    {
        "id": 3,
        "url": "http://www.lyg.gov.cn/zglygzfmhwz/bmdt/content/cc.html",
        "portal": "lyg.gov.cn",
        "channel": "bmdt",
        "title": "港口集装箱吞吐量增长",
        "text": "码头上的吊机没有停过。",
        "published": "2023-06-01T08:00:00+08:00",
        "source": "市港口局",
        "capture_id": 3,
    },
    {
        "id": 4,
        "url": "javascript:alert(3)",
        "portal": "lyg.gov.cn",
        "channel": "gcyw",
        "title": EVIL + "\u202egnp.exe",
        "text": f"{EVIL}\n=HYPERLINK(1)\u200b\x1b[31m\nhttp://evil.example/",
        "published": EVIL,
        "source": "=1+1",
        "author": EVIL,
        "tampered": 1,
        "capture_id": 4,
        "fields": {"editor": EVIL, "attachments": [["javascript:alert(4)", EVIL]], "images": [[EVIL, EVIL]]},
    },
]
"""Two that say the same, one of its own, one that somebody filled with traps."""


EARLIER = {1: "市民政局昨日说,新站有床位十二张。"}
"""By article: the text of its first version, where that was another."""

PDF = {"mime": "application/pdf", "size": 2_500_000, "digest": DIGEST, "capture_id": 1}
FILES: list[tuple[int | None, str, str | None, str, str, dict[str, Any]]] = [
    (1, "image", "新站开门", "http://www.lyg.gov.cn/uploadpics/1.png", "pending", {}),
    (
        1,
        "attachment",
        "名单",
        "http://www.lyg.gov.cn/upload/a.pdf",
        "archived",
        PDF | {"text": "王某某\n序号\t1"},
    ),
    (1, "attachment", "赠品", "http://evil.example/b.exe", "offsite", {}),
    (
        *(1, "attachment", "图集", "http://www.lyg.gov.cn/upload/b.zip", "oversize"),
        {"size": 900, "error": "more than the limit", "withdrawn": "2024-01-22T02:00:00+08:00"},
    ),
    (
        *(4, "attachment", "../../etc/passwd" + EVIL + "\u202egnp.exe", "javascript:alert(4)", "archived"),
        PDF | {"mime": EVIL, "text": EVIL + "\u200b", "error": EVIL, "digest": EVIL},
    ),
    (4, "image", EVIL, EVIL, "failed", {"error": EVIL}),
    (None, "page", "A01版：要闻 PDF", "http://www.lyg.gov.cn/A01.pdf", "archived", PDF | {"text": EVIL}),
]
"""Attachments and pictures: had, left alone, too large, and two that somebody filled with traps."""


def write(path: Path, articles: list[dict[str, Any]] | None = None) -> Path:
    """Make an archive with these articles and everything that hangs on them."""
    Archive(path).close()
    db = sqlite3.connect(path)

    if articles:
        for number in range(1, 5):
            insert(
                db,
                "captures",
                id=number,
                url=OWN if number < 4 else "javascript:alert(3)",
                fetched_at=f"2024-01-2{number}T02:00:00+08:00",
                status=200,
                digest=DIGEST,
                warc="lyg_news-1.warc.gz",
                offset=number * 1000,
                length=900,
                revisit_of=1 if number == 3 else None,
            )
        for article in articles:
            seen = {"first_seen": "2024-01-20T02:00:00+08:00", "last_seen": "2024-01-22T02:00:00+08:00"}
            whole = {"version": 1, "tampered": 0, "fields": {}, "key": article["url"], **seen, **article}
            insert(db, "articles", **whole)
            for version in range(1, whole["version"] + 1):
                insert(
                    db,
                    "versions",
                    article_id=whole["id"],
                    version=version,
                    capture_id=whole["capture_id"],
                    seen=f"2024-01-2{version}T02:00:00+08:00",
                    title=whole["title"],
                    text=EARLIER.get(whole["id"], whole["text"]) if version == 1 else whole["text"],
                    source=whole["source"],
                    published=whole["published"],
                    fields=whole["fields"],
                    change="first" if version == 1 else "edited",
                )
        edit = {"article_id": 1, "version": 2, "stage": "tamper"}
        for start, before, after, certainty in (
            (10, "\u670d(f\u00fa)", "服", "proven"),
            (90, "\u670d(f\u00fa)", "服", "proven"),
            (120, "\u200b", "", "inferred"),
        ):
            insert(
                db,
                "edits",
                **edit,
                step=0,
                fixer="pinyin",
                certainty=certainty,
                start=start,
                before=before,
                after=after,
            )
        for article_id in (1, 4):
            insert(
                db,
                "removed",
                article_id=article_id,
                version=2 if article_id == 1 else 1,
                kind="hidden-links",
                reasons=[["hidden", 0.9]],
                place="/html/body/div[7]",
                text="http://evil.example/ 某某网",
                html=f"<a href='http://evil.example/'>某某网</a>{EVIL}",
                links=["http://evil.example/"],
                block="b1",
            )
        for article_id in (3, 4):
            insert(
                db,
                "suspects",
                article_id=article_id,
                version=1,
                kind="suspect",
                reasons=[["off-topic", 0.9]],
                place="/html/body/p[2]",
                text=f"百家乐 {EVIL}",
                links=["http://evil.example/"],
                block="b2",
            )
        for number, (article_id, kind, name, url, state, more) in enumerate(FILES, 1):
            insert(
                db,
                "attachments",
                id=number,
                article_id=article_id,
                portal="lyg.gov.cn",
                kind=kind,
                key=url,
                name=name,
                url=url,
                state=state,
                first_seen="2024-01-20T02:00:00+08:00",
                **more,
            )
        insert(db, "channels", portal="lyg.gov.cn", code="gcyw", name="港城要闻")
        insert(
            db,
            "listings",
            portal="lyg.gov.cn",
            channel="gcyw",
            key="k",
            url="http://evil.example/",
            first_listed="2024-01-20T02:00:00+08:00",
            last_listed="2024-01-22T02:00:00+08:00",
            state="failed",
        )
        insert(
            db,
            "runs",
            id="20240121T180000Z-lyg_news",
            spider="lyg_news",
            started="2024-01-22T02:00:00+08:00",
            outcome="partial",
            listed=60,
            archived=4,
            changed=1,
            failed=1,
            missed=0,
            alarms=[
                {
                    "portal": "lyg.gov.cn",
                    "channel": "gcyw",
                    "rule": "silent list",
                    "what": "60 lines before, none now",
                }
            ],
        )
    reindex(db)
    db.commit()
    db.close()
    return path


def reindex(db: sqlite3.Connection) -> None:
    rows = db.execute("SELECT id, title, text, source FROM articles").fetchall()
    db.executemany(
        "INSERT INTO articles_fts (rowid, entries) VALUES (?, ?)", [(row[0], spell(*row[1:])) for row in rows]
    )


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("browse") / "archive.db", ARTICLES)


@pytest.fixture(scope="module")
def datasette(archive: Path) -> Iterator[Datasette]:
    opened = open_datasette([archive])
    yield opened
    close(opened)


@pytest.fixture
def get(datasette: Datasette) -> Callable[..., httpx.Response]:
    return lambda path, **params: ask(datasette, path, **params)


def ask(datasette: Datasette, path: str, **params: str) -> httpx.Response:
    return asyncio.run(datasette.client.get(path, params=params or None))


def words(element: Any) -> str:
    """Give the text of an element with single blanks."""
    return " ".join(element.text_content().split())


# search


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("民", [2, 1]),
        ("民政", [2, 1]),
        ("服务站", [2, 1]),
        ("养老服务", [2, 1]),
        ("吞吐量", [3]),
        ("吊机没有停过", [3]),
        ("床位 社区", [1]),
        ("政民", []),
        ("不存在的词", []),
        ("養老服務", [2, 1]),
        ("５Ｇ", []),
        ("机没停", []),  # its pairs are there, the word is not
        ("title:养老", [2, 1]),
        ("source:市港口局", [3]),
        ("床位 -社区", [2]),
        ("吞吐量 OR 二十张", [2, 1, 3]),
        ("市民政局 since:2024-01-19", [2]),
        ("港口 until:2023", [3]),
    ],
)
def test_the_stock_search_box_finds_words_of_any_length(
    get: Callable[..., httpx.Response], typed: str, found: list[int]
) -> None:
    answer = get("/archive/articles.json", _search=typed, _shape="objects", _col="id")
    assert [row["id"] for row in answer.json()["rows"]] == found
    page = html.fromstring(get("/archive/articles", _search=typed).text)
    assert [a.get("href") for a in page.cssselect(".articles h3 a")] == [
        f"/archive/articles/{n}" for n in found
    ]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"_search_title": "养老"}, [2, 1]),
        ({"_search_source": "市港口局"}, [3]),
        ({"_search_title": "床位"}, []),
        ({"_search_text": "床位"}, [2, 1]),
        ({"_search_entries": "床位"}, [2, 1]),
        ({"_search_title": "养老 OR 港口", "_search": "码头"}, [3]),
        ({"_search_title": "养老", "_search_source": "市港口局"}, []),
        ({"_search_title": "養老 -社区"}, [2]),
    ],
)
def test_the_stock_search_of_one_column_finds_what_stands_there(
    get: Callable[..., httpx.Response], asked: dict[str, str], found: list[int]
) -> None:
    rows = get("/archive/articles.json", _shape="array", **asked).json()
    assert [row["id"] for row in rows] == found


@pytest.mark.parametrize(
    "typed", ['"', "AND (", "NEAR/", "*", "-", "title:", "\u0000", "  ", "民政 OR", "'; --"]
)
def test_a_query_that_is_no_valid_expression_is_no_error(
    get: Callable[..., httpx.Response], typed: str
) -> None:
    assert get("/archive/articles", _search=typed).status_code == 200


def test_sql_searches_too(datasette: Datasette) -> None:
    sql = (
        "SELECT id, snippet_zh(text, :q) AS cut FROM articles WHERE id IN "
        "(SELECT rowid FROM articles_fts WHERE articles_fts MATCH search(:q)) AND fits(:q, title, text, source) ORDER BY id"
    )
    found = asyncio.run(datasette.get_database("archive").execute(sql, {"q": "站有床位"}))
    assert [tuple(row) for row in found] == [
        (1, "市民政局昨日说,新站有床位二十张。 老人走两步就能吃上热饭。"),
        (2, "市民政局昨日说,新站有床位二十张。"),
    ]


def test_found_words_are_marked_in_title_and_excerpt(get: Callable[..., httpx.Response]) -> None:
    page = html.fromstring(get("/archive/articles", _search="民政").text)
    assert [words(mark) for mark in page.cssselect("li mark")] == ["民政", "民政"]


# pages


def test_an_article_reads_like_an_article(get: Callable[..., httpx.Response]) -> None:
    page = html.fromstring(get("/archive/articles/1").text)
    (article,) = page.cssselect("article")
    assert words(article.cssselect("h1")[0]) == "养老服务站在社区开门"
    assert [words(part) for part in article.cssselect(".byline > *")] == [
        "2024年1月18日 09:54",
        "来源：连云港日报",
        "作者：王小明",
        "编辑：李编辑",
        "lyg.gov.cn · 港城要闻",
        "被篡改，已修复",
        "2 个版本",
    ]
    assert [words(p) for p in article.xpath("section/div[@class='prose']/p")] == [
        "市民政局昨日说,新站有床位二十张。",
        "老人走两步就能吃上热饭。",
    ]
    origin = page.cssselect("section[aria-labelledby=origin] dl")[0]
    assert [words(part) for part in origin.cssselect("dd")] == [
        OWN,
        "2024年1月22日 02:00 · HTTP 200",
        DIGEST,
        "lyg_news-1.warc.gz @ 2000",
        "—",
        "2024年1月20日 02:00 – 2024年1月22日 02:00",
        "连政办发〔2023〕5号",
    ]


def test_an_article_lists_its_attachments_with_what_became_of_them(
    get: Callable[..., httpx.Response],
) -> None:
    files, images = html.fromstring(get("/archive/articles/1").text).cssselect("section.files")
    assert [words(line) for line in files.cssselect("ul > li")] == [
        f"名单 已收录 · 2.4 MB · application/pdf · 记录 {DIGEST} 全文，8 字 王某某 序号1",
        "赠品 http://evil.example/b.exe 站外 · 记录",
        "图集 过大 · 900 B · 2024年1月22日 02:00 起原页不再提供 · 记录 more than the limit",
    ]
    assert [words(line) for line in images.cssselect("ul > li")] == ["新站开门 待取 · 记录"]
    record = html.fromstring(get("/archive/attachments/2").text)
    assert "application/pdf" in words(record)


def test_names_that_mean_harm_end_as_text(get: Callable[..., httpx.Response]) -> None:
    files, images = html.fromstring(get("/archive/articles/4").text).cssselect("section.files")
    shown = words(files)
    assert "../../etc/passwd" + EVIL + "U+202Egnp.exe" in shown
    assert [a.get("href") for a in [*files.iter("a"), *images.iter("a")]] == [
        "/archive/attachments/5",
        "/archive/attachments/6",
    ]


def test_an_article_of_an_elder_archive_lists_what_its_page_named(tmp_path: Path) -> None:
    path = write(tmp_path / "archive.db", ARTICLES)
    with contextlib.closing(sqlite3.connect(path)) as db, db:
        db.execute("DROP VIEW files")
        db.execute("DROP TABLE attachments")
        db.execute("DROP TABLE suspects")
    datasette = open_datasette([path])
    try:
        (files,) = html.fromstring(ask(datasette, "/archive/articles/1").text).cssselect("section.files")
    finally:
        close(datasette)
    assert [words(line) for line in files.cssselect("ul > li")] == ["名单", "赠品 http://evil.example/b.exe"]


def test_an_article_says_what_was_changed_and_how_certainly(get: Callable[..., httpx.Response]) -> None:
    page = html.fromstring(get("/archive/articles/1").text)
    assert [[words(cell) for cell in row.cssselect("td")] for row in page.cssselect(".edits tbody tr")] == [
        ["服(fú)", "服", "2", "pinyin", "✓ 确证"],
        ["U+200B", "删去", "1", "pinyin", "≈ 推断"],
    ]
    (removed,) = page.cssselect("details.removed")
    assert words(removed.cssselect("p.inert")[0]) == "http://evil.example/ 某某网"
    assert [words(line) for line in page.cssselect(".versions li")] == [
        "第 2 版 已修改 2024年1月22日 02:00 · 30 字 · 抓取 与第 1 版比较 +13 −2 字",
        "第 1 版 初次收录 2024年1月21日 02:00 · 17 字 · 抓取",
    ]


def test_an_article_says_what_is_suspected_in_its_text(get: Callable[..., httpx.Response]) -> None:
    (block,) = html.fromstring(get("/archive/articles/3").text).cssselect("details.removed")
    assert words(block.cssselect("summary")[0]).startswith("可疑内容，仍在文中 1：")
    assert words(block.cssselect("p.inert")[0]) == f"百家乐 {EVIL}"
    assert block.cssselect("a")[0].get("href") == "/archive/suspects/1"


def test_reprints_lead_both_ways(get: Callable[..., httpx.Response]) -> None:
    first, reprint = (html.fromstring(get(f"/archive/articles/{n}").text) for n in (1, 2))
    section = "section[aria-labelledby=reprints] a"
    compared = "/archive/-/diff?a=1&b=2"
    assert [a.get("href") for a in first.cssselect(section)] == ["/archive/articles/2", compared]
    assert [a.get("href") for a in reprint.cssselect(section)] == ["/archive/articles/1", compared]
    assert [a.get("href") for a in reprint.cssselect("p.notice a")] == ["/archive/articles/1"]


def test_all_printings_of_a_story_say_who_was_first_and_what_the_others_changed(
    get: Callable[..., httpx.Response],
) -> None:
    page = html.fromstring(get("/archive/articles/2").text)
    (section,) = page.cssselect("section[aria-labelledby=reprints]")
    assert [words(line) for line in section.cssselect("li")] == [
        "养老服务站在社区开门 lyg.gov.cn · 连云港日报 · 2024年1月18日 09:54 · 2024年1月20日 02:00 收录 · 最早",
        "养老服务站开门 本篇 lyg01.net · 连云港日报 · 2024年1月19日 · 2024年1月20日 02:00 收录 与第 1 处比较 相同 73% · +0 −11 字；"
        "标题、发布时间、作者、编辑、文号不同",
    ]
    (drawn,) = section.cssselect("svg")
    assert [each.text for each in drawn.cssselect("title, desc")] == [
        "转载图",
        "1：lyg.gov.cn，2024年1月18日 09:54。2：lyg01.net，2024年1月19日，近于第 1 处。",
    ]
    circles = [(each.get("class"), each.get("cx"), each.get("cy")) for each in drawn.cssselect("circle")]
    assert circles == [("node", "5.0%", "40"), ("node here", "95.0%", "98")]
    (edge,) = drawn.cssselect("line.edge")
    assert [edge.get(name) for name in ("x1", "y1", "x2", "y2")] == ["5.0%", "40", "95.0%", "98"]


def test_two_versions_are_compared_word_by_word(get: Callable[..., httpx.Response]) -> None:
    answer = get("/archive/-/diff?a=1.1&b=1.2")
    page = html.fromstring(answer.text)
    (text,) = page.cssselect(".prose.difference")
    assert [(each.tag, words(each)) for each in text.iter("del", "ins")] == [
        ("del", "−十二"),
        ("ins", "+二十"),
        ("ins", "+⏎ 老人走两步就能吃上热饭。"),
    ]
    assert [words(part) for part in page.cssselect(".sides dd")] == [
        "养老服务站在社区开门 lyg.gov.cn · 第 1 版 初次收录 · 2024年1月21日 02:00 · 抓取",
        "养老服务站在社区开门 lyg.gov.cn · 第 2 版 已修改 · 2024年1月22日 02:00 · 抓取",
    ]
    assert page.cssselect("section[aria-labelledby=particulars]") == []


def test_two_articles_are_compared_with_what_is_said_of_them(get: Callable[..., httpx.Response]) -> None:
    page = html.fromstring(get("/archive/-/diff?a=1&b=2&only=1").text)
    said = [words(part) for part in page.cssselect(".particulars > *")]
    assert said[:4] == [
        "标题",
        "养老服务站−在社区开门",
        "发布时间",
        "−2024-01-18T09:54:49+08:00+2024-01-19",
    ]


@pytest.mark.parametrize("asked", ["", "?a=1", "?a=1&b=77", "?a=1.9&b=1.1", "?a=x&b=1", "?a=1;b=2"])
def test_what_cannot_be_compared_is_not_found(get: Callable[..., httpx.Response], asked: str) -> None:
    assert get(f"/archive/-/diff{asked}").status_code == 404
    assert get(f"/nothing/-/diff{asked}").status_code == 404


def test_two_texts_are_compared_in_sql(archive: Path) -> None:
    opened = open_datasette([archive], open_sql=True)
    sql = "SELECT diff(v.text, w.text) AS d FROM versions v JOIN versions w ON v.article_id = w.article_id WHERE v.version < w.version"
    try:
        rows = ask(opened, "/archive.json", sql=sql, _shape="objects").json()["rows"]
    finally:
        close(opened)
    assert rows == [{"d": "市民政局昨日说,新站有床位[-十二-]{+二十+}张。{+\n老人走两步就能吃上热饭。+}"}]


def test_a_capture_that_repeats_another_names_where_the_payload_lies(
    get: Callable[..., httpx.Response],
) -> None:
    page = html.fromstring(get("/archive/articles/2").text)
    assert "lyg_news-1.warc.gz @ 1000" in words(page)


def test_facets_count_and_lead_to_what_they_count(get: Callable[..., httpx.Response]) -> None:
    facets = get("/archive/articles.json").json()["facet_results"]
    counted = {
        name: [(value["value"], value["count"]) for value in facet["results"]]
        for name, facet in facets.items()
    }
    assert counted == {
        "portal": [("lyg.gov.cn", 3), ("lyg01.net", 1)],
        "channel": [("gcyw", 2), ("bmdt", 1), ("news/lygxw", 1)],
        "tampered": [(0, 2), (1, 2)],
        "published": [(EVIL[:4], 1), ("2024", 2), ("2023", 1)],
    }
    year = next(value for value in facets["published"]["results"] if value["value"] == "2024")
    chosen = get("/archive/articles.json", published__startswith="2024").json()
    assert year["toggle_url"].endswith("/archive/articles.json?published__startswith=2024")
    assert (
        chosen["filtered_table_rows_count"],
        chosen["facet_results"]["published"]["results"][0]["selected"],
    ) == (
        2,
        True,
    )


def test_articles_can_also_be_read_as_the_stock_table(get: Callable[..., httpx.Response]) -> None:
    page = html.fromstring(get("/archive/articles", _col="title", _sort="id").text)
    assert [words(cell) for cell in page.cssselect("table.rows-and-columns th")] == ["id ▲", "title"]
    assert [words(cell) for cell in page.cssselect("tbody tr")[0]] == ["1", "养老服务站在社区开门"]


def test_every_table_and_view_has_a_title_and_opens(
    get: Callable[..., httpx.Response], archive: Path
) -> None:
    with sqlite3.connect(archive) as db:
        names = [
            name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'view')")
        ]
    db.close()
    shown = [name for name in names if not name.startswith(("articles_fts", "sqlite_", "bands"))]
    titles = {name: words(html.fromstring(get(f"/archive/{name}").text).cssselect("h1")[0]) for name in shown}
    assert [name for name, title in titles.items() if title == name] == []
    page = html.fromstring(get("/archive").text)
    assert {words(code) for code in page.cssselect(".tables code")} == set(shown)


# safety

PAGES = [
    "/",
    "/archive",
    "/archive/articles",
    "/archive/articles?_search=alert",
    "/archive/articles?_col=title&_col=url&_col=text&_col=source",
    "/archive/articles/1",
    "/archive/articles/4",
    "/archive/versions",
    "/archive/versions/4,1",
    "/archive/captures",
    "/archive/captures/4",
    "/archive/removed",
    "/archive/removed/2",
    "/archive/suspects",
    "/archive/suspects/2",
    "/archive/targets",
    "/archive/memory",
    "/archive/listings",
    "/archive/attachments",
    "/archive/attachments/5",
    "/archive/attachments/7",
    "/archive/files",
    "/archive/edits",
    "/archive/runs",
    "/archive/newest",
    "/archive/tampered",
    "/archive/campaigns",
    "/archive/duplicates",
    "/archive/missed",
    "/archive/changes",
    "/archive/versions/1,2",
    "/archive/~3Cscript~3E",
    "/archive/articles/9999",
    "/archive/-/diff?a=1&b=4",
    "/archive/-/diff?a=4.1&b=1.1&only=1",
    "/archive/-/diff?a=<script>&b=2",
]


@pytest.mark.parametrize("path", PAGES)
def test_stored_text_is_never_markup(get: Callable[..., httpx.Response], path: str) -> None:
    text = get(path).text
    page = html.fromstring(text)
    assert [
        script.get("src") for script in page.iter("script") if not (script.get("src") or "").startswith("/")
    ] == []
    assert [element.tag for element in page.iter("img", "iframe", "object", "embed", "style", "base")] == []
    assert {each.get("class") for each in page.iter("svg")} <= {"reposts", "chart"}
    named = [
        (e.tag, name) for e in page.iter("*") for name in e.attrib if name.startswith("on") or name == "style"
    ]
    assert named == []
    assert re.findall("[\u202e\u200b\x1b\x00]", text) == []


@pytest.mark.parametrize("path", PAGES)
def test_only_pages_that_the_archive_asked_for_are_linked(
    get: Callable[..., httpx.Response], path: str
) -> None:
    page = html.fromstring(get(path).text)
    away = [
        a
        for a in page.iter("a")
        if not (a.get("href") or "").startswith(("/", "?", "#", "http://localhost/"))
    ]
    assert {a.get("href") for a in away} <= {
        OWN,
        "http://www.lyg.gov.cn/upload/a.pdf",
        "http://www.lyg.gov.cn/upload/b.zip",
        "http://www.lyg.gov.cn/uploadpics/1.png",
        ARTICLES[1]["url"],
        ARTICLES[2]["url"],
        "https://datasette.io/",
    }
    rel = {a.get("rel") for a in away if a.get("href") != "https://datasette.io/"}
    assert rel <= {"nofollow noopener noreferrer"}


@pytest.mark.parametrize(
    "path", [*PAGES, "/archive/articles.json", "/static/archive.css", "/-/static/table.js"]
)
def test_every_answer_carries_the_safety_headers(get: Callable[..., httpx.Response], path: str) -> None:
    headers = get(path).headers
    assert headers["content-security-policy"].startswith("default-src 'none'; script-src 'self';")
    names = ("x-frame-options", "x-content-type-options", "referrer-policy")
    assert [headers[name] for name in names] == ["DENY", "nosniff", "no-referrer"]


def test_sql_is_off_unless_it_was_opened(get: Callable[..., httpx.Response], archive: Path) -> None:
    paths = [
        "/archive?sql=select+1",
        "/archive.json?sql=select+1",
        "/archive/articles?_where=1=1",
        "/archive.db",
    ]
    assert [get(path).status_code for path in paths] == [403, 403, 403, 403]
    datasette = open_datasette([archive], open_sql=True)
    try:
        answer = ask(
            datasette,
            "/archive.json",
            sql="select host(url) as host from articles where id = 1",
            _shape="array",
        )
        assert answer.json() == [{"host": "www.lyg.gov.cn"}]
        assert ask(datasette, "/archive", sql="select 1 as one").status_code == 200
        assert ask(datasette, "/archive.db").status_code == 403
    finally:
        close(datasette)


@pytest.mark.parametrize("path", ["/archive/articles.csv?_stream=1", "/archive/articles?_size=201"])
def test_whole_tables_are_not_streamed(get: Callable[..., httpx.Response], path: str) -> None:
    assert get(path).status_code == 400


def test_csv_cells_cannot_calculate(get: Callable[..., httpx.Response]) -> None:
    for extra in ({}, {"_dl": "1"}):
        answer = get("/archive/articles.csv", id="4", _col="source", _nofacet="1", **extra)
        assert list(csv.reader(io.StringIO(answer.text))) == [["id", "source"], ["4", "'=1+1"]]


@pytest.mark.parametrize("path", ["//evil.example/", "/%5Cevil.example/", "/\\evil.example/"])
def test_no_path_redirects_to_another_host(datasette: Datasette, path: str) -> None:
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b""}

    async def serve() -> None:
        await datasette.invoke_startup()
        scope = {
            "type": "http",
            "method": "GET",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
        }
        await datasette.app()({**scope, "headers": [], "scheme": "http"}, receive, send)

    asyncio.run(serve())
    assert [message.get("status") for message in sent] == [400, None]


def test_a_reader_sees_a_whole_run_or_nothing_of_it_and_is_never_blocked(tmp_path: Path) -> None:
    path = write(tmp_path / "archive.db", ARTICLES)
    datasette = open_datasette([path])
    writer = sqlite3.connect(path, isolation_level=None)

    def count() -> int:
        answer = ask(datasette, "/archive/articles.json")
        return int(answer.json()["filtered_table_rows_count"])

    try:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute(
            "INSERT INTO articles (id, url, key, first_seen, last_seen, version, tampered) "
            "VALUES (9, 'u', 'u', 't', 't', 1, 0)"
        )
        before = count()
        writer.execute("COMMIT")
        assert (before, count()) == (4, 5)
    finally:
        writer.close()
        close(datasette)


# the directory and the command


def test_datasette_serves_the_directory_alone(archive: Path, tmp_path: Path) -> None:
    for name in ("metadata.yaml", "settings.json"):
        shutil.copy(CONFIGURATION / name, tmp_path / name)
    for name in ("templates", "static", "plugins"):
        shutil.copytree(CONFIGURATION / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(archive, tmp_path / "archive.db")
    shutil.copy(archive, tmp_path / "demo.db")
    datasette = Datasette([], config_dir=tmp_path)
    try:
        for name in ("archive", "demo"):
            found = ask(datasette, f"/{name}/articles.json", _search="民政", _shape="objects").json()
            assert ([row["id"] for row in found["rows"]], sorted(found["facet_results"])) == (
                [2, 1],
                ["channel", "portal", "published", "tampered"],
            )
            assert words(
                html.fromstring(ask(datasette, f"/{name}/articles/1").text).cssselect("article h1")[0]
            )
        assert ask(datasette, "/demo?sql=select+1").status_code == 403
        assert ask(datasette, "/static/archive.css").status_code == 200
    finally:
        close(datasette)


def test_files_that_are_no_database_are_left_out_with_a_reason(tmp_path: Path, archive: Path) -> None:
    shutil.copy(archive, tmp_path / "demo.db")
    (tmp_path / "archive.db").write_text("no database")
    good, problems = list_archives(tmp_path / "archive.db")
    assert good == [tmp_path / "demo.db"]
    assert [str(problem) for problem in problems] == [
        f"archive: found a file that begins with b'no database', wanted an SQLite file at {tmp_path / 'archive.db'}"
    ]


def test_browse_without_an_archive_says_what_to_run(home: SimpleNamespace) -> None:
    done = home.scrapy("browse")
    assert (done.returncode, done.stdout) == (9, b"")
    assert done.stderr.decode().splitlines() == [
        f"scrapy: no archive yet: found no database in {home.folder}, wanted archive.db; "
        "`make demo` makes a sample, `make crawl` the archive itself"
    ]


def test_browse_serves_on_this_machine_until_it_is_ended(home: SimpleNamespace, archive: Path) -> None:
    shutil.copy(archive, home.archive)
    process = subprocess.Popen(
        home.command("browse", "--port", "0"), cwd=ROOT, env=home.env, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        said = process.stdout.readline()
        found = re.fullmatch(r"(http://127\.0\.0\.1:\d+/)  \(archive\.db; Ctrl-C ends it\)\n", said)
        assert found is not None, said
        answer = httpx.get(found[1] + "archive/articles/1", timeout=20, trust_env=False)
        assert (answer.status_code, "养老服务站在社区开门" in answer.text) == (200, True)
    finally:
        process.terminate()
        process.communicate(timeout=20)
