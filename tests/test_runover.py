"""Stories of the printed paper that run over to another page: matched by their marks and headlines, told as one."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import date
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from crawler.archive import COMPARED, Archive, canonical, compare
from crawler.captures import CaptureWriter
from crawler.items import Page
from crawler.text import Extracted, sign
from crawler.text.runover import Piece, Story, find_on, find_over, headline_likeness, put_together
from tests.home import Home
from tests.replica import Replica
from tests.replica.audit import audit, default_stories
from tests.test_crawl import contents, rows

PAPER = "lygrbepaper.lygfb.cn"


@pytest.mark.parametrize(
    ("text", "page", "rest"),
    [
        ("今天，书屋开（下转A03版）", "A03", "今天，书屋开"),
        ("书屋开放。\n（下转第3版）", "03", "书屋开放。"),
        ("书屋开放。（下转第十二版）", "12", "书屋开放。"),
        ("书屋开放。▶下转2版", "02", "书屋开放。"),
        ("书屋开放。(下转B2版·民生)", "B02", "书屋开放。"),
        ("书屋开放。【下转第二版】\n记者 王五", "02", "书屋开放。\n记者 王五"),
    ],
)
def test_a_mark_at_the_end_says_where_a_story_goes_on(text: str, page: str, rest: str) -> None:
    found = find_over(text)
    assert found is not None
    assert (found.page, found.rest) == (page, rest)


@pytest.mark.parametrize(
    "text",
    [
        "他说，下转第三版的稿件还没有写完。",
        "（下转第三版）\n一。\n二。\n三。",
        "乘客下转3号线后换乘",
        "",
        "书屋开放（下转）",
    ],
)
def test_what_only_speaks_of_it_is_no_mark(text: str) -> None:
    assert find_over(text) is None


def test_a_mark_at_the_beginning_or_in_the_headline_says_where_it_began() -> None:
    assert find_on("书屋", "（上接A01版）放了。\n二。") == ("A01", "（上接A01版）", "放了。\n二。")
    assert find_on("书屋", "上接第一版：放了。") == ("01", "上接第一版：", "放了。")
    assert find_on("（上接第1版）", "放了。") == ("01", "（上接第1版）", "放了。")
    assert find_on("书屋", "管道上接第一版图纸的位置。") is None


FIRST = Piece("a", "A01", "海州区启动全民阅读季 市民免费借书", "今天，书屋开（下转A03版）")
SECOND = Piece("b", "A03", "海州区启动全民阅读季", "（上接A01版）放了。\n市民前来。")


def test_a_story_is_put_together_in_the_middle_of_a_sentence_and_in_any_order() -> None:
    others = [
        Piece("c", "A02", "港口吞吐量攀升", "一箱到底。"),
        Piece("d", "A01", "老街焕新", "老街（下转A04版）"),
        Piece("e", "A04", "老街焕新", "（上接第一版）开街。"),
    ]
    told = [
        Story(("a", "b"), "今天，书屋开放了。\n市民前来。", ("（下转A03版）", "（上接A01版）")),
        Story(("d", "e"), "老街开街。", ("（下转A04版）", "（上接第一版）")),
    ]
    for order in permutations([FIRST, SECOND, *others]):
        assert put_together(order) == (told, {})


def test_a_story_over_three_pages_is_one() -> None:
    middle = SECOND._replace(text="（上接A01版）放了。\n市民前来（下转A04版）")
    last = Piece("c", "A04", "海州区启动全民阅读季", "（上接A03版）借书。")
    stories, apart = put_together([last, FIRST, middle])
    assert [(story.keys, story.text) for story in stories] == [
        (("a", "b", "c"), "今天，书屋开放了。\n市民前来借书。")
    ]
    assert apart == {}


@pytest.mark.parametrize(
    ("pieces", "apart"),
    [
        ([FIRST], {"a": ()}),
        ([SECOND], {"b": ()}),
        ([FIRST, SECOND._replace(page="A02")], {"a": (), "b": ()}),
        ([FIRST, SECOND._replace(text="（上接A02版）放了。")], {"a": (), "b": ()}),
        ([FIRST, SECOND._replace(title="港口吞吐量再创新高")], {"a": (), "b": ()}),
        ([FIRST, SECOND, SECOND._replace(key="c")], {"a": ("b", "c"), "b": ("a",), "c": ("a",)}),
        ([FIRST, FIRST._replace(key="c"), SECOND], {"a": ("b",), "b": ("a", "c"), "c": ("b",)}),
    ],
)
def test_what_does_not_fit_for_certain_stays_apart(
    pieces: list[Piece], apart: dict[str, tuple[str, ...]]
) -> None:
    for order in permutations(pieces):
        assert put_together(order) == ([], apart)


def test_of_two_continuations_the_one_with_the_headline_is_taken() -> None:
    bare = Piece("c", "A03", "（上接A01版）", "另一篇的下文。")
    stories, apart = put_together([bare, FIRST, SECOND])
    assert [story.keys for story in stories] == [("a", "b")]
    assert apart == {"c": ("a",)}
    assert put_together([FIRST, bare])[0][0].text == "今天，书屋开另一篇的下文。"
    assert headline_likeness("全民阅读季在海州区启动", "海州区全民阅读季启动") > 0.6


# --- the archive


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    with Archive(tmp_path / "archive.db") as archive:
        archive.start_run("lyg_epaper", run_id="run")
        yield archive


def printed(archive: Archive, piece: Piece, day: int = 1) -> Page:
    url = f"http://{PAPER}/Media/lygrb/2024-03-19/{piece.page}/{piece.key}"
    folder = archive.path.parent / "warc"
    number = sum(1 for _ in folder.glob("*")) if folder.exists() else 0
    with CaptureWriter(folder, f"run{number}", software="test", spider="test", arguments={}) as writer:
        capture = writer.write(
            url=url, status=200, headers=[], body=b"", fetched_at=f"2024-03-{19 + day}T02:00:00+08:00"
        )
    capture = capture._replace(id=archive.add_capture(capture, "run"))
    return Page(
        url=url,
        portal=PAPER,
        channel=piece.page,
        title=piece.title,
        text=piece.text,
        published=date(2024, 3, 19),
        signature=sign(piece.text),
        extracted=Extracted(title=piece.title, text=piece.text),
        capture=capture,
    )


def said(archive: Archive) -> list[tuple[Any, ...]]:
    """Give of each article its page, text, what it is part of, and what its fields say of that."""
    archive.commit()
    found = archive.conn.execute(
        "SELECT a.channel, a.text, f.channel, json_extract(a.fields, '$.runover'), a.version FROM articles a "
        "LEFT JOIN articles f ON f.id = a.part_of ORDER BY a.key"
    )
    return [(*row[:3], json.loads(row[3] or "null"), row[4]) for row in map(tuple, found)]


PLACE = f"http://{PAPER}/Media/lygrb/2024-03-19"
WHOLE = [
    (
        "A01",
        "今天，书屋开放了。\n市民前来。",
        None,
        {"pages": [{"page": "A03", "url": f"{PLACE}/A03/b"}], "marks": ["（下转A03版）", "（上接A01版）"]},
        1,
    ),
    ("A03", SECOND.text, "A01", {"of": f"{PLACE}/A01/a"}, 1),
]


def test_the_order_in_which_the_pages_come_does_not_matter(tmp_path: Path) -> None:
    for number, order in enumerate(permutations([FIRST, SECOND])):
        with Archive(tmp_path / str(number) / "archive.db") as archive:
            archive.start_run("lyg_epaper", run_id="run")
            for piece in order:
                archive.save(printed(archive, piece))
            assert said(archive) == WHOLE
            assert [hit.url for hit in archive.search("市民前来")] == [f"{PLACE}/A01/a"]
            newest = archive.conn.execute("SELECT url FROM newest").fetchall()
            assert [tuple(row) for row in newest] == [(f"{PLACE}/A01/a",)]
            assert archive.verify() == []


def test_what_each_page_showed_is_a_version_and_the_same_again_is_none(archive: Archive) -> None:
    for day in (1, 2):
        for piece in (FIRST, SECOND):
            archive.save(printed(archive, piece, day))
        assert said(archive) == WHOLE
    versions = archive.conn.execute("SELECT text, change FROM versions ORDER BY article_id").fetchall()
    assert [tuple(row) for row in versions] == [(FIRST.text, "first"), (SECOND.text, "first")]
    archive.save(printed(archive, SECOND._replace(text="（上接A01版）放了三座。"), 3))
    assert [row[1] for row in said(archive)] == ["今天，书屋开放了三座。", "（上接A01版）放了三座。"]
    assert archive.verify() == []


def test_a_story_whose_mark_was_taken_out_comes_apart(archive: Archive) -> None:
    for piece in (FIRST, SECOND):
        archive.save(printed(archive, piece))
    archive.save(printed(archive, FIRST._replace(text="今天，书屋开放了，全文在此。"), 2))
    assert said(archive) == [
        ("A01", "今天，书屋开放了，全文在此。", None, None, 2),
        ("A03", SECOND.text, None, {"apart": []}, 1),
    ]
    assert [hit.url for hit in archive.search("市民前来")] == [f"{PLACE}/A03/b"]
    assert archive.verify() == []


def test_a_changed_whole_is_found_by_verify(archive: Archive) -> None:
    for piece in (FIRST, SECOND):
        archive.save(printed(archive, piece))
    archive.conn.execute("UPDATE articles SET text = '别的' WHERE part_of IS NULL")
    assert f"article 1 differs from its newest version ({PLACE}/A01/a)" in archive.verify()


def test_what_stays_apart_is_noted_with_what_may_fit(archive: Archive) -> None:
    for piece in (FIRST, SECOND, SECOND._replace(key="c")):
        archive.save(printed(archive, piece))
    assert [(row[2], row[3]) for row in said(archive)] == [
        (None, {"apart": [f"{PLACE}/A03/b", f"{PLACE}/A03/c"]}),
        (None, {"apart": [f"{PLACE}/A01/a"]}),
        (None, {"apart": [f"{PLACE}/A01/a"]}),
    ]
    assert [row["url"] for row in archive.apart("run")] == [
        f"{PLACE}/A01/a",
        f"{PLACE}/A03/b",
        f"{PLACE}/A03/c",
    ]


def test_a_mark_on_another_portal_joins_nothing(archive: Archive) -> None:
    for piece in (FIRST, SECOND):
        page = printed(archive, piece)
        archive.save(replace(page, channel="gcyw"))
    assert [row[3] for row in said(archive)] == [None, None]


# --- the crawl


def test_the_crawl_tells_a_story_that_runs_over_as_one_and_so_does_a_rebuild(home: Home) -> None:
    with Replica(seed=7, stories=60) as replica:
        home.through(replica)
        story = next(one for one in replica.truth if one.runover)
        for night in (1, 1, 2):
            replica.night = night
            assert home.crawl("crawl", "lyg_epaper").returncode == 0
            assert audit(home.archive, default_stories(replica, PAPER), night) == []
        further = "SELECT a.url, f.url FROM articles a JOIN articles f ON f.id = a.part_of"
        assert rows(home.archive, further) == [(story.runover, story.url)]
        listed = "SELECT state FROM listings WHERE key = ?"
        assert rows(home.archive, listed, canonical(story.runover))[0][0] in ("archived", "unchanged")
        assert rows(home.archive, "SELECT DISTINCT alarms FROM runs") == [("[]",)]
        built = home.folder / "rebuilt.db"
        assert home.scrapy("rebuild", "--to", str(built)).returncode == 0
        assert compare(home.archive, built) == [f"{what}: the same" for what in COMPARED]
        assert contents(built) == contents(home.archive)
        assert rows(built, further) == rows(home.archive, further)
        assert home.scrapy("verify").returncode == 0
        told = home.scrapy("explain", story.runover).stdout.decode()
        assert "（上接A01版）" in told


def test_a_story_whose_other_page_was_not_printed_is_an_alarm(home: Home) -> None:
    with Replica(seed=7, stories=60) as replica:
        home.through(replica)
        story = next(one for one in replica.truth if one.runover)
        day, code = story.runover.split("/")[-3:-1]
        place = f"/Media/lygrb/{day}/{code}"
        reply = replica.pages(PAPER)[place]
        lines = [line for line in reply.body.split(b"\n") if f'"{place}/9"'.encode() not in line]
        replica.pages(PAPER)[place] = reply._replace(body=b"\n".join(lines))
        home.crawl("crawl", "lyg_epaper")
    with closing(sqlite3.connect(home.archive)) as db:
        (alarms,) = db.execute("SELECT alarms FROM runs").fetchone()
    assert [(alarm["rule"], alarm["url"]) for alarm in json.loads(alarms)] == [("runover apart", story.url)]
