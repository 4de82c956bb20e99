"""The ledger misses nothing: one article under all its addresses, balanced books, alarms that name the rule."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from crawler.archive import COMPARED, Archive, canonical, compare
from crawler.archive.addresses import OPEN, SHARED
from crawler.captures import Capture, payload_digest
from crawler.items import Page
from crawler.landing import sent_on
from crawler.portals import Line
from crawler.text import Decoded, Extracted
from tests.home import Home
from tests.replica import Replica
from tests.replica.replies import Reply

CITY = "www.lyg.gov.cn"
HOSTS = frozenset({CITY})
URL = "http://www.lyg.gov.cn/zglygzfmhwz/gcyw/content/{:08x}-2a0e-4fa4-83f2-a9338d401663.html"
SEEN = "2026-11-{:02}T03:00:00+08:00"
TEXTS = {
    1: "记者昨日从市水利局获悉，烧香河整治工程已完成投资三亿元，两岸新栽垂柳六千余株。",
    2: "海州区今年将新建三处社区书屋，每处藏书五千册，全年免费向居民开放。",
    3: "连云港石化产业基地上半年完成工业产值四百亿元，同比增长一成二。",
}


@pytest.fixture
def archive(tmp_path: Path) -> Any:
    with Archive(tmp_path / "archive.db") as archive:
        yield archive


def rows(archive: Archive | Path, sql: str, *values: Any) -> list[tuple[Any, ...]]:
    if isinstance(archive, Archive):
        return [tuple(row) for row in archive.conn.execute(sql, values)]
    with closing(sqlite3.connect(archive)) as db:
        return db.execute(sql, values).fetchall()


def enlist(archive: Archive, *lines: tuple[int, str | None], day: int = 20) -> None:
    listed = [Line(URL.format(number), title or "", date(2026, 11, 18), "gcyw") for number, title in lines]
    archive.enlist(listed, portal=CITY, hosts=HOSTS, seen=SEEN.format(day))


def save(archive: Archive, number: int, text: int | None = None, day: int = 20, **more: Any) -> int:
    url = URL.format(number)
    body = TEXTS[text or number]
    run_id = archive.start_run("lyg_news", started=SEEN.format(day), run_id=f"run-{day}")
    offset = archive.conn.execute("SELECT count(*) FROM captures").fetchone()[0] * 1000
    made = Capture(
        url,
        SEEN.format(day),
        200,
        "text/html",
        payload_digest(body.encode()),
        warc="a.warc.gz",
        offset=offset,
        length=900,
    )
    page = Page(
        url=url,
        portal=CITY,
        channel="gcyw",
        title=f"标题{text or number}",
        text=body,
        decoded=Decoded(body, "utf-8", "header"),
        extracted=Extracted(title=f"标题{text or number}", text=body),
        hosts=HOSTS,
        capture=made._replace(id=archive.add_capture(made, run_id)),
        **more,
    )
    return archive.save(page).article_id


def said(archive: Archive) -> list[tuple[Any, ...]]:
    return rows(archive, "SELECT url, article_id, how, refused FROM addresses ORDER BY url, article_id")


def owed(archive: Archive) -> list[str]:
    return [each.url for each in archive.owed([CITY], run_id="next", at=SEEN.format(30))]


# --- addresses ---


def test_where_a_redirect_led_is_not_asked_for_again(archive: Archive) -> None:
    enlist(archive, (1, "标题1"))
    assert save(archive, 1, answered=URL.format(2)) == 1
    enlist(archive, (2, "另一个说法"))
    assert owed(archive) == []
    assert said(archive) == [(URL.format(2), 1, "redirect", None)]
    assert rows(archive, "SELECT url, state, article_id FROM listings") == [
        (URL.format(1), "archived", 1),
        (URL.format(2), "archived", 1),
    ]
    assert archive.article(URL.format(2)) == archive.article(1)
    assert archive.other_addresses(URL.format(1)) == [URL.format(2)]


def test_a_redirect_to_an_archived_article_is_that_article(archive: Archive) -> None:
    assert save(archive, 2) == 1
    enlist(archive, (1, "标题2"))
    assert save(archive, 1, text=2, answered=URL.format(2)) == 1
    assert said(archive) == [(URL.format(1), 1, "redirect", None)]
    assert rows(archive, "SELECT id, url, version FROM articles") == [(1, URL.format(2), 1)]
    assert owed(archive) == []


def test_a_named_address_is_followed_once_it_shows_the_same_text(archive: Archive) -> None:
    assert save(archive, 1, named=URL.format(2)) == 1
    assert said(archive) == [(URL.format(2), 1, "canonical", OPEN)]
    enlist(archive, (2, "专版"))
    assert owed(archive) == [URL.format(2)]
    assert save(archive, 2, text=1, named=URL.format(2)) == 1
    assert said(archive) == [(URL.format(2), 1, "canonical", None)]
    assert archive.article(URL.format(2)) == archive.article(1)


def test_a_named_address_that_a_list_calls_by_the_same_title_is_not_asked_for(archive: Archive) -> None:
    save(archive, 1, named=URL.format(2))
    enlist(archive, (2, "标题1"))
    assert owed(archive) == []
    assert said(archive) == [(URL.format(2), 1, "canonical", None)]
    enlist(archive, (4, "标题3"))
    save(archive, 3, named=URL.format(4))
    assert owed(archive) == []


def test_pages_that_all_name_one_address_are_articles_of_their_own(archive: Archive) -> None:
    assert save(archive, 1, named=URL.format(3)) == 1
    assert save(archive, 2, named=URL.format(3)) == 2
    enlist(archive, (3, "标题1"))
    assert owed(archive) == [URL.format(3)]
    assert save(archive, 3, named=URL.format(3)) == 3
    assert said(archive) == [
        (URL.format(3), 1, "canonical", SHARED),
        (URL.format(3), 2, "canonical", SHARED),
    ]


@pytest.mark.parametrize(
    ("named", "why"),
    [
        ("http://x7.example/a.html", "off the portal's hosts"),
        ("https://www.lyg.gov.cn/index.html", "the home page, or a list"),
        ("http://www.lyg.gov.cn/zglygzfmhwz/gcyw/gcyw.html", "a list"),
        (URL.format(3), "the address of article 1"),
    ],
)
def test_a_named_address_that_cannot_be_one_is_recorded_and_not_followed(
    archive: Archive, named: str, why: str
) -> None:
    url = "http://www.lyg.gov.cn/zglygzfmhwz/gcyw/gcyw.html"
    archive.meet_channel(CITY, "gcyw", "港城要闻", url, seen=SEEN.format(20))
    save(archive, 3)
    assert save(archive, 1, named=named) == 2
    assert said(archive) == [(named, 2, "canonical", why)]


def test_an_archive_of_elder_keys_is_brought_up_without_losing_a_row(tmp_path: Path) -> None:
    path = tmp_path / "archive.db"
    with Archive(path) as archive:
        enlist(archive, (1, "标题1"), (2, None), (3, "标题3"))
        for number in TEXTS:
            save(archive, number)
        keys = [canonical(URL.format(number)) for number in (1, 2, 3)]
        for table in ("articles", "listings"):
            # the second has another address of the first, the third an address whose key was another once
            archive.conn.execute(
                f"UPDATE {table} SET url = ?, key = ? WHERE key = ?",
                (URL.format(1) + "?_ga=1", f"{keys[0]}?_ga=1", keys[1]),
            )
            archive.conn.execute(
                f"UPDATE {table} SET url = url || '?hmkw=1', key = key || '?hmkw=1' WHERE key = ?", (keys[2],)
            )
        archive.conn.execute("PRAGMA user_version=3")
        archive.commit()
    with Archive(path) as archive:
        assert rows(archive, "SELECT id, key FROM articles ORDER BY id") == [
            (1, keys[0]),
            (2, f"{keys[0]}?_ga=1"),
            (3, keys[2]),
        ]
        assert rows(archive, "SELECT key, title, state, article_id FROM listings ORDER BY key") == [
            (keys[0], "标题1", "archived", 1),
            (keys[2], "标题3", "archived", 3),
        ]
        assert rows(archive, "SELECT key, article_id, refused FROM addresses") == [
            (f"{keys[0]}?_ga=1", 1, None)
        ]
        assert archive.verify() == ["article 1 has no capture"][:0]


@pytest.mark.parametrize(
    "body",
    [
        "<script>if(parent)location.href='/b.html'</script>" + "正文" * 60,
        "<meta http-equiv=refresh content='60'>正在更新",
        "<p>location</p>",
        "",
    ],
)
def test_a_page_with_something_of_its_own_sends_nobody_on(body: str) -> None:
    assert sent_on(body.encode(), "http://a.cn/a.html", "text/html; charset=utf-8") is None


def test_redirects_and_named_addresses_are_followed_in_a_crawl_and_in_a_rebuild(
    make_home: Callable[[], Home],
) -> None:
    with Replica(seed=3, stories=60) as replica:
        home = make_home().through(replica)
        pages = replica.pages(CITY)
        moved, sent, home_page, lost, named = [
            story for story in replica.expected(CITY) if story.channel == "gcyw" and not story.parts
        ][:5]
        target = URL.format(1).removeprefix(f"http://{CITY}")
        pages[target] = pages[moved.path]
        pages[moved.path] = Reply(b"", status=301, headers=(("Location", target),))
        pages[URL.format(2).removeprefix(f"http://{CITY}")] = pages[sent.path]
        stub = f"<html><script>window.location.href='{URL.format(2)}'</script></html>"
        pages[sent.path] = Reply(stub.encode())
        pages[home_page.path] = Reply(b"", status=302, headers=(("Location", "/zglygzfmhwz/index.html"),))
        pages["/zglygzfmhwz/404.html"] = Reply("<html><h1>页面不存在</h1><p>请返回首页</p></html>".encode())
        pages[lost.path] = Reply(b"", status=302, headers=(("Location", "/zglygzfmhwz/404.html"),))
        link = f"<link rel='canonical' href='{URL.format(4)}'></head>".encode()
        pages[named.path] = pages[named.path]._replace(
            body=pages[named.path].body.replace(b"</head>", link, 1)
        )
        words = ("crawl", "lyg_news", "-a", "channel=gcyw")
        home.crawl(*words)
        assert rows(home.archive, "SELECT outcome FROM runs") == [("partial",)]
        found = "SELECT how, d.url, a.url, refused FROM addresses d JOIN articles a ON a.id = d.article_id ORDER BY d.url"
        told = [
            ("redirect", URL.format(1), moved.url, None),
            ("redirect", URL.format(2), sent.url, None),
            ("canonical", URL.format(4), named.url, OPEN),
        ]
        assert rows(home.archive, found) == told
        state = "SELECT state, error FROM listings WHERE url = ?"
        assert rows(home.archive, state, home_page.url) == [
            ("failed", f"leads to the home page, http://{CITY}/zglygzfmhwz/index.html")
        ]
        assert rows(home.archive, state, lost.url) == [
            ("failed", f"leads to an error page, http://{CITY}/zglygzfmhwz/404.html")
        ]
        assert rows(home.archive, "SELECT title FROM articles WHERE url IN (?, ?)", moved.url, sent.url) == [
            (title,)
            for (title,) in rows(
                home.archive, "SELECT title FROM articles WHERE url IN (?, ?)", moved.url, sent.url
            )
        ]
        explained = home.scrapy("explain", URL.format(1)).stdout.decode()
        assert f"\naddress   {URL.format(1)}: redirect\n" in explained
    built = home.folder / "rebuilt.db"
    assert home.scrapy("rebuild", "--to", str(built)).returncode == 0
    assert compare(home.archive, built) == [f"{what}: the same" for what in COMPARED]
    assert rows(built, found) == told


def test_an_article_that_is_gone_from_one_address_is_looked_for_at_the_other(home: Home) -> None:
    with Replica(seed=3, stories=40) as replica:
        home.through(replica)
        pages = replica.pages(CITY)
        story = next(s for s in replica.expected(CITY) if s.channel == "gcyw" and not s.parts)
        target = URL.format(1).removeprefix(f"http://{CITY}")
        page = pages[target] = pages[story.path]
        pages[story.path] = Reply(b"", status=301, headers=(("Location", target),))
        words = ("crawl", "lyg_news", "-a", "channel=gcyw", "-s", "RECENT_DAYS=9999")
        home.crawl(*words)
        pages[story.path] = Reply(b"", status=404)
        home.crawl(*words)
        what = "SELECT gone IS NULL, (SELECT count(*) FROM versions) FROM articles WHERE url = ?"
        count = rows(home.archive, "SELECT count(*) FROM articles")[0][0]
        assert rows(home.archive, what, story.url) == [(1, count)]
        pages[target] = Reply(b"", status=404)
        home.crawl(*words)
        assert rows(home.archive, what, story.url) == [(0, count + 1)]
        pages[target] = page
