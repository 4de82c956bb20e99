"""The home page, the tamper desk and the nights: what they tell, and that what is stored stays text."""

from __future__ import annotations

import asyncio
import re
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest
from datasette.app import Datasette
from datasette.database import Database
from lxml import html

from crawler.archive import Archive, now
from crawler.commands.browse import open_datasette
from tests.home import close, insert

SHAPES = Path(__file__).parent / "cases/shapes"
EVIL = '<script>alert(1)</script>"><img src=x onerror=alert(2)>'
CITY, CITY_NEWS = "www.lyg.gov.cn", "lyg01.net"
FIRST, LAST_NEWS, LAST_WELFARE = (
    "20261125T180000Z-lyg_news",
    "20261127T180000Z-lyg_news",
    "20261127T180000Z-lyg_minzheng",
)
DIGEST = "sha256:" + "ab" * 32
BLOCK, OTHER, ALONE = "11" * 16, "22" * 16, "33" * 16

RUNS: list[dict[str, Any]] = [
    {
        "id": FIRST,
        "spider": "lyg_news",
        "started": "2026-11-26T02:00:00+08:00",
        "finished": "2026-11-26T02:20:30+08:00",
        "outcome": "finished",
        "listed": 4,
        "archived": 4,
        "changed": 0,
        "failed": 0,
        "missed": 0,
        "attachments": 0,
        "tampered": 1,
        "stats": {},
        "alarms": [
            {"portal": CITY, "channel": None, "rule": "signs of hacking", "what": "1 page", "url": ""}
        ],
    },
    {
        "id": LAST_NEWS,
        "spider": "lyg_news",
        "started": "2026-11-28T02:00:00+08:00",
        "finished": "2026-11-28T03:05:00+08:00",
        "outcome": "partial",
        "listed": 3,
        "archived": 2,
        "changed": 3,
        "failed": 1,
        "missed": 2,
        "attachments": 1,
        "tampered": 2,
        "stats": {"ledger/gone": 1, "dropped/no title": 2},
        "alarms": [
            {
                "portal": CITY,
                "channel": "gcyw",
                "rule": "silent list",
                "what": "found no line",
                "url": "http://www.lyg.gov.cn/",
            },
            {
                "portal": CITY,
                "channel": "gcyw",
                "rule": "article failed",
                "what": "answers 500",
                "url": "http://www.lyg.gov.cn/x.html",
            },
            {
                "portal": CITY,
                "channel": "bmdt",
                "rule": "article failed",
                "what": "answers 502",
                "url": "http://www.lyg.gov.cn/y.html",
            },
            {
                "portal": EVIL,
                "channel": EVIL,
                "rule": EVIL,
                "what": EVIL + "\u202e",
                "url": "javascript:alert(3)",
            },
            {"portal": CITY, "channel": "$(reboot)", "rule": "list failed", "what": EVIL, "url": EVIL},
            {
                "portal": CITY,
                "channel": "gcyw",
                "rule": "hacked since last seen",
                "what": "水厂新线投用",
                "url": "http://www.lyg.gov.cn/2.html",
            },
        ],
        "warc": "20261127T180000Z-lyg_news.warc.gz",
        "bytes": 2048,
        "captures": DIGEST,
        "previous": "sha256:" + "cd" * 32,
        "digest": "sha256:" + "ef" * 32,
    },
    {
        "id": LAST_WELFARE,
        "spider": "lyg_minzheng",
        "started": "2026-11-28T02:00:00+08:00",
        "finished": "2026-11-28T02:10:00+08:00",
        "outcome": "finished",
        "listed": 0,
        "archived": 0,
        "changed": 0,
        "failed": 0,
        "missed": 0,
        "attachments": 0,
        "tampered": 0,
        "stats": {},
        "alarms": [],
    },
]
"""Two nights, and none between them."""

ARTICLES: list[dict[str, Any]] = [
    {
        "id": 1,
        "portal": CITY,
        "channel": "gcyw",
        "title": "港口装卸又创新高",
        "published": "2026-11-25T09:00:00+08:00",
        "source": "港城日报",
        "version": 2,
    },
    {
        "id": 2,
        "portal": CITY,
        "channel": "gcyw",
        "title": "水厂新线投用",
        "published": "2026-11-24",
        "source": "港城日报",
        "version": 2,
        "tampered": 1,
    },
    {
        "id": 3,
        "portal": CITY_NEWS,
        "channel": "news",
        "title": "菜场改造完工",
        "published": "2026-10-02",
        "source": "连网",
        "version": 2,
    },
    {
        "id": 4,
        "portal": CITY,
        "channel": "bmdt",
        "title": EVIL + "\u202e",
        "published": "2026-11-27",
        "source": EVIL,
        "tampered": 1,
        "gone": "2026-11-28T02:30:00+08:00",
    },
    {"id": 5, "portal": CITY_NEWS, "channel": "news", "title": None, "published": None, "source": None},
    {
        "id": 6,
        "portal": CITY_NEWS,
        "channel": "news",
        "title": "港口装卸再创新高",
        "published": "2026-11-26",
        "source": "港城日报",
        "duplicate_of": 1,
    },
    {
        "id": 7,
        "portal": CITY,
        "channel": "gcyw",
        "title": "没有这一年",
        "published": "9999-01-01",
        "source": None,
    },
]
"""Edited; hacked after it was clean; hacked and clean again; full of traps and gone; nameless; a reprint; of no real day."""

NIGHT_1, NIGHT_2 = "2026-11-26T02:05:00.5+08:00", "2026-11-28T02:06:00.5+08:00"
SEEN = {4: NIGHT_2, 5: NIGHT_2}
VERSIONS = [
    (1, 1, NIGHT_1, "first", 0), (1, 2, NIGHT_2, "edited", 0),
    (2, 1, NIGHT_1, "first", 0), (2, 2, NIGHT_2, "tampered", 1),
    (3, 1, NIGHT_1, "first", 1), (3, 2, NIGHT_2, "edited", 0),
    (4, 1, NIGHT_2, "first", 1), (5, 1, NIGHT_2, "first", 0),
    (6, 1, NIGHT_1, "first", 0), (7, 1, NIGHT_1, "first", 0),
]  # fmt: skip
REASONS = [["off-topic", 0.8], ["hidden", 1.0], [EVIL, 0.1]]
REMOVED: list[dict[str, Any]] = [
    {
        "article_id": 2,
        "version": 2,
        "block": BLOCK,
        "campaign": BLOCK,
        "text": f"赢家平台 {EVIL}",
        "seen": NIGHT_2,
    },
    {
        "article_id": 4,
        "version": 1,
        "block": BLOCK,
        "campaign": BLOCK,
        "text": f"赢家平台 {EVIL}",
        "seen": NIGHT_2,
    },
    {
        "article_id": 4,
        "version": 1,
        "block": OTHER,
        "campaign": BLOCK,
        "text": "稳赚\u200b不赔",
        "seen": NIGHT_2,
    },
    {
        "article_id": 3,
        "version": 1,
        "block": ALONE,
        "campaign": ALONE,
        "text": "代开票据",
        "seen": NIGHT_1,
        "links": [],
    },
]
BOOKS: list[dict[str, Any]] = [
    {"run_id": FIRST, "portal": CITY, "channel": "gcyw", "listed": 3, "archived": 3, "total": 12},
    {
        "run_id": LAST_NEWS,
        "portal": CITY,
        "channel": "gcyw",
        "listed": 10,
        "archived": 5,
        "unchanged": 2,
        "pending": 1,
        "failed": 1,
        "gone": 1,
        "total": 12,
    },
    {"run_id": LAST_NEWS, "portal": CITY, "channel": "bmdt", "listed": 4, "archived": 3},
    {
        "run_id": LAST_NEWS,
        "portal": CITY_NEWS,
        "channel": "news",
        "listed": 3,
        "archived": 2,
        "offsite": 1,
        "total": 2,
    },
]


def write(path: Path) -> Path:
    """Make an archive of two nights."""
    Archive(path).close()
    db = sqlite3.connect(path)

    for run in RUNS:
        insert(db, "runs", **run)
    for number, run in enumerate((FIRST, LAST_NEWS, LAST_NEWS), 1):
        insert(db, "captures", id=number, url=f"http://www.lyg.gov.cn/{number}.html", fetched_at=NIGHT_1, status=200,
               digest=DIGEST, warc=f"{run}.warc.gz", offset=number, length=9, run_id=run,
               kind="attachment" if number == 3 else "article")  # fmt: skip
    for article in ARTICLES:
        url = f"http://{article['portal']}/{article['id']}.html"
        seen = SEEN.get(article["id"], NIGHT_1)
        usual = {
            "url": url,
            "key": url,
            "tampered": 0,
            "version": 1,
            "first_seen": seen,
            "last_seen": NIGHT_2,
        }
        insert(db, "articles", **{**usual, "text": f"{article['title']}\n正文。", "capture_id": 1, **article})
    titles = {article["id"]: article["title"] for article in ARTICLES}
    for article_id, version, seen, change, tampered in VERSIONS:
        insert(db, "versions", article_id=article_id, version=version, seen=seen, change=change, tampered=tampered,
               title=titles[article_id], text=f"正文{version}。")  # fmt: skip
    for block in REMOVED:
        links = ["http://evil.example/a", "javascript:alert(5)"]
        insert(
            db,
            "removed",
            **{
                "kind": "hidden",
                "reasons": REASONS,
                "place": "/html/body/div[2]",
                "html": EVIL,
                "links": links,
                **block,
            },
        )
    for host, campaign, blocks in (("xpj.example", BLOCK, 3), (EVIL, BLOCK, 2)):
        insert(
            db, "targets", host=host, campaign=campaign, blocks=blocks, first_seen=NIGHT_2, last_seen=NIGHT_2
        )
    for certainty, article_id in (("proven", 2), ("proven", 2), ("inferred", 2), ("lost", 4)):
        insert(db, "edits", article_id=article_id, version=2 if article_id == 2 else 1, stage="tamper", step=0, fixer="pinyin-note",
               certainty=certainty, start=1, before="水(shuǐ)", after="水")  # fmt: skip
    insert(
        db,
        "suspects",
        article_id=1,
        version=1,
        kind="suspect",
        reasons=[["stray", 0.8]],
        text=f"优惠 {EVIL}",
        block="44",
        seen=NIGHT_1,
    )
    insert(db, "attachments", article_id=1, portal=CITY, kind="attachment", key="k", url="http://www.lyg.gov.cn/a.pdf",
           name="名单" + EVIL, state="archived", mime="application/pdf", size=2048, capture_id=3, first_seen=NIGHT_2)  # fmt: skip
    states = ("archived", "unchanged", "pending", "failed", "challenged", "gone", "offsite")
    noughts = dict.fromkeys((*states, "lines", "pages", "parsed", "titled", "dated", "sourced"), 0)
    for book in BOOKS:
        insert(db, "books", **{**noughts, **book})
    for portal, code, name in (
        (CITY, "gcyw", "港城要闻"),
        (CITY, "bmdt", "部门动态" + EVIL),
        (CITY_NEWS, "news", "新闻"),
    ):
        insert(db, "channels", portal=portal, code=code, name=name)
    db.commit()
    db.close()
    return path


@pytest.fixture(scope="module")
def datasette(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Datasette]:
    opened = open_datasette([write(tmp_path_factory.mktemp("desk") / "archive.db")])
    yield opened
    close(opened)


@pytest.fixture
def get(datasette: Datasette) -> Callable[..., Any]:
    return lambda path, language="zh": page(datasette, path, language)


def ask(datasette: Datasette, path: str, language: str = "zh") -> httpx.Response:
    return asyncio.run(datasette.client.get(path, headers={"accept-language": language}))


def page(datasette: Datasette, path: str, language: str = "zh") -> Any:
    answer = ask(datasette, path, language)
    assert answer.status_code == 200, answer.text
    return html.fromstring(answer.text)


def words(element: Any) -> str:
    """Give the text of an element with single blanks."""
    return " ".join(element.text_content().split())


def rows(element: Any, selector: str = "tbody tr") -> list[list[str]]:
    """Give the cells of a table's rows as text."""
    return [[words(cell) for cell in row.cssselect("th, td")] for row in element.cssselect(selector)]


def section(whole: Any, name: str) -> Any:
    (found,) = whole.xpath(f"//section[@aria-labelledby='{name}' or h2/@id='{name}']")
    return found


# home


def test_the_home_page_begins_with_the_search(get: Callable[..., Any]) -> None:
    form = get("/").cssselect("main form")[0]
    assert (form.get("action"), form.cssselect("input")[0].get("name")) == ("/archive/-/search", "q")


def test_the_home_page_counts_what_there_is(get: Callable[..., Any]) -> None:
    assert [(words(a), a.get("href")) for a in get("/").cssselect(".counts a")] == [
        ("7 篇文章", "/archive/-/search"),
        ("10 个版本", "/archive/versions"),
        ("2 页被篡改", "/archive/-/tampering"),
        ("1 篇转载", "/archive/duplicates"),
        ("3 次抓取", "/archive/captures"),
        ("2 行待补", "/archive/missed"),
    ]


def test_the_newest_articles_are_neither_reprints_nor_of_a_day_to_come(get: Callable[..., Any]) -> None:
    newest = section(get("/"), "newest")
    assert [
        (words(li.cssselect("h3")[0]), words(li.cssselect(".byline")[0])) for li in newest.cssselect("li")
    ] == [
        ("（无标题）", "日期不详 lyg01.net · 新闻"),
        (EVIL + "U+202E", f"{EVIL} 2026年11月27日 www.lyg.gov.cn · 部门动态{EVIL} 被篡改，已修复 已撤下"),
        ("港口装卸又创新高", "港城日报 2026年11月25日 09:00 www.lyg.gov.cn · 港城要闻 2 个版本"),
        ("水厂新线投用", "港城日报 2026年11月24日 www.lyg.gov.cn · 港城要闻 被篡改，已修复 2 个版本"),
        ("菜场改造完工", "连网 2026年10月2日 lyg01.net · 新闻 2 个版本"),
    ]


def test_pages_that_were_clean_and_are_hacked_stand_first(get: Callable[..., Any]) -> None:
    attention = section(get("/"), "attention")
    assert [words(each) for each in attention.cssselect("h2, h3")] == [
        "需要注意",
        "新近被入侵：上次看还干净的页面",
        "现在被篡改的页面",
        "lyg_news 部分完成 2026年11月28日 02:00的运行",
    ]
    assert [words(li) for li in attention.cssselect(".broken li")] == [
        "水厂新线投用 www.lyg.gov.cn · 2026年11月28日 02:06 · scrapy explain 2"
    ]
    assert attention.cssselect(".broken a")[0].get("href") == "/archive/articles/2?show=captured"
    assert words(attention.cssselect(".hacked")[0]) == "www.lyg.gov.cn 2 页 · 篡改台 →"


def test_alarms_of_the_last_run_say_what_to_run(get: Callable[..., Any]) -> None:
    attention = section(get("/"), "attention")
    assert [words(li) for li in attention.cssselect(".alarms > li")] == [
        "列表空了 www.lyg.gov.cn · 港城要闻 found no line 上次有内容的列表这次一行也没有：先在浏览器里看看那个栏目。 "
        ".venv/bin/scrapy crawl lyg_news -a channel=gcyw",
        "文章取不到 www.lyg.gov.cn · 港城要闻 answers 500 过一段时间自动再要；总是不行就看看它。 "
        ".venv/bin/scrapy explain http://www.lyg.gov.cn/x.html 同类还有 1 条 answers 502 · 部门动态" + EVIL,
        f"{EVIL} {EVIL} · {EVIL} {EVIL}U+202E",
        f"列表取不到 www.lyg.gov.cn · $(reboot) {EVIL} 没有答复，或断在半途；下次运行会再要。 "
        ".venv/bin/scrapy crawl lyg_news -a channel='$(reboot)'",
    ]


@pytest.mark.parametrize(
    ("name", "days", "said"),
    [
        ("archive", 5, ["已经 5 夜没有运行了：定时任务停了吗？ make crawl · make install-cron"]),
        ("archive", 0, []),
        ("demo", 5, []),
    ],
)
def test_a_timer_that_has_stopped_is_noticed(tmp_path: Path, name: str, days: int, said: list[str]) -> None:
    path = tmp_path / f"{name}.db"
    morning = now().replace(hour=2) - timedelta(days=days)
    with Archive(path) as archive:
        run = archive.start_run("lyg_news", started=morning)
        archive.finish_run(run, outcome="finished", counts={}, finished=morning)
        archive.commit()
    datasette = open_datasette([path])
    try:
        whole = page(datasette, "/")
    finally:
        close(datasette)
    assert [words(each) for each in whole.cssselect(".silent")] == said


def test_a_run_that_was_killed_is_told_without_an_alarm(tmp_path: Path) -> None:
    path = write(tmp_path / "archive.db")
    with sqlite3.connect(path) as db:
        db.execute(
            "UPDATE runs SET outcome = 'interrupted', alarms = NULL, stats = NULL, finished = NULL WHERE id = ?",
            (LAST_WELFARE,),
        )
    db.close()
    datasette = open_datasette([path])
    try:
        attention = section(page(datasette, "/", "en"), "attention")
    finally:
        close(datasette)
    assert words(attention.cssselect("h3")[2]) == "lyg_minzheng interrupted run of 28 Nov 2026 02:00"
    assert "This run did not come to its end; the next one goes on with it. scrapy nightly" in words(
        attention
    )


def test_each_channel_tells_its_articles_its_days_and_its_books(get: Callable[..., Any]) -> None:
    assert rows(section(get("/"), "coverage")) == [
        ["www.lyg.gov.cn", "4", "2026-11-24 – 2026-11-27", "14", "10", "2", "—"],
        ["港城要闻", "3", "2026-11-24 – 2026-11-25", "10", "7", "2", "83 %"],
        ["部门动态" + EVIL, "1", "2026-11-27 – 2026-11-27", "4", "3", "0", "—"],
        ["lyg01.net", "3", "2026-10-02 – 2026-11-26", "3", "2", "0", "100 %"],
        ["新闻", "3", "2026-10-02 – 2026-11-26", "3", "2", "0", "100 %"],
    ]


def test_growth_is_drawn_and_told_as_numbers(get: Callable[..., Any]) -> None:
    growth = section(get("/"), "growth")
    published, seen = growth.cssselect("figure")
    assert rows(published) == [["2026-11", "4"], ["2026-10", "1"]]
    assert rows(seen) == [["2026-11", "7"]]
    assert [words(p) for p in growth.cssselect("p")] == ["1 篇日期不详。"]
    drawn = published.cssselect("svg")[0]
    assert [each.text for each in drawn.cssselect("title, desc")] == [
        "按发布月份的文章",
        "2026-06 – 2026-11, 合计 5，最多 4（2026-11）",
        "2026-10: 1",
        "2026-11: 4",
    ]
    assert [
        (rect.get("x"), rect.get("width"), rect.get("y"), rect.get("height")) for rect in drawn.iter("rect")
    ] == [
        ("69.67%", "11.83%", "104.0", "30.0"),
        ("84.83%", "11.83%", "14.0", "120.0"),
    ]


def test_the_last_nights_stand_on_the_home_page(get: Callable[..., Any]) -> None:
    nights = section(get("/"), "nights")
    assert [words(li) for li in nights.cssselect("li")] == [
        "2026年11月28日 1 小时 5 分 1 完成，1 部分完成 新 2，改 3，失败 1，未得 2 · 6 条警报",
        "2026年11月26日 20 分 30 秒 1 完成 新 4，改 0，失败 0，未得 0 · 1 条警报",
    ]


def test_the_home_page_is_in_the_readers_language(get: Callable[..., Any]) -> None:
    english = get("/", "en")
    assert [words(each) for each in english.cssselect("h2")] == [
        "Needs attention", "Newest", "Portals", "Last nights", "Growth", "Channels and coverage"]  # fmt: skip
    assert [words(each) for each in english.cssselect(".counts li")] == [
        "7 articles", "10 versions", "2 tampered with", "1 reprint", "3 captures", "2 lines owed"]  # fmt: skip
    assert "Hacked since last seen: these pages were clean before" in words(english)


def test_further_archives_are_listed_and_the_first_is_the_house(tmp_path: Path) -> None:
    first = write(tmp_path / "archive.db")
    shutil.copy(first, tmp_path / "demo.db")
    datasette = open_datasette([tmp_path / "demo.db", first])
    try:
        whole = page(datasette, "/")
    finally:
        close(datasette)
    assert whole.cssselect("main form")[0].get("action") == "/archive/-/search"
    listed = [words(li) for li in section(whole, "databases").cssselect("li")]
    assert sorted(listed) == ["archive 本页所说的", "demo 7 篇文章 文章 篡改 夜间运行"]


# nights


def test_each_night_is_one_line_and_nights_without_a_run_are_told(get: Callable[..., Any]) -> None:
    whole = get("/archive/-/nights")
    assert rows(whole, ".ledger tbody tr") == [
        [
            "2026-11-28",
            "lyg_minzheng 完成lyg_news 部分完成",
            "3",
            "2",
            "3",
            "1",
            "1",
            "2",
            "2",
            "入侵 6",
            "1 小时 5 分",
        ],
        ["1 夜没有运行"],
        ["2026-11-26", "lyg_news 完成", "4", "4", "0", "0", "0", "0", "1", "入侵 1", "20 分 30 秒"],
    ]
    assert rows(whole, "figure tbody tr") == [["2026-11-28", "2", "3"], ["2026-11-26", "4", "0"]]
    assert [words(li) for li in whole.cssselect(".series li")] == ["新收录", "有改动"]
    earlier = get("/archive/-/nights?before=2026-11-28")
    assert [row[0] for row in rows(earlier, ".ledger tbody tr")] == ["2026-11-26"]


@pytest.mark.parametrize("before", ["", "x", "9999-99-99", "0001-01-01", "'; DROP TABLE runs"])
def test_a_night_that_is_none_turns_no_page(get: Callable[..., Any], before: str) -> None:
    assert len(rows(get(f"/archive/-/nights?before={before}"), ".ledger tbody tr")) == 3


def test_a_night_tells_each_run(get: Callable[..., Any]) -> None:
    whole = get("/archive/-/nights/2026-11-28")
    table = whole.cssselect("table.ledger")[0]
    assert rows(table, "tr")[1:] == [
        [
            "lyg_minzheng",
            "完成",
            "2026年11月28日 02:00",
            "10 分 0 秒",
            "0",
            "0",
            "0",
            "—",
            "0",
            "0",
            "0",
            "0",
            "0",
        ],
        [
            "lyg_news",
            "部分完成",
            "2026年11月28日 02:00",
            "1 小时 5 分",
            "3",
            "2",
            "3",
            "1",
            "1",
            "2",
            "2",
            "1",
            "2",
        ],
        ["合计", "1 小时 5 分", "3", "2", "3", "1", "1", "2", "2", "1", "2"],
    ]
    assert [a.get("href") for a in whole.cssselect("a[rel=prev], a[rel=next]")] == [
        "/archive/-/nights/2026-11-26"
    ]
    assert [
        a.get("href") for a in get("/archive/-/nights/2026-11-26").cssselect("a[rel=prev], a[rel=next]")
    ] == ["/archive/-/nights/2026-11-28"]


def test_books_that_do_not_balance_are_seen(get: Callable[..., Any]) -> None:
    books = get("/archive/-/nights/2026-11-28").cssselect("table.ledger")[1]
    assert rows(books, "thead tr") == [
        ["栏目", "列出", "=", "已收录", "未变", "待取", "失败", "已不在", "站外", "覆盖率"]
    ]
    assert rows(books) == [
        [CITY_NEWS, "3", "=", "2", "0", "0", "0", "0", "1", "100 % / 2"],
        ["新闻", "3", "=", "2", "0", "0", "0", "0", "1", "100 % / 2"],
        [CITY, "14", "≠", "8", "2", "1", "1", "1", "0", "—"],
        ["港城要闻", "10", "=", "5", "2", "1", "1", "1", "0", "83 % / 12"],
        ["部门动态" + EVIL, "4", "≠", "3", "0", "0", "0", "0", "0", "—"],
    ]


def test_a_night_lists_what_was_hacked_changed_and_new(get: Callable[..., Any]) -> None:
    whole = get("/archive/-/nights/2026-11-28")
    assert [words(li) for li in section(whole, "hacked").cssselect("li")] == [
        "此前干净 水厂新线投用 www.lyg.gov.cn · 3 处修复 · 1 块剪下",
        f"{EVIL}U+202E www.lyg.gov.cn · 1 处修复 · 2 块剪下",
    ]
    assert [words(li) for li in section(whole, "changed").cssselect("li")] == [
        "已修改 港口装卸又创新高 www.lyg.gov.cn · 港城要闻 · 2026年11月28日 02:06 · 与第 1 版比较",
        "被篡改 水厂新线投用 www.lyg.gov.cn · 港城要闻 · 2026年11月28日 02:06 · 与第 1 版比较",
        "已修改 菜场改造完工 lyg01.net · 新闻 · 2026年11月28日 02:06 · 与第 1 版比较",
    ]
    assert section(whole, "changed").cssselect("li a")[1].get("href") == "/archive/-/diff?a=1.1&b=1.2"
    assert [words(li) for li in section(whole, "new").cssselect("li")] == [
        f"{EVIL}U+202E www.lyg.gov.cn · 部门动态{EVIL} · 2026年11月27日 被篡改",
        "（无标题） lyg01.net · 新闻",
    ]


def test_a_night_names_what_holds_its_captures(get: Callable[..., Any]) -> None:
    news = section(get("/archive/-/nights/2026-11-28"), "run-2")
    assert [words(each) for each in news.cssselect("dl > *")] == [
        *("记录", "2 次抓取"),
        *("WARC", "20261127T180000Z-lyg_news.warc.gz 2.0 KB"),
        *("文件摘要", DIGEST),
        *("前一次运行", "sha256:" + "cd" * 32),
        *("本次运行", "sha256:" + "ef" * 32),
    ]
    assert [words(li) for li in news.cssselect("details li")] == [f"名单{EVIL} application/pdf · 2.0 KB"]
    assert [words(li) for li in news.cssselect("ul.tally li")] == ["no title 2"]


@pytest.mark.parametrize("night", ["2026-11-27", "2026-13-01", "0000-00-00", "1-1-1", "2026-11-28-29"])
def test_a_night_without_a_run_is_not_found(datasette: Datasette, night: str) -> None:
    answer = ask(datasette, f"/archive/-/nights/{night}")
    assert (answer.status_code, "没有这一页" in answer.text) == (404, True)


def test_a_run_at_noon_belongs_to_the_next_morning(tmp_path: Path) -> None:
    path = write(tmp_path / "archive.db")
    with sqlite3.connect(path) as db:
        db.execute("INSERT INTO runs (id, spider, started) VALUES ('20261128T040000Z-ingest', 'ingest', 'x')")
        db.execute("INSERT INTO runs (id, spider, started) VALUES ('20261128T035959Z-ingest', 'ingest', 'x')")
    db.close()
    datasette = open_datasette([path])
    try:
        listed = rows(page(datasette, "/archive/-/nights"), ".ledger tbody tr")
        noon = page(datasette, "/archive/-/nights/2026-11-29")
    finally:
        close(datasette)
    assert [(row[0], row[1]) for row in listed if len(row) > 1] == [
        ("2026-11-29", "ingest 运行中"),
        ("2026-11-28", "lyg_minzheng 完成lyg_news 部分完成ingest 运行中"),
        ("2026-11-26", "lyg_news 完成"),
    ]
    assert rows(noon.cssselect("table.ledger")[0]) == [
        ["ingest", "运行中", "2026年11月28日 12:00", "", *["—"] * 8, "0"]
    ]


# the tamper desk


def test_the_desk_tells_what_was_found_since_when_and_how_it_stands(get: Callable[..., Any]) -> None:
    desk = get("/archive/-/tampering")
    assert rows(section(desk, "pages")) == [
        [
            f"{EVIL}U+202E www.lyg.gov.cn · 部门动态{EVIL} · 2026年11月27日",
            "1",
            "2",
            "2026年11月28日 02:06",
            "已撤下 2026年11月28日 02:30",
        ],
        [
            "水厂新线投用 www.lyg.gov.cn · 港城要闻 · 2026年11月24日",
            "3",
            "1",
            "2026年11月28日 02:06 此前干净",
            "仍然如此 2026年11月28日 02:06 看过",
        ],
        [
            "菜场改造完工 lyg01.net · 新闻 · 2026年10月2日",
            "0",
            "1",
            "2026年11月26日 02:05",
            "已经干净 2026年11月28日 02:06",
        ],
    ]
    assert [a.get("href") for a in section(desk, "pages").cssselect("th a")] == [
        f"/archive/articles/{number}?show=captured" for number in (4, 2, 3)
    ]
    assert "✓ 确证 2 · ≈ 推断 1 · ✗ 已失 1" in words(section(desk, "pages"))
    assert [words(li) for li in desk.cssselect(".filter li")] == ["全部网站 2", "www.lyg.gov.cn 2"]


def test_the_desk_draws_the_finds_of_each_portal(get: Callable[..., Any]) -> None:
    (figure,) = get("/archive/-/tampering").cssselect("figure")
    assert rows(figure, "tr") == [
        ["时间", "www.lyg.gov.cn", "lyg01.net"],
        ["2026-11-28", "2", "0"],
        ["2026-11-26", "0", "1"],
    ]
    assert [words(title) for title in figure.cssselect("g > title")] == [
        "2026-11-26: lyg01.net 1",
        "2026-11-28: www.lyg.gov.cn 2",
    ]


def test_the_desk_keeps_to_one_portal(get: Callable[..., Any]) -> None:
    desk = get("/archive/-/tampering?portal=lyg01.net")
    assert [row[0] for row in rows(section(desk, "pages"))] == [
        "菜场改造完工 lyg01.net · 新闻 · 2026年10月2日"
    ]
    assert [words(h3) for h3 in section(desk, "campaigns").cssselect("h3")] == ["“代开票据”"]
    assert [each.text for each in desk.cssselect("svg > desc")] == [
        "2026-11-20 – 2026-11-26, 合计 1，最多 1（2026-11-26）"
    ]
    assert desk.cssselect("section[aria-labelledby=suspects]") == []


def test_campaigns_are_told_with_their_hosts_as_text(get: Callable[..., Any]) -> None:
    campaigns = section(get("/archive/-/tampering"), "campaigns")
    assert [words(li) for li in campaigns.cssselect("ol > li")] == [
        "xpj.example 3 块 · 2 篇文章 · 1 个网站 · 2026年11月28日 02:06 – 2026年11月28日 02:06 "
        f"xpj.example {EVIL} 赢家平台 {EVIL}",
        "“代开票据” 1 块 · 1 篇文章 · 1 个网站 · 2026年11月26日 02:05 – 2026年11月26日 02:05 代开票据",
    ]
    assert [a.get("href") for a in campaigns.cssselect("ol a")] == [
        f"/archive/-/tampering/{BLOCK}",
        f"/archive/-/tampering/{ALONE}",
    ]


def test_suspects_stand_apart_and_are_said_to_prove_nothing(get: Callable[..., Any]) -> None:
    suspects = section(get("/archive/-/tampering"), "suspects")
    assert words(suspects.cssselect("h2")[0]) == "可疑，不足为证 1"
    assert [words(li) for li in suspects.cssselect("li")] == [
        f"优惠 {EVIL} 与整页文字几乎没有共同之处 · 港口装卸又创新高 · www.lyg.gov.cn"
    ]


def test_a_campaign_shows_its_texts_hosts_articles_and_signals(get: Callable[..., Any]) -> None:
    whole = get(f"/archive/-/tampering/{BLOCK}")
    assert [words(each) for each in whole.cssselect("dl.particulars > *")] == [
        *("规模", "3 块 · 2 种文字 · 2 篇文章"),
        *("见于", "2026年11月28日 02:06 – 2026年11月28日 02:06"),
        *("网站", "www.lyg.gov.cn 2 篇"),
        *("迹象", f"读者看不见它 2；像广告：用词或口气 2；{EVIL} 2"),
        *("数据", "CSV · JSON · 表"),
    ]
    assert rows(section(whole, "hosts")) == [
        ["xpj.example", "3", "2026年11月28日 02:06", "2026年11月28日 02:06"],
        [EVIL, "2", "2026年11月28日 02:06", "2026年11月28日 02:06"],
    ]
    signals = f"读者看不见它，像广告：用词或口气，{EVIL}"
    assert [words(p) for p in section(whole, "texts").cssselect("ol > li > p")] == [
        f"隐藏的内容 · 2 次 · 2 篇文章 · {signals} · 记录",
        f"赢家平台 {EVIL}",
        f"隐藏的内容 · 1 次 · 1 篇文章 · {signals} · 记录",
        "稳赚U+200B不赔",
    ]
    assert [words(li) for li in section(whole, "articles").cssselect("li")] == [
        f"{EVIL}U+202E www.lyg.gov.cn · 部门动态{EVIL} · 2026年11月27日 · 2 块 · 已撤下",
        "水厂新线投用 www.lyg.gov.cn · 港城要闻 · 2026年11月24日 · 1 块",
    ]


def test_any_block_of_a_campaign_names_it(get: Callable[..., Any], datasette: Datasette) -> None:
    assert words(get(f"/archive/-/tampering/{OTHER}").cssselect("h1")[0]) == "xpj.example 一群外来内容"
    assert ask(datasette, "/archive/-/tampering/" + "99" * 16).status_code == 404


def test_long_lists_are_turned_page_by_page(tmp_path: Path) -> None:
    path = write(tmp_path / "archive.db")
    with sqlite3.connect(path) as db:
        for number in range(100, 160):
            seen = f"2026-11-{number - 99 if number < 120 else 20:02}T02:00:00+08:00"
            url = f"http://{CITY}/{number}"
            db.execute(
                "INSERT INTO articles (id, url, key, portal, title, tampered, version, first_seen, last_seen) "
                "VALUES (?, ?, ?, ?, ?, 1, 1, ?, ?)", (number, url, url, CITY, f"第{number}篇", seen, seen))  # fmt: skip
            db.execute(
                "INSERT INTO versions (article_id, version, seen, change, tampered) VALUES (?, 1, ?, 'first', 1)", (number, seen))  # fmt: skip
            for block in ("aa" * 16, f"{number:032}"):
                db.execute(
                    "INSERT INTO removed (article_id, version, kind, text, block, campaign, seen) "
                    "VALUES (?, 1, 'text', ?, ?, ?, ?)", (number, f"文字{block}", block, block if number % 2 else "aa" * 16, seen))  # fmt: skip
    db.close()
    datasette = open_datasette([path])
    try:
        desks = [page(datasette, f"/archive/-/tampering?page={n}&campaigns={n}") for n in (1, 2, 3, 4)]
        one, two, three = (
            page(datasette, f"/archive/-/tampering/{'aa' * 16}?page={n}&texts={n}") for n in (1, 2, 3)
        )
    finally:
        close(datasette)
    shown = [
        [int(re.findall(r"\d+", a.get("href"))[0]) for a in section(desk, "pages").cssselect("th a")]
        for desk in desks
    ]
    assert [len(each) for each in shown] == [25, 25, 13, 0]
    assert sorted(number for each in shown for number in each) == [2, 3, 4, *range(100, 160)]
    assert [len(section(desk, "campaigns").cssselect("ol > li")) for desk in desks] == [25, 8, 0, 0]
    links = [a.get("href") for a in section(desks[1], "pages").cssselect(".pages a")]
    assert links == [
        "/archive/-/tampering?campaigns=2&page=1#pages",
        "/archive/-/tampering?campaigns=2&page=3#pages",
    ]
    assert [len(section(each, "articles").cssselect("li")) for each in (one, two, three)] == [25, 25, 10]
    assert [len(section(each, "texts").cssselect("ol > li")) for each in (one, two)] == [25, 6]


def test_the_desk_offers_its_data(get: Callable[..., Any], datasette: Datasette) -> None:
    links = [a.get("href") for a in section(get("/archive/-/tampering"), "export").cssselect("a")]
    assert "/archive/-/feed.xml?tampered=1" in links
    tables = [link for link in links if "/-/" not in link]
    assert {link: ask(datasette, link).status_code for link in tables} == dict.fromkeys(tables, 200)


def test_the_desk_and_the_nights_are_in_the_readers_language(get: Callable[..., Any]) -> None:
    desk, night, nights = (
        get(f"/archive/-/{path}", "en") for path in ("tampering", "nights/2026-11-28", "nights")
    )
    assert [words(h2) for h2 in desk.cssselect("h2")] == [
        "Pages tampered with 2 now", "Campaigns", "Take the data", "Suspects, which prove nothing 1"]  # fmt: skip
    assert [words(h2) for h2 in night.cssselect("h2")] == [
        "Alarms 6", "Hacked pages 2", "Articles that changed 3", "Articles first seen 2", "lyg_minzheng finished", "lyg_news partial"]  # fmt: skip
    assert rows(nights, ".ledger thead tr")[0][:3] == ["Night", "Sources and outcome", "Listed"]
    assert rows(nights, ".ledger .idle") == [["1 night without a run"]]


# what is stored stays text

PAGES = (
    "/",
    "/archive/-/nights",
    "/archive/-/nights/2026-11-28",
    "/archive/-/nights/2026-11-26",
    "/archive/-/tampering",
    f"/archive/-/tampering?portal={CITY}",
    "/archive/-/tampering?portal=%3Cscript%3E",
    f"/archive/-/tampering/{BLOCK}",
)


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("path", PAGES)
def test_stored_text_is_never_markup(datasette: Datasette, path: str, language: str) -> None:
    text = ask(datasette, path, language).text
    whole = html.fromstring(text)
    assert [
        each.tag for each in whole.iter("script", "img", "iframe", "object", "embed", "style", "base")
    ] == []
    assert {each.get("class") for each in whole.iter("svg")} <= {"chart"}
    named = [
        (e.tag, name)
        for e in whole.iter("*")
        for name in e.attrib
        if name.startswith("on") or name == "style"
    ]
    assert named == []
    assert re.findall("[\u202e\u200b\x1b\x00]", text) == []
    away = {a.get("href") for a in whole.iter("a") if not a.get("href").startswith(("/", "?", "#"))}
    assert away == {"https://datasette.io/"}


@pytest.mark.parametrize("path", PAGES)
def test_headings_follow_one_another_and_every_label_is_there(datasette: Datasette, path: str) -> None:
    whole = page(datasette, path)
    levels = [int(each.tag[1]) for each in whole.cssselect("h1, h2, h3, h4")]
    assert (levels[0], levels.count(1)) == (1, 1)
    assert [pair for pair in pairwise(levels) if pair[1] > pair[0] + 1] == []
    ids = [each.get("id") for each in whole.cssselect("[id]")]
    assert len(ids) == len(set(ids))
    wanted = {
        name for each in whole.cssselect("[aria-labelledby]") for name in each.get("aria-labelledby").split()
    }
    assert wanted - set(ids) == set()
    assert [words(th) for th in whole.iter("th") if th.get("scope") is None] == []


# no page grows with the archive

SCANNED_RE = re.compile(r"SCAN (\w+)(?! USING| VIRTUAL)$")
SMALL = {"channels", "s", "l", "g", "j", "c", "p", "f", "h", "t", "hacked", "found", "t.name"}
"""What may be read without an index: channels, suspects from the last on, and results of other queries."""


@pytest.mark.parametrize("path", [*PAGES, "/archive/-/nights?before=2026-11-28"])
def test_no_page_reads_a_whole_table(
    datasette: Datasette, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, Any]] = []
    execute = Database.execute

    async def spy(self: Database, sql: str, params: Any = None, *more: Any, **named: Any) -> Any:
        asked.append((sql, params))
        return await execute(self, sql, params, *more, **named)

    monkeypatch.setattr(Database, "execute", spy)
    assert ask(datasette, path).status_code == 200
    db = sqlite3.connect(datasette.get_database("archive").path)
    plans = [
        (step[3], sql)
        for sql, params in asked
        if sql.lstrip()[:6] in ("SELECT", "WITH f")
        for step in db.execute(f"EXPLAIN QUERY PLAN {sql}", params or ())
    ]
    db.close()
    assert len(plans) > 2
    assert [
        (step, sql) for step, sql in plans if (hit := SCANNED_RE.match(step)) and hit[1] not in SMALL
    ] == []


# archives that know less


@pytest.mark.parametrize("shape", [1, 2, 3])
def test_elder_archives_open_and_say_less(tmp_path: Path, shape: int) -> None:
    path = tmp_path / "archive.db"
    with sqlite3.connect(path) as db:
        db.executescript((SHAPES / f"shape-{shape}.sql").read_text(encoding="utf-8"))
        articles = db.execute("SELECT count(*) FROM articles").fetchone()[0]
        runs = [run for (run,) in db.execute("SELECT id FROM runs ORDER BY id DESC")]
        blocks = [row for (row,) in db.execute("SELECT block FROM removed")]
    db.close()
    datasette = open_datasette([path])
    try:
        home = page(datasette, "/")
        nights = page(datasette, "/archive/-/nights")
        told = [page(datasette, a.get("href")) for a in nights.cssselect(".ledger th a")]
        desk = page(datasette, "/archive/-/tampering")
        campaigns = [page(datasette, f"/archive/-/tampering/{block}") for block in blocks if block]
    finally:
        close(datasette)
    assert words(home.cssselect(".counts li")[0]) == f"{articles} 篇文章"
    assert (len(told) > 0, len(campaigns)) == (bool(runs), len([block for block in blocks if block]))
    assert words(section(home, "coverage").cssselect("p")[0]).startswith("这个档案还没有账目")
    assert words(desk.cssselect("h1")[0]) == "篡改台"


def test_an_empty_archive_says_what_to_run(tmp_path: Path) -> None:
    Archive(tmp_path / "archive.db").close()
    datasette = open_datasette([tmp_path / "archive.db"])
    try:
        home, nights, desk = (
            page(datasette, path) for path in ("/", "/archive/-/nights", "/archive/-/tampering")
        )
        answer = ask(datasette, "/archive/-/nights/2026-11-28")
    finally:
        close(datasette)
    assert (
        words(section(home, "newest").cssselect("li")[0])
        == "还没有文章。先运行 make crawl，或用 make demo看样例。"
    )
    assert words(nights.cssselect(".notice")[0]) == "还没有运行过。先运行 make crawl，或用 make demo看样例。"
    assert words(section(desk, "pages").cssselect("p")[0]) == "没有发现被篡改的页面。"
    assert answer.status_code == 404


def test_a_directory_without_an_archive_says_what_to_run() -> None:
    datasette = open_datasette([])
    try:
        whole = page(datasette, "/", "en")
    finally:
        close(datasette)
    assert words(whole.cssselect(".notice")[0]) == (
        "No archive in this directory: run make demo (a sample) or make crawl (the live portals), then open this page again."
    )


@pytest.mark.parametrize(
    "path",
    ["/nothing/-/tampering", "/nothing/-/nights", "/nothing/-/nights/2026-11-28", "/_internal/-/nights"],
)
def test_what_is_no_archive_has_no_desk(datasette: Datasette, path: str) -> None:
    assert ask(datasette, path).status_code in (403, 404)
