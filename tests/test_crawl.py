"""The whole way on the replica portals: the real commands, under the real host names, through a proxy on loopback."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from crawler.archive import COMPARED, TABLES, Archive, canonical, compare
from tests.home import ROOT, Home
from tests.replica import Replica
from tests.replica.audit import audit, audit_files, default_stories
from tests.replica.stories import OVERSIZE

CITY = "www.lyg.gov.cn"


def rows(archive: Path, sql: str, *values: Any) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(f"file:{archive}?mode=ro", uri=True)) as connection:
        return connection.execute(sql, values).fetchall()


def contents(archive: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Everything that an archive says about articles, without ids and times of asking."""
    return {
        "articles": rows(
            archive,
            "SELECT a.key, a.portal, a.channel, a.title, a.text, a.published, a.source, a.author, a.tampered, a.version, "
            "d.key, a.gone IS NOT NULL FROM articles a LEFT JOIN articles d ON d.id = a.duplicate_of ORDER BY a.key",
        ),
        "versions": rows(
            archive,
            "SELECT a.key, v.version, v.title, v.text, v.change FROM versions v JOIN articles a ON a.id = v.article_id "
            "ORDER BY 1, 2",
        ),
        "edits": rows(
            archive,
            "SELECT a.key, e.version, e.step, e.fixer, e.certainty, e.start, e.before, e.after FROM edits e "
            "JOIN articles a ON a.id = e.article_id ORDER BY 1, 2, 3, 6",
        ),
        "removed": rows(
            archive,
            "SELECT a.key, r.version, r.kind, r.place, r.text FROM removed r JOIN articles a ON a.id = r.article_id "
            "ORDER BY 1, 2, 4, 5",
        ),
        "suspects": rows(
            archive,
            "SELECT a.key, s.version, s.place, s.text FROM suspects s JOIN articles a ON a.id = s.article_id "
            "ORDER BY 1, 2, 3, 4",
        ),
        "memory": rows(
            archive,
            "SELECT portal, kind, CASE kind WHEN 'articles' THEN '' ELSE key END, sum(pages + fresh) FROM memory "
            "GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
        ),
        "attachments": rows(
            archive,
            "SELECT a.key, f.portal, f.channel, f.kind, f.key, f.name, f.state, f.mime, f.size, f.digest, f.text, f.error, "
            "f.withdrawn IS NULL FROM attachments f LEFT JOIN articles a ON a.id = f.article_id ORDER BY 1, 5",
        ),
    }


def every_row(archive: Path) -> dict[str, list[tuple[Any, ...]]]:
    """All that is in the tables of an archive, ids and all, but for the insides of the full-text index."""
    return {
        name: rows(archive, f"SELECT * FROM {name} ORDER BY 1, 2") for name in (*TABLES, "bands", "bands_new")
    }


class Nights:
    """Two nights of all sources, with a second run in between, and what was asked for in each."""

    def __init__(self, replica: Replica, home: Home) -> None:
        self.replica = replica
        self.home = home
        self.asked: list[list[Any]] = []
        self.done: list[subprocess.CompletedProcess[bytes]] = []
        self.after: list[dict[str, list[tuple[Any, ...]]]] = []
        self.audits: list[list[Any]] = []
        self.files: list[list[Any]] = []

    def run(self, night: int) -> None:
        self.replica.night = night
        before = len(self.replica.requests)
        self.done.append(self.home.crawl("nightly"))
        self.asked.append(self.replica.requests[before:])
        self.after.append(contents(self.home.archive))
        stories = default_stories(self.replica)
        self.audits.append(audit(self.home.archive, stories, night))
        self.files.append(audit_files(self.home.archive, stories))


@pytest.fixture(scope="module")
def nights(make_home: Callable[[], Home]) -> Iterator[Nights]:
    with Replica(seed=7, stories=120) as replica:
        replica.add_default_faults()
        nights = Nights(replica, make_home().through(replica))
        for night in (1, 1, 2):
            nights.run(night)
        yield nights


def test_every_story_of_the_truth_table_is_archived_exactly(nights: Nights) -> None:
    assert nights.audits[0] == []


def test_every_attachment_and_picture_is_had_or_said_why_not(nights: Nights) -> None:
    assert nights.files == [[], [], []]
    states = rows(
        nights.home.archive,
        "SELECT DISTINCT kind, state FROM attachments WHERE article_id NOT NULL ORDER BY 1, 2",
    )
    wanted = [("attachment", state) for state in ("archived", "gone", "offsite", "oversize")]
    assert states == [*wanted, ("image", "archived")]
    pages = "SELECT portal, channel, name, state, mime, text FROM attachments WHERE article_id IS NULL ORDER BY key"
    days = sorted(
        {s.published for s in default_stories(nights.replica) if s.portal == "lygrbepaper.lygfb.cn"}
    )
    assert rows(nights.home.archive, pages) == [
        ("lygrbepaper.lygfb.cn", code, f"{name} PDF", "archived", "application/pdf", f"lygrb {day} {code}")
        for day in days
        for code, name in (("A01", "A01版：要闻"), ("A02", "A02版：综合"))
    ]


def test_attachments_are_asked_for_once_and_after_the_articles(nights: Nights) -> None:
    archive = nights.home.archive
    files = {
        (request.host, request.path)
        for (url,) in rows(archive, "SELECT url FROM attachments WHERE state <> 'offsite'")
        for request in nights.replica.asked(url)
    }
    first = [request for request in nights.asked[0] if (request.host, request.path) in files]
    assert len(first) == len({request.path for request in first if request.status != 301}) + sum(
        request.status == 301 for request in first
    )
    assert [request.url for request in nights.asked[1] if (request.host, request.path) in files] == []
    articles = {story.path for story in nights.replica.truth}
    for host in {request.host for request in first}:
        told = [request for request in nights.asked[0] if request.host == host]
        begin = next(at for at, request in enumerate(told) if (host, request.path) in files)
        again = [request.path for request in told[begin:] if request.path in articles]
        missed = [
            request.path for request in told[:begin] if request.path in articles and request.status == 404
        ]
        assert again == missed  # a second look at what is not there comes last


def test_an_article_is_found_by_the_words_of_its_attachment(nights: Nights) -> None:
    with Archive(nights.home.archive, readonly=True) as archive:
        for story in default_stories(nights.replica):
            for file in story.files():
                if file.text is None:
                    continue
                number = re.search(r"附\d{5}-\d", file.text)
                assert number is not None
                hits = archive.search(number[0])
                assert [hit.url for hit in hits] == [story.url]
                assert hits[0].snippet.startswith(f"{file.name}: ")
                assert number[0] in hits[0].snippet


def test_what_is_too_large_is_kept_without_its_body(nights: Nights) -> None:
    found = rows(
        nights.home.archive,
        "SELECT f.size, f.error, c.flags, c.status, c.length < 2000 FROM attachments f JOIN captures c "
        "ON c.id = f.capture_id WHERE f.state = 'oversize'",
    )
    assert set(found) == {
        (OVERSIZE, f"found {OVERSIZE} bytes, more than the limit", "truncated:length", 200, 1)
    }


def test_the_run_counts_its_attachments(nights: Nights) -> None:
    archived = rows(
        nights.home.archive, "SELECT count(DISTINCT key) FROM attachments WHERE state = 'archived'"
    )
    assert rows(nights.home.archive, "SELECT sum(attachments) FROM runs") == archived
    assert (
        rows(nights.home.archive, "SELECT attachments FROM runs ORDER BY id LIMIT 3 OFFSET 3") == [(0,)] * 3
    )
    stats = rows(nights.home.archive, "SELECT stats FROM runs WHERE spider = 'lyg_news' ORDER BY id LIMIT 1")
    assert '"attachments/oversize":' in stats[0][0]
    assert '"attachments/gone":' in stats[0][0]


def test_a_download_that_is_stopped_leaves_no_connection_open(home: Home) -> None:
    with Replica(seed=3, stories=30) as replica:
        home.through(replica)
        large = [
            url for story in replica.truth for url, state in story.planted.items() if state == "oversize"
        ]
        assert [url for url in large if url.startswith("https://mzj.lyg.gov.cn/")]
        done = home.crawl("crawl", "lyg_minzheng")
    assert b"oversize" in done.stderr
    assert b"ResourceWarning" not in done.stderr


def test_a_second_run_archives_nothing_twice(nights: Nights) -> None:
    assert nights.after[1] == nights.after[0]


def test_a_second_run_asks_for_known_articles_only_conditionally(nights: Nights) -> None:
    # that the first page of several is as it was says nothing of the others
    articles = {story.path for story in nights.replica.truth if not story.parts}
    again = [request for request in nights.asked[1] if request.path in articles]
    plain = [request.url for request in again if request.status == 200]
    assert again
    # a story that the portal moved by redirects has its tag at another address
    assert {
        nights.replica.faults.get(request.host + request.path) for request in again if request.status == 200
    } <= {"redirect:3"}
    assert len(plain) <= 1


def test_the_second_night_brings_new_stories_versions_and_what_was_withdrawn(nights: Nights) -> None:
    assert nights.audits[2] == []
    kinds = {story.url: story.changes.get(2) for story in nights.replica.truth}
    versions = [(url, kind) for url, kind in kinds.items() if kind and kind != "furniture only"]
    withdrawn = sorted((url,) for url, kind in kinds.items() if kind == "withdrawn")
    archive = nights.home.archive
    changes = "SELECT a.url, v.change FROM versions v JOIN articles a ON a.id = v.article_id WHERE v.version > 1 ORDER BY 1"
    assert rows(archive, changes) == sorted(versions)
    assert {kind for _, kind in versions} == {"corrected", "extended", "edited", "withdrawn"}
    assert rows(archive, "SELECT url FROM articles WHERE gone IS NOT NULL ORDER BY url") == withdrawn


def test_the_states_of_the_ledger_are_those_of_the_truth_table(nights: Nights) -> None:
    truth = {story.url: story.state(2) for story in nights.replica.truth}
    for state in ("challenged", "gone"):
        wanted = sorted(
            url
            for url, said in truth.items()
            if said == state or (state == "gone" and said in ("withdrawn", "replaced"))
        )
        found = sorted(
            url
            for (url,) in rows(
                nights.home.archive, "SELECT DISTINCT url FROM listings WHERE state = ?", state
            )
        )
        assert found == wanted
    offsite = sorted(
        url
        for (url,) in rows(nights.home.archive, "SELECT DISTINCT url FROM listings WHERE state = 'offsite'")
    )
    assert offsite == sorted({line.url for line in nights.replica.offsite})
    assert rows(
        nights.home.archive, "SELECT count(*) FROM listings WHERE state IN ('pending', 'failed')"
    ) == [(0,)]


def test_nothing_off_the_declared_hosts_is_ever_asked(nights: Nights) -> None:
    assert nights.replica.strays == []


def test_reprints_are_linked_to_the_earliest_and_series_are_not(nights: Nights) -> None:
    linked = dict(
        rows(
            nights.home.archive,
            "SELECT a.key, d.key FROM articles a JOIN articles d ON d.id = a.duplicate_of",
        )
    )
    held = {key for (key,) in rows(nights.home.archive, "SELECT key FROM articles WHERE part_of IS NULL")}
    origins = {
        canonical(story.url): canonical(story.duplicate_of or story.url) for story in nights.replica.truth
    }
    families: dict[str, set[str]] = {}
    for key in held:
        families.setdefault(origins[key], set()).add(key)
    reprinted = [family for family in families.values() if len(family) > 1]
    assert reprinted
    # all of a family but the earliest point to one and the same member of it; nobody else points anywhere
    assert sorted(len(family & set(linked)) for family in reprinted) == sorted(len(f) - 1 for f in reprinted)
    assert [key for key, first in linked.items() if origins[key] != origins[first]] == []


def test_tampered_pages_keep_their_edits_and_their_spam(nights: Nights) -> None:
    archive = nights.home.archive
    mirrored = sorted(story.url for story in nights.replica.truth if "mirror" in story.tampered)
    edited = "SELECT DISTINCT a.url FROM edits e JOIN articles a ON a.id = e.article_id WHERE e.fixer = 'pinyin-note' ORDER BY 1"
    assert [url for (url,) in rows(archive, edited)] == mirrored
    spammed = {canonical(story.url) for story in nights.replica.truth if story.spam}
    cut = "SELECT DISTINCT a.key FROM removed r JOIN articles a ON a.id = r.article_id"
    assert {key for (key,) in rows(archive, cut)} == spammed


def test_captures_are_read_by_warcio_and_agree_with_the_archive(nights: Nights) -> None:
    files = sorted(nights.home.captures.glob("*.warc.gz"))
    assert len(files) == 9
    checked = subprocess.run(
        [str(Path(os.sys.executable).with_name("warcio")), "check", *map(str, files)],
        capture_output=True,
        timeout=120,
    )
    assert (checked.returncode, checked.stdout) == (0, b"")
    verified = nights.home.scrapy("verify")
    assert (verified.returncode, verified.stdout.decode().splitlines()[0]) == (
        0,
        f"{nights.home.archive}: archive, index and captures agree",
    )


def test_a_rebuild_from_the_captures_gives_the_same_archive(nights: Nights) -> None:
    built = nights.home.folder / "rebuilt.db"
    done = nights.home.scrapy("rebuild", "--to", str(built))
    assert done.returncode == 0, done.stderr.decode()
    assert contents(built) == nights.after[2]
    assert compare(nights.home.archive, built) == [f"{what}: the same" for what in COMPARED]
    runs = "SELECT id, started, finished, outcome FROM runs ORDER BY id"
    assert rows(built, runs) == rows(nights.home.archive, runs)
    ahead = nights.home.folder / "ahead.db"
    done = nights.home.scrapy("rebuild", "--to", str(ahead), "--jobs", "2")
    assert done.returncode == 0, done.stderr.decode()
    assert every_row(ahead) == every_row(built)
    alone = nights.home.folder / "alone.db"
    home = Home(nights.home.folder)
    home.env |= {"ARCHIVE_PATH": str(alone)}
    assert home.scrapy("rebuild").returncode == 0
    assert contents(alone) == nights.after[2]


def test_the_runs_say_what_happened(nights: Nights) -> None:
    said = rows(nights.home.archive, "SELECT spider, outcome FROM runs ORDER BY id")
    assert [row for row in said if row[1] not in ("finished", "partial")] == []
    assert {row[0] for row in said} == {"lyg_news", "lyg_minzheng", "lyg_epaper"}
    status = nights.home.scrapy("status").stdout.decode()
    assert "www.lyg.gov.cn           gcyw" in status
    count = rows(nights.home.archive, "SELECT count(*) FROM attachments WHERE state = 'archived'")[0][0]
    assert f"attachments: {count} archived, 2 gone, " in status


def test_a_moved_list_is_found_by_its_name_on_the_home_page(nights: Nights) -> None:
    alarms = "".join(
        text for (text,) in rows(nights.home.archive, "SELECT alarms FROM runs ORDER BY id DESC LIMIT 3")
    )
    assert '"rule":"list moved"' in alarms


def test_one_proxy_variable_is_all_that_a_crawl_of_the_news_needs(home: Home) -> None:
    with Replica(seed=3, stories=40) as replica:
        home.env |= {"http_proxy": replica.url}
        done = home.crawl("crawl", "lyg_news", "-a", "channel=gcyw,news/lygxw")
        wanted = [
            story
            for story in default_stories(replica, CITY, "www.lyg01.net", "lyg01.net")
            if story.channel in ("gcyw", "news/lygxw")
        ]
    assert done.returncode == 0, done.stderr.decode()
    assert wanted
    assert audit(home.archive, wanted, 1) == []


def test_a_run_killed_at_any_moment_ends_in_the_same_archive(make_home: Callable[[], Home]) -> None:
    with Replica(seed=5, stories=60) as replica:
        whole = make_home().through(replica)
        assert whole.crawl("crawl", "lyg_news").returncode == 0
        killed = make_home().through(replica)
        for more in (2, 15, 30):
            before = len(replica.requests)
            running = subprocess.Popen(
                [*killed.command("crawl", "lyg_news", "-s", "DOWNLOAD_DELAY=0.02", *killed.quick[2:])],
                cwd=ROOT,
                env=killed.env,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            for _ in range(600):
                if len(replica.requests) >= before + more:
                    break
                time.sleep(0.05)
            running.send_signal(signal.SIGKILL)
            running.wait(timeout=10)
        done = killed.crawl("crawl", "lyg_news")
        assert done.returncode == 0, done.stderr.decode()
    assert contents(killed.archive) == contents(whole.archive)
    built = killed.folder / "rebuilt.db"
    assert killed.scrapy("rebuild", "--to", str(built)).returncode == 0
    assert compare(killed.archive, built) == [f"{what}: the same" for what in COMPARED]
    assert killed.scrapy("verify").returncode == 0
    outcomes = [outcome for (outcome,) in rows(killed.archive, "SELECT outcome FROM runs ORDER BY id")]
    assert "interrupted" in outcomes


def test_attachments_that_fail_are_asked_again_and_those_that_are_forbidden_are_said(home: Home) -> None:
    with Replica(seed=3, stories=60) as replica:
        home.through(replica)
        stories = [s for s in default_stories(replica, CITY) if s.channel in ("gsgg", "bmdt")]
        urls = [file.url for s in stories for file in s.files() if file.kind == "attachment" and file.mime]
        failing, gated, paged, forbidden = (urlsplit(url) for url in urls[:4])
        replica.faults |= {
            failing.netloc + failing.path: "cut",
            gated.netloc + gated.path: "gate",
        }
        robots = replica.pages(CITY)["/robots.txt"]
        closed = f"User-agent: *\nDisallow: {forbidden.path}\n".encode()
        replica.pages(CITY)["/robots.txt"] = robots._replace(body=closed)
        target = paged.path + (f"?{paged.query}" if paged.query else "")
        file = replica._files[CITY, target]
        replica._files[CITY, target] = file._replace(body=b"<!DOCTYPE html><html><body>404</body></html>")
        words = ("crawl", "lyg_news", "-a", "channel=gsgg,bmdt")
        home.crawl(*words)
        assert rows(home.archive, "SELECT outcome FROM runs") == [("partial",)]
        told = "SELECT state, substr(error, 1, 19) FROM attachments WHERE url = ?"
        assert [rows(home.archive, told, url)[0] for url in urls[:4]] == [
            ("failed", "cut off after " + rows(home.archive, told, urls[0])[0][1][14:]),
            ("challenged", "a gate answers: sta"),
            ("failed", "found a web page of"),
            ("refused", "Forbidden by robots"),
        ]
        assert replica.asked(forbidden.geturl()) == []
        replica.faults.clear()
        replica._files[CITY, target] = file
        home.crawl(*words)
        assert [rows(home.archive, told, url)[0][0] for url in urls[:4]] == ["archived"] * 3 + ["refused"]


def test_a_body_without_a_length_is_stopped_at_the_limit_and_read_again_when_it_grows(home: Home) -> None:
    with Replica(seed=3, stories=60) as replica:
        home.through(replica)
        words = ("crawl", "lyg_news", "-a", "channel=gsgg,bmdt", "-s", "IMAGE_MAXSIZE=0")
        replica.chunked = True
        home.crawl(*words, "-s", "ATTACHMENT_MAXSIZE=700")
        states = dict(
            rows(home.archive, "SELECT state, count(*) FROM attachments WHERE mime IS NULL GROUP BY 1")
        )
        assert states["oversize"] > 1
        assert rows(home.archive, "SELECT DISTINCT size FROM attachments WHERE state = 'oversize'") == [
            (None,)
        ]
        assert home.scrapy("verify").returncode == 0


def test_a_run_killed_among_its_attachments_ends_in_the_same_archive(make_home: Callable[[], Home]) -> None:
    with Replica(seed=5, stories=60) as replica:
        words = ("crawl", "lyg_news", "-a", "channel=gcyw,gsgg,bmdt")
        whole, killed = make_home().through(replica), make_home().through(replica)
        assert whole.crawl(*words).returncode == 0
        files = [
            urlsplit(file.url).path
            for story in default_stories(replica, CITY)
            if story.channel in ("gcyw", "gsgg", "bmdt")
            for file in story.files()
            if file.state == "archived"
        ]
        assert len(files) > 4
        for at in (1, 4):
            before = len(replica.requests)
            running = subprocess.Popen(
                killed.command(*words, *killed.quick),
                cwd=ROOT,
                env=killed.env,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            until = time.monotonic() + 60
            while time.monotonic() < until and running.poll() is None:
                asked = [
                    request for request in replica.requests[before:] if request.path.split("?")[0] in files
                ]
                if len(asked) >= at:
                    break
                time.sleep(0.005)
            running.send_signal(signal.SIGKILL)
            running.wait(timeout=10)
        assert killed.crawl(*words).returncode == 0
    assert contents(killed.archive) == contents(whole.archive)
    assert rows(killed.archive, "SELECT count(*) FROM runs WHERE outcome = 'interrupted'")[0][0] >= 1
    built = killed.folder / "rebuilt.db"
    assert killed.scrapy("rebuild", "--to", str(built)).returncode == 0
    assert contents(built) == contents(whole.archive)
    assert killed.scrapy("verify").returncode == 0


SHEET_LOG = """
import json, os
class Log:
    def process_item(self, item):
        with open(os.environ["SHEET_LOG"], "a") as file:
            file.write(json.dumps([item.url, dict(item.sheets)]) + "\\n")
        return item
"""


def test_a_page_has_its_style_sheets_when_it_is_read_and_so_in_a_rebuild(home: Home) -> None:
    (home.folder / "sheetlog.py").write_text(SHEET_LOG, encoding="utf-8")
    home.env["PYTHONPATH"] = f"{home.folder}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    stages = ("-s", 'ITEM_PIPELINES={"sheetlog.Log": 50}')

    def logged(name: str, *words: str) -> list[str]:
        home.env["SHEET_LOG"] = str(home.folder / name)
        done = home.crawl(*words, *stages)
        assert done.returncode == 0, done.stderr.decode()
        return sorted((home.folder / name).read_text(encoding="utf-8").splitlines())

    with Replica(seed=3, stories=40) as replica:
        home.through(replica)
        words = ("crawl", "lyg_news", "-a", "channel=gcyw,news/lygxw")
        first = logged("first", *words)
        address = f"http://{CITY}/css/main.css"
        sheet = replica.pages(CITY)["/css/main.css"].body.decode()
        pages = dict(map(json.loads, first))
        assert {json.dumps(sheets) for url, sheets in pages.items() if CITY in url} == {
            json.dumps({address: sheet})
        }
        assert {json.dumps(sheets) for url, sheets in pages.items() if CITY not in url} == {"{}"}
        assert len(replica.asked(address)) == 1
        kinds = "SELECT status, kind, revisit_of IS NULL FROM captures WHERE url = ?"
        assert rows(home.archive, kinds, address) == [(200, "sheet", 1)]
        again = logged("rebuilt", "rebuild", "--to", str(home.folder / "rebuilt.db"))
        assert again == first
        home.archive.unlink()
        logged("second", *words, "-s", "STYLE_SHEETS=0")
        assert len(replica.asked(address)) == 1
        home.archive.unlink()
        bare = logged("third", *words, "-s", "STYLE_SHEET_MAXSIZE=20")
        assert {line.rpartition(", ")[2] for line in bare} == {"{}]"}
        assert len(replica.asked(address)) == 2


def test_a_page_is_archived_without_a_style_sheet_that_cannot_be_had(home: Home) -> None:
    with Replica(seed=3, stories=40) as replica:
        home.through(replica)
        replica.faults[f"{CITY}/css/main.css"] = "404"
        home.crawl("crawl", "lyg_news", "-a", "channel=gcyw")
        wanted = [story for story in default_stories(replica, CITY) if story.channel == "gcyw"]
        assert audit(home.archive, wanted, 1) == []
        assert len(replica.asked(f"http://{CITY}/css/main.css")) == 1


def test_explain_reads_a_page_as_the_run_read_it(home: Home) -> None:
    with Replica(seed=3, stories=40) as replica:
        home.through(replica)
        pages = replica.pages(CITY)
        pages["/css/main.css"] = pages["/css/main.css"]._replace(body=b".zq{display:none}")
        hidden, sold = [s for s in replica.expected(CITY) if s.channel == "gcyw" and not s.tampered][:2]
        for story, more in (
            (hidden, "<div class=zq>百家乐 澳门新葡京</div>"),
            (sold, "<p><a href=/bjl/>澳门新葡京百家乐投注</a></p>"),
        ):
            body = pages[story.path].body.replace(b"<body>", b"<body>" + more.encode(), 1)
            assert body != pages[story.path].body
            pages[story.path] = pages[story.path]._replace(body=body)
        assert home.crawl("crawl", "lyg_news", "-a", "channel=gcyw").returncode == 0
    cut = "SELECT a.id, r.kind, r.place, r.text FROM removed r JOIN articles a ON a.id = r.article_id WHERE a.url = ?"
    ((number, kind, place, text),) = rows(home.archive, cut, hidden.url)
    assert (kind, text) == ("hidden", "百家乐 澳门新葡京")
    said = home.scrapy("explain", str(number)).stdout.decode()
    assert f"\n          with the style sheet http://{CITY}/css/main.css\n" in said
    assert f"\ncut out   hidden at {place}: hidden 1.00, off-topic 1.00\n          {text!r}\n" in said
    ((number, kind, place, text),) = rows(home.archive, cut.replace("removed", "suspects"), sold.url)
    said = home.scrapy("explain", str(number)).stdout.decode()
    assert f"\nsuspected, left in the text at {place}: off-topic 1.00\n          {text!r}\n" in said
    assert "cut out" not in said
    stats = rows(home.archive, "SELECT stats FROM runs")[0][0]
    assert json.loads(stats)["spam/suspect"] >= 1
    for number, text in rows(home.archive, "SELECT id, text FROM articles LIMIT 4"):
        assert home.scrapy("explain", str(number)).stdout.decode().partition("\n\n")[2] == f"{text}\n"


def test_since_and_until_choose_by_listed_date_and_the_rest_stays_owed(home: Home) -> None:
    with Replica(seed=3, stories=60) as replica:
        home.through(replica)
        stories = [s for s in replica.expected(CITY) if s.channel == "gcyw" and s.listed]
        days = sorted({s.listed for s in stories if s.listed})
        since, until = days[len(days) // 3], days[2 * len(days) // 3]
        inside = [s for s in stories if s.listed and since <= s.listed <= until]
        words = ("crawl", "lyg_news", "-a", "channel=gcyw")
        home.crawl(*words, "-a", f"since={since}", "-a", f"until={until}")
        assert audit(home.archive, inside, 1) == []
        assert rows(home.archive, "SELECT count(*) FROM listings WHERE state = 'pending'")[0][0] > 0
        home.crawl(*words, "-a", "full=1")
        assert audit(home.archive, stories, 1) == []


def test_documents_are_taken_on_request_and_the_paper_by_its_days(home: Home) -> None:
    with Replica(seed=3, stories=60) as replica:
        home.through(replica)
        documents = [
            s for s in replica.expected(CITY, documents=True) if s.channel in ("szfwj1", "szfbgswj1")
        ]
        home.crawl("crawl", "lyg_news", "-a", "channel=szfwj1,szfbgswj1")
        assert documents
        found = {key for (key,) in rows(home.archive, "SELECT key FROM articles")}
        assert {canonical(s.url) for s in documents} <= found
        day = replica.first_day.isoformat()
        home.crawl("crawl", "lyg_epaper", "-a", f"since={day}", "-a", f"until={day}")
    issue = sorted(
        s.title for s in replica.truth if s.portal == "lygrbepaper.lygfb.cn" and s.published == day
    )
    stored = "SELECT title FROM articles WHERE portal = 'lygrbepaper.lygfb.cn' ORDER BY title"
    assert sorted(title for (title,) in rows(home.archive, stored)) == issue


def test_a_robots_file_that_cannot_be_had_is_a_no_and_is_said(home: Home) -> None:
    with Replica(seed=3, stories=40) as replica:
        home.through(replica)
        robots = replica.pages(CITY)["/robots.txt"]
        replica.pages(CITY)["/robots.txt"] = robots._replace(status=500)
        done = home.crawl("crawl", "lyg_news", "-a", "channel=gcyw")
    assert done.returncode == 8
    assert b"robots.txt of www.lyg.gov.cn could not be had: it answers 500" in done.stderr
    assert b"Traceback" not in done.stderr
    assert [request.path for request in replica.requests if request.path != "/robots.txt"] == []


def test_nobody_but_the_portals_is_asked(home: Home) -> None:
    with Replica(seed=3, stories=40) as replica:
        home.through(replica)
        home.env["HOME"] = home.env["XDG_CACHE_HOME"] = str(
            home.folder
        )  # no list of suffixes from an earlier run
        home.crawl("crawl", "lyg_news", "-a", "channel=gcyw")
        assert replica.strays == []
        assert {request.host for request in replica.requests} == {CITY}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("-a", "since=2024-13-01"), "since: found '2024-13-01', wanted a date as YYYY-MM-DD"),
        (
            ("-a", "since=2024-02-01", "-a", "until=2024-01-01"),
            "since=2024-02-01 lies after until=2024-01-01",
        ),
        (("-a", "channel=gcyv"), "unknown channel: found gcyv, wanted some of bmdt,"),
        (("-a", "full=perhaps"), "full: found 'perhaps', wanted 1 or 0"),
        (
            ("-a", "sinse=2024-01-01"),
            "unknown spider argument: found sinse, wanted since, until, channel, full or portal",
        ),
    ],
)
def test_a_wrong_argument_is_told_before_anything_is_asked(
    home: Home, words: tuple[str, ...], said: str
) -> None:
    done = home.scrapy("crawl", "lyg_news", *words)
    assert done.returncode == 2
    assert said in done.stderr.decode()
    assert b"Traceback" not in done.stderr
    assert not home.archive.exists()


def test_a_foreign_or_damaged_archive_is_refused_in_one_line(home: Home) -> None:
    with closing(sqlite3.connect(home.archive)) as foreign, foreign:
        foreign.execute("CREATE TABLE mine (a)")
    done = home.scrapy("crawl", "lyg_epaper")
    assert (done.returncode, done.stderr.decode().splitlines()[-1]) == (
        9,
        f"scrapy: archive: found a database of another program (application_id 0x0, 1 tables and views), "
        f"wanted one of ours (0x676f766e) at {home.archive}",
    )
    home.archive.write_bytes(b"no database at all, but long enough to be looked at")
    done = home.scrapy("crawl", "lyg_epaper")
    assert done.returncode == 9
    assert b"wanted an SQLite file" in done.stderr
    assert home.archive.read_bytes().startswith(b"no database")


def test_a_second_run_waits_for_the_lock_and_ends_with_75(home: Home) -> None:
    from crawler.archive import lock

    with lock(home.archive):
        done = home.crawl("crawl", "lyg_epaper")
    assert done.returncode == 75
    assert done.stderr.decode().splitlines()[-1].startswith("scrapy: archive: another run (process ")


def test_a_list_that_falls_silent_is_an_alarm_and_not_a_success(home: Home) -> None:
    with Replica(seed=3, stories=40) as replica:
        home.through(replica)
        words = ("crawl", "lyg_news", "-a", "channel=gcyw")
        assert home.crawl(*words).returncode == 0
        silent = replica.pages(CITY)["/zglygzfmhwz/gcyw/gcyw.html"]
        emptied = re.sub(rb"<li.*?</li>", b"", silent.body, flags=re.S)
        replica.pages(CITY)["/zglygzfmhwz/gcyw/gcyw.html"] = silent._replace(body=emptied)
        home.crawl(*words)
    outcome, alarms = rows(home.archive, "SELECT outcome, alarms FROM runs ORDER BY id DESC LIMIT 1")[0]
    assert outcome == "partial"
    assert '"rule":"silent list"' in alarms
    assert '"channel":"gcyw"' in alarms


def test_what_comes_cut_off_waits_for_the_whole(home: Home) -> None:
    with Replica(seed=3, stories=40) as replica:
        home.through(replica)
        story = next(s for s in replica.expected(CITY) if s.channel == "gcyw")
        replica.faults |= {story.host + story.path: "cut", f"{CITY}/zglygzfmhwz/shms/shms.html": "cut"}
        words = ("crawl", "lyg_news", "-a", "channel=gcyw,shms")
        home.crawl(*words)
        listed = rows(home.archive, "SELECT state, attempts, error FROM listings WHERE url = ?", story.url)
        assert [row[:2] for row in listed] == [("failed", 1)]
        assert listed[0][2].startswith("cut off after ")
        assert rows(home.archive, "SELECT count(*) FROM articles WHERE url = ?", story.url) == [(0,)]
        unfinished = "SELECT code, unfinished FROM channels WHERE code IN ('gcyw', 'shms') ORDER BY code"
        assert rows(home.archive, unfinished) == [("gcyw", 0), ("shms", 1)]
        replica.faults.clear()
        home.crawl(*words)
        wanted = [s for s in replica.expected(CITY) if s.channel in ("gcyw", "shms")]
        assert audit(home.archive, wanted, 1) == []


def test_a_place_that_cannot_be_written_is_told_before_anything_is_asked(home: Home) -> None:
    (home.folder / "file").touch()
    home.env["CAPTURE_DIR"] = str(home.folder / "file" / "warc")
    done = home.scrapy("crawl", "lyg_epaper")
    assert (done.returncode, done.stderr.decode().splitlines()[-1]) == (
        6,
        f"scrapy: captures: wanted a directory to write in, cannot make {home.folder}/file/warc: Not a directory",
    )
    home.env["ARCHIVE_PATH"] = str(home.folder / "file" / "archive.db")
    done = home.scrapy("crawl", "lyg_epaper")
    assert done.returncode == 6
    assert "Traceback" not in done.stderr.decode()


def test_a_portal_that_cannot_be_reached_fails_with_8_and_loses_nothing(home: Home) -> None:
    home.env |= {"http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}
    done = home.crawl("crawl", "lyg_epaper", "-s", "RETRY_TIMES=0")
    assert done.returncode == 8
    assert rows(home.archive, "SELECT outcome FROM runs") == [("failed",)]


def test_pages_that_hold_no_article_are_kept_and_said(home: Home) -> None:
    folder = home.folder / "saved"
    folder.mkdir()
    (folder / "empty.html").write_bytes(b"")
    (folder / "binary.html").write_bytes(bytes(range(256)) * 40)
    (folder / "nothing.html").write_text("<html><body></body></html>", encoding="utf-8")
    (folder / "torn.warc.gz").write_bytes(b"\x1f\x8b\x08\x00 this is no capture")
    (folder / "good.html").write_text(
        "<html><head><title>海州区新建三处书屋</title></head><body><h1>海州区新建三处书屋</h1>"
        "<p>时间：2024-03-01 09:00:00 来源：连云港日报</p><div id=zoom><p>记者昨日从海州区文旅局获悉，"
        "今年该区将新建三处社区书屋，每处藏书五千册，全年免费开放。</p></div></body></html>",
        encoding="utf-8",
    )
    done = home.scrapy("ingest", str(folder))
    assert b"Traceback" not in done.stderr
    assert rows(home.archive, "SELECT title, published, source FROM articles") == [
        ("海州区新建三处书屋", "2024-03-01T09:00:00+08:00", "连云港日报")
    ]
    assert rows(home.archive, "SELECT count(*) FROM captures") == [(4,)]
    flags = sorted(
        flag for (flag,) in rows(home.archive, "SELECT flags FROM captures WHERE flags IS NOT NULL")
    )
    assert flags == ["empty", "no-article", "no-text"]
    assert done.returncode == 7
    said = done.stdout.decode()
    assert "damaged: byte 0: " in said
    for found in (
        "no-text: found 448 control bytes among the first 4096, wanted a page of text",
        "empty: found 0 bytes of white space, wanted a page",
        "no-article: found 26 bytes titled None without a body text, wanted an article",
    ):
        assert found in said


def test_the_seed_document_comes_out_as_the_daily_wrote_it(home: Home, shared: Path) -> None:
    seed = next((shared / "seed").glob("*.txt"))
    done = home.scrapy("ingest", str(seed))
    assert done.returncode == 0
    title, published, source, text, tampered = rows(
        home.archive, "SELECT title, published, source, text, tampered FROM articles"
    )[0]
    assert (title, published, source, tampered) == (
        "筑牢社保基石 托起百姓幸福",
        "2024-01-18T09:54:49+08:00",
        "连云港日报",
        1,
    )
    paragraphs = text.split("\n")
    assert (len(paragraphs), paragraphs[0][:4], paragraphs[-1][-9:]) == (
        9,
        "民之所望",
        "让养老变“享老”。"[-9:],
    )
    assert "低保渐退缓退等政策,进一步推进低保扩围增效" in text
    assert "自己做饭太累了,现在只要下个楼" in text
    assert re.findall(r"[（(][a-zāáǎàēéěèīíǐìōóǒòūúǔùǖǘǚǜ]+[)）]|扫一扫|阅读次数|字体", text) == []
    assert "著" not in text
    removed = rows(home.archive, "SELECT text FROM removed")
    assert len(removed) == 1
    assert removed[0][0].count("|") == 41
    with Archive(home.archive, readonly=True) as archive:
        assert archive.undo(1, home.captures) == seed.read_text(encoding="utf-8")
