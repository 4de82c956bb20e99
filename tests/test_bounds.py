"""What is read in a time that grows with the page alone, whatever it nests or repeats.

No clock is looked at: each page is so large that what was quadratic or worse in it would not end.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from crawler.captures import CaptureRecord
from crawler.portals import Ask, Portal, truecms
from crawler.portals.listing import (
    LONG,
    address_of,
    choose_name,
    find_redirect,
    name_link,
    parse_page,
    read_records,
    text_of,
)
from crawler.portals.pager import PAGES, find_pager
from crawler.portals.paging import find_next
from crawler.replay import read_saved
from crawler.sheets import sheet_text
from crawler.text import extract
from crawler.text.signatures import whole_part

MANY = 100_000
CITY = Portal(
    name="www.lyg.gov.cn",
    platform=truecms,
    hosts=("www.lyg.gov.cn",),
    home="https://www.lyg.gov.cn/",
    site="zfw",
)
LIST = "https://www.lyg.gov.cn/zfw/gcyw/gcyw.html"


def test_a_style_sheet_of_comments_is_one() -> None:
    comments = b"<!-- -->" * MANY
    assert sheet_text(200, (), comments + b"p{}", None) == f"{comments.decode()}p{{}}"
    assert sheet_text(200, (), comments + b"<html>", None) is None


def test_a_script_of_blank_lines_leads_nowhere() -> None:
    page = parse_page(
        f"<script>{chr(10) * MANY}x</script><script>{chr(10) * MANY}\t// location='/a'\n</script>"
    )
    assert page is not None
    assert find_redirect(page, LIST) is None
    assert truecms.read_facts(page, LIST) == truecms.Facts(None, None, None)


def test_records_that_do_not_end_are_none() -> None:
    assert truecms.read_datastore("<datastore>" + "<record>" * MANY) == ((), None, False)
    assert truecms.read_datastore("<datastore>" + "<record " * MANY) == ((), None, False)


def test_a_call_without_an_address_has_none() -> None:
    page = parse_page(f"""<a onclick="a('//{" " * MANY})">x</a>""")
    assert page is not None
    assert address_of(page.find(".//a")) is None


@pytest.mark.parametrize("title", ["." * MANY + "x", "…" * MANY + "x", "新闻" + "." * MANY])
def test_a_title_of_dots_is_one(title: str) -> None:
    assert choose_name([title]) == title
    assert whole_part(title) == title.rstrip(".")


def test_a_link_of_arrows_is_not_the_next_page() -> None:
    page = parse_page(f"<a href='/b.html'>{'»' * 4000}x</a>")
    assert page is not None
    assert find_next(page, LIST, CITY) == (None, None)


def test_of_links_in_links_the_beginning_is_their_name() -> None:
    depth = 1500
    page = parse_page(f"""{"<h1 onclick=a('/b/1.html')>" * depth}{"<i>2024-01-18</i>港" * (MANY // 10)}""")
    assert page is not None
    assert len(page.findall(".//h1")) == depth
    outer, inner = page.find(".//h1"), page.findall(".//h1")[-1]
    assert name_link(outer) == ""
    assert 0 < len(name_link(inner)) <= len(text_of(inner)) <= LONG


def test_the_date_of_a_record_stands_near_it() -> None:
    links = '<li><a href="/zfw/gcyw/content/1234567890123456.html">甲</a></li>'
    page = parse_page(
        f"<ul>{'<div>' * 1500}<ol>{links}</ol>{'</div>' * 1500}{'<i>x</i>' * 300}2024-01-18</ul>"
    )
    assert page is not None
    assert [record.listed for record in read_records([page], LIST)[0]] == [None]


def test_a_box_within_a_box_is_read_once() -> None:
    page = parse_page(
        f"""{"<div id=initData>" * 1500}<ul><li><a href="a/content/{"1" * 16}.html">甲</a></ul>"""
    )
    assert page is not None
    boxes = page.xpath("//*[@id='initData']")
    assert (len(boxes), len(read_records(boxes, LIST)[0])) == (1500, 1)


@pytest.mark.parametrize("said", ["999999999", "9" * 5000, "1000"])
def test_no_article_has_more_pages_than_its_script_may_say(said: str) -> None:
    page = parse_page(f'<script>createPageHTML({said}, 0, "t2024_123", "html");</script>')
    assert page is not None
    pager = find_pager(page, "http://a.cn/b/t2024_123.html")
    assert pager is not None
    assert len(pager.further) == PAGES - 1


def test_a_list_with_characters_that_no_tree_may_hold_is_read() -> None:
    text = "<p>a<nav>x</nav>\x01<a href=/zfw/gsgg/gsgg.html>公示\uffff</a><div class=nav>y</div>\ufffe"
    found = truecms.read(Ask(LIST, "list", "gcyw"), text, LIST, CITY)
    assert [ask.url for ask in found.asks] == ["https://www.lyg.gov.cn/zfw/gsgg/gsgg.html"]


@pytest.mark.parametrize(
    ("body", "url"),
    [
        (b"<!-- saved from url=(0014)http://a.cn/1.html -->", "http://a.cn/1.html"),
        (b'<link href="http://a.cn/2.html" rel="canonical">', "http://a.cn/2.html"),
        (b"<LINK rel=canonical type=x href='http://a.cn/3.html'>", "http://a.cn/3.html"),
        (b'<meta name="Url" content="http://a.cn/4.html">', "http://a.cn/4.html"),
        (b'<link rel="icon" href="http://a.cn/5.ico"><p>', None),
        (b"<link rel=canonical " * 3000, None),
        (b"<meta name=url " * 4000, None),
    ],
)
def test_a_saved_page_tells_where_it_is_from(tmp_path: Path, body: bytes, url: str | None) -> None:
    path = tmp_path / "a.html"
    path.write_bytes(body)
    (record,) = read_saved(path, None)
    assert isinstance(record, CaptureRecord)
    assert record.url == (url or f"urn:{record.digest}")


def test_a_text_with_what_is_no_character_is_read() -> None:
    found = extract("海州区新建书屋三处\uffff\n每处藏书五千册\ufffe，全年免费开放。")
    assert (found.title, found.text) == (
        "海州区新建书屋三处\ufffd",
        "每处藏书五千册\ufffd，全年免费开放。",
    )
