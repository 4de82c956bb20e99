"""The archive keeps every version and every change, owes nothing silently, and survives what befalls it."""

from __future__ import annotations

import contextlib
import csv
import io
import itertools
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlite_utils import Database

from crawler.archive import (
    APPLICATION_ID,
    FILES,
    INDEXES,
    PAUSES,
    SHAPE_VERSION,
    STATES,
    TABLES,
    VIEWS,
    Archive,
    ArchiveError,
    ArchiveLocked,
    Books,
    Campaign,
    Channel,
    Owed,
    Saved,
    Standing,
    Tampered,
    canonical,
    duplicates,
    lock,
    match_expression,
    now,
    storable,
    words,
)
from crawler.archive.articles import row_digest
from crawler.captures import Capture, CaptureWriter, Last, mend, payload_digest
from crawler.documents import PDF, Document
from crawler.items import Page
from crawler.portals import Line
from crawler.text import Decoded, Disagreement, Edit, Extracted, Removed, Repaired, Step, revert, sign

SHANGHAI = ZoneInfo("Asia/Shanghai")
PORTAL = "lyg.gov.cn"
HOSTS = ("www.lyg.gov.cn",)
URL = "http://www.lyg.gov.cn/zglygzfmhwz/gcyw/content/{}.html"
DAY = "2026-11-{:02}T02:00:00+08:00"
TEXTS = {
    1: "市民政局昨日公布养老服务设施建设进展，全年新建社区食堂十二处，惠及老人三千余名，居民反映良好，服务质量稳步提升。",
    2: "徐圩新区港口集疏运通道如期通车，货车绕行里程缩短近半，沿线企业物流成本明显下降，年底前还将开通夜间专线。",
    3: "海州区启动老旧小区改造，涉及屋面防水、雨污分流与消防通道，施工期间设置临时停车点，社区干部逐户上门听取意见。",
}


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    with Archive(tmp_path / "archive.db") as opened:
        yield opened


def rows(archive: Archive, sql: str, *values: Any) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in archive.conn.execute(sql, values)]


def line(number: int | str, title: str | None = None, **more: Any) -> Line:
    values = {"listed": date(2026, 11, 20), "channel": "gcyw", "section": None, **more}
    url = number if isinstance(number, str) else URL.format(number)
    return Line(url=url, title=title if title is not None else f"标题{number}", **values)


def enlist(archive: Archive, *lines: Line, day: int = 23, portal: str = PORTAL) -> list[Standing]:
    return archive.enlist(lines, portal=portal, hosts=HOSTS, seen=DAY.format(day))


def capture(archive: Archive, url: str, day: int, **more: Any) -> Capture:
    """Write the row of a capture whose file is not needed."""
    run_id = archive.start_run("lyg_news", started=DAY.format(day), run_id=f"run-{day}")
    offset = archive.conn.execute("SELECT count(*) FROM captures").fetchone()[0] * 1000
    values: dict[str, Any] = {
        "status": 200,
        "content_type": "text/html; charset=utf-8",
        "digest": payload_digest(f"{url} {day}".encode()),
        **more,
    }
    made = Capture(url, DAY.format(day), warc="a.warc.gz", offset=offset, length=900, **values)
    return made._replace(id=archive.add_capture(made, run_id))


def page(archive: Archive, number: int, day: int = 23, text: str | None = None, **more: Any) -> Page:
    url = URL.format(number)
    body = TEXTS[number] if text is None else text
    values: dict[str, Any] = {
        "portal": PORTAL,
        "channel": "gcyw",
        "title": f"标题{number}",
        "source": "连云港日报",
        "published": datetime(2026, 11, 20, 9, 54, 49, tzinfo=SHANGHAI),
        "decoded": Decoded(body, "utf-8", "header"),
        "content_type": "text/html; charset=UTF-8",
        "extracted": Extracted(title=f"标题{number}", text=body, author="某某"),
        "capture": more.pop("capture", None) or capture(archive, url, day),
        **more,
    }
    return Page(url=url, text=body, **values)


# --- words, addresses, text ---


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("https://www.lyg01.net/news/lygxw/2024/0118/1.shtml", "lyg01.net/news/lygxw/2024/0118/1.shtml"),
        ("http://LYG01.net:80//news/./lygxw/../x/1.shtml#top", "lyg01.net/news/x/1.shtml"),
        ("http://a.cn", "a.cn/"),
        ("http://a.cn/index.html", "a.cn/"),
        ("http://a.cn/x/Default.aspx?b=2&a=1", "a.cn/x/?a=1&b=2"),
        ("http://a.cn/x/index_2.shtml", "a.cn/x/index_2.shtml"),
        ("http://a.cn/x;jsessionid=AB12?id=", "a.cn/x?id="),
        ("http://a.cn/x?lj=&from=timeline&utm_source=w&spm=1.2&_=99", "a.cn/x?lj="),
        ("http://a.cn/x?from=office", "a.cn/x?from=office"),
        ("http://a.cn/%e6%96%b0?q=%D6%D0", "a.cn/%E6%96%B0?q=%D6%D0"),
        ("http://a.cn/新", "a.cn/%E6%96%B0"),
        ("http://a.cn:8080/x", "a.cn:8080/x"),
        ("http://www.cn/", "www.cn/"),
        ("http://www.gov.cn/", "gov.cn/"),
        ("http://用户:p@www.中国.cn./", "xn--fiqs8s.cn/"),
        ("http://[2001:db8::1]:443/x", "[2001:db8::1]/x"),
        (" http://a.cn/x\n", "a.cn/x"),
        ("http://[::1", "http://[::1"),
        ("http://a.cn:99999/", "http://a.cn:99999/"),
        ("javascript:void(0)", "javascript:void(0)"),
        ("", ""),
        ("http://a.cn/\ud800", "a.cn/%EF%BF%BD"),
        ("https://a.cn:80/x", "a.cn/x"),
        ("http://www.www.a.cn/x", "a.cn/x"),
        ("http://%61.cn/x", "a.cn/x"),
        ("http://ａ.ＣＮ。/x", "a.cn/x"),
        ("http:\\\\a.cn\\b\\1.html", "a.cn/b/1.html"),
        ("http:/a.cn/x", "a.cn/x"),
        ("http://a.cn/%b0%a1/%7e%41%2f.html", "a.cn/%B0%A1/~A%2F.html"),
        ("http://a.cn/x?", "a.cn/x"),
        ("http://a.cn?#", "a.cn/"),
        ("http://a.cn/x?q=%b0%a1&a=%41", "a.cn/x?a=A&q=%B0%A1"),
        ("http://a.cn/x?a=1&amp;b=2", "a.cn/x?a=1&b=2"),
        ("http://a.cn/x?%75tm_source=1&id=2", "a.cn/x?id=2"),
        ("http://a.cn/a/%2e%2E/b", "a.cn/b"),
        ("http://a.cn/x/%69ndex.SHTML", "a.cn/x/"),
        ("http://a.cn/x/index.jhtml;jsessionid=1.node2?id=3", "a.cn/x/?id=3"),
        ("http://a.cn/x;v=1;JSESSIONID=2/y;", "a.cn/x;v=1/y"),
        ("http://a.cn/X.html?ID=1", "a.cn/X.html?ID=1"),
        ("http://a.cn/%zz%", "a.cn/%zz%"),
    ],
)
def test_one_article_has_one_address(url: str, key: str) -> None:
    assert canonical(url) == key
    if url.isprintable() and "://" in url and "[::1" not in url and "99999" not in url:
        assert canonical(f"http://{key}") == key


PIECES = st.sampled_from(
    [
        *(
            "http:",
            "https:",
            "HTTP:",
            "//",
            "/",
            "\\",
            "?",
            "#",
            "&",
            "=",
            ";",
            ":",
            "@",
            "[",
            "]",
            "+",
            "~",
            "'",
            "<",
            "^",
        ),
        *(
            "%",
            "%2f",
            "%2e",
            "%B0%A1",
            "%e4%b8%ad",
            "%zz",
            "%25",
            "%69ndex.html",
            "%7e",
            "index.html",
            "Default.ASPX",
        ),
        *(
            "www.",
            "a.cn",
            "A.CN",
            ".",
            "..",
            ":80",
            ":8080",
            "::1",
            "user",
            "xn--",
            "jsessionid=",
            "utm_source=",
            "_t",
        ),
        *(
            "&amp;",
            "amp;",
            "x",
            "1",
            "中",
            "é",
            "İ",
            "ß",
            "。",
            "ａ",
            " ",
            "\t",
            "\n",
            "\0",
            "\ud800",
            "\u200b",
            "\ufeff",
            "\xa0",
        ),
    ]
)


@given(st.lists(PIECES, max_size=14).map("".join) | st.text())
def test_the_canonical_form_of_a_canonical_form_is_itself(url: str) -> None:
    key = canonical(url)
    assert canonical(key) == key


@given(st.lists(PIECES, max_size=12).map("".join))
def test_a_canonical_form_is_an_address_again_with_a_scheme(path: str) -> None:
    key = canonical(f"http://a.cn/{path}")
    assert canonical(f"http://{key}") == key


def test_stored_text_has_no_control_characters() -> None:
    assert (
        storable("".join(map(chr, range(0xA0))) + "\udfff港")
        == "\t\n" + "".join(map(chr, range(32, 127))) + "\ufffd港"
    )


# --- opening ---


def test_the_shape_is_made_once(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "archive.db"
    with Archive(path) as first:
        schema = first.db.schema
        page_of = {name: first.db[name].columns_dict for name in TABLES}
    with Archive(path) as second:
        second.ensure_shape()
        assert second.db.schema == schema
        pragmas = {
            name: second.conn.execute(f"PRAGMA {name}").fetchone()[0]
            for name in (
                *("journal_mode", "synchronous", "busy_timeout", "foreign_keys", "recursive_triggers"),
                *("trusted_schema", "cell_size_check", "application_id", "user_version"),
            )
        }
        assert second.verify() == []
    assert page_of == {name: table.columns for name, table in TABLES.items()}
    assert pragmas == {
        "journal_mode": "wal",
        "synchronous": 2,
        "busy_timeout": 30000,
        "foreign_keys": 1,
        "recursive_triggers": 1,
        "trusted_schema": 0,
        "cell_size_check": 1,
        "application_id": APPLICATION_ID,
        "user_version": SHAPE_VERSION,
    }
    assert sorted(each.name for each in path.parent.iterdir()) == ["archive.db", "archive.db.sums"]


def test_the_shape_is_whole_or_absent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(VIEWS, "newest", "SELECT nonsense FROM")
    with pytest.raises(ArchiveError):
        Archive(tmp_path / "a.db")
    left = sqlite3.connect(tmp_path / "a.db")
    assert left.execute("SELECT count(*) FROM sqlite_schema").fetchone() == (0,)
    left.close()


def test_missing_columns_indexes_and_views_come_back(tmp_path: Path) -> None:
    with Archive(tmp_path / "a.db") as first:
        schema = {row[0] for row in first.conn.execute("SELECT name FROM sqlite_schema")}
        first.conn.execute("DROP VIEW campaigns")
        first.conn.execute("DROP INDEX listings_due")
        first.conn.execute("ALTER TABLE removed DROP COLUMN target")
    with Archive(tmp_path / "a.db") as second:
        assert {row[0] for row in second.conn.execute("SELECT name FROM sqlite_schema")} == schema
        assert set(second.db["removed"].columns_dict) == set(TABLES["removed"].columns)


def test_an_archive_of_an_elder_shape_is_read_and_brought_up_to_date(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    shape = "SELECT name FROM sqlite_schema WHERE name NOT LIKE 'sqlite_stat%' ORDER BY name"
    spam = Removed("links", "p", "广告", "<a>", ("http://s.top/",), ())
    with Archive(path) as made:
        whole = rows(made, shape)
        made.save(page(made, 1, tampered=True, removed=(spam,)))
    make_elder(path)
    with Archive(path, readonly=True) as elder:
        assert elder.conn.execute("PRAGMA user_version").fetchone()[0] == 2
        assert elder.verify() == []
        assert [hit.id for hit in elder.search(TEXTS[1][:4])] == [1]
        assert elder.parts(1, 1) == []
        assert elder.memory(PORTAL).lines == frozenset()
        told = io.StringIO()
        assert elder.export("jsonl", told) == 1
        assert "part_of" not in json.loads(told.getvalue())
    with Archive(path) as now_new:
        assert now_new.conn.execute("PRAGMA user_version").fetchone()[0] == SHAPE_VERSION
        assert rows(now_new, shape) == whole
        for name, table in TABLES.items():
            assert set(now_new.db[name].columns_dict) == set(table.columns)
        assert rows(now_new, "SELECT article_id, kind, text, part FROM removed") == [
            (1, "links", "广告", None)
        ]
        assert rows(now_new, "SELECT target, blocks FROM campaigns") == [("s.top", 1)]
        assert rows(now_new, "SELECT part_of, signature FROM articles") == [(None, sign(TEXTS[1]))]
        more = Page(
            url=URL.format("1_2"), portal=PORTAL, removed=(spam,), suspects=(spam._replace(kind="suspect"),)
        )
        now_new.save(page(now_new, 1, 24, text="改过的第一页", tampered=True, removed=(spam,), parts=(more,)))
        assert rows(now_new, "SELECT version, part, key FROM parts") == [(2, 2, canonical(more.url))]
        assert rows(now_new, "SELECT version, part FROM removed") == [(1, None), (2, None), (2, 2)]
        assert rows(now_new, "SELECT version, part FROM suspects") == [(2, 2)]
        assert now_new.verify() == []


def make_elder(path: Path) -> None:
    """Take from an archive what shapes 3 and 4 brought."""
    path.with_name(path.name + ".sums").unlink()
    with contextlib.closing(sqlite3.connect(path)) as conn:
        views = conn.execute("SELECT name FROM sqlite_schema WHERE type = 'view'").fetchall()
        for (name,) in views:
            conn.execute(f"DROP VIEW {name}")
        for name in INDEXES:
            conn.execute(f"DROP INDEX {name}")
        for name in ("parts", "suspects", "targets", "memory", "bands", "bands_new"):
            conn.execute(f"DROP TABLE {name}")
        conn.execute(
            "CREATE TABLE bands (band INTEGER NOT NULL, article_id INTEGER NOT NULL REFERENCES articles(id), "
            "PRIMARY KEY (band, article_id)) WITHOUT ROWID"
        )
        conn.execute("CREATE INDEX bands_article ON bands(article_id)")
        conn.execute("INSERT INTO bands SELECT 7, id FROM articles")
        conn.execute("UPDATE articles SET signature = 'AAAA'")
        for table, columns in {
            "articles": {"part_of"},
            "edits": {"part"},
            "removed": {"part", "campaign", "epoch"},
            "runs": {"tampered", "memory", "warc", "bytes", "captures", "previous", "digest"},
        }.items():
            Database(conn)[table].transform(drop=columns)  # type: ignore[union-attr]  # none is a view
        conn.execute("PRAGMA user_version=2")
        conn.commit()


def database(path: Path, *statements: str) -> None:
    made = sqlite3.connect(path)
    for statement in statements:
        made.execute(statement)
    made.commit()
    made.close()


@pytest.mark.parametrize(
    ("make", "said", "exitcode"),
    [
        (
            lambda path: path.write_bytes(b"<html>hello</html>"),
            "found a file that begins with b'<html>hello",
            9,
        ),
        (lambda path: path.mkdir(), "found a directory, wanted an SQLite file", 9),
        (lambda path: database(path, "CREATE TABLE x(y)"), "found a database of another program", 9),
        (
            lambda path: database(path, f"PRAGMA application_id={APPLICATION_ID}", "PRAGMA user_version=99"),
            f"found shape version 99, wanted {SHAPE_VERSION} or older",
            9,
        ),
        (lambda path: path.parent.joinpath("x").mkdir() or path.symlink_to("x"), "found a directory", 9),
    ],
    ids=["html", "directory", "foreign", "newer", "link"],
)
def test_a_file_that_is_not_ours_is_refused_with_a_reason(
    tmp_path: Path, make: Any, said: str, exitcode: int
) -> None:
    path = tmp_path / "archive.db"
    make(path)
    before = path.read_bytes() if path.is_file() else b""
    for readonly in (False, True):
        with pytest.raises(ArchiveError) as error:
            Archive(path, readonly=readonly)
        assert (said in str(error.value), str(tmp_path) in str(error.value), error.value.exitcode) == (
            True,
            True,
            exitcode,
        )
    assert (path.read_bytes() if path.is_file() else b"") == before


def test_what_cannot_be_made_or_found_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ArchiveError, match="cannot make its directory") as error:
        Archive(tmp_path / "file" / "archive.db")
    assert error.value.exitcode == 6
    with pytest.raises(ArchiveError, match="found nothing, wanted an archive"):
        Archive(tmp_path / "none.db", readonly=True)
    assert not (tmp_path / "none.db").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_an_unwritable_directory_is_named(tmp_path: Path) -> None:
    (tmp_path / "ro").mkdir(mode=0o500)
    with pytest.raises(ArchiveError, match="may not be written"):
        Archive(tmp_path / "ro" / "archive.db")


def test_a_damaged_file_is_refused_or_noticed(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with Archive(path) as made:
        for number in TEXTS:
            made.save(page(made, number))
    data = bytearray(path.read_bytes())
    for at in range(8192, len(data), 4096):
        data[at : at + 200] = bytes(200)
    path.write_bytes(data)
    assert said_of(path) != []


def said_of(path: Path) -> list[str]:
    """Give what opening or verifying an archive says against it."""
    try:
        with Archive(path, readonly=True) as opened:
            return opened.verify()
    except ArchiveError as error:
        return [f"exit {error.exitcode}: {error}"]


def test_reading_neither_writes_nor_creates(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with Archive(path) as made:
        made.save(page(made, 1))
    with Archive(path, readonly=True) as reader, pytest.raises(ArchiveError, match="readonly"):
        reader.unchanged(URL.format(1), DAY.format(24))


def test_a_reader_sees_only_what_was_committed(tmp_path: Path) -> None:
    with Archive(tmp_path / "a.db") as made:
        made.save(page(made, 1))
        with Archive(tmp_path / "a.db", readonly=True) as reader:
            assert reader.article(1) is None
            made.commit()
            assert reader.article(1) is not None


def test_a_failed_write_leaves_the_writes_before_it(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive.save(page(archive, 1))
    monkeypatch.setattr(archive, "_relate", lambda article_id: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        archive.save(page(archive, 2))
    archive.commit()
    assert rows(archive, "SELECT url FROM articles") == [(URL.format(1),)]
    assert archive.verify() == []


def test_spiders_of_one_process_share_one_connection(tmp_path: Path) -> None:
    one, other = Archive.shared(tmp_path / "a.db"), Archive.shared(tmp_path / "." / "a.db")
    assert one is other
    one.release()
    other.start_run("x")
    other.commit()
    other.release()
    with pytest.raises(sqlite3.ProgrammingError):
        other.conn.execute("SELECT 1")
    again = Archive.shared(tmp_path / "a.db")
    assert again is not one
    again.release()


# --- the lock ---

HOLD = "import sys; from crawler.archive import lock\nwith lock(sys.argv[1]): print('held', flush=True); sys.stdin.read()"


def test_one_process_at_a_time_holds_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    child = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "held\n"
    try:
        with pytest.raises(ArchiveLocked) as error, lock(path, seconds=0.3):
            pass
        assert str(error.value) == f"archive: another run (process {child.pid}) holds the lock {path}.lock"
        assert error.value.exitcode == 75
    finally:
        child.kill()
        child.communicate()
    with lock(path):
        pass


# --- captures and runs ---


def test_a_capture_has_one_row(archive: Archive) -> None:
    run_id = archive.start_run("lyg_news", {"full": "1"}, started=DAY.format(23))
    kept = Capture(
        URL.format(1),
        DAY.format(23),
        200,
        "text/html",
        "sha256:00",
        "a.warc.gz",
        0,
        10,
        "article",
        '"e"',
        None,
        "partial",
    )
    ids = [archive.add_capture(kept, run_id), archive.add_capture(kept, run_id)]
    archive.flag_capture(ids[0], "no article")
    archive.flag_capture(ids[0], "no article")
    assert ids == [1, 1]
    assert rows(archive, "SELECT * FROM captures") == [
        (
            1,
            *kept[:2],
            200,
            "text/html",
            None,
            None,
            "sha256:00",
            "a.warc.gz",
            0,
            10,
            "20261122T180000Z-lyg_news",
            "article",
            '"e"',
            None,
            "partial no-article",
            None,
        )
    ]
    assert archive.capture(1) == kept._replace(id=1, flags="partial no-article")
    assert (archive.has_capture("a.warc.gz", 0), archive.has_capture("a.warc.gz", 10)) == (True, False)


def test_the_last_capture_is_the_one_that_holds_the_payload(archive: Archive) -> None:
    url = URL.format(1)
    first = capture(archive, url, 20, etag='"1"', last_modified="Mon")
    assert archive.last_capture(url) == Last(first.digest, url, first.fetched_at, first.id, '"1"', "Mon")
    capture(archive, url, 21, status=304, digest=first.digest, revisit_of=first.id, etag='"2"')
    capture(archive, url, 22, status=500)
    assert archive.last_capture(url) == Last(first.digest, url, first.fetched_at, first.id, '"2"', "Mon")
    changed = capture(archive, url, 23)
    assert archive.last_capture(url) == Last(changed.digest, url, changed.fetched_at, changed.id, None, None)
    assert archive.last_capture(URL.format(2)) is None


def test_a_killed_run_is_marked_when_the_archive_is_opened_again(tmp_path: Path) -> None:
    with Archive(tmp_path / "a.db") as first:
        first.start_run("lyg_news", started=DAY.format(22))
        done = first.start_run("lyg_news", started=DAY.format(22))
        first.finish_run(
            done,
            outcome="partial",
            counts={"listed": 5, "archived": 4, "changed": 1, "failed": 2, "gone": 1, "challenged": 2},
            stats={"a": 1},
            alarms=[{"rule": "silent list"}],
            finished=DAY.format(23),
        )
    with Archive(tmp_path / "a.db", readonly=True) as reader:
        assert rows(reader, "SELECT id, outcome FROM runs") == [
            ("20261121T180000Z-lyg_news", None),
            ("20261121T180000Z-lyg_news-2", "partial"),
        ]
    with Archive(tmp_path / "a.db") as second:
        assert rows(second, "SELECT * FROM runs") == [
            (
                "20261121T180000Z-lyg_news",
                "lyg_news",
                DAY.format(22),
                None,
                "interrupted",
                *[None] * 5,
                None,
                "{}",
                *[None] * 9,
            ),
            (
                "20261121T180000Z-lyg_news-2",
                "lyg_news",
                DAY.format(22),
                DAY.format(23),
                "partial",
                5,
                4,
                1,
                2,
                3,
                '{"a":1}',
                "{}",
                '[{"rule":"silent list"}]',
                0,
                0,
                *[None] * 6,
            ),
        ]


def test_the_run_of_another_process_is_not_marked(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with Archive(path) as first:
        first.start_run("lyg_news")
    child = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert child.stdout is not None
    child.stdout.readline()
    with Archive(path) as second:
        outcomes = rows(second, "SELECT outcome FROM runs")
    child.communicate()
    assert outcomes == [(None,)]


def test_a_channel_keeps_what_was_known_and_how_far_its_paging_came(archive: Archive) -> None:
    archive.meet_channel(PORTAL, "gcyw", "港城要闻", None, seen=DAY.format(20))
    assert archive.unfinished_channels() == set()
    enlist(archive, line(1), line(2))
    archive.meet_channel(PORTAL, "gcyw", None, "http://l/", seen=DAY.format(21), total=377, lines=60)
    assert archive.unfinished_channels() == {(PORTAL, "gcyw")}
    archive.close_channel(PORTAL, "gcyw")
    archive.meet_channel(PORTAL, "gcyw", None, None, seen=DAY.format(22))
    assert archive.unfinished_channels() == set()
    assert archive.channel(PORTAL, "gcyw") == Channel(
        PORTAL, "gcyw", "港城要闻", "http://l/", 377, 2, DAY.format(20), DAY.format(22), 60, None, 0
    )
    assert archive.channel(PORTAL, "none") is None


# --- listings ---


def listings(archive: Archive, *names: str) -> list[tuple[Any, ...]]:
    return rows(archive, f"SELECT {', '.join(names)} FROM listings ORDER BY portal, channel, key")


def test_every_line_is_written_with_what_was_known_of_it(archive: Archive) -> None:
    off = "https://mp.weixin.qq.com/s/abc"
    first = enlist(archive, line(1), line(off, "公众号"), line(1), line(2, listed=None, section="一版"))
    assert first == [
        Standing(canonical(URL.format(1)), URL.format(1), True, None, None, False),
        Standing("mp.weixin.qq.com/s/abc", off, True, None, None, False),
        Standing(canonical(URL.format(1)), URL.format(1), False, "pending", None, False),
        Standing(canonical(URL.format(2)), URL.format(2), True, None, None, False),
    ]
    archive.save(page(archive, 1))
    second = enlist(archive, line(1), line(off, "公众号"), line(2), day=24)
    assert [(each.new, each.state, each.article_id, each.settled) for each in second] == [
        (False, "archived", 1, True),
        (False, "offsite", None, True),
        (False, "pending", None, False),
    ]
    shown = ("url", "title", "section", "listed", "first_listed", "last_listed", "state", "article_id")
    assert listings(archive, *shown) == [
        (URL.format(1), "标题1", None, "2026-11-20", DAY.format(23), DAY.format(24), "archived", 1),
        (URL.format(2), "标题2", "一版", "2026-11-20", DAY.format(23), DAY.format(24), "pending", None),
        (off, "公众号", None, "2026-11-20", DAY.format(23), DAY.format(24), "offsite", None),
    ]


@pytest.mark.parametrize(
    "url", ["http://www.lyg.gov.cn.evil.com/x", "http://mzj.lyg.gov.cn/x", "http://lyg.gov.cn@evil.com/"]
)
def test_a_look_alike_host_is_offsite(archive: Archive, url: str) -> None:
    enlist(archive, line(url))
    assert listings(archive, "state") == [("offsite",)]


def test_an_article_of_another_channel_owes_nothing(archive: Archive) -> None:
    archive.save(page(archive, 1))
    (standing,) = enlist(archive, line(1, channel="tpxw"))
    assert (standing.new, standing.article_id, listings(archive, "state", "article_id")) == (
        True,
        1,
        [("archived", 1)],
    )
    assert owed(archive) == []


def test_a_changed_title_is_owed_again_and_a_cut_one_is_not(archive: Archive) -> None:
    enlist(archive, line(1, "全市养老服务工作会议召开"))
    archive.save(page(archive, 1))
    (cut,) = enlist(archive, line(1, "全市养老服务工作..."), day=24)
    assert (cut.settled, listings(archive, "title", "state")) == (
        True,
        [("全市养老服务工作会议召开", "archived")],
    )
    (moved,) = enlist(archive, line(1, "更正：全市养老服务工作会议召开"), day=24)
    assert (moved.settled, listings(archive, "title", "state")) == (
        False,
        [("更正：全市养老服务工作会议召开", "pending")],
    )
    assert [each.url for each in owed(archive)] == [URL.format(1)]


def owed(archive: Archive, run: str = "run", day: int = 24, **more: Any) -> list[Owed]:
    return archive.owed((PORTAL,), run_id=run, at=DAY.format(day), **more)


def test_what_is_owed_is_handed_out_once_a_run_newest_first(archive: Archive) -> None:
    enlist(archive, line(1, listed=date(2026, 11, 1)), line(2, listed=None), line(3), line("http://x.cn/"))
    enlist(archive, line(3, channel="tpxw"))
    assert [each.url for each in owed(archive, limit=3)] == [URL.format(3), URL.format(1)]
    assert owed(archive) == [Owed(URL.format(2), canonical(URL.format(2)), PORTAL, "gcyw", "标题2", None)]
    assert (owed(archive), len(owed(archive, "next run"))) == ([], 3)
    assert archive.owed(("lyg01.net",), run_id="other") == []


def test_of_each_portal_as_many_are_handed_out_as_of_the_others(archive: Archive) -> None:
    for portal in ("a.gov.cn", "b.gov.cn"):
        lines = [line(f"http://{portal}/content/{n}.html", listed=date(2026, 11, n)) for n in (1, 2, 3)]
        archive.enlist(lines, portal=portal, hosts=[portal], seen=DAY.format(24), capture_id=None)
    first, second = (
        archive.owed(
            ("a.gov.cn", "b.gov.cn"), run_id="run", at=DAY.format(24), recent=date(2026, 11, 1), limit=2
        )
        for _ in range(2)
    )
    assert [(each.portal, each.url[-6]) for each in first] == [
        ("a.gov.cn", "3"),
        ("a.gov.cn", "2"),
        ("b.gov.cn", "3"),
        ("b.gov.cn", "2"),
    ]
    assert [(each.portal, each.url[-6]) for each in second] == [("a.gov.cn", "1"), ("b.gov.cn", "1")]


def test_since_until_and_channel_bound_what_is_owed(archive: Archive) -> None:
    days = [date(2026, 11, day) for day in (1, 10, 20)]
    enlist(archive, *(line(number, listed=day) for number, day in enumerate(days, 1)), line(4, listed=None))
    enlist(archive, line(5, channel="gsgg"))
    got = [
        [int(each.url.split("/")[-1][0]) for each in owed(archive, f"run {number}", **bounds)]
        for number, bounds in enumerate(
            [
                {"since": days[1]},
                {"until": days[1]},
                {"since": days[1], "until": days[1]},
                {"channels": ("gsgg", "x")},
            ]
        )
    ]
    assert got == [[3, 5, 2, 4], [2, 1, 4], [2, 4], [5]]


def test_a_failure_is_asked_again_after_growing_pauses_and_ends(archive: Archive) -> None:
    enlist(archive, line(1))
    asked = []
    for day in range(1, 29):
        if owed(archive, f"run {day}", day):
            asked.append(day)
            archive.note(
                URL.format(1), "challenged" if day == 1 else "failed", "answers 500", DAY.format(day)
            )
            assert owed(archive, f"run {day}", day) == []
    assert asked == [1, 2, 3, 4, 6, 10, 17]
    assert listings(archive, "state", "attempts", "error", "due") == [
        ("failed", 7, "answers 500", "2026-12-01T00:00:00+08:00")
    ]
    archive.note(URL.format(1), "failed", "answers 500", DAY.format(30))
    assert listings(archive, "state", "attempts", "due") == [("failed", len(PAUSES) + 1, None)]
    assert owed(archive, "late", 30) == []
    (standing,) = enlist(archive, line(1), day=30)
    assert standing.settled


def test_recent_articles_are_asked_again_with_what_a_conditional_request_wants(archive: Archive) -> None:
    for number, published in (
        (1, datetime(2026, 11, 22, 8, tzinfo=SHANGHAI)),
        (2, date(2026, 10, 1)),
        (3, None),
    ):
        enlist(archive, line(number))
        kept = capture(archive, URL.format(number), 23, etag=f'"{number}"', last_modified="Mon")
        archive.save(page(archive, number, capture=kept, published=published))
    got = owed(archive, recent=date(2026, 11, 10))
    assert got == [
        Owed(URL.format(1), canonical(URL.format(1)), PORTAL, "gcyw", "标题1", "2026-11-22", '"1"', "Mon", 1),
        Owed(URL.format(3), canonical(URL.format(3)), PORTAL, "gcyw", "标题3", None, '"3"', "Mon", 3),
    ]
    assert owed(archive, recent=date(2026, 11, 10)) == []
    archive.unchanged(URL.format(1), DAY.format(24))
    assert rows(archive, "SELECT last_seen, version FROM articles WHERE id = 1") == [(DAY.format(24), 1)]
    assert listings(archive, "state") == [("unchanged",), ("archived",), ("archived",)]


def test_an_archived_article_that_fails_stays_archived(archive: Archive) -> None:
    enlist(archive, line(1))
    archive.save(page(archive, 1))
    archive.note(URL.format(1), "failed", "timeout", DAY.format(24))
    assert listings(archive, "state", "error", "due") == [("archived", "timeout", None)]
    archive.unchanged(URL.format(1), DAY.format(25))
    assert listings(archive, "state", "error", "attempts") == [("unchanged", None, 0)]


def test_the_books_balance(archive: Archive) -> None:
    enlist(archive, *(line(number) for number in range(1, 8)), line("http://x.cn/"))
    enlist(archive, line(9, channel="gsgg"))
    archive.meet_channel(PORTAL, "gcyw", None, None, seen=DAY.format(23), total=377)
    archive.save(page(archive, 1))
    archive.save(page(archive, 2))
    archive.unchanged(URL.format(2), DAY.format(24))
    archive.note(URL.format(3), "failed", None, DAY.format(24))
    archive.note(URL.format(4), "challenged", None, DAY.format(24))
    archive.missing(URL.format(5), DAY.format(24), None, 404)
    expected = Books(PORTAL, "gcyw", 8, 1, 1, 2, 1, 1, 1, 1, 377)
    assert archive.books() == [expected, Books(PORTAL, "gsgg", 1, 0, 0, 1, 0, 0, 0, 0, None)]
    assert expected.listed == sum(getattr(expected, state) for state in STATES)
    assert archive.books("lyg01.net") == []


# --- articles and versions ---


def test_a_new_page_is_written_whole(archive: Archive) -> None:
    enlist(archive, line(1))
    source = "连(lián)云港\x00\ufffd"
    steps = (
        Step("pinyin", "proven", (Edit(1, "(lián)", ""),)),
        Step("lost", "lost", (Edit(3, "\x00", ""),)),
    )
    blocks = (
        Removed(
            "hidden",
            "div[2]",
            "代孕\x01 广告",
            "<a>广告</a>",
            ("/x", "http://Spam.example/a"),
            (("hidden", 2.0),),
        ),
    )
    extracted = Extracted(
        title="x",
        author="某某 某某某",
        editor="编",
        images=(("http://a.cn/1.jpg", "图"),),
        links=(),
        subtitle="副",
        words=31,
        language="zh",
        disagreements=(Disagreement("title", "h1", "甲", "<title>", "乙"),),
    )
    made = page(
        archive,
        1,
        repaired=Repaired("连云港\ufffd", steps),
        removed=blocks,
        tampered=True,
        extracted=extracted,
    )
    assert archive.save(made) == Saved(1, 1, "first")
    article = archive.article(1)
    assert article is not None
    signature = article.pop("signature")
    fields = (
        '{"editor":"编","images":[["http://a.cn/1.jpg","图"]],"subtitle":"副","words":31,"language":"zh",'
        '"disagreements":[["title","h1","甲","<title>","乙"]]}'
    )
    shared = {
        "title": "标题1",
        "text": TEXTS[1],
        "published": "2026-11-20T09:54:49+08:00",
        "source": "连云港日报",
        "author": "某某 某某某",
        "tampered": 1,
        "fields": fields,
        "encoding": "utf-8",
        "capture_id": 1,
        "version": 1,
    }
    assert signature == sign(TEXTS[1])
    assert article == shared | {
        "id": 1,
        "url": URL.format(1),
        "key": canonical(URL.format(1)),
        "portal": PORTAL,
        "channel": "gcyw",
        "duplicate_of": None,
        "first_seen": DAY.format(23),
        "last_seen": DAY.format(23),
        "gone": None,
        "asked": None,
        "part_of": None,
    }
    (version,) = archive.versions(1)
    assert version.pop("digest").startswith("sha256:")
    assert version == shared | {"article_id": 1, "seen": DAY.format(23), "change": "first"}
    edits = rows(archive, "SELECT * FROM edits")
    assert edits == [
        (1, 1, 1, "tamper", 1, "pinyin", "proven", 1, "(lián)", "", None),
        (2, 1, 1, "tamper", 2, "lost", "lost", 3, "\x00", "", None),
    ]
    again = tuple(
        Step(fixer, certainty, (Edit(*edit),))
        for *_, fixer, certainty, start, before, after, _ in edits
        for edit in [(start, before, after)]
    )
    assert revert("连云港\ufffd", again) == source
    (block,) = rows(archive, "SELECT kind, reasons, place, text, html, links, target, seen FROM removed")
    assert block == (
        *(
            "hidden",
            '[["hidden",2.0]]',
            "div[2]",
            "代孕 广告",
            "<a>广告</a>",
            '["/x","http://Spam.example/a"]',
        ),
        *("spam.example", DAY.format(23)),
    )
    assert rows(archive, "SELECT charset, encoding FROM captures") == [("utf-8", "utf-8")]
    assert listings(archive, "state", "article_id") == [("archived", 1)]
    assert archive.verify() == []


def changes(archive: Archive) -> list[tuple[Any, ...]]:
    return rows(
        archive, "SELECT article_id, version, seen, change, text FROM versions ORDER BY article_id, version"
    )


def test_the_same_text_is_no_version_and_what_moves_moves(archive: Archive) -> None:
    archive.save(page(archive, 1))
    kept = capture(archive, URL.format(1), 24)
    told = Extracted(author="某某", editor="赵某")
    assert archive.save(page(archive, 1, 24, capture=kept, extracted=told)) == Saved(1, 1, None)
    assert changes(archive) == [(1, 1, DAY.format(23), "first", TEXTS[1])]
    assert rows(archive, "SELECT fields, first_seen, last_seen, capture_id FROM articles") == [
        ('{"editor":"赵某"}', DAY.format(23), DAY.format(24), kept.id)
    ]


def test_another_source_or_day_is_a_version(archive: Archive) -> None:
    archive.save(page(archive, 1))
    again = page(archive, 1, 24, source="市政府办", published=date(2026, 11, 21))
    assert archive.save(again) == Saved(1, 2, "edited")
    assert rows(archive, "SELECT version, source, published FROM versions") == [
        (1, "连云港日报", "2026-11-20T09:54:49+08:00"),
        (2, "市政府办", "2026-11-21"),
    ]
    assert rows(archive, "SELECT version, source, published FROM articles") == [(2, "市政府办", "2026-11-21")]
    assert [hit.id for hit in archive.search("市政府办")] == [1]
    assert archive.search("连云港日报") == []


def test_every_text_that_a_page_showed_is_a_version(archive: Archive) -> None:
    enlist(archive, line(1))
    other = TEXTS[1].replace("十二处", "十三处")
    spam = (Removed("links", "div", "广告", "<a>", (), ()),)
    told = [
        archive.save(page(archive, 1, 1)),
        archive.save(page(archive, 1, 2, other)),
        archive.save(page(archive, 1, 3, other, tampered=True, removed=spam)),
        archive.save(
            page(archive, 1, 4, other, tampered=True, removed=(*spam, spam[0]._replace(text="别的")))
        ),
        archive.save(page(archive, 1, 5, other)),
    ]
    archive.missing(URL.format(1), DAY.format(6), None, 404)
    archive.missing(URL.format(1), DAY.format(7), None, 410)
    assert rows(archive, "SELECT gone, version, text FROM articles") == [(DAY.format(6), 4, other)]
    assert listings(archive, "state", "attempts", "error") == [("gone", 2, "answers 410")]
    told.append(archive.save(page(archive, 1, 8, other)))
    assert told == [
        Saved(1, 1, "first"),
        Saved(1, 2, "edited"),
        Saved(1, 3, "tampered"),
        Saved(1, 3, None),
        Saved(1, 4, "restored"),
        Saved(1, 6, "restored"),
    ]
    assert changes(archive) == [
        (1, 1, DAY.format(1), "first", TEXTS[1]),
        (1, 2, DAY.format(2), "edited", other),
        (1, 3, DAY.format(3), "tampered", other),
        (1, 4, DAY.format(5), "restored", other),
        (1, 5, DAY.format(6), "withdrawn", None),
        (1, 6, DAY.format(8), "restored", other),
    ]
    assert rows(archive, "SELECT version, text FROM removed") == [(3, "广告"), (3, "别的")]
    assert rows(archive, "SELECT gone, version FROM articles") == [(None, 6)]
    assert listings(archive, "state", "attempts", "error", "due") == [("archived", 0, None, None)]
    assert archive.verify() == []


def test_each_kind_of_change_is_written_and_what_is_none_moves_nothing_but_the_row(archive: Archive) -> None:
    more = TEXTS[1] + "另有九处在建。"
    right = more.replace("三千", "四千") + "（更正：原文中人数有误。）"
    shown = [TEXTS[1], more, more + "\n浏览次数：7", right, right.replace("稳步", "逐步"), more, more]
    titles = ["标题1"] * 6 + ["改过的标题"]
    told = [
        archive.save(page(archive, 1, day, text, title=title))
        for day, (text, title) in enumerate(zip(shown, titles, strict=True), 1)
    ]
    assert told == [
        Saved(1, 1, "first"),
        Saved(1, 2, "extended"),
        Saved(1, 2, None),
        Saved(1, 3, "corrected"),
        Saved(1, 4, "edited"),
        Saved(1, 5, "restored"),
        Saved(1, 6, "edited"),
    ]
    assert rows(archive, "SELECT text, version, last_seen, capture_id FROM articles") == [
        (more, 6, DAY.format(7), 7)
    ]
    assert archive.verify() == []


def test_edits_of_an_elder_archive_get_their_kinds(tmp_path: Path) -> None:
    more = TEXTS[1] + "另有九处在建。"
    shown = [TEXTS[1], more, more + "（更正：原文中人数有误。）", more, more.replace("九", "八")]
    with Archive(tmp_path / "a.db") as archive:
        for day, text in enumerate(shown, 1):
            archive.save(page(archive, 1, day, text))
        named = changes(archive)
        for row in archive.versions(1)[1:]:
            digest = row_digest(row | {"change": "edited"})
            archive.conn.execute(
                "UPDATE versions SET change = 'edited', digest = ? WHERE version = ?",
                (digest, row["version"]),
            )
        archive.conn.execute("UPDATE versions SET title = 'x' WHERE version = 5")
        archive.conn.execute("DROP VIEW changes")
        archive.conn.execute("PRAGMA user_version = 3")
    with Archive(tmp_path / "a.db") as archive:
        assert [row[3] for row in named] == ["first", "extended", "corrected", "restored", "edited"]
        assert changes(archive) == named
        assert [problem for problem in archive.verify() if "digest" in problem] == [
            "version 5 of article 1 does not match its digest"
        ]


def test_furniture_leaves_the_text_as_it_was_first_seen(archive: Archive) -> None:
    archive.save(page(archive, 1, 1, TEXTS[1] + "\n浏览次数：7"))
    assert archive.save(page(archive, 1, 2, TEXTS[1] + "\n浏览次数：9,120")) == Saved(1, 1, None)
    seen = "SELECT text, last_seen, capture_id FROM articles"
    assert rows(archive, seen) == [(TEXTS[1] + "\n浏览次数：7", DAY.format(2), 2)]
    assert changes(archive) == [(1, 1, DAY.format(1), "first", TEXTS[1] + "\n浏览次数：7")]
    assert archive.verify() == []


def test_the_same_bytes_read_differently_are_no_edit(archive: Archive) -> None:
    first = capture(archive, URL.format(1), 1)
    archive.save(page(archive, 1, capture=first))
    again = capture(archive, URL.format(1), 2, digest=first.digest)
    assert archive.save(page(archive, 1, text=TEXTS[2], capture=again)) == Saved(1, 2, "reread")
    other = capture(archive, URL.format(1), 3)
    assert archive.save(page(archive, 1, text=TEXTS[3], capture=other)) == Saved(1, 3, "edited")


def test_gone_is_since_the_first_look_and_keeps_the_notice(archive: Archive) -> None:
    enlist(archive, line(1))
    archive.save(page(archive, 1, 1))
    notice = "该文章已删除\x01。"
    archive.missing(URL.format(1), DAY.format(3), None, 200, first=DAY.format(2), notice=notice)
    archive.missing(URL.format(1), DAY.format(5), None, 404, first=DAY.format(4))
    assert rows(archive, "SELECT gone, text, version FROM articles") == [(DAY.format(2), TEXTS[1], 1)]
    assert rows(archive, "SELECT version, seen, change, text, fields FROM versions WHERE version > 1") == [
        (2, DAY.format(2), "withdrawn", None, '{"status":200,"notice":"该文章已删除。"}')
    ]
    assert listings(archive, "state", "attempts", "error") == [("gone", 2, "answers 404")]
    assert archive.verify() == []


def test_a_suspect_is_recorded_beside_the_text_and_no_evidence_of_tampering(archive: Archive) -> None:
    doubt = Removed(
        "suspect", "/html/body/p[2]", "澳门\x01新葡京", "", ("http://s.cn/",), (("off-topic", 1.0),)
    )
    archive.save(page(archive, 1, suspects=(doubt,)))
    archive.save(page(archive, 1, 24, suspects=(doubt, doubt._replace(text="百家乐"))))
    kept = "SELECT article_id, version, kind, reasons, place, text, links, target, seen FROM suspects"
    said = (1, 1, "suspect", '[["off-topic",1.0]]', "/html/body/p[2]")
    assert rows(archive, kept) == [
        (*said, "澳门新葡京", '["http://s.cn/"]', "s.cn", DAY.format(23)),
        (*said, "百家乐", '["http://s.cn/"]', "s.cn", DAY.format(24)),
    ]
    assert rows(archive, "SELECT tampered, version FROM articles") == [(0, 1)]
    for table in ("removed", "tampered", "campaigns"):
        assert rows(archive, f"SELECT count(*) FROM {table}") == [(0,)]
    assert archive.verify() == []


def test_a_page_that_comes_back_hacked_is_hacked(archive: Archive) -> None:
    archive.save(page(archive, 1))
    archive.missing(URL.format(1), DAY.format(24), None, 404)
    spam = (Removed("links", "div", "广告 甲", "<a>", ("http://s.top/",), ()),)
    told = archive.save(page(archive, 1, 25, tampered=True, removed=spam))
    archive.save(page(archive, 2, tampered=True, removed=(spam[0]._replace(links=(), text="乙"),)))
    assert told == Saved(1, 3, "tampered")
    assert rows(archive, "SELECT gone FROM articles") == [(None,), (None,)]
    found = archive.tampered()
    assert found == {PORTAL: [Tampered(1, 3, True), Tampered(2, 1, False)]}
    assert sorted(archive.campaigns(found[PORTAL])) == [
        Campaign(1, (), "乙"),
        Campaign(1, ("s.top",), "广告 甲"),
    ]


def test_gone_before_it_was_had_is_gone_and_looked_for_again(archive: Archive) -> None:
    enlist(archive, line(1))
    archive.missing(URL.format(1), DAY.format(1), None, 404)
    assert listings(archive, "state", "article_id") == [("gone", None)]
    assert [bool(owed(archive, f"run {day}", day)) for day in (1, 2)] == [False, True]
    assert [standing.settled for standing in enlist(archive, line(1), day=2)] == [True]


def test_an_older_page_does_not_overwrite_a_newer(archive: Archive) -> None:
    archive.save(page(archive, 1, 24))
    older = page(archive, 1, 20, "旧的正文" * 20)
    assert archive.save(older) == Saved(1, 1, None)
    assert changes(archive) == [(1, 1, DAY.format(24), "first", TEXTS[1])]


def test_one_article_under_several_addresses_is_one(archive: Archive) -> None:
    archive.save(page(archive, 1))
    again = page(archive, 1, 24)
    again.url = URL.format(1).replace("http://www.", "https://") + "?utm_source=wx#top"
    assert archive.save(again) == Saved(1, 1, None)


def test_what_a_page_does_not_say_is_null(archive: Archive) -> None:
    bare = page(archive, 1, title=None, source="", published=None, extracted=None, decoded=None, channel=None)
    archive.save(bare)
    article = archive.article(URL.format(1))
    assert article is not None
    assert {name for name, value in article.items() if value is None} == {
        *(
            "title",
            "source",
            "published",
            "author",
            "channel",
            "duplicate_of",
            "gone",
            "encoding",
            "asked",
            "part_of",
        )
    }


# --- duplicates ---


def copies(archive: Archive) -> list[tuple[int, int | None]]:
    return [(row[0], row[1]) for row in rows(archive, "SELECT id, duplicate_of FROM articles ORDER BY id")]


LONG = "\n".join(TEXTS[number] for number in TEXTS)


def reprint(archive: Archive, number: int, text: str, day: int, **more: Any) -> None:
    made = page(archive, 1, day, text, published=date(2026, 11, day), **more)
    made.url = f"http://www.lyg01.net/news/lygxw/2026/11{day:02}/{number}.shtml"
    archive.save(made)


def test_reprints_are_linked_to_the_earliest_and_kept(archive: Archive) -> None:
    reprint(archive, 1, LONG, 20)
    reprint(archive, 2, "首页 当前位置 要闻\n" + LONG + "\n责任编辑 某某", 21)
    reprint(archive, 3, LONG[: int(len(LONG) * 0.65)], 22)
    reprint(
        archive,
        4,
        "东海县水晶博览会开幕，各地客商云集，现场展出原石与雕件逾万件，直播间成交活跃，主办方提供鉴定服务。"
        * 2,
        23,
    )
    assert copies(archive) == [(1, None), (2, 1), (3, 1), (4, None)]
    reprint(archive, 5, LONG.replace("社区", "小区"), 19)
    assert copies(archive) == [(1, 5), (2, 5), (3, 5), (4, None), (5, None)]
    assert rows(archive, "SELECT id, first_portal, first_published FROM duplicates ORDER BY id")[0] == (
        1,
        PORTAL,
        "2026-11-19",
    )


def test_an_article_that_becomes_another_leaves_its_copies(archive: Archive) -> None:
    reprint(archive, 1, LONG, 20)
    reprint(archive, 2, LONG, 21)
    reprint(archive, 3, LONG, 22)
    kept = page(
        archive,
        1,
        24,
        "此文已由发布单位撤下，如有疑问请与发布单位联系，电话请见网站首页底部，给您带来不便敬请谅解，感谢理解与支持。",
    )
    kept.url = "http://www.lyg01.net/news/lygxw/2026/1120/1.shtml"
    archive.save(kept)
    assert copies(archive) == [(1, None), (2, None), (3, 2)]


def test_a_series_is_not_linked(archive: Archive) -> None:
    chance = random.Random(3)
    for number in range(1, 13):
        goods = "，".join(
            f"{good}每斤{chance.uniform(1, 20):.2f}元，环比上涨{chance.uniform(0, 9):.1f}%"
            for good in ("大米", "面粉", "猪肉", "鸡蛋", "青菜", "带鱼", "豆油")
        )
        text = f"据市发改委监测，本周我市主要农副产品价格总体平稳。其中，{goods}。预计后期价格保持平稳，请市民合理安排采购。"
        reprint(archive, number, text, number, title=f"第{number}周价格监测")
    assert copies(archive) == [(number, None) for number in range(1, 13)]


def bulletin(chance: random.Random) -> str:
    goods = "，".join(
        f"{good}每斤{chance.uniform(1, 20):.2f}元，环比上涨{chance.uniform(0, 9):.1f}%"
        for good in ("大米", "面粉", "猪肉", "鸡蛋", "青菜", "带鱼", "豆油")
    )
    return f"据市发改委监测，本周我市主要农副产品价格总体平稳。其中，{goods}。预计后期价格保持平稳，请市民合理安排采购。"


def test_a_reprint_finds_its_bulletin_in_a_long_series(archive: Archive) -> None:
    chance = random.Random(4)
    texts = [bulletin(chance) for _ in range(40)]
    for number, text in enumerate(texts, 1):
        reprint(archive, number, text, 1 + number % 20, title="价格监测周报")
    for number in (7, 33):
        reprint(
            archive,
            100 + number,
            "首页 > 要闻\n" + texts[number - 1] + "\n责任编辑：某某",
            25,
            title="价格监测周报",
        )
    assert [link for link in copies(archive) if link[1]] == [(41, 7), (42, 33)]
    assert archive.verify() == []


@pytest.mark.parametrize(("gathered", "last"), [(2, 500), (5000, 500), (5000, 3)])
def test_links_do_not_depend_on_the_order_of_arrival(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gathered: int, last: int
) -> None:
    monkeypatch.setattr(duplicates, "GATHERED", gathered)
    monkeypatch.setattr(duplicates, "LAST", last)
    chance = random.Random(5)
    told = [(n, LONG if n % 3 else bulletin(chance), n) for n in range(1, 13)]
    told[3] = (4, LONG[: int(len(LONG) * 0.7)], 4)
    told[6] = (7, LONG.replace("社区", "小区"), 7)
    seen = set()
    for at in range(4):
        with Archive(tmp_path / f"{at}.db") as archive:
            for number, text, day in told:
                reprint(archive, number, text, day, title="见闻")
                archive.commit()
            found = "SELECT a.key, d.key FROM articles a LEFT JOIN articles d ON d.id = a.duplicate_of ORDER BY a.key"
            seen.add(tuple(rows(archive, found)))
            assert archive.verify() == []
        chance.shuffle(told)
    assert len(seen) == 1
    assert sum(origin is not None for _, origin in seen.pop()) == 7


def test_what_held_a_cluster_together_is_missed_when_it_leaves(archive: Archive) -> None:
    first, second, third = (
        "\n".join(
            f"{place}的第{n}处食堂昨日开门，{place}居民{n}百余人前来用餐，菜价由{place}居委会与店家商定。"
            for n in range(2, 9)
        )
        for place in ("海州", "新浦", "墟沟")
    )
    reprint(archive, 1, first + second, 20, title="食堂开门")
    reprint(archive, 2, second + third, 22, title="食堂开门")
    reprint(archive, 3, first + second + third, 21, title="食堂开门")
    assert copies(archive) == [(1, None), (2, 1), (3, 1)]
    reprint(archive, 3, TEXTS[1] * 3, 21, title="另一件事")
    kept = copies(archive)
    archive.rollback()
    reprint(archive, 1, first + second, 20, title="食堂开门")
    reprint(archive, 2, second + third, 22, title="食堂开门")
    assert kept == [*copies(archive), (3, None)]


def test_what_is_undone_is_not_found_and_what_another_connection_wrote_is(archive: Archive) -> None:
    reprint(archive, 1, LONG, 20)
    archive.rollback()
    reprint(archive, 2, LONG, 21)
    archive.commit()
    assert copies(archive) == [(1, None)]
    with Archive(archive.path) as other:
        reprint(other, 3, LONG, 22)
        other.commit()
    reprint(archive, 4, LONG, 23)
    assert copies(archive) == [(1, None), (2, 1), (3, 1)]
    assert archive.verify() == []


# --- search ---

ALPHABET = "连云港市社保民政服务老人新区海州2024年1月5Gg３，。 、（）—“”A"


def test_every_word_of_any_length_is_found_exactly(archive: Archive) -> None:
    chance = random.Random(11)
    texts = {}
    for number in range(250):
        text = "".join(chance.choices(ALPHABET, k=chance.randint(5, 60))) + "。"
        made = page(archive, 1, text=text, title=None, source=None)
        made.url = URL.format(f"s{number}")
        texts[archive.save(made).article_id] = text
    letters = "".join(char for char in ALPHABET if char.isalnum())
    sought = {
        "".join(chance.choices(letters, k=length)) for length in (1, 2, 2, 2, 3, 3, 4, 5) for _ in range(60)
    }
    sought |= {
        text[at : at + length]
        for text in itertools.islice(texts.values(), 60)
        for length in range(1, 9)
        for at in [chance.randrange(max(1, len(text) - length))]
        if text[at : at + length].isalnum()
    }
    assert len(sought) > 300
    for word in sought:
        plain = storable_fold(word)
        wanted = {number for number, text in texts.items() if plain in storable_fold(text)}
        assert set(archive.matching(word)) == wanted, word
        if len(word) <= 2 and all("\u4e00" <= char <= "\u9fff" for char in word):
            for typed in (word, f'"{word}"'):  # what stock Datasette sends with and without its escaping
                stock = rows(archive, "SELECT rowid FROM articles_fts WHERE articles_fts MATCH ?", typed)
                assert {row[0] for row in stock} == wanted, word
    assert archive.verify() == []


def told(archive: Archive, number: int, title: str, text: str, day: int = 20, **more: Any) -> int:
    """Save an article and give its id."""
    published = datetime(2026, 11, day, 9, 54, 49, tzinfo=SHANGHAI)
    return archive.save(page(archive, number, title=title, text=text, published=published, **more)).article_id


QUESTIONS = {
    "養老": {1, 2},  # the other script
    "养老服务": {2},
    "连政办发〔２０２３〕５号": {3},  # full width
    "连政办发[2023]5号": {3},  # signs are passed over
    "连政办发 5号": {3},
    "养老 食堂": {1},
    "养老 -食堂": {2},
    "养老 NOT 食堂": {2},
    "食堂 OR 5G": {1, 3},
    "(食堂 OR 补贴) 养老": {1, 2},
    "养老 NOT (食堂 OR 补贴)": set(),
    "title:养老": {2},
    "标题:养老服务": {2},
    "source:苍梧晚报": {2},
    "养老 source:连云港日报": {1},
    '"社区 食堂"': set(),
    '"社区食堂"': {1},
    "养老 since:2026-11-21": {2},
    "养老 until:2026-11-20": {1},
    "养老 since:2026-11 until:2026-11-20": {1},
    "gov*": {3},
    "ov*": set(),
    "ov": {3},
    "老": {1, 2},
    "民政局 -民政": set(),
}


def test_a_question_is_understood(archive: Archive) -> None:
    assert told(archive, 1, "社区食堂开门", "市民政局说养老的社区食堂开门了，老人每天来吃饭。") == 1
    assert told(archive, 2, "養老服務", "補貼按月發放到賬，戶籍老人可以申請。", 22, source="苍梧晚报") == 2
    assert told(archive, 3, "文件", "连政办发〔2023〕5号文件见lyg.gov.cn，含5Ｇ基站建设。") == 3
    assert {query: set(archive.matching(query)) for query in QUESTIONS} == QUESTIONS


def test_the_newest_come_first_where_that_is_asked(archive: Archive) -> None:
    for number, day in enumerate((3, 9, 1, 7, 5), 1):
        told(
            archive,
            number,
            "养老" if day == 1 else f"第{number}件事",
            f"第{number}件事说养老服务中心开门。" * 4,
            day,
        )
    assert [hit.id for hit in archive.search("养老服务", newest=True)] == [2, 4, 5, 1, 3]
    assert [hit.id for hit in archive.search("养老", limit=2, newest=True)] == [2, 4]
    assert archive.find("养老", limit=2, newest=True)[1:] == (5, True)
    assert archive.find("养老服务", limit=2, newest=True)[1:] == (3, False)
    assert archive.search("养老")[0].id == 3


def test_many_articles_are_searched_month_by_month(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, many in (("LOOKED", 4), ("DATED", 6), ("PROBED", 3), ("TOLD", 20)):
        monkeypatch.setattr(f"crawler.archive.search.{name}", many)
    days = [date(2020 + number % 7, 1 + number % 12, 1 + number % 28) for number in range(40)]
    for number, day in enumerate(days, 1):
        title = "港口的名字" if number % 9 == 0 else "事"
        text = f"{number}号泊位的港口今天开门迎客。" if number % 4 else f"{number}号泊位的港与口。"
        archive.save(numbered(archive, number, title, text, day))
    wanted = sorted((day, number) for number, day in enumerate(days, 1) if number % 4 or number % 9 == 0)
    newest = [number for _, number in reversed(wanted)]
    assert [hit.id for hit in archive.search("港口", limit=100, newest=True)] == newest
    assert [hit.id for hit in archive.search("港口", limit=5, offset=10, newest=True)] == newest[10:15]
    best = archive.search("港口", limit=2)
    assert {hit.title for hit in best} == {"港口的名字"}
    assert [hit.id for hit in archive.search("港口", limit=100)][4:] == [
        number for number in newest if number not in {hit.id for hit in archive.search("港口", limit=4)}
    ]
    assert archive.find("港口")[1:] == (20, False)
    assert archive.find("泊位的港口", newest=True, limit=5)[1:] == (6, False)
    assert archive.find("泊位 12号")[1:] == (1, True)


def numbered(archive: Archive, number: int, title: str, text: str, day: date) -> Page:
    made = page(archive, 1, title=title, text=text, published=day)
    made.url = URL.format(f"m{number}")
    return made


def test_the_index_is_built_anew_as_it_was(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in TEXTS:
        archive.save(page(archive, number))
    archive.commit()
    archive.conn.execute("INSERT INTO articles_fts (articles_fts) VALUES ('delete-all')")
    assert archive.verify() != []
    heard: list[tuple[int, int]] = []
    monkeypatch.setattr("crawler.archive.search.SPELLED", 2)
    archive.rebuild_index(lambda done, count: heard.append((done, count)))
    assert (archive.verify(), heard) == ([], [(2, 3), (3, 3)])


def test_of_one_story_the_first_stands_for_all(archive: Archive) -> None:
    text = TEXTS[1] * 3
    told(archive, 1, "养老", text, 20)
    told(archive, 2, "养老", text, 21)
    assert [(hit.id, hit.reprints) for hit in archive.search("养老")] == [(1, 1)]
    assert archive.find("养老").total == 2


def storable_fold(text: str) -> str:
    import unicodedata

    return unicodedata.normalize("NFKC", text).lower()


def test_results_are_ranked_and_cut_out(archive: Archive) -> None:
    for number in TEXTS:
        archive.save(page(archive, number, title="养老服务" if number == 3 else f"标题{number}"))
    found = archive.search("养老")
    assert [(hit.id, hit.url, hit.title, hit.portal, hit.published) for hit in found] == [
        (3, URL.format(3), "养老服务", PORTAL, "2026-11-20T09:54:49+08:00"),
        (1, URL.format(1), "标题1", PORTAL, "2026-11-20T09:54:49+08:00"),
    ]
    assert found[1].snippet.startswith("市民政局昨日公布养老服务")
    assert found[0].rank < found[1].rank
    assert [hit.id for hit in archive.search("养老 食堂")] == [1]
    assert [hit.id for hit in archive.search("养老", limit=1, offset=1)] == [1]
    assert archive.search("食堂养老") == []


@pytest.mark.parametrize(
    "odd",
    [
        "",
        " ",
        "，",
        '"',
        '""',
        "“",
        "*",
        "AND",
        "OR NOT",
        "a:b",
        "(",
        "港*",
        "^港",
        "NEAR(港 云)",
        "\x00",
        "\ud800",
        "-",
        "'",
        "{title}: x",
    ],
)
def test_nothing_that_is_typed_is_an_error(archive: Archive, odd: str) -> None:
    archive.save(page(archive, 1))
    assert archive.search(odd) == [] or match_expression(odd) != '""'
    assert words(odd) == words(odd)


# --- attachments ---


FILE = "http://www.lyg.gov.cn/upload/2026/{}"
LIMITS = {"attachment": 1000, "page": 1000, "image": 500}


def offering(archive: Archive, number: int, *files: tuple[str, str], day: int = 23, **more: Any) -> Page:
    """A page that offers these files (last part of the address, name)."""
    found = Extracted(
        title=f"标题{number}",
        text=TEXTS[number],
        attachments=tuple((FILE.format(place), name) for place, name in files),
        images=more.pop("images", ()),
    )
    return page(archive, number, day, extracted=found, hosts=frozenset(HOSTS), **more)


def had(archive: Archive, place: str, text: str | None = None, day: int = 23, mime: str = PDF) -> None:
    """Let a file be captured, and read where it has a text."""
    url = FILE.format(place)
    archive.had_file(url, capture(archive, url, day, kind="attachment"), mime, 99)
    if text is not None:
        (file,) = archive.unread()
        archive.read_file(file, Document(text))


def owed_files(archive: Archive, run: str = "r1", **more: Any) -> list[str]:
    found = archive.owed_files((PORTAL,), run_id=run, limits=more.pop("limits", LIMITS), **more)
    return [each.url.rpartition("/")[2] for each in found]


def test_the_files_of_a_page_are_owed_once_a_run_pictures_last(archive: Archive) -> None:
    images = ((FILE.format("p.png"), "图说"), (FILE.format("p.png"), None))
    archive.save(offering(archive, 1, ("a.pdf", "名单"), ("b.docx", "表"), images=images))
    archive.save(offering(archive, 2, ("a.pdf", "同一名单")))
    assert rows(
        archive, "SELECT article_id, portal, channel, kind, name, state, attempts FROM attachments"
    ) == [
        (1, PORTAL, "gcyw", "attachment", "名单", "pending", 0),
        (1, PORTAL, "gcyw", "attachment", "表", "pending", 0),
        (1, PORTAL, "gcyw", "image", "图说", "pending", 0),
        (2, PORTAL, "gcyw", "attachment", "同一名单", "pending", 0),
    ]
    assert owed_files(archive, limit=2) == ["a.pdf", "b.docx"]
    assert owed_files(archive) == ["p.png"]
    assert owed_files(archive) == []
    assert owed_files(archive, "r2", limits={**LIMITS, "image": 0}) == ["a.pdf", "b.docx"]
    assert owed_files(archive, "r3", limits=dict.fromkeys(LIMITS, 0)) == []
    assert owed_files(archive, "r4", channels=("bmdt",)) == []
    assert owed_files(archive, "r4", since=date(2026, 11, 21)) == []
    assert owed_files(archive, "r4", until=date(2026, 11, 19)) == []
    assert len(owed_files(archive, "r4", since=date(2026, 11, 20), until=date(2026, 11, 20))) == 3


@pytest.mark.parametrize(
    "url",
    [
        "http://evil.example/a.pdf",
        "http://www.lyg.gov.cn.evil.example/a.pdf",
        "http://sub.www.lyg.gov.cn/a.pdf",
        "http://www.lyg.gov.cn:8080/a.pdf",
        "ftp://www.lyg.gov.cn/a.pdf",
        "javascript:alert(1)//www.lyg.gov.cn/a.pdf",
        "http://[::1/a.pdf",
        "file:///etc/passwd",
    ],
)
def test_a_file_elsewhere_is_recorded_and_never_owed(archive: Archive, url: str) -> None:
    made = offering(archive, 1)
    assert made.extracted is not None
    made.extracted = made.extracted._replace(attachments=((url, "../../x\x00<b>"),))
    archive.save(made)
    assert rows(archive, "SELECT url, name, state FROM attachments") == [
        (storable(url), "../../x<b>", "offsite")
    ]
    assert owed_files(archive) == []


def test_a_captured_file_is_known_to_every_article_that_offers_it(archive: Archive) -> None:
    archive.save(offering(archive, 1, ("a.pdf", "名单")))
    had(archive, "a.pdf", "王某某与李某某")
    archive.save(offering(archive, 2, ("a.pdf", "同一名单")))
    archive.save(offering(archive, 3))
    assert owed_files(archive, "r9") == []
    said = "SELECT article_id, name, state, mime, size, text, capture_id NOT NULL FROM attachments"
    assert rows(archive, said) == [
        (1, "名单", "archived", PDF, 99, "王某某与李某某", 1),
        (2, "同一名单", "archived", PDF, 99, "王某某与李某某", 1),
    ]
    assert sorted((hit.id, hit.snippet) for hit in archive.search("李某某")) == [
        (1, "名单: 王某某与李某某"),
        (2, "同一名单: 王某某与李某某"),
    ]
    assert archive.verify() == []


def test_what_a_page_offers_no_more_is_kept_and_not_searched(archive: Archive) -> None:
    archive.save(offering(archive, 1, ("a.pdf", "名单"), ("b.pdf", "附表")))
    had(archive, "a.pdf", "王某某")
    archive.save(offering(archive, 1, ("b.pdf", "附表二"), day=24))
    assert rows(archive, "SELECT name, state, withdrawn FROM attachments") == [
        ("名单", "archived", DAY.format(24)),
        ("附表二", "pending", None),
    ]
    assert archive.search("王某某") == []
    assert archive.verify() == []
    archive.save(offering(archive, 1, ("a.pdf", "名单"), day=25))
    assert [hit.id for hit in archive.search("王某某")] == [1]
    assert owed_files(archive) == []
    assert archive.verify() == []


def test_a_changed_article_keeps_the_words_of_its_attachments(archive: Archive) -> None:
    archive.save(offering(archive, 1, ("a.pdf", "名单")))
    had(archive, "a.pdf", "王某某")
    archive.save(offering(archive, 1, ("a.pdf", "名单"), day=24, text=TEXTS[2]))
    assert [hit.id for hit in archive.search("王某某 徐圩")] == [1]
    assert archive.search("养老") == []
    assert archive.verify() == []
    had(archive, "a.pdf", "赵某某", day=25)  # other bytes at the same address
    assert archive.search("王某某") == []
    assert [hit.id for hit in archive.search("赵某某")] == [1]
    assert archive.verify() == []


def test_what_was_not_had_is_asked_again_after_growing_pauses(archive: Archive) -> None:
    archive.save(offering(archive, 1, ("a.pdf", ""), ("b.pdf", ""), ("c.zip", ""), ("d.pdf", "")))
    for place, state in (("a.pdf", "failed"), ("b.pdf", "gone"), ("d.pdf", "refused")):
        archive.miss_file(FILE.format(place), state, "why", DAY.format(23))
    archive.miss_file(FILE.format("c.zip"), "oversize", "large", DAY.format(23), size=2000)
    told = "SELECT name, state, attempts, due, error FROM attachments"
    assert rows(archive, told) == [
        (None, "failed", 1, DAY.format(23), "why"),
        (None, "gone", 1, "2026-11-24T00:00:00+08:00", "why"),
        (None, "oversize", 1, None, "large"),
        (None, "refused", 1, "2026-11-24T00:00:00+08:00", "why"),
    ]
    assert owed_files(archive, "r1", at=DAY.format(23)) == ["a.pdf"]
    assert owed_files(archive, "r2", at=DAY.format(24)) == ["a.pdf", "b.pdf", "d.pdf"]
    for _ in PAUSES:
        archive.miss_file(FILE.format("a.pdf"), "failed", "why", DAY.format(23))
    assert "a.pdf" not in owed_files(archive, "r3", at="2027-11-24T00:00:00+08:00")
    larger = {**LIMITS, "attachment": 2000}
    assert owed_files(archive, "r4", at=DAY.format(23), limits=larger) == ["c.zip"]
    had(archive, "a.pdf")
    archive.miss_file(FILE.format("a.pdf"), "failed", "later", DAY.format(24))
    assert rows(archive, told)[0] == (None, "archived", 0, None, None)


def test_a_file_is_read_once_whatever_came_of_it(archive: Archive) -> None:
    archive.save(offering(archive, 1, *((f"{n}.pdf", f"附件{n}") for n in range(4)), ("x.zip", "包")))
    for number in range(4):
        had(archive, f"{number}.pdf")
    had(archive, "x.zip", mime="application/zip")
    files = archive.unread()
    assert [file.key for file in files] == [canonical(FILE.format(f"{n}.pdf")) for n in range(4)]
    for file, document in zip(
        files,
        (Document("a\x00b"), Document(""), Document(None, "encrypted"), Document("部分", "900 pages")),
        strict=True,
    ):
        archive.read_file(file, document)
    assert archive.unread() == []
    assert rows(archive, "SELECT text, error FROM attachments") == [
        ("ab", None), ("", None), (None, "encrypted"), ("部分", "900 pages"), (None, None)
    ]  # fmt: skip
    assert archive.verify() == []


def test_the_file_of_a_printed_page_belongs_to_no_one_article(archive: Archive) -> None:
    for day in (23, 24):
        archive.offer(
            [(FILE.format("a01.pdf"), "A01")], portal=PORTAL, channel="A01", hosts=HOSTS, seen=DAY.format(day)
        )
    assert owed_files(archive) == ["a01.pdf"]
    had(archive, "a01.pdf", "整版")
    assert rows(archive, "SELECT article_id, kind, channel, state, text, first_seen FROM attachments") == [
        (None, "page", "A01", "archived", "整版", DAY.format(23))
    ]
    assert archive.search("整版") == []
    assert archive.verify() == []


def test_verify_names_a_wrong_attachment(archive: Archive) -> None:
    archive.save(offering(archive, 1, ("a.pdf", ""), ("b.pdf", ""), ("c.pdf", "")))
    for place in ("a.pdf", "b.pdf", "c.pdf"):
        had(archive, place)
    for change in (
        "state = 'lost' WHERE id = 1",
        "capture_id = NULL WHERE id = 2",
        "digest = 'sha256:00' WHERE id = 3",
    ):
        archive.conn.execute(f"UPDATE attachments SET {change}")
    where = "attachment {} (" + FILE + ")"
    assert archive.verify() == [
        f"{where.format(1, 'a.pdf')} is in the state lost, wanted one of "
        "pending archived failed challenged gone oversize refused offsite",
        f"{where.format(2, 'b.pdf')} is archived and has no capture",
        f"{where.format(3, 'c.pdf')} differs from its capture",
    ]


def test_verify_finds_an_attachment_missing_in_the_index(archive: Archive) -> None:
    archive.save(offering(archive, 1, ("a.pdf", "名单")))
    had(archive, "a.pdf", "王某某")
    archive.conn.execute("UPDATE attachments SET text = '赵某某'")
    assert [said[:16] for said in archive.verify()] == ["full-text index:"]


def test_a_page_cannot_make_the_archive_owe_without_end(archive: Archive) -> None:
    archive.save(offering(archive, 1, *((f"{n}.pdf", "") for n in range(FILES + 50))))
    assert rows(archive, "SELECT count(*) FROM attachments") == [(FILES,)]


# --- for good ---


def test_verify_names_what_is_wrong(archive: Archive) -> None:
    for number in TEXTS:
        archive.save(page(archive, number))
    archive.commit()
    archive.conn.execute("PRAGMA foreign_keys=OFF")
    archive.conn.execute("UPDATE articles SET text = replace(text, '夜间', '午间') WHERE id = 2")
    archive.conn.execute("UPDATE versions SET title = 'x' WHERE article_id = 3")
    archive.conn.execute("UPDATE articles SET capture_id = NULL WHERE id = 1")
    archive.conn.execute("INSERT INTO bands VALUES (1, '98,99')")
    archive.conn.execute("DELETE FROM bands_new WHERE article_id = 2")
    assert archive.verify() == [
        f"article 1 has no capture ({URL.format(1)})",
        f"article 2 differs from its newest version ({URL.format(2)})",
        f"article 3 differs from its newest version ({URL.format(3)})",
        "version 1 of article 3 does not match its digest",
        "article 2 has another signature than its text",
        "full-text index: 1 articles have other words there, the first is 2",
        "near-duplicate index: 2 entries belong to no article, 1 articles are missing",
    ]


def captured(archive: Archive, directory: Path) -> list[Capture]:
    run_id = archive.start_run("lyg_news", started=DAY.format(23))
    found = []
    with CaptureWriter(directory, run_id, software="t", spider="lyg_news", arguments={}) as to:
        for number in TEXTS:
            kept = to.write(
                url=URL.format(number),
                status=200,
                headers=[],
                body=TEXTS[number].encode(),
                fetched_at=DAY.format(23),
            )
            kept = kept._replace(id=archive.add_capture(kept, run_id))
            archive.save(page(archive, number, capture=kept))
            found.append(kept)
        to.sync()
        archive.commit()
        last = archive.last_capture(URL.format(1))
        kept = to.write(
            url=URL.format(1), status=304, headers=[], body=b"", fetched_at=DAY.format(24), last=last
        )
        archive.add_capture(kept, run_id)
        archive.finish_run(run_id, outcome="finished", counts={})
        to.finish({})
        archive.commit()
    return found


def test_verify_reads_every_capture(archive: Archive, tmp_path: Path) -> None:
    kept = captured(archive, tmp_path / "warc")
    path = tmp_path / "warc" / kept[0].warc
    assert archive.verify(tmp_path / "warc") == []
    whole = path.read_bytes()
    data = bytearray(whole)
    data[kept[1].offset + kept[1].length // 2] ^= 1
    path.write_bytes(data)
    said = archive.verify(tmp_path / "warc")
    assert [each.partition(": the gzip")[0].partition(": the first")[0] for each in said] == [
        f"captures: {path} at {kept[1].offset}",
        f"captures: {path.name} at {kept[1].offset} has no sound record for row 2 ({URL.format(2)})",
        f"captures: {path} is not what its closing record states",
    ]
    path.write_bytes(whole)
    archive.conn.execute("DELETE FROM captures WHERE id = 4")
    archive.conn.execute("UPDATE captures SET digest = 'sha256:00' WHERE id = 3")
    assert archive.verify(tmp_path / "warc") == [
        f"captures: {path.name} at {kept[2].offset} ({URL.format(3)}) differs from its row 3: digest",
        f"captures: {path.name} at {kept[2].offset + kept[2].length} ({URL.format(1)}) is not in the archive",
    ]
    path.unlink()
    assert archive.verify(tmp_path / "warc") == [f"captures: {path} is missing"]


def test_a_revisit_is_resolved_through_the_archive(archive: Archive, tmp_path: Path) -> None:
    from crawler.captures import CaptureRecord, read_captures

    kept = captured(archive, tmp_path / "warc")
    found = list(read_captures(tmp_path / "warc" / kept[0].warc, archive.resolver(tmp_path / "warc")))
    last = found[-1]
    assert isinstance(last, CaptureRecord)
    assert (last.status, last.revisit, last.resolved, last.body) == (
        304,
        "not-modified",
        True,
        TEXTS[1].encode(),
    )
    assert archive.add_record(last, None) == last.capture._replace(id=4, revisit_of=1)


def test_a_backup_is_made_while_writing_goes_on(archive: Archive, tmp_path: Path) -> None:
    archive.save(page(archive, 1))
    archive.commit()
    archive.save(page(archive, 2))
    archive.backup(tmp_path / "copies" / "archive.db")
    archive.commit()
    assert sorted(each.name for each in (tmp_path / "copies").iterdir()) == ["archive.db", "archive.db.sums"]
    with Archive(tmp_path / "copies" / "archive.db", readonly=True) as copy:
        assert rows(copy, "PRAGMA journal_mode") == [("delete",)]
        assert copy.versions(1) == archive.versions(1)
        assert (copy.article(2), copy.verify()) == (None, [])
    with Archive(tmp_path / "copies" / "archive.db") as restored:
        assert restored.save(page(restored, 2)) == Saved(2, 1, "first")


def test_a_backup_that_cannot_be_made_is_named(archive: Archive, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for target in (tmp_path / "file" / "x.db", archive.path):
        with pytest.raises(ArchiveError, match=r"cannot copy|another place"):
            archive.backup(target)


def test_an_export_has_every_article_and_no_formula(archive: Archive) -> None:
    archive.save(page(archive, 1, title="=HYPERLINK(1)", source="@x"))
    archive.save(page(archive, 2, title="标题,\n“二”"))
    lines, sheet = io.StringIO(), io.StringIO()
    assert (archive.export("jsonl", lines), archive.export("csv", sheet)) == (2, 2)
    loaded = [json.loads(each) for each in lines.getvalue().splitlines()]
    assert [(each["id"], each["title"], each["tampered"], each["fields"]) for each in loaded] == [
        (1, "=HYPERLINK(1)", False, {}),
        (2, "标题,\n“二”", False, {}),
    ]
    table = list(csv.DictReader(io.StringIO(sheet.getvalue())))
    assert [(each["title"], each["source"], each["text"]) for each in table] == [
        ("'=HYPERLINK(1)", "'@x", TEXTS[1]),
        ("标题,\n“二”", "连云港日报", TEXTS[2]),
    ]
    with pytest.raises(ValueError, match="found 'xml', wanted jsonl or csv"):
        archive.export("xml", io.StringIO())


def test_a_rebuilt_archive_keeps_the_ids(tmp_path: Path) -> None:
    with Archive(tmp_path / "old.db") as old:
        for number in (3, 1):
            old.save(page(old, number))
    with Archive(tmp_path / "new.db") as new:
        new.keep_ids(tmp_path / "old.db")
        told = [new.save(page(new, number)).article_id for number in (1, 2, 3)]
    assert told == [2, 3, 1]


def test_the_views_answer(archive: Archive) -> None:
    enlist(archive, line(1), line(2))
    archive.save(
        page(
            archive, 1, tampered=True, removed=(Removed("links", "p", "广告", "<a>", ("http://s.cn/",), ()),)
        )
    )
    archive.save(page(archive, 3, published=None))
    archive.meet_channel(PORTAL, "gcyw", "港城要闻", None, seen=DAY.format(23))
    assert rows(archive, "SELECT id, title FROM newest") == [(2, "标题3"), (1, "标题1")]
    assert rows(archive, "SELECT id, edits, removed FROM tampered") == [(1, 0, 1)]
    assert rows(archive, "SELECT * FROM by_channel_month") == [
        (PORTAL, "gcyw", "港城要闻", "2026-11", 2, 1, 0, 0)
    ]
    assert rows(archive, "SELECT url, state FROM missed") == [(URL.format(2), "pending")]
    assert rows(archive, "SELECT target, kind, blocks, articles, text FROM campaigns") == [
        ("s.cn", "links", 1, 1, "广告")
    ]
    assert rows(archive, "SELECT * FROM duplicates") == []


def test_a_campaign_is_one_by_its_text_or_its_hosts_over_pages_and_portals(archive: Archive) -> None:
    def block(text: str, *hosts: str) -> Removed:
        return Removed("link-farm", "p", text, "<a>", tuple(f"http://{host}/1" for host in hosts), ())

    spam = {
        (1, PORTAL): (block("甲", "www.one.top", "lyg.gov.cn", "hm.baidu.com"),),
        (2, "lyg01.net"): (block("甲", "two.top"),),
        (3, PORTAL): (
            block("乙", "three.top", "two.top"),
            block("丁", "hm.baidu.com")._replace(kind="hidden"),
        ),
    }
    seen: list[list[tuple[Any, ...]]] = []
    for order in itertools.permutations(spam):
        with Archive(archive.path.with_name(f"{len(seen)}.db")) as made:
            for number, portal in order:
                made.save(page(made, number, portal=portal, removed=spam[number, portal], tampered=True))
            seen.append(
                rows(
                    made,
                    "SELECT target, kind, blocks, texts, articles, portals, first_seen, last_seen, text FROM campaigns",
                )
                + rows(made, "SELECT host, blocks, campaign FROM targets ORDER BY host")
                + rows(made, "SELECT DISTINCT campaign FROM removed ORDER BY 1")
            )
            assert made.verify() == []
    assert [each for each in seen if each != seen[0]] == []
    when = (DAY.format(23), DAY.format(23))
    assert seen[0][:2] == [
        ("two.top one.top three.top", "link-farm", 3, 2, 3, 2, *when, "乙"),
        ("hm.baidu.com", "hidden", 1, 1, 1, 1, *when, "丁"),
    ]


def test_blocks_of_an_elder_archive_are_put_to_their_campaigns(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    link = Removed("links", "p", "广告", "<a>", ("http://s.top/",), ())
    shown = "SELECT * FROM campaigns", "SELECT * FROM targets"
    with Archive(path) as made:
        for number in (1, 2):
            made.save(page(made, number, tampered=True, removed=(link._replace(text=f"广告{number}"),)))
        whole = [rows(made, sql) for sql in shown]
    database(
        path,
        "DROP VIEW campaigns",
        "DROP INDEX removed_counted",
        "ALTER TABLE removed DROP COLUMN campaign",
        "DROP TABLE targets",
        "PRAGMA user_version=2",
    )
    with Archive(path) as again:
        assert [rows(again, sql) for sql in shown] == whole
        assert rows(again, "SELECT blocks, articles FROM campaigns") == [(2, 2)]


# --- killed ---

CRAWL = """
import os, random, sys
from pathlib import Path
sys.path.insert(0, str(Path(sys.argv[2]).parent))
import test_archive as t
from crawler.archive import Archive
from crawler.captures import CaptureWriter
folder = Path(sys.argv[1])
archive = Archive(folder / "archive.db")
start = archive.conn.execute("SELECT count(*) FROM articles").fetchone()[0]
run_id = archive.start_run("lyg_news")
to = CaptureWriter(folder / "warc", run_id, software="t", spider="lyg_news", arguments={})
chance = random.Random(start)
for number in range(start, start + 100000):
    text = "".join(chr(chance.randint(0x4E00, 0x9000)) for _ in range(400))
    url = t.URL.format(f"k{number}")
    archive.enlist([t.line(url, f"title {number}")], portal=t.PORTAL, hosts=t.HOSTS, seen=t.DAY.format(23))
    kept = to.write(url=url, status=200, headers=[], body=text.encode(), fetched_at=t.DAY.format(23))
    kept = kept._replace(id=archive.add_capture(kept, run_id))
    made = t.page(archive, 1, text=text, capture=kept)
    made.url = url
    archive.save(made)
    if number % 7 == 0:
        to.sync()
        archive.commit()
        os.write(1, b"%d\\n" % number)
"""


def test_what_was_committed_survives_kill_9(tmp_path: Path) -> None:
    chance = random.Random(1)
    acknowledged = -1
    for _ in range(4):
        child = subprocess.Popen(
            [sys.executable, "-c", CRAWL, str(tmp_path), __file__], stdout=subprocess.PIPE
        )
        assert child.stdout is not None
        said = [child.stdout.readline() for _ in range(chance.randint(2, 12))]
        os.kill(child.pid, signal.SIGKILL)
        said += child.stdout.readlines()
        child.stdout.close()
        child.wait()
        acknowledged = max(acknowledged, *(int(each) for each in said if each.endswith(b"\n")))
        torn = sum(mend(path) for path in sorted((tmp_path / "warc").glob("*.warc.gz")))
        with Archive(tmp_path / "archive.db") as left:
            urls = {row[0] for row in rows(left, "SELECT url FROM articles")}
            assert {URL.format(f"k{number}") for number in range(acknowledged + 1)} <= urls
            assert rows(left, "SELECT count(*) FROM listings WHERE state <> 'archived'") == [(0,)]
            assert {row[0] for row in rows(left, "SELECT outcome FROM runs")} == {"interrupted"}
            problems = left.verify(tmp_path / "warc")
            # records that were written and not committed are there for the next run to take up
            assert [each for each in problems if not each.endswith("is not in the archive")] == []
            ends = rows(left, "SELECT warc, max(offset + length) FROM captures GROUP BY warc")
        assert torn >= 0
        for name, end in ends:
            assert end <= (tmp_path / "warc" / name).stat().st_size


def test_the_books_of_a_run_are_counted_from_one_index(archive: Archive) -> None:
    asked: list[str] = []
    archive.conn.set_trace_callback(asked.append)
    assert (archive.books("lyg.gov.cn"), archive.books(), archive.imbalances("lyg.gov.cn")) == ([], [], [])
    archive.conn.set_trace_callback(None)
    counted = [sql for sql in asked if "listings" in sql]
    steps = [step[3] for sql in counted for step in rows(archive, f"EXPLAIN QUERY PLAN {sql}")]
    read = {step.partition(" (")[0] for step in steps if "listings" in step}
    # the lines themselves only where one is wrong
    assert (len(counted), read) == (
        5,
        {
            "SEARCH listings USING COVERING INDEX listings_counted",
            "SCAN listings USING COVERING INDEX listings_counted",
            "SEARCH listings USING INTEGER PRIMARY KEY",
        },
    )


def test_what_queries_are_planned_by_is_counted_when_an_archive_of_some_size_is_closed(
    tmp_path: Path,
) -> None:
    path = tmp_path / "archive.db"
    counted = (
        "SELECT DISTINCT tbl FROM sqlite_stat1 WHERE tbl IN ('articles', 'bands', 'listings') ORDER BY tbl"
    )
    for number, found in ((1, []), (1000, [("articles",), ("listings",)])):
        with Archive(path) as archive:
            enlist(archive, line(number))
            row = {"id": number, "url": URL.format(number), "key": f"k{number}", "tampered": 0, "version": 1}
            archive._insert("articles", {**row, "first_seen": "2026-11-23", "last_seen": "2026-11-23"})
            archive.conn.execute("INSERT INTO bands VALUES (?, '1')", (number,))
        with Archive(path) as archive:
            known = rows(archive, "SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_stat1'")
            assert (rows(archive, counted) if known else []) == found


def test_now_has_an_offset() -> None:
    assert now().utcoffset() == datetime(2026, 1, 1, tzinfo=SHANGHAI).utcoffset()
