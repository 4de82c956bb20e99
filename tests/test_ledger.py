"""The ledger misses nothing: one article under all its addresses, balanced books, alarms that name the rule."""

from __future__ import annotations

import json
import re
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from crawler.archive import COMPARED, PAUSES, Archive, History, Imbalance, canonical, compare, now
from crawler.archive.addresses import OPEN, SHARED
from crawler.balance import Tally, is_late
from crawler.balance import compare as compare_pages
from crawler.captures import Capture, payload_digest, read_run
from crawler.extensions import CHANGES
from crawler.items import Page
from crawler.landing import is_astray, sent_on
from crawler.portals import Line
from crawler.text import Decoded, Extracted
from spiders.lyg_epaper import LygEpaper
from spiders.lyg_news import LygNews
from tests.home import ROOT, Home
from tests.replica import Replica
from tests.replica.replies import Reply
from tests.replica.stories import Story

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
    title = more.pop("title", f"港城今日要闻标题{text or number}")
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
        title=title,
        text=body,
        decoded=Decoded(body, "utf-8", "header"),
        extracted=Extracted(title=title, text=body),
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
    enlist(archive, (1, "港城今日要闻标题1"))
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
    enlist(archive, (1, "港城今日要闻标题2"))
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
    enlist(archive, (2, "港城今日要闻标题1"))
    assert owed(archive) == []
    assert said(archive) == [(URL.format(2), 1, "canonical", None)]
    enlist(archive, (4, "港城今日要闻标题3"))
    save(archive, 3, named=URL.format(4))
    assert owed(archive) == []


def test_a_title_that_many_stories_have_is_no_reason_not_to_ask(archive: Archive) -> None:
    save(archive, 1, named=URL.format(2), title="公示公告")
    enlist(archive, (2, "公示公告"))
    assert owed(archive) == [URL.format(2)]
    assert save(archive, 2, title="公示公告") == 2
    assert said(archive) == [(URL.format(2), 1, "canonical", OPEN)]


def test_pages_that_all_name_one_address_are_articles_of_their_own(archive: Archive) -> None:
    assert save(archive, 1, named=URL.format(3)) == 1
    assert save(archive, 2, named=URL.format(3)) == 2
    enlist(archive, (3, "港城今日要闻标题1"))
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
        enlist(archive, (1, "港城今日要闻标题1"), (2, None), (3, "港城今日要闻标题3"))
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
            (keys[0], "港城今日要闻标题1", "archived", 1),
            (keys[2], "港城今日要闻标题3", "archived", 3),
        ]
        assert rows(archive, "SELECT key, article_id, refused FROM addresses") == [
            (f"{keys[0]}?_ga=1", 1, None)
        ]
        assert archive.verify() == []


def test_an_archive_of_an_elder_shape_that_may_only_be_read_has_no_further_addresses(tmp_path: Path) -> None:
    path = tmp_path / "archive.db"
    with Archive(path) as archive:
        save(archive, 1)
        for table in ("addresses", "books"):
            archive.conn.execute(f"DROP TABLE {table}")
        archive.conn.execute("PRAGMA user_version=3")
        archive.commit()
    with Archive(path, readonly=True) as archive:
        article = archive.article(URL.format(1))
        assert article is not None
        assert archive.article(URL.format(2)) is None
        assert (archive.addresses(1), archive.other_addresses(article["url"])) == ([], [])


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


@pytest.mark.parametrize(
    ("answered", "title", "why"),
    [
        (URL.format(1), "港城今日要闻标题2", None),
        (URL.format(2), "港城今日要闻标题2", None),
        (URL.format(2), "港城今日要闻标题...", None),
        (URL.format(2), None, None),
        (URL.format(2), "别的", f"leads to {URL.format(2)}, which is article 1, '港城今日要闻标题2'"),
        (URL.format(7), "别的", None),
        ("https://www.lyg.gov.cn/", "港城今日要闻标题", "leads to the home page, https://www.lyg.gov.cn/"),
        (
            f"http://{CITY}/zglygzfmhwz/bmdt/",
            "港城今日要闻标题",
            f"leads to a list, http://{CITY}/zglygzfmhwz/bmdt/",
        ),
        (
            f"http://{CITY}/zglygzfmhwz/bmdt.do",
            "港城今日要闻标题",
            f"leads to a list, http://{CITY}/zglygzfmhwz/bmdt.do",
        ),
        (f"http://{CITY}/404", "港城今日要闻标题", f"leads to an error page, http://{CITY}/404"),
        (f"http://{CITY}/view?id=404", "建成“书屋”", None),
        (
            f"http://{CITY}/busy.html",
            "建成公园",
            f"leads to http://{CITY}/busy.html, which does not show the title '建成公园'",
        ),
    ],
)
def test_a_redirect_leads_to_the_article_or_astray(
    archive: Archive, answered: str, title: str | None, why: str | None
) -> None:
    portal = next(each for each in LygNews.portals if each.name == CITY)
    archive.meet_channel(CITY, "bmdt", None, f"http://{CITY}/zglygzfmhwz/bmdt.do", seen=SEEN.format(20))
    save(archive, 2)
    text = "<h1>海州区建成 书屋三处</h1>"
    assert is_astray(URL.format(1), answered, portal, archive, title, text) == why


def move_stories(replica: Replica) -> list[Story]:
    """Move five stories: by a redirect, by a script, to the home page, to an error page, and by a canonical link."""
    pages = replica.pages(CITY)
    moved, sent, home_page, lost, named = stories = [
        story for story in replica.expected(CITY) if story.channel == "gcyw" and not story.parts
    ][:5]
    target = URL.format(1).removeprefix(f"http://{CITY}")
    pages[target] = pages[moved.path]
    pages[moved.path] = Reply(b"", status=301, headers=(("Location", target),))
    pages[URL.format(2).removeprefix(f"http://{CITY}")] = pages[sent.path]
    pages[sent.path] = Reply(f"<script>window.location.href='{URL.format(2)}'</script>".encode())
    pages[home_page.path] = Reply(b"", status=302, headers=(("Location", "/zglygzfmhwz/index.html"),))
    pages["/zglygzfmhwz/404.html"] = Reply("<h1>页面不存在</h1><p>请返回首页</p>".encode())
    pages[lost.path] = Reply(b"", status=302, headers=(("Location", "/zglygzfmhwz/404.html"),))
    link = f"<link rel='canonical' href='{URL.format(4)}'></head>".encode()
    page = pages[named.path]
    pages[named.path] = page._replace(body=page.body.replace(b"</head>", link, 1))
    return stories


FURTHER = (
    "SELECT how, d.url, a.url, refused FROM addresses d JOIN articles a ON a.id = d.article_id ORDER BY d.url"
)


def test_redirects_and_named_addresses_are_followed_in_a_crawl_and_in_a_rebuild(
    make_home: Callable[[], Home],
) -> None:
    with Replica(seed=3, stories=60) as replica:
        home = make_home().through(replica)
        moved, sent, home_page, lost, named = move_stories(replica)
        words = ("crawl", "lyg_news", "-a", "channel=gcyw")
        home.crawl(*words)
        assert rows(home.archive, "SELECT outcome FROM runs") == [("partial",)]
        told = [
            ("redirect", URL.format(1), moved.url, None),
            ("redirect", URL.format(2), sent.url, None),
            ("canonical", URL.format(4), named.url, OPEN),
        ]
        assert rows(home.archive, FURTHER) == told
        state = "SELECT state, error FROM listings WHERE url = ?"
        assert rows(home.archive, state, home_page.url) == [
            ("failed", f"leads to the home page, http://{CITY}/zglygzfmhwz/index.html")
        ]
        assert rows(home.archive, state, lost.url) == [
            ("failed", f"leads to an error page, http://{CITY}/zglygzfmhwz/404.html")
        ]
        titles = "SELECT title FROM articles WHERE url IN (?, ?) ORDER BY title"
        wanted = sorted((story.title_on(1),) for story in (moved, sent))
        assert rows(home.archive, titles, moved.url, sent.url) == wanted
        explained = home.scrapy("explain", URL.format(1)).stdout.decode()
        assert f"\naddress   {URL.format(1)}: redirect\n" in explained
    built = home.folder / "rebuilt.db"
    assert home.scrapy("rebuild", "--to", str(built)).returncode == 0
    assert compare(home.archive, built) == [f"{what}: the same" for what in COMPARED]
    assert rows(built, FURTHER) == told


def test_a_crawl_killed_among_redirects_ends_in_the_same_archive(make_home: Callable[[], Home]) -> None:
    with Replica(seed=3, stories=60) as replica:
        move_stories(replica)
        words = ("crawl", "lyg_news", "-a", "channel=gcyw", "-s", "DOWNLOAD_DELAY=0.05")
        whole, killed = make_home().through(replica), make_home().through(replica)
        whole.scrapy(*words, *whole.quick[2:])
        for more in (6, 8):
            before = len(replica.requests)
            with subprocess.Popen(
                killed.command(*words, *killed.quick[2:]),
                cwd=ROOT, env=killed.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            ) as running:  # fmt: skip
                for _ in range(600):
                    if len(replica.requests) >= before + more:
                        break
                    time.sleep(0.02)
                running.send_signal(signal.SIGKILL)
        killed.scrapy(*words, *killed.quick[2:])
    assert rows(killed.archive, "SELECT outcome FROM runs ORDER BY id") == [
        ("interrupted",),
        ("interrupted",),
        ("partial",),
    ]
    # what a killed run archived is not asked for again, not even conditionally, though all of it is recent
    assert [request.url for request in replica.requests if "if-none-match" in request.headers] == []
    articles = "SELECT key, title, text, version FROM articles ORDER BY key"
    states = "SELECT key, state, error FROM listings ORDER BY key"
    for sql in (articles, states, FURTHER):
        assert rows(killed.archive, sql) == rows(whole.archive, sql)
    built = killed.folder / "rebuilt.db"
    assert killed.scrapy("rebuild", "--to", str(built)).returncode == 0
    assert compare(killed.archive, built) == [f"{what}: the same" for what in COMPARED]


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


# --- runs that were killed ---


def test_killed_runs_in_a_row_count_as_one_with_the_run_that_goes_on(archive: Archive) -> None:
    def run(hour: int, outcome: str | None, spider: str = "lyg_news", **stats: str) -> str:
        started = now().replace(microsecond=0) - timedelta(hours=hour)
        run_id = archive.start_run(spider, started=started)
        if outcome:
            archive.finish_run(run_id, outcome=outcome, counts={}, stats=stats)
        return run_id

    run(12, "interrupted")
    run(10, "finished", reason="finished")
    first = run(9, "interrupted")
    assert archive.since_kill(first) is None
    run(8, "partial", reason="shutdown")
    run(7, "finished", "lyg_epaper", reason="finished")
    run(6, "interrupted")
    last = run(5, None)
    began = rows(archive, "SELECT started FROM runs WHERE id = ?", first)[0][0]
    assert archive.since_kill(last) == began
    archive.finish_run(last, outcome="partial", counts={}, stats={"reason": "closespider_timeout"})
    assert archive.since_kill(run(4, None)) is None


def test_what_was_killed_long_ago_is_asked_for_again(archive: Archive) -> None:
    start = now().replace(microsecond=0)
    killed = archive.start_run("lyg_news", started=start - timedelta(hours=50))
    archive.finish_run(killed, outcome="interrupted", counts={})
    since = archive.since_kill(archive.start_run("lyg_news", started=start))
    assert since is not None
    assert timedelta(hours=19) < start - datetime.fromisoformat(since) < timedelta(hours=21)


# --- books ---


def alarms(archive: Path) -> list[dict[str, Any]]:
    """Give the alarms of the last run that are about what a channel is used to, or about the books."""
    ((told,),) = rows(archive, "SELECT alarms FROM runs ORDER BY id DESC LIMIT 1")
    return [each for each in json.loads(told) if each["rule"] in (*CHANGES, "books")]


BOOKS = (
    "run_id, portal, channel, listed, archived, unchanged, pending, failed, challenged, gone, offsite, total, "
    "lines, pages, parsed, titled, dated, sourced"
)


def test_a_run_closes_with_balanced_books_that_a_rebuild_has_too(home: Home) -> None:
    with Replica(seed=3, stories=60) as replica:
        home.through(replica)
        gone = next(story for story in replica.expected(CITY) if story.channel == "gsgg")
        replica.faults[gone.host + gone.path] = "404"
        done = home.crawl("crawl", "lyg_news", "-a", "channel=gsgg,mtbd")
    run, count = rows(home.archive, "SELECT id, (SELECT count(*) FROM listings) FROM runs")[0]
    gsgg, mtbd = rows(home.archive, f"SELECT {BOOKS} FROM books ORDER BY channel")
    assert gsgg == (run, CITY, "gsgg", 3, 2, 0, 0, 0, 0, 1, 0, 3, 3, 2, 2, 2, 2, 2)
    assert mtbd[3:13] == (9, 3, 0, 0, 0, 0, 0, 6, 9, 9)
    assert gsgg[3] + mtbd[3] == count
    assert f"Books {CITY} gsgg: 3 listed = 2 archived + 1 gone; 100 % of 3\n" in done.stderr.decode()
    (path,) = home.captures.glob("*.warc.gz")
    outcome = read_run(path)
    assert outcome is not None
    assert outcome.outcome is not None
    kept = [tuple(row[name.strip()] for name in BOOKS.split(",")[1:]) for row in outcome.outcome["books"]]
    assert kept == [gsgg[1:], mtbd[1:]]
    built = home.folder / "rebuilt.db"
    assert home.scrapy("rebuild", "--to", str(built)).returncode == 0
    assert rows(built, f"SELECT {BOOKS} FROM books ORDER BY channel") == [gsgg, mtbd]


def test_lines_that_the_books_cannot_account_for_are_named(archive: Archive) -> None:
    enlist(
        archive,
        (1, "港城今日要闻标题1"),
        (2, "港城今日要闻标题2"),
        (3, "港城今日要闻标题3"),
        (4, "港城今日要闻标题4"),
    )
    save(archive, 1)
    assert archive.imbalances(CITY) == []
    change = "UPDATE listings SET state = ? WHERE url = ?"
    for number, state in ((2, "lost"), (3, "archived"), (4, "failed")):
        archive.conn.execute(change, (state, URL.format(number)))
    assert archive.imbalances(CITY) == [
        Imbalance(
            CITY,
            "gcyw",
            "found 1 lines in a state that there is not ('lost'), wanted none",
            URL.format(2),
        ),
        Imbalance(
            CITY,
            "gcyw",
            "found 1 lines archived without an article ('archived'), wanted none",
            URL.format(3),
        ),
        Imbalance(
            CITY,
            "gcyw",
            "found 1 lines failed and never to be asked for again ('failed'), wanted none",
            URL.format(4),
        ),
    ]


def test_books_that_do_not_balance_are_an_error_of_the_run(home: Home) -> None:
    with Replica(seed=3, stories=40) as replica:
        home.through(replica)
        words = ("crawl", "lyg_news", "-a", "channel=mtbd")
        home.crawl(*words)
        with closing(sqlite3.connect(home.archive)) as db, db:
            db.execute("UPDATE listings SET state = 'lost' WHERE state = 'offsite'")
        done = home.crawl(*words)
    assert b"ERROR: The books of www.lyg.gov.cn mtbd do not balance: found 6 lines in a state" in done.stderr
    assert [(each["rule"], each["channel"]) for each in alarms(home.archive)] == [("books", "mtbd")]


def test_status_tells_coverage_and_what_is_asked_for_again(home: Home) -> None:
    with Archive(home.archive) as archive:
        enlist(archive, *((number, f"港城今日要闻标题{number}") for number in range(1, 8)), day=20)
        archive.meet_channel(CITY, "gcyw", "港城要闻", None, seen=SEEN.format(20), total=9)
        save(archive, 1)
        archive.note(URL.format(2), "failed", "answers 500", SEEN.format(20))
        for _ in range(3):
            archive.note(URL.format(3), "challenged", "status 521", "2999-01-01T00:00:00+08:00")
        for _ in PAUSES:
            archive.note(URL.format(4), "failed", "answers 500", SEEN.format(20))
        archive.note(URL.format(4), "failed", "answers 500", SEEN.format(20))
        archive.missing(URL.format(5), SEEN.format(20), None, 404)
    said = home.scrapy("status").stdout.decode()
    assert re.search(r"\nwww\.lyg\.gov\.cn +gcyw +7 = +1 +0 +2 +2 +1 +1 +0  77 % of 9\n", said)
    assert said.endswith(
        "\nasked for again:\n"
        f"  {CITY:24} next run   1 failed, 1 gone, 2 pending\n"
        f"  {CITY:24} 2999-01-01 1 challenged\n"
        f"  {CITY:24} given up   1 failed\n"
    )
    told = json.loads(home.scrapy("status", "--json").stdout)
    assert (told["books"][0]["listed"], round(told["books"][0]["coverage"], 1)) == (7, 77.8)
    assert told["again"][0] == {"portal": CITY, "state": "failed", "when": "next run", "lines": 1}
    assert [run["id"] for run in told["runs"]] == ["run-20"]


# --- alarms ---


def days(*back: int) -> list[date]:
    return [date(2026, 6, 30) - timedelta(days=number) for number in back]


@pytest.mark.parametrize(
    ("listed", "today", "late"),
    [
        (days(*range(40, 0, -1)), date(2026, 7, 2), False),  # a daily channel after two days
        (days(*range(40, 0, -1)), date(2026, 7, 4), True),  # after four
        (days(*range(40, 0, -1)), date(2026, 12, 4), False),  # told long enough
        (days(*range(5, 0, -1)), date(2026, 7, 20), False),  # too little is known of it
        (days(*range(200, 0, -30)), date(2026, 8, 20), False),
        (days(*range(300, 0, -30)), date(2026, 8, 20), False),  # a monthly one after fifty days
        (days(60, *range(40, 0, -1)), date(2026, 7, 13), False),  # it paused for twenty days once
        ([date(2026, 9, 1) + timedelta(days=n) for n in range(30)], date(2026, 10, 9), False),  # the holiday
        ([date(2026, 9, 1) + timedelta(days=n) for n in range(30)], date(2026, 10, 14), True),
        ([date(2026, 1, 1) + timedelta(days=n) for n in range(45)], date(2026, 2, 25), False),
    ],
)
def test_a_channel_is_late_by_its_own_habit(listed: list[date], today: date, late: bool) -> None:
    assert (is_late(listed, today) is not None) == late


def tally(pages: int, *, unparsed: int = 0, undated: int = 0) -> Tally:
    found = Tally()
    for number in range(pages):
        page = Page(
            url=URL.format(number), portal=CITY, title="题", text="文", published=date(2026, 6, 1), body=b""
        )
        day = None if number < undated + unparsed else page.published
        page.extracted = Extracted(title="题", text="文", published=day, source="日报")
        if number < unparsed:
            found.lost(page, "no-article")
        else:
            found.saw(page)
    return found


@pytest.mark.parametrize(
    ("seen", "before", "rules"),
    [
        (tally(20, unparsed=20), History(0, 0, 0, 0, 0), []),  # the first run
        (tally(20, unparsed=20), History(19, 19, 19, 19, 19), []),
        (tally(20, unparsed=1), History(200, 199, 199, 199, 199), []),
        (tally(20, unparsed=4), History(200, 199, 199, 199, 199), ["parse rate"]),
        (tally(2, unparsed=2), History(200, 199, 199, 199, 199), ["parse rate"]),
        (tally(20, undated=5), History(200, 200, 200, 200, 200), ["dates missing"]),
        (tally(20, undated=20), History(200, 200, 200, 3, 200), []),  # it never had dates
    ],
)
def test_pages_that_are_read_worse_than_before_are_an_alarm(
    seen: Tally, before: History, rules: list[str]
) -> None:
    assert [rule for rule, _, _ in compare_pages(seen, before)] == rules


def test_a_redesign_is_told_with_the_rule_that_failed_and_a_page_kept(home: Home) -> None:
    with Replica(seed=3, stories=90) as replica:
        home.through(replica)
        words = ("crawl", "lyg_news", "-a", "channel=gcyw", "-s", "RECENT_DAYS=9999")
        home.crawl(*words)
        assert alarms(home.archive) == []
        parsed = rows(home.archive, "SELECT pages, parsed FROM books")[0]
        assert parsed[0] >= 20
        pages = replica.pages(CITY)
        stories = [s for s in replica.expected(CITY) if s.channel == "gcyw" and not s.parts]
        for story in stories:
            pages[story.path] = pages[story.path]._replace(
                body=f"<html><title>{story.serial}</title><div id=app></div></html>".encode()
            )
        home.crawl(*words)
    (alarm,) = alarms(home.archive)
    assert (alarm["portal"], alarm["channel"], alarm["rule"]) == (CITY, "gcyw", "parse rate")
    assert re.fullmatch(
        rf"found \d+ of \d+ pages with title, text and date, where \d+ % of {parsed[0]} had them; no-article on \d+",
        alarm["what"],
    )
    kept = rows(home.archive, "SELECT url, status, flags FROM captures WHERE id = ?", alarm["capture"])
    assert kept == [(alarm["url"], 200, "no-article")]
    assert rows(home.archive, "SELECT outcome FROM runs ORDER BY id DESC LIMIT 1") == [("partial",)]


def test_a_channel_that_lists_only_old_things_is_told_from_its_second_run_on(home: Home) -> None:
    today = now().date()
    with Replica(seed=3, stories=40) as replica:
        home.through(replica)
        story = next(s for s in replica.expected(CITY) if s.channel == "gcyw" and not s.parts)
        items = "".join(
            f'<ul><li><a href="{story.path}?n={number}" title="{story.title}">{story.title}</a>'
            f"<span>{today - timedelta(days=30 + number)}</span></li></ul>"
            for number in range(30)
        )
        path = "/zglygzfmhwz/gcyw/gcyw.html"
        body = f"<html><title>港城要闻</title><div id='initData'>{items}</div></html>".encode()
        replica.pages(CITY)[path] = Reply(body)
        words = ("crawl", "lyg_news", "-a", "channel=gcyw")
        home.crawl(*words)
        assert alarms(home.archive) == []
        home.crawl(*words)
    (alarm,) = alarms(home.archive)
    assert (alarm["portal"], alarm["channel"], alarm["rule"]) == (CITY, "gcyw", "only old")
    assert alarm["what"].startswith(f"the newest line is of {today - timedelta(days=30)}, 30 days ago, ")
    kept = rows(home.archive, "SELECT url, kind FROM captures WHERE id = ?", alarm["capture"])
    assert kept == [(f"http://{CITY}{path}", "list")]


# --- nights that were missed ---


def test_the_issues_of_missed_nights_are_asked_for_until_they_are_read(archive: Archive) -> None:
    class Paper(LygEpaper):
        archive = property(lambda self: archive)  # type: ignore[assignment]

    (paper,) = LygEpaper.portals
    today = now().date()
    issue = f"{paper.home}Media/lygrb/{{}}"

    def asked() -> list[int]:
        asks = Paper().first(paper)
        return [
            days for days in range(100) if issue.format(today - timedelta(days=days)) in {a.url for a in asks}
        ]

    week = list(range(7))
    assert asked() == week
    seen = today - timedelta(days=12)
    line = Line(issue.format(seen) + "/A01/3", "海州湾渔港今日开渔", seen, "A01")
    archive.enlist([line], portal=paper.name, hosts=paper.hosts, seen=f"{seen}T03:00:00+08:00")
    assert asked() == [*week, 7, 8, 9, 10, 11]  # that of the twelfth day was read
    absent = issue.format(today - timedelta(days=9))
    archive.add_capture(
        Capture(absent, f"{today}T03:00:00+08:00", 404, None, "sha256:0", "a.warc.gz", 0, 1, "list"), None
    )
    assert asked() == [*week, 7, 8, 10, 11]
    archive.conn.execute("UPDATE listings SET first_listed = '2020-01-01T03:00:00+08:00'")
    assert asked() == [day for day in range(61) if day not in (9, 12)]
    assert len(Paper(since=str(today - timedelta(days=2))).first(paper)) == 3
