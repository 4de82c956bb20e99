"""Three nights on which pages change in every way, and how two of their versions are compared in a shell."""

from __future__ import annotations

import json
import os
import pty
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from crawler.archive import COMPARED, canonical, compare
from tests.home import Home
from tests.replica import Replica, Story
from tests.replica.audit import audit, default_stories

SOURCES = ("lyg_news", "lyg_minzheng")
NOTICE = "对不起，您访问的文章已被删除。"


def rows(archive: Path, sql: str, *values: Any) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(archive)) as connection:
        return connection.execute(sql, values).fetchall()


class Nights:
    """Three nights of the portals that change their pages."""

    def __init__(self, replica: Replica, home: Home) -> None:
        self.replica = replica
        self.home = home
        self.audits: list[list[Any]] = []
        self.gone: list[list[tuple[Any, ...]]] = []
        self.looks: list[dict[str, int]] = []
        for night in (1, 2, 3):
            replica.night = night
            if night == 3:  # as if the pause until what is gone is looked for again were over
                with closing(sqlite3.connect(home.archive)) as connection, connection:
                    connection.execute("UPDATE listings SET due = '2024-01-01' WHERE state = 'gone'")
            before = len(replica.requests)
            for source in SOURCES:
                done = home.crawl("crawl", source)
                assert done.returncode in (0, 4), done.stderr.decode()
            asked = [request.path for request in replica.requests[before:]]
            self.looks.append({story.url: asked.count(story.path) for story in replica.truth})
            told = [s for s in default_stories(replica) if s.portal != "lygrbepaper.lygfb.cn"]
            self.audits.append(audit(home.archive, told, night))
            self.gone.append(
                rows(home.archive, "SELECT key, gone, text FROM articles WHERE gone IS NOT NULL")
            )

    def kind(self, night: int, kind: str) -> Story:
        return next(story for story in self.replica.truth if story.changes.get(night) == kind)


@pytest.fixture(scope="module")
def nights(make_home: Callable[[], Home]) -> Iterator[Nights]:
    with Replica(seed=11, stories=60) as replica:
        yield Nights(replica, make_home().through(replica))


def test_every_change_of_the_truth_table_is_a_version_of_its_kind(nights: Nights) -> None:
    assert nights.audits == [[], [], []]
    wanted = sorted(
        (canonical(story.url), night, kind)
        for story in nights.replica.truth
        for night, kind in story.changes.items()
        if kind != "furniture only"
    )
    found = "SELECT a.key, v.version, v.change FROM versions v JOIN articles a ON a.id = v.article_id WHERE v.version > 1 ORDER BY 1, 2"
    assert rows(nights.home.archive, found) == wanted
    assert {kind for _, _, kind in wanted} == {"corrected", "extended", "edited", "withdrawn", "restored"}


def test_other_furniture_is_no_version_though_the_page_was_seen_again(nights: Nights) -> None:
    story = nights.kind(2, "furniture only")
    seen = "SELECT version, text, first_seen < last_seen, capture_id FROM articles WHERE key = ?"
    ((version, text, moved, capture),) = rows(nights.home.archive, seen, canonical(story.url))
    assert (version, text, moved) == (1, story.text, 1)
    first = "SELECT v.capture_id FROM versions v JOIN articles a ON a.id = v.article_id WHERE a.key = ?"
    assert rows(nights.home.archive, first, canonical(story.url)) != [(capture,)]


def test_a_notice_in_the_place_of_an_article_leaves_its_text_and_is_looked_at_twice(nights: Nights) -> None:
    story = next(story for story in nights.replica.truth if story.state(2) == "replaced")
    key = canonical(story.url)
    ((_, gone, text),) = [row for row in nights.gone[1] if row[0] == key]
    assert text == story.text
    assert [row for row in nights.gone[2] if row[0] == key] == []
    assert [looks[story.url] for looks in nights.looks] == [1, 2, 1]
    answers = "SELECT fetched_at, status FROM captures WHERE url = ? ORDER BY id"
    (_, first), (missed, status), (again, _), (back, _) = rows(nights.home.archive, answers, story.url)
    assert (gone, status, missed < again < back, first) == (missed, 200, True, 200)
    versions = (
        "SELECT v.version, v.change, v.seen, v.text, json_extract(v.fields, '$.notice') FROM versions v "
        "JOIN articles a ON a.id = v.article_id WHERE a.key = ? AND v.version > 1 ORDER BY 1"
    )
    assert rows(nights.home.archive, versions, key) == [
        (2, "withdrawn", missed, None, NOTICE),
        (3, "restored", back, story.text, None),
    ]
    state = "SELECT DISTINCT state, error FROM listings WHERE key = ?"
    assert rows(nights.home.archive, state, key) == [("archived", None)]


def test_the_second_look_comes_after_everything_else(nights: Nights) -> None:
    for story in nights.replica.truth:
        if story.state(2) != "withdrawn":
            continue
        asked = "SELECT id, run_id FROM captures WHERE url = ? AND status = 404 ORDER BY id"
        (first, run), (second, same), *_ = rows(nights.home.archive, asked, story.url)
        assert run == same
        between = "SELECT count(*) FROM captures WHERE run_id = ? AND id > ? AND kind <> 'article'"
        later = "SELECT count(*) FROM captures WHERE run_id = ? AND id > ? AND status <> 404"
        assert rows(nights.home.archive, later, run, second) == [(0,)]
        assert rows(nights.home.archive, between, run, first) != [(0,)]


def test_a_rebuild_tells_the_same_kinds(nights: Nights) -> None:
    built = nights.home.folder / "rebuilt.db"
    assert nights.home.scrapy("rebuild", "--to", str(built)).returncode == 0
    assert compare(nights.home.archive, built) == [f"{what}: the same" for what in COMPARED]
    kinds = "SELECT article_id, version, seen, change, digest FROM versions ORDER BY 1, 2"
    assert rows(built, kinds) == rows(nights.home.archive, kinds)
    gone = "SELECT key, gone FROM articles WHERE gone IS NOT NULL"
    assert rows(built, gone) == rows(nights.home.archive, gone)


def test_what_is_missed_once_is_archived_and_a_notice_is_no_article(home: Home) -> None:
    with Replica(seed=13, stories=40) as replica:
        told = [story for story in replica.expected("mzj.lyg.gov.cn") if not story.changes]
        flaky, absent = told[0], told[1]
        replica.faults[flaky.host + flaky.path] = "404-then-fine"
        replica.faults[absent.host + absent.path] = "notice"
        done = home.through(replica).crawl("crawl", "lyg_minzheng")
        assert done.returncode == 0, done.stderr.decode()
        assert [len(replica.asked(story.url)) for story in (flaky, absent)] == [2, 2]
    states = "SELECT state, error, article_id IS NULL FROM listings WHERE key = ?"
    assert rows(home.archive, states, canonical(flaky.url)) == [("archived", None, 0)]
    assert rows(home.archive, states, canonical(absent.url)) == [
        ("gone", "answers 200: 您访问的页面不存在。", 1)
    ]
    kept = "SELECT text, gone FROM articles WHERE key = ?"
    assert rows(home.archive, kept, canonical(flaky.url)) == [(flaky.text, None)]
    assert rows(home.archive, kept, canonical(absent.url)) == []


# --- scrapy diff


def test_the_newest_version_is_compared_with_the_one_before(nights: Nights) -> None:
    story = nights.kind(2, "extended")
    done = nights.home.scrapy("diff", story.url)
    lines = done.stdout.decode().splitlines()
    assert (done.returncode, done.stderr) == (0, b"")
    assert lines[0].startswith("- article ")
    assert " version 1 first, seen " in lines[0]
    assert " version 2 extended, seen " in lines[1]
    assert lines[2].startswith("text: +")
    assert "\x1b" not in done.stdout.decode()


def test_two_versions_are_compared_as_json(nights: Nights) -> None:
    story = nights.kind(3, "restored")
    said = [
        json.loads(nights.home.scrapy("diff", "--json", story.url, old, new).stdout)
        for old, new in (("1", "2"), ("1", "3"))
    ]
    assert said[0]["segments"][0][0] == "replace"
    assert ["".join(each[at] for each in said[0]["segments"]) for at in (1, 2)] == [story.text, NOTICE]
    assert [(each["before"]["change"], each["after"]["change"]) for each in said] == [
        ("first", "withdrawn"),
        ("first", "restored"),
    ]
    assert (said[1]["segments"], said[1]["particulars"]) == ([["equal", story.text, story.text]], [])
    assert {name: said[1][name] for name in ("inserted", "deleted", "share")} == {
        "inserted": 0,
        "deleted": 0,
        "share": 1.0,
    }


def test_two_articles_are_compared(nights: Nights) -> None:
    linked = rows(
        nights.home.archive, "SELECT duplicate_of, id FROM articles WHERE duplicate_of IS NOT NULL LIMIT 1"
    )
    found = json.loads(nights.home.scrapy("diff", "--json", *map(str, linked[0])).stdout)
    texts = [
        rows(nights.home.archive, "SELECT text FROM articles WHERE id = ?", each)[0][0] for each in linked[0]
    ]
    assert ["".join(each[at] for each in found["segments"]) for at in (1, 2)] == texts
    assert [found[side]["article"] for side in ("before", "after")] == list(linked[0])


@pytest.mark.parametrize(
    ("asked", "code", "said"),
    [
        ((), 2, "diff: found nothing, wanted an article id or URL"),
        (("1", "2", "x"), 2, "diff: found 1 2 x, wanted an article id or URL"),
        (("99999",), 1, "diff: found no article 99999 in "),
        (("1", "1", "7"), 1, "diff: found the versions 1 of article 1, wanted 7"),
        (("1",), 1, "diff: found one version of article 1, wanted two"),
    ],
)
def test_what_cannot_be_compared_is_said_in_one_line(
    nights: Nights, asked: tuple[str, ...], code: int, said: str
) -> None:
    first = rows(nights.home.archive, "SELECT id FROM articles WHERE version = 1 ORDER BY id LIMIT 1")[0][0]
    asked = tuple(str(first) if number == 0 and each == "1" else each for number, each in enumerate(asked))
    done = nights.home.scrapy("diff", *asked)
    assert done.returncode == code
    assert (
        said.replace(" 1,", f" {first},").replace("found 1 2", f"found {first} 2")
        in done.stderr.decode() + done.stdout.decode()
    )


def test_colours_are_for_terminals_only(nights: Nights) -> None:
    story = nights.kind(2, "edited")
    ours, theirs = pty.openpty()
    try:
        done = subprocess.run(
            nights.home.command("diff", story.url),
            cwd=Path(__file__).parents[1],
            env=nights.home.env,
            stdout=theirs,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
        )
        said = os.read(ours, 1 << 16).decode("utf-8", "replace")
    finally:
        os.close(ours)
        os.close(theirs)
    assert (done.returncode, done.stderr) == (0, b"")
    assert "\x1b[32m{+" in said
