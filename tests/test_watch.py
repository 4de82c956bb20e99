"""A run knows when it is wrong: what is unlike a channel's habit, ends early, runs out, or moved."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from scrapy.crawler import Crawler
from scrapy.settings import Settings

from crawler import guards
from crawler.archive import Archive, History, now
from crawler.balance import Sample, Tally, hold
from crawler.captures import SHANGHAI
from crawler.checkup import Checkup, Finding
from crawler.commands.status import show
from crawler.extensions import CHANGES
from crawler.habits import Night, days_between, is_unusual, nights_of
from crawler.hosts import Hosts
from crawler.items import Page
from crawler.text import Extracted
from spiders.lyg_news import LygNews
from tests.home import ROOT, Home
from tests.replica import Replica
from tests.replica.replies import Reply

CITY = "www.lyg.gov.cn"
SAMPLE = Sample(f"http://{CITY}/a.html", None)
GCYW = ("crawl", "lyg_news", "-a", "channel=gcyw", "-s", "ATTACHMENT_MAXSIZE=0", "-s", "IMAGE_MAXSIZE=0")


def alarms(home: Home, *rules: str) -> list[dict[str, Any]]:
    """Give the alarms of the last run, of some rules."""
    ((told,),) = home.ask("SELECT alarms FROM runs ORDER BY id DESC LIMIT 1")
    return [each for each in json.loads(told) if each["rule"] in rules]


# --- arrivals ---


def nights(counts: list[int], begin: date = date(2026, 5, 4)) -> list[Night]:
    return [Night((begin + timedelta(days=at),), count) for at, count in enumerate(counts)]


WEEK = [6, 4, 7, 5, 6, 1, 0]


@pytest.mark.parametrize(
    ("known", "rule"),
    [
        (nights(WEEK * 8), None),
        (nights(WEEK * 3 + [0] * 6), None),  # in the first nights nothing is a habit
        (nights(WEEK * 8 + [0, 0]), None),
        (nights(WEEK * 8 + [0, 0, 0]), "few new"),
        (nights(WEEK * 8 + [1, 0, 0, 1, 0]), "few new"),
        (nights(WEEK * 8 + [3, 2, 4, 2, 3, 0, 0]), None),  # half as many is a slow week
        (nights(WEEK * 8 + [70]), "many new"),
        (nights([*WEEK * 4, 60, *WEEK * 4, 70]), None),  # such a night was there before
        (nights([0, 0, 0, 9, 0, 0, 0] * 9 + [0, 0, 0, 0, 0, 0]), None),  # once a week
        (nights(WEEK * 8 + [0] * 7, date(2026, 8, 6)), None),  # National Day
        (nights([0] * 60 + [9]), None),
    ],
)
def test_nights_are_held_against_the_weeks_before(known: list[Night], rule: str | None) -> None:
    assert (is_unusual(known) or (None,))[0] == rule


def test_days_without_a_run_are_waited_for_and_a_second_run_of_a_night_belongs_to_it() -> None:
    begin = datetime(2026, 5, 4, 2, tzinfo=SHANGHAI)
    runs = [(begin + timedelta(days=at), True) for at in range(60)]
    seen = [began + timedelta(minutes=1) for began, _ in runs for _ in range(6)]
    slept = runs[:50] + runs[55:]
    late = [moment if not runs[50][0] <= moment < runs[55][0] else runs[55][0] for moment in seen]
    assert [(len(night.days), night.new) for night in nights_of(slept, late)[48:51]] == [
        (1, 6),
        (6, 36),
        (1, 6),
    ]
    assert is_unusual(nights_of(slept, late)) is None
    noon = [*runs, (runs[-1][0] + timedelta(hours=9), True)]
    assert nights_of(noon, seen) == []
    killed = [*runs[:-1], (runs[-1][0] - timedelta(hours=1), False), runs[-1]]
    early = [moment - timedelta(hours=1) if moment > runs[-1][0] else moment for moment in seen]
    assert nights_of(killed, early) == nights_of(runs, seen)


def test_a_night_is_that_of_the_day_before_it() -> None:
    two, ten = (datetime(2026, 5, 4, hour, tzinfo=SHANGHAI) for hour in (2, 22))
    day = timedelta(days=1)
    assert days_between(two, two + day) == (date(2026, 5, 4),)
    assert days_between(ten, ten + day) == (date(2026, 5, 5),)


def age(home: Home, weeks: int) -> None:
    """Give an archive a past: nights of this spider before, each of which found six new lines."""
    began = now().replace(hour=2, minute=0, second=0, microsecond=0)
    with closing(sqlite3.connect(home.archive)) as db, db:
        for at in range(1, 7 * weeks):
            night = began - timedelta(days=at)
            run = f"{night:%Y%m%d}T000000Z-lyg_news"
            db.execute(
                "INSERT INTO runs (id, spider, started, finished, outcome, stats, alarms) "
                "VALUES (?, 'lyg_news', ?, ?, 'finished', '{}', '[]')",
                (run, night.isoformat(), night.isoformat()),
            )
            db.execute(
                "INSERT INTO books (run_id, portal, channel, listed, archived, unchanged, pending, failed, challenged, gone, "
                "offsite, lines, pages, parsed, titled, dated, sourced) VALUES (?, ?, 'gcyw', 0, 0, 0, 0, 0, 0, 0, 0, 6, 0, 0, "
                "0, 0, 0)",
                (run, CITY),
            )
            db.executemany(
                "INSERT INTO listings (portal, channel, key, url, title, listed, first_listed, last_listed, state, attempts) "
                "VALUES (?, 'gcyw', ?, ?, '旧', ?, ?, ?, 'gone', 0)",
                [
                    (CITY, key, f"http://{key}", str(night.date()), night.isoformat(), night.isoformat())
                    for key in (f"{CITY}/old/{at}-{number}.html" for number in range(6))
                ],
            )


def test_a_list_that_brings_nothing_for_days_is_told_and_one_that_goes_on_is_not(
    make_home: Callable[[], Home],
) -> None:
    with Replica(seed=3, stories=60) as replica:
        home = make_home().through(replica)
        home.crawl(*GCYW)
        age(home, 10)
        home.crawl(*GCYW)
        assert alarms(home, "few new", "many new") == []  # a second run of the night
        with closing(sqlite3.connect(home.archive)) as db, db:
            hide = "UPDATE runs SET started = replace(started, substr(started, 1, 10), date(started, '-3 days', '+8 hours'))"
            db.execute(f"{hide} WHERE id NOT LIKE '%000000Z%'")
            since = now().date() - timedelta(days=4)
            db.execute("DELETE FROM books WHERE run_id > ?", (f"{since:%Y%m%d}",))
            db.execute(
                "DELETE FROM listings WHERE title = '旧' AND first_listed > ?",
                (str(since),),
            )
            db.execute(
                "UPDATE listings SET first_listed = ? WHERE title <> '旧'",
                ((now() - timedelta(days=90)).isoformat(),),
            )
        home.crawl(*GCYW)
    (alarm,) = alarms(home, "few new", "many new")
    assert (alarm["portal"], alarm["channel"], alarm["rule"]) == (CITY, "gcyw", "few new")
    assert alarm["what"].startswith("found 0 new lines in a night, where about ")
    assert home.ask(f"SELECT kind FROM captures WHERE id = {alarm['capture']}") == [("list",)]
    assert home.ask("SELECT outcome FROM runs ORDER BY id DESC LIMIT 1") == [("partial",)]


# --- what pages are like ---


def read(
    pages: int, *, again: int = 0, changed: int = 0, missed: int = 0, body: str = "#zoom", other: int = 0
) -> Tally:
    tally = Tally()
    for number in range(pages):
        rules = (("title", "h1"), ("body", "density" if number < other else body))
        page = Page(url=SAMPLE.url, portal=CITY, title="题", text="文", published=date(2026, 6, 1))
        page.extracted = Extracted(
            title="题", text="文", published=page.published, source="日报", rules=rules
        )
        tally.saw(page, "edited" if number < changed else "first")
    for _ in range(again):
        tally.stood()
    for _ in range(missed):
        tally.miss("failed", SAMPLE.url, None)
    return tally


BEFORE = History(
    *(200, 200, 200, 200, 200),
    asked=400,
    missed=2,
    again=200,
    changed=4,
    readers={"title: h1": 200, "body: #zoom": 198, "body: density": 2},
)


@pytest.mark.parametrize(
    ("tally", "before", "told"),
    [
        (read(20, again=20), BEFORE, []),
        (
            read(20, again=6, missed=14),
            BEFORE,
            [
                (
                    "many missed",
                    "found 14 of 40 articles not to be had (14 failed), where 0 % of 400 were missed",
                )
            ],
        ),
        (read(0, again=2, missed=2), BEFORE, []),
        (read(20, missed=20), BEFORE._replace(asked=10), []),
        (
            read(8, changed=8, again=12),
            BEFORE,
            [("many changed", "found 8 of 20 known articles changed, where 2 % of 200 were")],
        ),
        (read(8, changed=8, again=92), BEFORE, []),  # not a fifth
        (read(8, changed=8, again=12), BEFORE._replace(changed=80), []),  # they change every night
        (
            read(9, body=".article"),
            BEFORE,
            [
                (
                    "read otherwise",
                    "found the body by '.article' on 9 of 9 pages, where '#zoom' told it on 99 % of 200",
                )
            ],
        ),
        (
            read(9, other=9),
            BEFORE._replace(readers={"body: #zoom": 100, "body: .article": 90, "body: density": 10}),
            [
                (
                    "read otherwise",
                    "found no part of the page that is made to tell the body on 9 of 9 pages ('density' did), "
                    "where 5 % of 200 lacked one",
                )
            ],
        ),
        (read(9, other=3), BEFORE, []),
        (read(2, other=2), BEFORE, []),
        (read(9, other=9), BEFORE._replace(readers={"body: #zoom": 100, "body: density": 100}), []),
    ],
)
def test_what_a_run_had_is_held_against_what_it_used_to_have(
    tally: Tally, before: History, told: list[tuple[str, str]]
) -> None:
    assert [(rule, what) for rule, what, _ in hold(tally, before)] == told


def story_page(number: int, place: str, sentences: int, mark: str = "") -> Reply:
    """Give a page of one layout: `place` is the attribute of its body."""
    text = "".join(
        f"<p>　　本市第{number}号工程昨日在海州区开工，全长{number + at}公里，计划明年{at + 1}月建成通车{mark}。</p>"
        for at in range(sentences)
    )
    title = f"第{number}号工程昨日开工建设"
    return Reply(
        f"<html><head><title>{title}</title></head><body><h1>{title}</h1><div>时间：2026-05-04 来源：连云港日报</div>"
        f"<div {place}>{text}</div></body></html>".encode()
    )


def test_another_layout_shorter_texts_and_many_changes_are_told_and_a_rebuild_has_the_same_books(
    make_home: Callable[[], Home],
) -> None:
    with Replica(seed=3, stories=120) as replica:
        home = make_home().through(replica)
        words = (*GCYW, "-s", "RECENT_DAYS=9999")
        pages = replica.pages(CITY)
        stories = [s for s in replica.expected(CITY) if s.channel == "gcyw" and not s.parts]
        for number, story in enumerate(stories):
            pages[story.path] = Reply(b"", status=404) if number < 6 else story_page(number, "id=zoom", 8)
        home.crawl(*words)
        home.crawl(*words)
        assert alarms(home, *CHANGES) == []
        for number, story in enumerate(stories):  # of what is new the teaser alone
            new = number < 6
            pages[story.path] = story_page(
                number, "id=app" if new else "id=zoom", 1 if new else 8, "（修订）"
            )
        with closing(sqlite3.connect(home.archive)) as db, db:
            db.execute("UPDATE listings SET state = 'pending', due = NULL WHERE state = 'gone'")
        home.crawl(*words)
    told = alarms(home, *CHANGES)
    assert {each["rule"] for each in told} == {"text length", "many changed"}
    for alarm in told:
        assert (alarm["portal"], alarm["channel"]) == (CITY, "gcyw")
        kept = home.ask(f"SELECT kind, url FROM captures WHERE id = {alarm['capture']}")
        assert kept == [("article", alarm["url"])]
    columns = "run_id, channel, pages, asked, missed, again, changed, readers"
    books = home.ask(f"SELECT {columns} FROM books ORDER BY run_id")
    (count, asked, missed, *none), second, third = (row[2:7] for row in books)
    assert (asked, none) == (count + missed, [0, 0])
    assert second[3:] == (count, 0)
    assert third[3:] == (count, len(stories) - 6)
    assert json.loads(books[0][-1])["body: #zoom"] == len(stories) - 6
    built = home.folder / "rebuilt.db"
    assert home.scrapy("rebuild", "--to", str(built)).returncode == 0
    with closing(sqlite3.connect(built)) as db:
        assert db.execute(f"SELECT {columns} FROM books ORDER BY run_id").fetchall() == books


# --- runs that end early ---


@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        ("CLOSESPIDER_PAGECOUNT=4", "closespider_pagecount"),
        ("CLOSESPIDER_ITEMCOUNT=2", "closespider_itemcount"),
        ("MEMUSAGE_LIMIT_MB=1", "memusage_exceeded"),
    ],
)
def test_a_run_that_spends_its_budget_is_partial(
    make_home: Callable[[], Home], setting: str, reason: str
) -> None:
    with Replica(seed=3, stories=60) as replica:
        home = make_home().through(replica)
        done = home.crawl("nightly", "--quiet", "-s", setting, "-s", "DOWNLOAD_DELAY=0.2")
    assert done.returncode == 4, done.stderr
    assert home.ask("SELECT DISTINCT outcome, json_extract(stats, '$.reason') FROM runs") == [
        ("partial", reason)
    ]


BROKEN = """
import sys
from crawler.{module} import {name}
def fail(*words, **more):
    raise ValueError("broken on purpose")
{name}.{method} = fail
from scrapy.cmdline import execute
execute(["scrapy", *sys.argv[1:]])
"""


def broken(
    home: Home, module: str, name: str, method: str, *words: str
) -> subprocess.CompletedProcess[bytes]:
    """Run a command with a method that raises."""
    program = BROKEN.format(module=module, name=name, method=method)
    return subprocess.run(
        [sys.executable, "-c", program, words[0], *home.quick, *words[1:]],
        cwd=ROOT, env=home.env, capture_output=True, timeout=120, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("module", "name", "method", "outcome"),
    [
        ("sources", "Source", "owed", "failed"),
        ("sources", "Source", "owed_files", "failed"),
        ("archive", "Archive", "imbalances", None),
    ],
)
def test_a_run_that_breaks_off_in_itself_is_never_finished(
    make_home: Callable[[], Home], module: str, name: str, method: str, outcome: str | None
) -> None:
    with Replica(seed=3, stories=30) as replica:
        home = make_home().through(replica)
        done = broken(home, module, name, method, "nightly", "--quiet")
    assert done.returncode == 5, done.stderr
    assert home.ask("SELECT DISTINCT outcome FROM runs") == [(outcome,)]


def test_a_rebuild_that_breaks_off_leaves_the_archive_as_it_was(make_home: Callable[[], Home]) -> None:
    with Replica(seed=3, stories=30) as replica:
        home = make_home().through(replica)
        home.crawl(*GCYW)
    before = home.archive.read_bytes()
    done = broken(home, "replay", "Run", "steps", "rebuild", "--yes")
    assert done.returncode == 5, done.stderr
    assert home.archive.read_bytes() == before


# --- hosts ---


def test_a_certificate_that_expires_soon_is_told_once_a_host(make_home: Callable[[], Home]) -> None:
    words = ("crawl", "lyg_minzheng", "-s", "ATTACHMENT_MAXSIZE=0", "-s", "IMAGE_MAXSIZE=0")
    with Replica(seed=3, stories=30, certificate=(-80, 10)) as replica:
        home = make_home().through(replica)
        home.crawl(*words)
        (alarm,) = alarms(home, "certificate expires")
        assert (alarm["portal"], alarm["url"]) == ("mzj.lyg.gov.cn", "https://mzj.lyg.gov.cn/")
        assert re.fullmatch(r"found a certificate that expires on \d{4}-\d\d-\d\d, in 9 days", alarm["what"])
        assert home.ask("SELECT outcome FROM runs") == [("finished",)]
    with Replica(seed=3, stories=30, certificate=(-1, 90), authority="Another authority") as replica:
        done = home.through(replica).crawl(*words)
        assert alarms(home, "certificate expires") == []
    said = "mzj.lyg.gov.cn has a certificate of another issuer: CN=Another authority, before: CN=Replica test authority"
    assert said in done.stderr.decode()


def test_a_portal_whose_pages_lead_to_a_foreign_host_is_told_with_both_hosts(
    make_home: Callable[[], Home],
) -> None:
    with Replica(seed=3, stories=60) as replica:
        home = make_home().through(replica)
        home.crawl(*GCYW)
        pages = replica.pages(CITY)
        for path in list(pages):
            if "/gcyw/" in path:
                pages[path] = Reply(
                    b"", status=301, headers=(("Location", f"https://new.lyg.example{path}"),)
                )
        done = home.crawl(*GCYW, "-s", "RECENT_DAYS=9999")
        assert replica.strays == []
    (alarm,) = alarms(home, "portal moved")
    assert (alarm["portal"], alarm["channel"]) == (CITY, None)
    assert f" lead from {CITY} to new.lyg.example, which the portal does not name: " in alarm["what"]
    assert home.ask(f"SELECT status, url FROM captures WHERE id = {alarm['capture']}") == [
        (301, alarm["url"])
    ]
    assert done.returncode == 0 or b"exit " in done.stderr


def test_a_home_page_that_leads_away_is_a_portal_that_moved_and_one_article_is_not() -> None:
    hosts = Hosts()
    ask = ["http://a.cn/", "home", None, [], []]
    hosts.stray("http://b.cn/", {"context": {"kind": "list", "portal": "a.cn", "ask": ask}})
    article = {"context": {"kind": "article", "portal": "c.cn"}, "redirect_urls": ["http://c.cn/1.html"]}
    hosts.stray("http://d.cn/1.html", article)
    hosts.stray("http://e.cn/", {"context": {"kind": "article", "portal": "c.cn"}})  # listed so
    many = Tally(asked=40)
    assert [
        (portal, what[:42], sample.url) for portal, what, sample in hosts.moved({("c.cn", "x"): many})
    ] == [("a.cn", "the home page leads from a.cn to b.cn, whi", "http://a.cn/")]


# --- the screen ---


def test_status_shows_a_line_a_night_that_fits_a_screen(home: Home) -> None:
    with Archive(home.archive) as archive:
        for started, outcome, counts, alarms in (
            ("2026-05-03T22:00:00+08:00", "finished", {"archived": 3, "tampered": 1}, 1),
            ("2026-05-04T02:00:00+08:00", "partial", {"archived": 4, "changed": 2, "failed": 1}, 2),
            ("2026-05-04T12:00:00+08:00", "finished", {"archived": 5}, 0),
            ("2026-05-05T02:00:00+08:00", "finished", {}, 0),
        ):
            run = archive.start_run("lyg_news", started=started)
            alarm = {"portal": CITY, "channel": None, "rule": "few new", "what": "标题" * 60, "url": ""}
            archive.finish_run(
                run, outcome=outcome, counts=counts, alarms=[alarm] * alarms, stats={"ledger/gone": alarms}
            )
    said = home.scrapy("status").stdout.decode().splitlines()
    assert said[2:6] == [
        "night      outcome                         new changed    gone  failed  hacked   files  alarms",
        "2026-05-05 finished                          5       0       0       0       0       0       0",
        "2026-05-04 1 finished, 1 partial             7       2       3       1       1       0       3",
        "",
    ]
    assert [line.split()[0] for line in said[7:9]] == [
        "20260504T180000Z-lyg_news",
        "20260504T040000Z-lyg_news",
    ]
    told = json.loads(home.scrapy("status", "--json", "--nights", "1").stdout)
    assert list(told) == ["archive", "nights", "runs", "hacked", "attachments", "portals", "books", "again"]
    assert told["nights"] == [
        {
            "night": "2026-05-05",
            "runs": 2,
            "listed": 0,
            "archived": 5,
            "changed": 0,
            "failed": 0,
            "missed": 0,
            "attachments": 0,
            "tampered": 0,
            "gone": 0,
            "alarms": 0,
            "outcomes": {"finished": 2},
        }
    ]
    assert len(told["runs"]) == 4


def test_a_terminal_gets_lines_that_it_has_room_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    show("标题" * 30)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    show("标题" * 30)
    show("short")
    assert capsys.readouterr().out.splitlines() == ["标题" * 30, "标题" * 4 + "标…", "short"]


# --- scrapy portal check ---

CHECK = (
    "portal",
    "-s",
    "DOWNLOAD_DELAY=0",
    "-s",
    "AUTOTHROTTLE_ENABLED=0",
    "-s",
    "RETRY_BACKOFF_SECONDS=0.05",
)


def kept(home: Home) -> dict[Path, bytes]:
    """Give all files of a home but those that SQLite makes for readers."""
    files = (path for path in home.folder.rglob("*") if path.is_file())
    return {path: path.read_bytes() for path in files if not path.name.endswith(("-shm", "-wal"))}


def test_a_portal_is_looked_at_line_by_line_without_a_write(make_home: Callable[[], Home]) -> None:
    with Replica(seed=3, stories=40) as replica:
        home = make_home().through(replica)
        home.crawl(*GCYW)
        before = kept(home)
        asked = len(replica.requests)
        done = home.scrapy(*CHECK, "check", CITY, "--json")
        assert done.returncode == 0, (done.stderr, done.stdout.decode())
        found = json.loads(done.stdout)
        assert {each["verdict"] for each in found} == {"ok"}
        said = {each["what"]: each["said"] for each in found}
        assert {"home", "list gcyw", "list bmdt", "robots", "article", "canary"} <= set(said)
        assert re.fullmatch(
            r"\d+ lines of \d+, newest \d{4}-\d\d-\d\d(, has a next page)?, utf-8", said["list gcyw"]
        )
        assert re.fullmatch(
            r"title by '.+', date by '.+', body by '.+'; \d+ characters, .+; channel \w+", said["article"]
        )
        assert re.fullmatch(r"title, date and \d+ characters as archived", said["canary"])
        assert len(replica.requests) - asked <= 30
        assert replica.strays == []
        assert kept(home) == before

        (canary,) = [each["url"] for each in found if each["what"] == "canary"]
        path = canary.removeprefix(f"http://{CITY}")
        replica.pages(CITY)[path] = Reply(
            "<html><h1>另一个标题在此</h1><p>另一段正文，一共两句话。</p></html>".encode()
        )
        pages = replica.pages(CITY)
        pages["/zglygzfmhwz/gcyw/gcyw.html"] = Reply(
            "<html><title>港城要闻</title><p>改版中</p></html>".encode()
        )
        replica.faults[f"{CITY}/zglygzfmhwz/bmdt/bmdt.html"] = "gate"
        replica.faults[f"{CITY}/zglygzfmhwz/gsgg/gsgg.html"] = "404"
        done = home.scrapy(*CHECK, "check", f"http://{CITY}/")
        assert done.returncode == 3, done.stderr
        failed = [
            line.split(None, 4) for line in done.stdout.decode().splitlines() if line.startswith("FAIL")
        ]
        assert [words[3] for words in failed if words[2] == "list"] == ["gcyw", "bmdt", "gsgg"]
        assert [words[3] for words in failed if words[2] == "canary"] == ["title:"]
        assert "a gate answers: status 521" in failed[1][4]


def test_a_portal_that_no_source_declares_is_read_as_a_platform_reads_it(home: Home) -> None:
    with Replica(seed=3, stories=40) as replica:
        home.through(replica)
        done = home.scrapy(*CHECK, "check", "http://mzj.lyg.gov.cn/", "--platform", "truecms", "--json")
        assert done.returncode == 0, (done.stderr, done.stdout.decode())
    found = [(each["verdict"], each["what"]) for each in json.loads(done.stdout)]
    assert {("ok", "certificate"), ("ok", "list tzgg"), ("ok", "article"), ("odd", "canary")} <= set(found)
    assert list(home.folder.iterdir()) == []


def test_a_look_at_a_portal_has_all_guards_of_a_crawl() -> None:
    settings = Settings()
    settings.setmodule("crawler.settings", priority="project")

    def parts(crawler: Crawler, name: str) -> dict[Any, int]:
        return crawler.settings.get_component_priority_dict_with_base(name)

    look, crawl = Crawler(Checkup, settings), Crawler(LygNews, settings)
    changed = {
        name: (sorted(map(str, parts(crawl, name).items() ^ parts(look, name).items())))
        for name in ("EXTENSIONS", "DOWNLOADER_MIDDLEWARES", "SPIDER_MIDDLEWARES", "DOWNLOAD_HANDLERS")
    }
    assert changed == {
        "EXTENSIONS": ["('crawler.extensions.Ledger', 10)", "('crawler.guards.DiskSpace', 40)"],
        "DOWNLOADER_MIDDLEWARES": [
            "('crawler.gates.Gates', 580)",
            "('crawler.middlewares.Captures', 950)",
            "('scrapy.downloadermiddlewares.httpcompression.HttpCompressionMiddleware', 590)",
        ],
        "SPIDER_MIDDLEWARES": [],
        "DOWNLOAD_HANDLERS": [],
    }
    assert parts(look, "ITEM_PIPELINES") == {}


def test_a_page_of_a_portal_that_is_looked_at_is_not_read_without_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(guards, "STAGE_SECONDS", 0.2)
    (portal,) = (each for each in LygNews.portals if each.name == CITY)
    look = Checkup(portals=LygNews.portals, hosts=frozenset({CITY}))
    assert (
        look.read(portal, "list gcyw", portal.home, re.compile(r"(\w+\s?)*$").match, "a" * 60 + "!") is None
    )
    said = f"too-slow: found no end after 0.2 seconds, wanted one, at {portal.home}"
    assert look.findings == [Finding("FAIL", CITY, "list gcyw", said, portal.home)]


def test_a_portal_that_does_not_answer_is_told_by_the_exit_code(home: Home) -> None:
    home.env |= dict.fromkeys(("http_proxy", "https_proxy"), "http://127.0.0.1:9")
    done = home.scrapy(*CHECK, "check", "lyg_minzheng")
    assert done.returncode == 8, done.stderr
    assert done.stdout.decode().startswith("FAIL mzj.lyg.gov.cn         home ")


@pytest.mark.parametrize(
    "words", [["check", "nowhere"], ["look"], [], ["check", "a.cn", "--platform", "dated"]]
)
def test_a_portal_that_nobody_knows_is_refused(home: Home, words: list[str]) -> None:
    assert home.scrapy("portal", *words).returncode == 2


def test_a_reader_who_has_enough_ends_a_listing_without_an_error(home: Home) -> None:
    Archive(home.archive).close()
    reads, writes = os.pipe()
    os.close(reads)  # as `head` does
    try:
        for words in (("status",), ("search", "民政")):
            done = subprocess.run(
                home.command(*words),
                cwd=ROOT,
                env=home.env,
                stdout=writes,
                stderr=subprocess.PIPE,
                timeout=60,
            )
            assert (done.returncode, done.stderr) == (0, b"")
    finally:
        os.close(writes)
