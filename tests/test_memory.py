"""What a portal repeats is learnt from its own captures, and helps to read its next page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crawler.archive import (
    FORGET_DAYS,
    Archive,
    Remembered,
    block_digest,
    canonical,
    compare,
    line_digest,
)
from crawler.items import Page
from crawler.text import Removed, Traces, extract_tree, judge_tree, parse, read_page
from tests.home import Home
from tests.test_archive import PORTAL, page, rows

URL = "http://www.lyg.gov.cn/a/content/1.html"
STANDING = "本网站由示例市人民政府办公室主办,如有建议,请在工作日拨打热线或到政务大厅一楼服务台反映。"
"""A sentence of the portal that would pass for an article."""
SHORT = "昨日上午,书屋在镇里开放。"


class Known:
    """A memory of these lines and blocks."""

    def __init__(self, *lines: str, blocks: tuple[str, ...] = (), hosts: tuple[str, ...] = ()) -> None:
        self.lines = lines
        self.blocks = blocks
        self.hosts = hosts

    def furniture(self, line: str) -> bool:
        return line in self.lines

    def repeated(self, text: str, url: str | None) -> int:
        return 3 * (text in self.blocks)

    def honest(self, host: str) -> bool:
        return host in self.hosts


# --- the core ---


def around(body: str) -> str:
    return (
        "<html><head><title>书屋昨日开放</title></head><body><ul><li><a href='/'>首页</a></li></ul>"
        f"{body}<ul>{'<li><a href=/b/>新闻频道</a></li>' * 40}</ul><div class=about><p>{STANDING}</p></div><p>版权所有 示例市</p></body></html>"
    )


def test_a_line_that_the_portal_repeats_is_not_taken_for_the_article() -> None:
    tree = parse(around(f"<div><p>{SHORT}</p></div>"))
    assert extract_tree(tree, URL).text == STANDING
    assert extract_tree(tree, URL, Known(STANDING)).text == SHORT
    assert extract_tree(tree, URL).text == STANDING  # the tree is as it was


def test_a_container_that_the_page_names_is_trusted() -> None:
    tree = parse(around(f"<div id=zoom><p>{SHORT}</p><p>{STANDING}</p></div>"))
    assert extract_tree(tree, URL, Known(STANDING)) == extract_tree(tree, URL)
    assert STANDING in extract_tree(tree, URL).text


def test_a_sentence_among_the_page_s_own_stays() -> None:
    own = "书屋共有图书九千册,由镇文化站管理,每天上午九时开门,市民凭身份证可以免费借阅图书。"
    tree = parse(f"<h1>书屋开放</h1><div><p>{own}</p><p>{STANDING}</p></div>")
    assert extract_tree(tree, URL, Known(STANDING)).text == f"{own}\n{STANDING}"


def test_a_page_that_has_nothing_else_keeps_its_text() -> None:
    tree = parse(f"<h1>关于我们</h1><div><p>{STANDING}</p></div>")
    assert extract_tree(tree, URL, Known(STANDING)) == extract_tree(tree, URL)


SOLD = "澳门新葡京官网注册送彩金,百家乐投注。"
DOUBT = around(f"<div id=zoom><p>{SHORT}</p></div><p>{SOLD}</p>")


def test_a_suspect_that_is_known_from_elsewhere_is_cut_out() -> None:
    assert [block.text for block in judge_tree(parse(DOUBT), URL).suspects] == [SOLD]
    judged = judge_tree(parse(DOUBT), URL, memory=Known(blocks=(SOLD,)))
    assert [(block.kind, block.text, block.reasons) for block in judged.removed] == [
        ("text", SOLD, (("off-topic", 1.0), ("repeated", 0.7)))
    ]
    assert judged.suspects == ()
    read = read_page(DOUBT.encode(), URL, memory=Known(blocks=(SOLD,)))
    assert (read.tampered, SOLD in read.text) == (True, False)


def test_what_a_page_is_called_is_no_block() -> None:
    news = DOUBT.replace("<title>书屋昨日开放", f"<title>{SOLD}")
    assert judge_tree(parse(news), URL, memory=Known(blocks=(SOLD,))).removed == ()


def test_what_is_repeated_and_says_nothing_is_no_spam() -> None:
    menu = "更多图书见二楼"
    honest = around(f"<div id=zoom><p>{SHORT}</p></div><div style='display:none'>{menu}</div>")
    assert judge_tree(parse(honest), URL, memory=Known(blocks=(menu, SHORT, STANDING))).removed == ()


def test_a_host_that_honest_pages_of_the_portal_name_is_not_foreign() -> None:
    links = "".join(f"<a href='http://shop.example/{n}'>山间夜话{n}</a>" for n in range(6))
    html = around(f"<div id=zoom><p>{SHORT}</p></div><div style='display:none'>{links}</div>")
    assert [block.kind for block in judge_tree(parse(html), URL).removed] == ["hidden"]
    assert judge_tree(parse(html), URL, memory=Known(hosts=("shop.example",))) == ((), ())


# --- the archive ---


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    with Archive(tmp_path / "archive.db") as opened:
        yield opened


NIGHT = "2026-11-{:02}T02:00:00+08:00"


def night(archive: Archive, day: int, *pages: Any) -> None:
    """Write the pages of one run."""
    archive.open_memory(NIGHT.format(day))
    archive.start_run("lyg_news", run_id=f"night-{day}")
    for each in pages:
        archive.save(each)


def story(archive: Archive, number: int, *lines: str, hosts: tuple[str, ...] = (), **more: Any) -> Any:
    text = f"第{number}则消息说,示例镇今年新建书屋{number}处。"
    return page(archive, number, text=text, traces=Traces(lines, hosts), **more)


def known(archive: Archive, kind: str = "line", portal: str = PORTAL) -> frozenset[str]:
    found = archive.memory(portal)
    return found.lines if kind == "line" else found.hosts


def test_a_line_counts_once_an_article_and_from_the_next_run_on(archive: Archive) -> None:
    night(archive, 1, *(story(archive, n, "常在一行。") for n in range(1, 5)))
    again = story(archive, 4, "常在一行。", day=24)
    night(archive, 2, again)  # the same article once more
    night(archive, 3, story(archive, 5, "常在一行。"))
    assert known(archive) == frozenset()
    night(archive, 4)
    assert known(archive) == {line_digest("常在一行。")}
    assert known(archive, portal="lyg01.net") == frozenset()
    assert archive.memory(PORTAL, NIGHT.format(3)).lines == frozenset()  # as that night knew it
    assert rows(
        archive, "SELECT kind, pages, fresh, first_seen, last_seen, since FROM memory ORDER BY kind, key"
    ) == [
        ("articles", 4, 0, NIGHT.format(1), NIGHT.format(1), None),
        ("articles", 1, 0, NIGHT.format(3), NIGHT.format(3), None),
        ("line", 5, 0, NIGHT.format(1), NIGHT.format(3), NIGHT.format(4)),
    ]


def test_a_line_on_few_of_a_portal_s_pages_is_no_furniture(archive: Archive) -> None:
    night(
        archive, 1, *(story(archive, n, f"各页各行{n}。", *["少见一行。"] * (n > 25)) for n in range(1, 31))
    )
    night(archive, 2)
    assert known(archive) == frozenset()
    # of the pages since it came, a later one is on all
    night(archive, 3, *(story(archive, n, "新来一行。") for n in range(31, 36)))
    night(archive, 4)
    assert known(archive) == {line_digest("新来一行。")}


def test_a_host_is_honest_after_two_nights_and_no_more_when_spam_leads_to_it(archive: Archive) -> None:
    hosts = ("shop.example", "a7788.top")
    night(archive, 1, *(story(archive, n, hosts=hosts) for n in range(1, 6)))
    doubt = Removed("suspect", "p", "甲", "", (), (("off-topic", 1.0),))
    night(archive, 2, story(archive, 6, hosts=("other.example",), suspects=(doubt,)))
    assert known(archive, "host") == frozenset()
    night(archive, 3, story(archive, 7, hosts=hosts))
    night(archive, 4)
    assert known(archive, "host") == {"shop.example"}  # the other is of the sort that is bought by the dozen
    spam = Removed("hidden", "p", "乙", "", ("http://shop.example/",), ())
    night(archive, 5, story(archive, 8, tampered=True, removed=(spam,)))
    assert known(archive, "host") == {"shop.example"}
    night(archive, 6)
    assert known(archive, "host") == frozenset()
    assert archive.memory(PORTAL, NIGHT.format(4)).hosts == {"shop.example"}


def test_a_block_is_known_by_verdicts_elsewhere_and_by_doubts_on_other_portals(archive: Archive) -> None:
    cut = Removed("hidden", "p", "剪下的块", "", (), (("hidden", 1.0), ("off-topic", 1.0)))
    doubt = Removed("suspect", "p", "可疑的块", "", (), (("off-topic", 1.0),))
    echo = cut._replace(text="回声", reasons=(("off-topic", 1.0), ("repeated", 0.7)))
    pages = [story(archive, n, tampered=True, removed=(cut, echo), suspects=(doubt,)) for n in range(1, 4)]
    night(archive, 1, *pages)
    assert archive.memory(PORTAL).repeated("剪下的块", None) == 0
    night(archive, 2)
    here, there = archive.memory(PORTAL), archive.memory("lyg01.net")
    own = pages[0].url
    for text, counts in (("剪下的块", (3, 2, 3)), ("可疑的块", (0, 0, 3)), ("回声", (0, 0, 0))):
        found = here.repeated(text, None), here.repeated(text, own), there.repeated(text, None)
        assert found == counts, text


def test_further_pages_teach_with_their_article_and_are_no_other_article(archive: Archive) -> None:
    cut = Removed("hidden", "p", "剪下的块", "", (), (("hidden", 1.0), ("off-topic", 1.0)))
    doubt = Removed("suspect", "p", "可疑的块", "", (), (("off-topic", 1.0),))
    further = [
        Page(
            url=URL.replace("1.html", f"{n}_2.html"),
            portal=PORTAL,
            traces=Traces(("两行。", f"{n}。"), (host,)),
        )
        for n, host in ((1, "one.example"), (2, "two.example"), (3, "three.example"))
    ]
    further[0].removed = (cut,)
    further[1].suspects = (doubt,)
    further[2].error = "shows the text of another part"
    pages = [
        story(archive, n, "一行。", "两行。", parts=(part,), tampered=n == 1, removed=(cut,) * (n == 1))
        for n, part in enumerate(further, 1)
    ]
    night(archive, 1, *pages, *(story(archive, n, tampered=True, removed=(cut,)) for n in (4, 5)))
    taught = "SELECT key, fresh FROM memory WHERE kind = ? ORDER BY key"
    counts = {"一行。": 3, "两行。": 3, "1。": 1, "2。": 1}  # a page that was not had teaches nothing
    assert rows(archive, taught, "line") == sorted((line_digest(line), n) for line, n in counts.items())
    assert rows(archive, taught, "host") == []  # two pages are in doubt, one was not had
    told = (
        "SELECT a.key, b.part FROM {} b JOIN articles a ON a.id = b.article_id WHERE a.key = ? ORDER BY b.id"
    )
    keys = [canonical(each.url) for each in pages]
    assert rows(archive, told.format("removed"), keys[0]) == [(keys[0], None), (keys[0], 2)]
    assert rows(archive, told.format("suspects"), keys[1]) == [(keys[1], 2)]
    night(archive, 2)
    known_now = archive.memory(PORTAL)
    assert known_now.repeated("剪下的块", further[0].url) == 3
    assert known_now.within(pages[0].url).repeated("剪下的块", further[0].url) == 2


def test_what_was_seen_once_is_forgotten(archive: Archive) -> None:
    night(archive, 1, story(archive, 1, "只见一次。", "见过两次。"), story(archive, 2, "见过两次。"))
    kept = "SELECT key FROM memory WHERE kind = 'line' ORDER BY key"
    archive.open_memory("2027-01-01T02:00:00+08:00")
    assert FORGET_DAYS == 90
    assert len(rows(archive, kept)) == 2
    archive.start_run("x")
    archive.open_memory("2027-03-01T02:00:00+08:00")
    assert rows(archive, kept) == [(line_digest("见过两次。"),)]


def test_runs_side_by_side_and_a_run_that_takes_up_a_killed_one_remember_alike(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with Archive(path) as made:
        made.begin_memory()
        first = made.epoch
        killed = made.start_run("lyg_news")
        made.save(story(made, 1, "一行。"))
        made.begin_memory()
        assert made.epoch == first
        made.finish_run(made.start_run("lyg_epaper"), outcome="finished", counts={})
    with Archive(path) as again:
        again.begin_memory()
        assert again.epoch == first
        assert rows(again, "SELECT pages, fresh FROM memory") == [(0, 1), (0, 1)]
        again.start_run("lyg_news")
        again.adopt_run(killed)
    with Archive(path) as last:
        last.conn.execute("UPDATE runs SET memory = '2026-01-01T02:00:00+08:00'")
        last.begin_memory()
        assert last.epoch > "2026-01-01T02:00:00+08:00"
        assert rows(last, "SELECT pages, fresh FROM memory") == [(1, 0), (1, 0)]


def test_a_memory_of_nothing_knows_nothing(archive: Archive) -> None:
    assert archive.memory(PORTAL).repeated("甲", URL) == 0
    nothing = Remembered(PORTAL, frozenset(), frozenset(), {block_digest("甲"): [("k", PORTAL, True)]})
    assert (nothing.furniture("甲"), nothing.honest("a.example"), nothing.repeated("甲", URL)) == (
        False,
        False,
        1,
    )


# --- the whole way ---


def test_what_one_run_learns_helps_the_next_and_is_learnt_again_by_a_rebuild(home: Home) -> None:
    folder = home.folder / "saved"
    folder.mkdir()

    def save(number: int, *paragraphs: str) -> str:
        url = f"http://www.lyg.gov.cn/zglygzfmhwz/gcyw/content/{number}.html"
        body = "".join(f"<p>{paragraph}</p>" for paragraph in paragraphs)
        html = around(f"<h1>第{number}处书屋开放</h1><div><p>时间：2026-11-0{number}</p>{body}</div>")
        where = folder / f"{number}.html"
        where.write_text(f'<link rel="canonical" href="{url}">{html}', encoding="utf-8")
        return str(where)

    long = [
        f"第{n}处书屋昨日开放,有图书{n}千册,由镇文化站管理,每天上午九时开门,市民可以免费借阅,老人有专座。"
        for n in range(1, 6)
    ]
    saved = [save(n, said, said.replace("昨日", "明日")) for n, said in enumerate(long, 1)]
    assert home.scrapy("ingest", *saved).returncode == 0
    assert home.ask("SELECT count(*) FROM memory WHERE kind = 'line' AND fresh = 5") == [(1,)]
    assert home.scrapy("ingest", save(6, SHORT), save(7, SHORT.replace("书屋", "球场"))).returncode == 0
    told = "SELECT text FROM articles ORDER BY id"
    texts = home.ask(told)
    assert texts[5:] == [(SHORT,), (SHORT.replace("书屋", "球场"),)]
    for number, (text,) in enumerate(texts, 1):
        assert home.scrapy("explain", str(number)).stdout.decode().partition("\n\n")[2] == f"{text}\n"
    for name in ("rebuilt.db", "alone.db"):
        built = home.folder / name
        if name == "alone.db":
            home.env["ARCHIVE_PATH"] = str(built)
        assert home.scrapy("rebuild", *([] if name == "alone.db" else ["--to", str(built)])).returncode == 0
        assert [line for line in compare(home.archive, built) if not line.endswith(": the same")] == []
        home_ = Home(home.folder)
        home_.archive = built
        assert home_.ask(told) == texts
