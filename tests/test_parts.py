"""Articles that are split over several pages: recognised by their pager alone, fetched, joined, explained, never lost."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from crawler.archive import COMPARED, Archive, canonical, compare
from crawler.portals.listing import parse_page
from crawler.portals.pager import PARTS, Pager, Walk, find_pager, may_be_split
from crawler.text import Disagreement, Extracted
from crawler.text.parts import join
from tests.home import ROOT, Home
from tests.replica import Replica, Story
from tests.replica.audit import audit, audit_files, default_stories
from tests.test_crawl import contents, rows

CITY = "www.lyg.gov.cn"
CHANNELS = ("crawl", "lyg_news", "-a", "channel=gcyw,shms,news/lygxw")
BASE = "http://a.cn/b/"


def read(html: str, name: str = "7.html") -> tuple[str, list[tuple[int, str]]] | None:
    """Give first and further parts of a page as file names."""
    tree = parse_page(f"<html><body><div id=zoom><p>正文。</p></div>{html}</body></html>")
    assert tree is not None
    found = find_pager(tree, BASE + name)
    if found is None:
        return None
    return found.first.removeprefix(BASE), [(number, url.removeprefix(BASE)) for number, url in found.further]


# --- the pager


@pytest.mark.parametrize(
    ("html", "further"),
    [
        ('1 <a href="7_2.html">2</a> <a href="7_3.html">3</a>', [(2, "7_2.html"), (3, "7_3.html")]),
        ('[1] <a href="7_1.html">[2]</a> <a href="7_2.html">[3]</a>', [(1, "7_1.html"), (2, "7_2.html")]),
        ('<a href="/b/7-2.html">下一页</a>', [(2, "/b/7-2.html")]),
        ('<a href="http://www.a.cn/b/7_2.html">下頁&gt;</a>', [(2, "http://www.a.cn/b/7_2.html")]),
        ('<a href="7_2.html">第２页</a> <a href="7_9.html">尾页</a>', [(2, "7_2.html"), (9, "7_9.html")]),
        ('<a href="#" onclick="go(\'7_2.html\')">余下全文</a>', [(2, "7_2.html")]),
        ('<script>createPageHTML(3, 0, "7", "html");</script>', [(1, "7_1.html"), (2, "7_2.html")]),
        (
            "<div id=autopage><script>var currentPage = 0;\nvar countPage = 2;\n</script></div>",
            [(1, "7_1.html")],
        ),
        ('<script>var countPage = 2\nwrite("7" + "_" + 1)</script>', [(1, "7_1.html")]),
    ],
)
def test_a_pager_leads_to_the_further_pages(html: str, further: list[tuple[int, str]]) -> None:
    found = read(html)
    assert found is not None
    assert found[0] == "7.html"
    assert [(number, re.sub(r"^(?:http://(?:www\.)?a\.cn)?/b/", "", url)) for number, url in found[1]] == [
        (number, re.sub(r"^(?:http://(?:www\.)?a\.cn)?/b/", "", url)) for number, url in further
    ]


@pytest.mark.parametrize(
    "html",
    [
        '上一篇：<a href="6.html">六</a> 下一篇：<a href="8.html">八</a>',
        '<a href="6.html">上一篇</a> <a href="8.html">下一篇</a>',
        '<a href="8.html">下一页</a>',
        '下一篇：<a href="7_2.html">另一则新闻</a>',
        '<a href="7_2.html">下一篇</a>',
        '<a href="../c/7_2.html">2</a>',
        '<a href="http://b.cn/b/7_2.html">2</a>',
        '<a href="7_2.pdf">2</a> <a href="7_2.htm">2</a>',
        '<a href="7_2.html?comment=1">2</a>',
        '<a href="7_2024.html">2</a> <a href="7_5.html">2</a>',
        '<a href="index_2.html">2</a> <a href="index_2.html">下一页</a>',
        '<script>createPageHTML(9, 0, "index", "html");</script>',
        '<script>createPageHTML(1, 0, "7", "html");</script>',
        "<script>var countPage = 4; load(countPage);</script>",
    ],
)
def test_neighbours_lists_and_pages_elsewhere_are_no_parts(html: str) -> None:
    assert read(html) is None


@pytest.mark.parametrize(
    ("name", "html", "first"),
    [
        ("7_2.html", '<a href="7.html">1</a> 2 <a href="7_3.html">3</a>', "7.html"),
        ("7_2.html", '<a href="7.html">上一页</a>', "7.html"),
        ("7_1.html", '<script>createPageHTML(3, 1, "7", "html");</script>', "7.html"),
        ("7_1.html", '1 <a href="7_2.html">2</a> <a href="7_3.html">3</a>', "7_1.html"),
        ("7_2.html", '<a href="7_1.html">1</a> 2 <a href="7_3.html">3</a>', "7_1.html"),
    ],
)
def test_a_further_page_knows_the_first(name: str, html: str, first: str) -> None:
    found = read(html, name)
    assert found is not None
    assert found[0] == first


def test_an_article_whose_name_ends_in_a_number_is_whole() -> None:
    assert read('<a href="t20240101_124.html">下一页</a>', "t20240101_123.html") is None
    assert read('<a href="t20240101_13.html">下一页</a>', "t20240101_12.html") is None
    assert read('相关：<a href="7.html">书屋</a>', "7_2.html") is None


def test_the_way_over_the_pages_ends() -> None:
    links = " ".join(f'<a href="7_{number}.html">{number}</a>' for number in range(2, 90))
    walk = Walk(links.encode(), BASE + "7.html", None)
    asked = []
    while url := walk.next():
        asked.append(url)
        walk.learn(b'<a href="7.html">1</a> <a href="7_2.html">2</a>', url, None)
    assert asked == [f"{BASE}7_{number}.html" for number in range(2, PARTS + 1)]
    assert walk.rest == 88 - len(asked)


def test_a_page_without_a_pager_is_not_parsed_for_one() -> None:
    assert not may_be_split(b'<a href="8.html">2</a>', BASE + "7.html")
    assert not may_be_split(b"", BASE)
    assert find_pager(parse_page("<p>x</p>"), "urn:sha256:00") is None  # type: ignore[arg-type]
    assert Pager("a", ()) == ("a", ())


# --- the crawl


class Nights:
    """Two nights of the channels that have split stories, the first one twice."""

    def __init__(self, replica: Replica, home: Home) -> None:
        self.replica, self.home = replica, home
        self.after: list[dict[str, list[tuple[Any, ...]]]] = []
        self.audits: list[list[Any]] = []
        self.alarms: list[str] = []
        for night in (1, 1, 2):
            replica.night = night
            assert home.crawl(*CHANNELS).returncode == 0
            self.after.append(contents(home.archive))
            told = [s for s in default_stories(replica) if s.channel in ("gcyw", "shms", "news/lygxw")]
            self.audits.append(audit(home.archive, told, night) + audit_files(home.archive, told))
            self.alarms += [text for (text,) in rows(home.archive, "SELECT alarms FROM runs ORDER BY id")][
                -1:
            ]

    def story(self, pager: str) -> Story:
        return next(story for story in self.replica.truth if story.pager == pager)


@pytest.fixture(scope="module")
def nights(make_home: Callable[[], Home]) -> Iterator[Nights]:
    with Replica(seed=7, stories=130) as replica:
        yield Nights(replica, make_home().through(replica))


def test_a_split_article_is_archived_once_and_whole(nights: Nights) -> None:
    assert nights.audits == [[], [], []]
    assert nights.after[1] == nights.after[0]
    split = [story for story in nights.replica.truth if story.parts]
    assert {story.pager for story in split} == {"numbers", "autopage", "script", "next"}
    for story in split:
        found = rows(nights.home.archive, "SELECT fields FROM articles WHERE key = ?", canonical(story.url))
        pages = 1 + len(story.parts)
        assert f'"parts":{{"had":{pages},"of":{pages}}}' in found[0][0]
        for url in story.parts:
            assert rows(nights.home.archive, "SELECT 1 FROM articles WHERE key = ?", canonical(url)) == []
            kinds = rows(nights.home.archive, "SELECT DISTINCT kind FROM captures WHERE url = ?", url)
            assert ("part",) in kinds


def test_the_neighbour_with_the_name_of_a_part_is_an_article_of_its_own(nights: Nights) -> None:
    stem = nights.story("numbers").url.rpartition(".")[0]
    neighbour = next(story for story in nights.replica.truth if story.url.startswith(f"{stem}_9."))
    assert neighbour.path in nights.replica.pages(CITY, 1)[nights.story("numbers").path].body.decode()
    found = rows(nights.home.archive, "SELECT title, text FROM articles WHERE url = ?", neighbour.url)
    assert found == [(neighbour.title, neighbour.text)]


def test_a_part_that_is_listed_is_no_article(nights: Nights) -> None:
    story = nights.story("next")
    line = "SELECT l.state, a.key FROM listings l JOIN articles a ON a.id = l.article_id WHERE l.key = ?"
    assert rows(nights.home.archive, line, canonical(story.parts[-1])) == [("archived", canonical(story.url))]


def test_an_article_without_one_of_its_pages_is_marked_owed_and_completed(nights: Nights) -> None:
    story = nights.story("autopage")
    versions = (
        "SELECT v.version, v.change, v.text, json_extract(v.fields, '$.parts') FROM versions v "
        "JOIN articles a ON a.id = v.article_id WHERE a.key = ? ORDER BY 1"
    )
    assert rows(nights.home.archive, versions, canonical(story.url)) == [
        (1, "first", story.text, f'{{"had":1,"of":2,"missed":["{story.parts[0]}"]}}'),
        (2, "extended", story.later_text, '{"had":2,"of":2}'),
    ]
    said = f'"rule":"page gone","what":"1 of 2 pages missed: {story.parts[0]}: answers 404"'
    assert [said in alarms for alarms in nights.alarms] == [True, True, False]
    assert len(nights.replica.asked(story.parts[0])) == 3
    state = "SELECT state, attempts, error, due FROM listings WHERE url = ?"
    assert rows(nights.home.archive, state, story.url) == [("archived", 0, None, None)]


def test_edits_and_removed_blocks_say_which_page_they_are_of(nights: Nights) -> None:
    story = nights.story("script")
    cut = "SELECT r.part FROM removed r JOIN articles a ON a.id = r.article_id WHERE a.key = ? ORDER BY r.id"
    assert rows(nights.home.archive, cut, canonical(story.url)) == [(None,), (2,), (3,)]
    said = nights.home.scrapy("explain", story.url).stdout.decode()
    assert [line.split(": ")[1] for line in said.splitlines() if line.startswith("page  ")] == story.parts
    assert said.count("cut out   hidden") == 3
    with Archive(nights.home.archive, readonly=True) as archive:
        article = archive.article(story.url)
        assert article is not None
        for part, url in enumerate(story.parts, 2):
            served = nights.replica.pages(CITY, 2)[urlsplit(url).path].body.decode(story.encoding)
            assert archive.undo(article["id"], nights.home.captures, part) == served


def test_a_rebuild_and_an_ingest_of_the_captures_give_the_same_articles(nights: Nights) -> None:
    built = nights.home.folder / "rebuilt.db"
    assert nights.home.scrapy("rebuild", "--to", str(built)).returncode == 0
    assert compare(nights.home.archive, built) == [f"{what}: the same" for what in COMPARED]
    assert contents(built) == nights.after[2]
    revisits = "SELECT warc, offset, revisit_of FROM captures ORDER BY 1, 2"
    assert rows(built, revisits) == rows(nights.home.archive, revisits)
    assert nights.home.scrapy("verify").returncode == 0
    other = Home(nights.home.folder / "other")
    other.folder.mkdir()
    other.scrapy("ingest", *map(str, sorted(nights.home.captures.glob("*.warc.gz"))))
    whole = "SELECT key, title, text FROM articles WHERE fields LIKE '%\"parts\":%' ORDER BY key"
    assert rows(other.archive, whole) == rows(nights.home.archive, whole)
    parts = {canonical(url) for story in nights.replica.truth for url in story.parts}
    assert not parts & {key for (key,) in rows(other.archive, "SELECT key FROM articles")}
    again = other.folder / "again.db"
    assert other.scrapy("rebuild", "--to", str(again)).returncode == 0
    assert compare(other.archive, again) == [f"{what}: the same" for what in COMPARED]


def test_a_run_killed_among_the_pages_of_an_article_loses_nothing(make_home: Callable[[], Home]) -> None:
    with Replica(seed=7, stories=130) as replica:
        story = next(one for one in replica.truth if one.pager == "numbers")
        words = ("crawl", "lyg_news", "-a", "channel=gcyw")
        whole = make_home().through(replica)
        assert whole.crawl(*words).returncode == 0
        killed = make_home().through(replica)
        for url in story.parts:
            path = urlsplit(url).path
            replica.faults[CITY + path] = "slow:3"
            running = subprocess.Popen(
                [*killed.command(*words, *killed.quick)],
                cwd=ROOT,
                env=killed.env,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            # what is slow has been asked for once the record of the article is there
            for _ in range(1200):
                if replica._seen.get(CITY + path) or running.poll() is not None:
                    break
                time.sleep(0.02)
            running.send_signal(signal.SIGKILL)
            running.wait(timeout=10)
            replica.faults.clear()
        assert killed.crawl(*words).returncode == 0
    outcomes = [outcome for (outcome,) in rows(killed.archive, "SELECT outcome FROM runs ORDER BY id")]
    assert outcomes == ["interrupted", "interrupted", "finished"]
    assert contents(killed.archive) == contents(whole.archive)
    built = killed.folder / "rebuilt.db"
    assert killed.scrapy("rebuild", "--to", str(built)).returncode == 0
    assert compare(killed.archive, built) == [f"{what}: the same" for what in COMPARED]


def test_a_page_that_never_answers_is_on_record_and_a_rebuild_knows_it(home: Home) -> None:
    with Replica(seed=7, stories=130) as replica:
        home.through(replica)
        story = next(one for one in replica.truth if one.pager == "numbers")
        replica.faults[CITY + urlsplit(story.parts[1]).path] = "slow:20"
        quick = ("-s", "DOWNLOAD_TIMEOUT=2", "-s", "RETRY_TIMES=0")
        home.crawl("crawl", "lyg_news", "-a", "channel=gcyw", *quick)
    note = rows(home.archive, "SELECT status, kind FROM captures WHERE url = ?", story.parts[1])
    assert note == [(0, "part")]
    said = "SELECT json_extract(fields, '$.parts'), version FROM articles WHERE key = ?"
    marked = [(f'{{"had":2,"of":3,"missed":["{story.parts[1]}"]}}', 1)]
    assert rows(home.archive, said, canonical(story.url)) == marked
    built = home.folder / "rebuilt.db"
    assert home.scrapy("rebuild", "--to", str(built)).returncode == 0
    assert compare(home.archive, built) == [f"{what}: the same" for what in COMPARED]
    assert rows(built, said, canonical(story.url)) == marked
    assert home.scrapy("verify").returncode == 0
    files = map(str, sorted(home.captures.glob("*.warc.gz")))
    warcio = str(Path(sys.executable).with_name("warcio"))
    assert subprocess.run([warcio, "check", *files], capture_output=True, timeout=120).stdout == b""


def test_a_page_that_is_missed_for_a_night_does_not_replace_the_whole(home: Home) -> None:
    with Replica(seed=7, stories=130) as replica:
        home.through(replica)
        story = next(one for one in replica.truth if one.pager == "script")
        words = ("crawl", "lyg_news", "-a", "channel=shms", "-s", "RECENT_DAYS=60")
        home.crawl(*words)
        before = contents(home.archive)
        replica.faults[CITY + urlsplit(story.parts[-1]).path] = "404"
        home.crawl(*words)
        assert contents(home.archive) == before
        owed = "SELECT state, attempts, error, due IS NOT NULL FROM listings WHERE url = ?"
        assert rows(home.archive, owed, story.url) == [
            ("unchanged", 1, "1 of 3 pages missed: answers 404", 1)
        ]
        replica.faults.clear()
        home.crawl(*words)
        assert contents(home.archive) == before
        assert rows(home.archive, owed, story.url) == [("unchanged", 0, None, 0)]


def test_an_article_whose_last_page_alone_is_listed_is_asked_for_by_its_first(home: Home) -> None:
    with Replica(seed=7, stories=130) as replica:
        home.through(replica)
        story = next(one for one in replica.truth if one.pager == "next")
        for path, reply in replica.pages("www.lyg01.net").items():
            if path.startswith("/news/lygxw/") and "/20" not in path:
                line = rf'<li><a href="[^"]*{re.escape(story.path)}"[^\n]*</li>\n'.encode()
                replica.pages("www.lyg01.net")[path] = reply._replace(body=re.sub(line, b"", reply.body))
        home.crawl("crawl", "lyg_news", "-a", "channel=news/lygxw")
        found = rows(home.archive, "SELECT title, text FROM articles WHERE key = ?", canonical(story.url))
        assert found == [(story.title, story.text)]
        line = "SELECT state, article_id IS NOT NULL FROM listings WHERE key = ?"
        assert rows(home.archive, line, canonical(story.parts[-1])) == [("archived", 1)]
        assert rows(home.archive, line, canonical(story.url)) == []
    built = home.folder / "rebuilt.db"
    assert home.scrapy("rebuild", "--to", str(built)).returncode == 0
    assert compare(home.archive, built) == [f"{what}: the same" for what in COMPARED]


def test_further_pages_are_read_with_the_sheets_of_the_first_and_their_doubts_kept(home: Home) -> None:
    with Replica(seed=7, stories=130) as replica:
        home.through(replica)
        story = next(one for one in replica.truth if one.pager == "numbers")
        pages = replica.pages(CITY)
        pages["/css/main.css"] = pages["/css/main.css"]._replace(body=b".zq{display:none}")
        for url, more in zip(
            story.parts, ("<div class=zq>百家乐 澳门新葡京</div>", "<p>澳门新葡京 百家乐</p>"), strict=True
        ):
            path = urlsplit(url).path
            body = pages[path].body.replace(b"<body>", b"<body>" + more.encode(story.encoding), 1)
            assert body != pages[path].body
            pages[path] = pages[path]._replace(body=body)
        assert home.crawl("crawl", "lyg_news", "-a", "channel=gcyw").returncode == 0
    blocks = "SELECT b.part, b.text FROM {} b JOIN articles a ON a.id = b.article_id WHERE a.url = ?"
    assert rows(home.archive, blocks.format("removed"), story.url) == [(2, "百家乐 澳门新葡京")]
    assert rows(home.archive, blocks.format("suspects"), story.url) == [(3, "澳门新葡京 百家乐")]
    found = "SELECT tampered, text FROM articles WHERE url = ?"
    assert rows(home.archive, found, story.url) == [(1, story.text)]
    said = home.scrapy("explain", story.url).stdout.decode().split("\npage  ")
    assert [(part.count("cut out   hidden"), part.count("suspected,")) for part in said] == [
        (0, 0),
        (1, 0),
        (0, 1),
    ]
    texts = [part.rpartition("characters\n\n")[2].strip("\n") for part in said]
    assert "\n".join(texts) == story.text
    built = home.folder / "rebuilt.db"
    assert home.scrapy("rebuild", "--to", str(built)).returncode == 0
    assert compare(home.archive, built) == [f"{what}: the same" for what in COMPARED]
    assert rows(built, blocks.format("suspects"), story.url) == [(3, "澳门新葡京 百家乐")]


def test_what_the_pages_say_is_put_together() -> None:
    first = Extracted(
        title="书屋",
        text="图书九千册。",
        images=(("1.png", None),),
        links=("http://a.cn/",),
        rules=(("title", "h1"), ("words", "w")),
        subtitle="副题",
        words=6,
        language="zh",
        disagreements=(Disagreement("title", "h1", "书屋", "<title>", "食堂"),),
    )
    second = Extracted(
        title="书屋（2）",
        text="Open daily.",
        images=(("1.png", "图"), ("2.png", "图")),
        attachments=(("a.pdf", "附件"),),
        rules=(("title", "line"), ("kicker", "line"), ("editor", "line")),
        kicker="上页",
        editor="王五",
        words=2,
        disagreements=(Disagreement("title", "line", "书屋（2）", "<title>", "食堂"),),
    )
    assert join([first, second]) == Extracted(
        title="书屋",
        text="图书九千册。\nOpen daily.",
        images=(("1.png", None), ("2.png", "图")),
        attachments=(("a.pdf", "附件"),),
        links=("http://a.cn/",),
        rules=(("title", "h1"), ("words", "w"), ("editor", "line")),
        subtitle="副题",
        editor="王五",
        words=7,
        language="zh",
        script="Hans",
        disagreements=first.disagreements,
    )


PAGE = (
    "<html><body><h1>海州区新建三处书屋</h1><p>时间：2024-03-01 09:00:00 来源：连云港日报</p><div id=zoom><p>{}</p></div>"
    "<div>{}</div></body></html>"
)


def test_saved_pages_of_an_article_are_joined_and_one_alone_is_said(home: Home, tmp_path: Path) -> None:
    folder = tmp_path / "saved"
    folder.mkdir()
    mark = "<!-- saved from url=(0040)http://www.lyg.gov.cn/a/gcyw/content/{} -->"
    first = PAGE.format(
        "记者昨日从海州区文旅局获悉，今年该区将新建三处社区书屋。", '1 <a href="7_2.html">2</a>'
    )
    second = PAGE.format("每处书屋藏书五千册，全年免费开放，市民凭身份证借阅。", '<a href="7.html">1</a> 2')
    alone = PAGE.format(
        "孤零零的第二页，它的第一页没有人保存下来，只好记上一笔。", '<a href="8.html">1</a> 2'
    )
    (folder / "a.html").write_text(mark.format("7_2.html") + second, encoding="utf-8")
    (folder / "b.html").write_text(mark.format("7.html") + first, encoding="utf-8")
    (folder / "c.html").write_text(mark.format("8_2.html") + alone, encoding="utf-8")
    said = home.scrapy("ingest", str(folder)).stdout.decode()
    assert rows(home.archive, "SELECT url, text FROM articles") == [
        (
            "http://www.lyg.gov.cn/a/gcyw/content/7.html",
            "记者昨日从海州区文旅局获悉，今年该区将新建三处社区书屋。\n每处书屋藏书五千册，全年免费开放，市民凭身份证借阅。",
        )
    ]
    assert "part alone: a further page of http://www.lyg.gov.cn/a/gcyw/content/8.html" in said
    assert rows(home.archive, "SELECT count(*) FROM captures") == [(3,)]
