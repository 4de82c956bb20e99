"""The page of one article: the captured text with every change in place, its plain text, how to cite it, where its rows lead."""

from __future__ import annotations

import asyncio
import re
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from lxml import html

from crawler.archive import Archive
from crawler.commands.browse import open_datasette
from crawler.rereading import reread
from tests.home import ROOT, Home, close
from tests.replica.mirror import copy

OWN = "http://www.lyg.gov.cn/zglygzfmhwz/gcyw/content/aa.html"
LINES = (
    "市民政局昨日召开会议，部署社会救助工作。",
    "张先生说，时间过得真快，这里的养老服务站来了两位医生。",
    "经过认定，标准由每人每月650元提高到672元，实现动态调整。",
    "记者从发布会上获悉，养老机构将继续扩大服务范围，为老年人着想。",
)
EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)>"
SPAM = (
    '<div style="display:none"><a href="http://www.a7788.top/1.html">澳门新葡京官网</a> '
    '<a href="javascript:alert(3)//b7788.top">北京赛车pk10投注</a> <a href="http://c.example.com/x">百家乐在线'
    f"{EVIL.replace('<', '&lt;')}\u202e</a></div>"
)


def page(*lines: str, title: str = "社会救助工作会议召开") -> str:
    body = "".join(f"<p>　　{line}</p>" for line in lines)
    return (
        f'<html><head><meta charset="utf-8"><title>{title}</title></head><body><h1>{title}</h1>'
        f"<div>时间：2024-01-18 09:54:49 来源：连云港日报</div><div id=zoom>{body}</div></body></html>"
    )


def ingest(home: Home, name: str, text: str, url: str) -> None:
    file = home.folder / name
    file.write_bytes(text.encode())
    done = home.scrapy("ingest", "--url", url, str(file))
    assert done.returncode == 0, done.stderr.decode()


@pytest.fixture(scope="module")
def kept(make_home: Callable[[], Home]) -> Home:
    """An archive with captures: a page that was tampered with, healed and hacked again; one with traps; one very long."""
    home = make_home()
    ingest(home, "1.html", copy(page(*LINES[:3])).replace("</p>", "</p>" + SPAM, 1), OWN)
    ingest(home, "2.html", page(*LINES), OWN)
    traps = page(
        LINES[0], f"{LINES[1]}{EVIL.replace('<', '&lt;')}", LINES[2], title="救助&lt;b&gt;工作会议召开"
    )
    ingest(home, "3.html", copy(traps).replace("</p>", "</p>" + SPAM, 1), OWN.replace("aa", "bb"))
    ingest(
        home,
        "4.html",
        copy(page(LINES[0])).replace("</p>", "。" + "书屋开放" * 90_000 + "</p>"),
        OWN.replace("aa", "cc"),
    )
    return home


@contextmanager
def serving(path: Path, captures: Path | None = None) -> Iterator[Callable[..., httpx.Response]]:
    datasette = open_datasette([path])
    datasette.capture_dir = captures
    try:
        yield lambda address, **more: asyncio.run(datasette.client.get(address, **more))
    finally:
        close(datasette)


@pytest.fixture(scope="module")
def get(kept: Home) -> Iterator[Callable[..., httpx.Response]]:
    with serving(kept.archive) as got:
        yield got


def words(element: Any) -> str:
    return " ".join(element.text_content().split())


def seen(element: Any) -> str:
    """Give what is to be seen of an element: without what is only read aloud."""
    shown = html.fromstring(html.tostring(element, encoding="unicode"))
    for aloud in shown.cssselect(".aloud, .jumps"):
        aloud.drop_tree()
    return words(shown)


# the switch


def test_the_switch_leads_from_the_text_as_printed_to_the_captured_one_and_back(
    get: Callable[..., httpx.Response],
) -> None:
    printed, captured = (
        html.fromstring(get(f"/archive/articles/2{asked}").text) for asked in ("", "?show=captured")
    )
    for shown, current in ((printed, "如刊"), (captured, "抓取原貌，标出全部改动")):
        ways = shown.cssselect("nav.switch a")
        assert [(words(way), way.get("href")) for way in ways] == [
            ("如刊", "/archive/articles/2#text"),
            ("抓取原貌，标出全部改动", "/archive/articles/2?show=captured#text"),
        ]
        assert [words(way) for way in ways if way.get("aria-current") == "page"] == [current]
        assert shown.cssselect("#text")
    assert (printed.cssselect(".edit"), len(captured.cssselect(".edit")) > 9) == ([], True)


def test_each_change_shows_what_stood_there_what_it_became_and_how_certain_that_is(
    get: Callable[..., httpx.Response],
) -> None:
    shown = html.fromstring(get("/archive/articles/1?show=captured&version=1").text)
    first, *_ = shown.cssselect(".prose p")
    assert seen(first) == "市民政局昨日召開(kāi)會(huì)議(yì)开会议\u2060✓，部署社會(huì)会\u2060✓救助工作。"
    edit, *_ = first.cssselect(".edit")
    assert words(edit) == "【原作開(kāi)會(huì)議(yì)，改为开会议\u2060✓，确证】"
    assert (edit.get("class"), edit.get("title")) == (
        "edit proven",
        "转成的繁体字、插入的注音 · 确证：没有别的原文会变成这样",
    )
    assert [(each.tag, each.get("class"), each.text) for each in edit.iter("del", "ins")] == [
        ("del", None, "開"),
        ("del", "note", "(kāi)"),
        ("del", None, "會"),
        ("del", "note", "(huì)"),
        ("del", None, "議"),
        ("del", "note", "(yì)"),
        ("ins", None, "开会议"),
    ]
    beside = shown.cssselect(".beside > *")
    assert [(each.tag, seen(each)) for each in beside] == [
        ("dt", "标题"),
        ("dd", "社會(huì)会\u2060✓救助工作會(huì)議(yì)会议\u2060✓召開(kāi)开\u2060✓"),
        ("dt", "页头"),
        (
            "dd",
            "時(shí)間(jiān)时间\u2060✓：2024-01-18 09:54:49 來(lái)来\u2060✓源：連连\u2060✓云港日報(bào)报\u2060✓",
        ),
    ]


def test_the_changes_lead_from_one_to_the_next(get: Callable[..., httpx.Response]) -> None:
    shown = html.fromstring(get("/archive/articles/2?show=captured").text)
    names = [each.get("id") for each in shown.cssselect(".edit[id], .cut[id]")]
    assert names == [f"change-{number}" for number in range(1, len(names) + 1)]
    jumps = [way.get("href").removeprefix("#") for way in shown.cssselect(".jumps a, .legend a")]
    assert jumps
    assert set(jumps) <= set(names)
    assert [way.get("aria-label") for way in shown.cssselect(".prose .jumps a")][:3] == [
        "上一处改动",
        "下一处改动",
        "上一处改动",
    ]


def test_the_legend_counts_what_is_marked(get: Callable[..., httpx.Response], kept: Home) -> None:
    shown = html.fromstring(get("/archive/articles/2?show=captured").text)
    ((edits,),) = kept.ask("SELECT count(*) FROM edits WHERE article_id = 2")
    told = [words(line) for line in shown.cssselect(".legend li")]
    marked = sum(int(line.split()[-2]) for line in told if "处" in line)
    assert told[-1] == "✂ 移除的外来内容 1 块"
    elsewhere = words(shown.cssselect(".legend p")[0]).partition("另有")[2]
    assert marked + sum(int(number) for number in re.findall(r"\d+", elsewhere.partition("处")[0])) == edits


def test_a_block_stands_at_its_place_and_nothing_in_it_can_be_followed(
    get: Callable[..., httpx.Response],
) -> None:
    answer = get("/archive/articles/2?show=captured")
    shown = html.fromstring(answer.text)
    (prose,) = shown.cssselect(".prose.marked")
    assert [each.get("class") or each.tag for each in prose] == ["p", "cut", "p", "p"]
    (block,) = prose.cssselect(".cut")
    assert words(block.cssselect(".what")[0]).startswith("✂ 此处移除的外来内容 隐藏内容 · ")
    assert [words(code) for code in block.cssselect("li code")] == [
        "http://www.a7788.top/1.html",
        "javascript:alert(3)//b7788.top",
        "http://c.example.com/x",
    ]
    assert [way.get("href")[:8] for way in block.iter("a")] == ["#change-", "#change-"]
    assert EVIL in words(block)
    assert "U+202E" in words(block)
    assert EVIL in seen(prose[2])
    for shape in ("<script>alert", "<img", "\u202e", "<b>工"):
        assert shape not in answer.text
    assert prose.xpath(".//script | .//img") == []


def test_a_version_that_is_no_more_can_be_seen_as_it_was_captured(get: Callable[..., httpx.Response]) -> None:
    now = html.fromstring(get("/archive/articles/1?show=captured").text)
    then = html.fromstring(get("/archive/articles/1?show=captured&version=1").text)
    assert words(now.cssselect(".legend p")[0]) == "这一页没有改动：正文如原页所载。"
    assert [words(line) for line in now.cssselect(".prose p")] == list(LINES)
    assert words(then.cssselect("p.notice")[0]).startswith("这里是第 1 版的正文，")
    assert len(then.cssselect(".prose > p")) == 3
    versions = [way.get("href") for way in now.cssselect(".versions a")]
    assert "/archive/articles/1?show=captured&version=1#text" in versions


@pytest.mark.parametrize("asked", ["0", "99", "-1", "x", "1.5", "９"])
def test_a_version_that_is_not_there_shows_the_newest(get: Callable[..., httpx.Response], asked: str) -> None:
    assert get(f"/archive/articles/1?show=captured&version={asked}").status_code == 200


def test_a_line_of_a_million_bytes_is_marked(get: Callable[..., httpx.Response]) -> None:
    shown = html.fromstring(get("/archive/articles/3?show=captured").text)
    (line,) = shown.cssselect(".prose p")
    assert seen(line).startswith("市民政局昨日召開(kāi)")
    assert len(seen(line)) > 360_000


def test_english_readers_get_english(get: Callable[..., httpx.Response]) -> None:
    shown = html.fromstring(get("/archive/articles/2?show=captured&_lang=en").text)
    assert [words(way) for way in shown.cssselect("nav.switch a")] == [
        "As printed",
        "As captured, all changes marked",
    ]
    assert [words(head) for head in shown.cssselect(".record h2")] == [
        "Where it is from",
        "What was changed",
        "How to cite",
    ]
    assert words(shown.cssselect(".edit")[-1]).startswith("[was ")


# what is not there


def told(shown: Any) -> str:
    return words(shown.cssselect("#text p.notice")[0])


def test_without_the_capture_file_the_page_says_so_and_lists_the_changes(kept: Home, tmp_path: Path) -> None:
    alone = tmp_path / "archive.db"
    shutil.copy(kept.archive, alone)
    with serving(alone) as got:
        shown = html.fromstring(got("/archive/articles/2?show=captured").text)
        values = got("/archive/-/marked/2.json").json()
    ((warc,),) = kept.ask(
        "SELECT c.warc FROM captures c JOIN articles a ON a.capture_id = c.id WHERE a.id = 2"
    )
    assert told(shown) == (
        f"改动不能在原处标出：保存抓取的文件不在这里（只有数据库副本？），无法重读当时的网页。 {warc} "
        "下面是存档的正文；改动逐条列在后面。"
    )
    assert (values["problem"], values["detail"], values["parts"]) == ("missing", warc, [])
    assert shown.cssselect(".prose p")
    assert shown.cssselect(".edits tbody tr")
    assert not shown.cssselect(".edit")


def test_captures_are_found_beside_the_archive_or_where_they_were_said_to_be(
    kept: Home, tmp_path: Path
) -> None:
    alone = tmp_path / "other.db"
    shutil.copy(kept.archive, alone)
    with serving(alone, kept.captures) as got:
        assert got("/other/-/marked/2.json").json()["problem"] is None
    shutil.copytree(kept.captures, tmp_path / "other-warc")
    with serving(alone) as got:
        assert got("/other/-/marked/2.json").json()["problem"] is None


def test_a_capture_that_is_another_one_is_not_taken_for_it(kept: Home, tmp_path: Path) -> None:
    alone = tmp_path / "archive.db"
    shutil.copy(kept.archive, alone)
    shutil.copytree(kept.captures, tmp_path / "warc")
    with closing(sqlite3.connect(alone)) as db, db:
        db.execute("UPDATE captures SET digest = 'sha256:' || substr(digest, 8, 63) || 'x'")
    with serving(alone) as got:
        assert got("/archive/-/marked/2.json").json()["problem"] == "damaged"
        assert "与摘要不符" in told(html.fromstring(got("/archive/articles/2?show=captured").text))


def test_what_reads_otherwise_than_it_was_archived_is_not_marked(kept: Home, tmp_path: Path) -> None:
    alone = tmp_path / "archive.db"
    shutil.copy(kept.archive, alone)
    with closing(sqlite3.connect(alone)) as db, db:
        db.execute("UPDATE versions SET text = text || '。' WHERE article_id = 2")
        db.execute("DELETE FROM edits WHERE id = (SELECT max(id) FROM edits WHERE article_id = 2)")
    with serving(alone, kept.captures) as got:
        values = got("/archive/-/marked/2.json").json()
        assert (values["problem"], values["detail"]) == ("otherwise", "text, edits")
        assert "scrapy rebuild" in told(html.fromstring(got("/archive/articles/2?show=captured").text))


@pytest.mark.parametrize("shape", [1, 2, 3])
@pytest.mark.parametrize("address", ["", "?show=captured", ".txt", "?_lang=en"])
def test_the_article_of_an_elder_archive_opens(shape: int, address: str, tmp_path: Path) -> None:
    path = tmp_path / "archive.db"
    with closing(sqlite3.connect(path)) as db:
        db.executescript((ROOT / "tests/cases/shapes" / f"shape-{shape}.sql").read_text(encoding="utf-8"))
    with serving(path) as got:
        answer = got(f"/archive/articles/1{address}")
    assert (answer.status_code, "海州区新建三处书屋" in answer.text) == (200, True)


# plain text, JSON, citing


def test_an_article_is_plain_text_at_an_address_of_its_own(
    get: Callable[..., httpx.Response], kept: Home
) -> None:
    answer = get("/archive/articles/2.txt")
    assert (answer.headers["content-type"], answer.headers["x-content-type-options"]) == (
        "text/plain; charset=utf-8",
        "nosniff",
    )
    ((fetched, digest),) = kept.ask(
        "SELECT c.fetched_at, c.digest FROM captures c JOIN articles a ON a.capture_id = c.id WHERE a.id = 2"
    )
    head, _, text = answer.text.partition("\n\n")
    told = dict(line.split(": ", 1) for line in head.splitlines())
    repaired = told.pop("Repaired")
    assert told == {
        "Title": "救助<b>工作会议召开",
        "Source": "连云港日报",
        "Published": "2024-01-18T09:54:49+08:00",
        "Portal": "www.lyg.gov.cn",
        "URL": OWN.replace("aa", "bb"),
        "Captured": fetched,
        "Digest": digest,
        "Archive": "archive/articles/2",
        "Version": "1 of 1",
        "Tampered": "yes; the text below is repaired",
    }
    assert repaired.endswith("; 1 block(s) cut out: hidden")
    assert text == f"{LINES[0]}\n{LINES[1]}{EVIL}\n{LINES[2]}\n"
    page = html.fromstring(get("/archive/articles/2").text)
    assert [link.get("href") for link in page.cssselect("link[type='text/plain']")] == [
        "/archive/articles/2.txt"
    ]
    assert get("/archive/versions/1,1.txt").text.splitlines()[-1] == LINES[2]
    assert "Version: 1 of 2" in get("/archive/versions/1,1.txt").text


@pytest.mark.parametrize(
    "address", ["/archive/articles.txt", "/archive/captures/1.txt", "/archive/articles/99.txt"]
)
def test_nothing_but_an_article_is_plain_text(get: Callable[..., httpx.Response], address: str) -> None:
    assert get(address).status_code == 404


def test_nothing_unseen_is_in_the_plain_text(kept: Home, tmp_path: Path) -> None:
    alone = tmp_path / "archive.db"
    shutil.copy(kept.archive, alone)
    with closing(sqlite3.connect(alone)) as db, db:
        db.execute(
            "UPDATE articles SET title = ?, text = ? WHERE id = 2",
            ("公告\u202egnp\nURL: http://x/", "甲\x1b[31m\r\n乙\u200b"),
        )
    with serving(alone) as got:
        written = got("/archive/articles/2.txt").text
    assert written.startswith("Title: 公告[U+202E]gnp URL: http://x/\nSource: ")
    assert written.endswith("\n\n甲[U+001B][31m\n乙[U+200B]\n")


def test_the_marked_text_as_json_is_the_article_to_the_letter(
    get: Callable[..., httpx.Response], kept: Home
) -> None:
    values = get("/archive/-/marked/2.json").json()
    (part,) = values["parts"]
    lines = [each["segments"] for each in part["passages"] if each["kind"] == "text"]
    ((text,),) = kept.ask("SELECT text FROM articles WHERE id = 2")
    assert "\n".join("".join(segment["text"] for segment in line) for line in lines) == text
    assert lines[0][:4] == [
        {"text": "市民政局昨日召"},
        {"text": "开", "before": "開", "certainty": "proven", "fixers": ["traditional"]},
        {"text": "", "before": "(kāi)", "certainty": "proven", "fixers": ["pinyin-note"]},
        {"text": "会", "before": "會", "certainty": "proven", "fixers": ["traditional"]},
    ]
    assert part["passages"][1] == {"kind": "removed", "removed": 0}
    for address in (
        "/archive/-/marked/99.json",
        "/archive/-/marked/2.json?version=7",
        "/nothing/-/marked/2.json",
    ):
        assert get(address).status_code == 404


def test_an_article_is_cited_with_the_time_of_its_capture_and_its_digest(
    get: Callable[..., httpx.Response], kept: Home
) -> None:
    ((fetched, digest),) = kept.ask(
        "SELECT c.fetched_at, c.digest FROM captures c JOIN articles a ON a.capture_id = c.id WHERE a.id = 1"
    )
    shown = html.fromstring(get("/archive/articles/1").text)
    chinese, english, bibtex = (words(each) for each in shown.cssselect(".cite"))
    place = "archive/-/at?url=lyg.gov.cn%2Fzglygzfmhwz%2Fgcyw%2Fcontent%2Faa.html&version=2"
    assert chinese == (
        f"连云港日报. 社会救助工作会议召开[EB/OL]. (2024-01-18)[{fetched[:10]}]. {OWN}. 存档：{fetched} 抓取，{digest}，{place}."
    )
    assert english.startswith(
        "连云港日报. (2024, January 18). 社会救助工作会议召开. www.lyg.gov.cn. Retrieved "
    )
    assert english.endswith(f"from {OWN}. Archived copy: captured {fetched}, {digest}, {place}.")
    assert bibtex.startswith("@online{archive-1-2, author = {{连云港日报}}, title = {社会救助工作会议召开},")


def test_the_permanent_address_leads_to_the_article_and_to_the_version(
    get: Callable[..., httpx.Response],
) -> None:
    def to(**asked: str) -> tuple[int, str | None]:
        answer = get("/archive/-/at", params=asked)
        return answer.status_code, answer.headers.get("location")

    assert to(url=OWN) == (302, "/archive/articles/1")
    assert to(url="lyg.gov.cn/zglygzfmhwz/gcyw/content/aa.html", version="1") == (
        302,
        "/archive/versions/1,1",
    )
    assert to(url=OWN, version="7")[0] == 404
    assert to(url="//evil.example/")[0] == 404
    assert to()[0] == 404


# plain rows


@pytest.mark.parametrize(
    ("row", "ways"),
    [
        ("edits/1", ["/archive/articles/1?show=captured&version=1#text"]),
        ("removed/1", ["/archive/articles/1?show=captured&version=1#text"]),
        (
            "versions/1,2",
            [
                "/archive/articles/1",
                "/archive/articles/1?show=captured&version=2#text",
                "/archive/-/diff?a=1.1&b=1.2",
            ],
        ),
    ],
)
def test_plain_rows_lead_to_the_article(
    get: Callable[..., httpx.Response], row: str, ways: list[str]
) -> None:
    shown = html.fromstring(get(f"/archive/{row}").text)
    found = [way.get("href") for way in shown.cssselect("p.ways a")]
    assert found[: len(ways)] == ways
    assert not [way for way in shown.cssselect("dl.row a") if "a7788" in way.get("href")]


def test_a_capture_says_what_came_of_it_and_a_run_which_night_it_was(
    get: Callable[..., httpx.Response], kept: Home
) -> None:
    ((capture, run, day),) = kept.ask(
        "SELECT c.id, r.id, date(substr(r.started, 1, 19), '+12 hours') FROM captures c JOIN runs r ON r.id = c.run_id "
        "JOIN versions v ON v.capture_id = c.id WHERE v.article_id = 1 AND v.version = 1"
    )
    shown = html.fromstring(get(f"/archive/captures/{capture}").text)
    assert [words(line) for line in shown.cssselect("section[aria-labelledby=taken] li")] == [
        "社会救助工作会议召开 第 1 版 初次收录 抓取原貌"
    ]
    ways = html.fromstring(get(f"/archive/runs/{run}").text).cssselect("p.ways a")
    assert ways[0].get("href") == f"/archive/-/nights/{day}"


# all of an archive


def test_explain_prints_the_marked_text(kept: Home) -> None:
    done = kept.scrapy("explain", "2", "--marked")
    first, block, *rest = done.stdout.decode().splitlines()
    assert (done.returncode, first) == (
        0,
        "市民政局昨日召[-開(kāi)會(huì)議(yì)-]{+开会议+}，部署社[-會(huì)-]{+会+}救助工作。",
    )
    assert block.startswith("[✂ 澳门新葡京官网 北京赛车pk10投注 百家乐在线<script>alert(1)</script>")
    assert "\u202e" not in block
    assert len(rest) == 2


def test_every_version_of_an_archive_checks_out(kept: Home) -> None:
    with Archive(kept.archive, readonly=True) as archive:
        versions = archive.conn.execute("SELECT article_id, version FROM versions").fetchall()
        found = [reread(archive, kept.captures, *version) for version in versions]
    assert [each.problem for each in found] == [None] * 4
    assert [part.marked.unplaced for each in found for part in each.parts] == [()] * 4
