"""Spam blocks: what is cut out with which reasons, and what stays."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crawler.text.blocks import Stripped, judge_tree, off_topic, strip, strip_tree
from crawler.text.extraction import extract, extract_tree, parse
from crawler.text.reading import read_page

CASES = Path(__file__).parent / "cases"


def cases(kind: str) -> list[Any]:
    found = json.loads((CASES / f"blocks-{kind}.json").read_text(encoding="utf-8"))
    return [pytest.param(case, id=case["name"]) for case in found]


def outcome(case: dict[str, Any]) -> dict[str, Any]:
    tree = parse(case["html"])
    removed = strip_tree(tree, case["url"])
    page = extract_tree(tree, case["url"])
    return {
        "removed": [[block.kind, sorted(name for name, _ in block.reasons)] for block in removed],
        "title": page.title,
        "text": page.text,
    }


def wanted(case: dict[str, Any]) -> dict[str, Any]:
    return {
        "removed": [[kind, sorted(names)] for kind, names in case["removed"]],
        "title": case["title"],
        "text": case["text"],
    }


@pytest.mark.parametrize("case", cases("synthetic"))
def test_spam_is_cut_out_with_its_reasons_and_the_article_is_whole(case: dict[str, Any]) -> None:
    assert outcome(case) == wanted(case)


@pytest.mark.parametrize("case", cases("negative"))
def test_an_honest_page_stays_as_it_is(case: dict[str, Any]) -> None:
    assert strip(case["html"], case["url"]) == Stripped(case["html"], ())
    assert strip(case["html"]) == Stripped(case["html"], ())


@pytest.mark.xfail(reason="one signal only, or none that is known yet")
@pytest.mark.parametrize("case", cases("known-failures"))
def test_spam_that_is_not_found_yet(case: dict[str, Any]) -> None:
    assert outcome(case) == wanted(case)


def test_a_removed_block_tells_place_text_source_and_links() -> None:
    html = (
        "<html><body><h1>三座书屋昨日开放</h1><p>书屋共有图书九千册。</p><div style='display:none'>"
        "<a href='//a7788.top/x'>澳门新葡京</a>|<a href='http://b.example/'>百家乐</a></div><p>九时开门。</p></body></html>"
    )
    page = strip(html, "https://www.lyg.gov.cn/a/content/1.html")
    assert [block._asdict() for block in page.removed] == [
        {
            "kind": "hidden",
            "place": "/html/body/div",
            "text": "澳门新葡京|百家乐",
            "html": '<div style="display:none"><a href="//a7788.top/x">澳门新葡京</a>|'
            '<a href="http://b.example/">百家乐</a></div>',
            "links": ("https://a7788.top/x", "http://b.example/"),
            "reasons": (("hidden", 1.0), ("off-topic", 1.0), ("foreign", 0.65)),
        }
    ]
    assert page.html == (
        "<html><body><h1>三座书屋昨日开放</h1><p>书屋共有图书九千册。</p><p>九时开门。</p></body></html>"
    )


def test_what_was_cut_is_not_found_again() -> None:
    for case in cases("synthetic"):
        html, url = case.values[0]["html"], case.values[0]["url"]
        once = strip(html, url)
        assert strip(once.html, url).removed == ()


def test_lines_of_a_plain_text_document_are_cut_and_the_rest_is_untouched() -> None:
    spam = "无码人妻|成人午夜|久久精品国产|中文字幕乱码|亚洲精品无码|东京热"
    page = strip(f"题目\r\n\r\n正文一句。\r\n{spam}\r\n{spam}\r\n尾行")
    assert page.html == "题目\r\n\r\n正文一句。\r\n尾行"
    assert [(block.kind, block.place, block.text) for block in page.removed] == [
        ("plain-text", "lines 4 to 5", f"{spam}\n{spam}")
    ]


PAGE = (
    "<html><head><title>三座书屋昨日开放</title></head><body><h1>三座书屋昨日开放</h1><div>@</div>"
    "<p>书屋共有图书九千册,由镇文化站管理,每天九时开门。</p><p>版权所有 示例市</p></body></html>"
)


def test_an_honest_sentence_beside_spam_links_stays() -> None:
    links = "".join(f"<a href='http://x{i}.example/'>百家乐投注平台{i}</a>" for i in range(6))
    page = strip(
        PAGE.replace("@", f"<p>书屋昨日开放。{links}市民免费借阅。</p>"), "http://www.lyg.gov.cn/a.html"
    )
    assert "<p>书屋昨日开放。市民免费借阅。</p>" in page.html
    assert [block.kind for block in page.removed] == ["link-farm"]


def test_one_foreign_link_in_a_folded_list_stays() -> None:
    links = "<a href='http://www.fujian.gov.cn/'>福建</a><a href='http://www.tour.example/'>台湾</a>"
    html = PAGE.replace("@", f"<div style='display:none'>{links}</div>")
    assert strip(html, "http://www.lyg.gov.cn/a.html") == Stripped(html, ())


def test_a_title_in_the_footer_does_not_put_the_article_before_the_page() -> None:
    drugs = "<p>三唑仑属第一类精神药品，俗称“蒙汗药”“迷药”“听话水”的物质多含此类成分。</p>"
    html = PAGE.replace("</body>", "<title>联系电话</title></body>").replace("@", drugs)
    assert strip(html, "http://www.lyg.gov.cn/a.html") == Stripped(html, ())


def test_a_spam_sentence_is_cut_out_of_an_honest_paragraph_and_can_be_put_back() -> None:
    spam = "金沙娱乐城开户送彩金,百家乐在线投注,诚招代理。"
    honest = "　　镇里的书屋昨日开放,“每天九时开门。”", "图书共有九千册，市民免费借阅。"
    page = strip(PAGE.replace("@", f"<p>{honest[0]}{spam}{honest[1]}</p>"), "http://www.lyg.gov.cn/a.html")
    assert f"<p>{honest[0]}{honest[1]}</p>" in page.html
    start = len(honest[0])
    assert [(block.kind, block.place, block.html) for block in page.removed] == [
        ("text", f"/html/body/div/p/text()[1], characters {start} to {start + len(spam)}", spam)
    ]
    assert [name for name, _ in page.removed[0].reasons] == ["off-topic", "stray"]


def test_a_sentence_of_crime_news_that_quotes_spam_stays() -> None:
    news = "<p>书屋昨日开放。警方提醒：“开户送彩金,百家乐在线投注”的网站是骗局,警方已抓获嫌疑人。每天九时开门。</p>"
    html = PAGE.replace("@", news)
    assert strip(html, "http://www.lyg.gov.cn/a.html") == Stripped(html, ())


def test_text_after_an_unknown_element_in_the_head_is_the_body() -> None:
    html = "<script></script><text><title>书屋</title><p>示例镇三座书屋昨日开放,市民可以免费借阅图书。</p></text>"
    assert extract(html).text == "示例镇三座书屋昨日开放,市民可以免费借阅图书。"


def test_neighbouring_blocks_make_one_row() -> None:
    links = "".join(f"<p><a href='http://x{i}.example/'>百家乐投注{i}</a></p>" for i in range(5))
    html = f"<h1>书屋</h1><p>书屋昨日开放,市民免费借阅。</p><p>版权所有 示例市</p>{links}"
    assert [(block.kind, block.text.count("\n"), len(block.links)) for block in strip(html).removed] == [
        ("link-farm", 4, 5)
    ]


def test_a_wrapper_that_two_suspects_grow_to_is_cut_once() -> None:
    html = "<script></script><<div style='display:none'>无码|百家乐<a href='http://['>时间<?xml <a href='http://['></a>"
    assert [block.kind for block in strip(html, "http://www.lyg.gov.cn/").removed] == ["hidden"]


def test_one_signal_alone_never_cuts() -> None:
    for html in (
        "<p>书屋昨日开放。</p><div style='display:none'>更多图书见二楼。</div>",
        "<p>书屋昨日开放。</p><p>澳门新葡京官网注册送彩金,百家乐投注。</p>",
        "<p>书屋昨日开放。</p><p><a href='http://a7788.example/'>山间夜话</a></p>",
        "<p>书屋昨日开放。</p><p>甲|乙|丙|丁|戊|己|庚</p>",
    ):
        assert strip(html, "http://www.lyg.gov.cn/").removed == ()


def test_what_one_signal_alone_suspects_is_named_and_stays() -> None:
    sold = "<p>澳门新葡京官网注册送彩金,百家乐投注。</p>"
    url = "http://www.lyg.gov.cn/a.html"
    tree = parse(PAGE.replace("@", sold))
    judged = judge_tree(tree, url)
    assert (judged.removed, [(s.kind, s.place, s.text) for s in judged.suspects]) == (
        (),
        [("suspect", "/html/body/div", "澳门新葡京官网注册送彩金,百家乐投注。")],
    )
    assert "百家乐投注" in extract_tree(tree, url).text
    page = read_page(PAGE.replace("@", sold).encode(), url)
    assert (page.removed, page.suspects, page.tampered) == ((), judged.suspects, False)


def test_only_what_is_still_in_the_page_is_a_suspect() -> None:
    sold = "<p>澳门新葡京官网注册送彩金,百家乐投注。</p>"
    judged = judge_tree(
        parse(PAGE.replace("@", sold).replace("</body>", f"{sold}</body>")), "http://www.lyg.gov.cn/a.html"
    )
    assert [(block.kind, block.place) for block in judged.removed] == [("text", "/html/body/p[3]")]
    assert [block.place for block in judged.suspects] == ["/html/body/div"]


def test_words_of_trade_are_told_from_words_of_news() -> None:
    assert off_topic("代开发票") >= 0.5
    assert off_topic("税务部门依法查处一起虚开发票案件,抓获犯罪嫌疑人五名,涉案金额三千万元") < 0.5
    assert off_topic("") == 0.0


PIECES = st.sampled_from(
    ["<div style='display:none'>", "</div>", "<p>", "<a href='http://x.top/'>", "</a>", "百家乐", "无码|", "。", "<", "&#x0;",
     "<script>", "</script>", "<!--", "-->", "\x00", "\ud800", "<table><tr><td>", "时间：2021-02-30", "<title>", "版权所有",
     "<a href='http://['>", "<meta name=keywords content='时时彩'>", "\n", "<body>", "<p data-line='x'>", "]]>", "<?xml "]
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.lists(PIECES, max_size=14).map("".join))
def test_no_input_makes_it_raise(html: str) -> None:
    page = strip(html, "http://www.lyg.gov.cn/")
    extract(page.html)
    if not page.removed:
        assert page.html == html


def test_what_stands_after_the_end_of_the_page_is_read_and_kept_as_evidence() -> None:
    links = "".join(f"<a href='http://x{i}.example/'>百家乐投注{i}</a>" for i in range(4))
    page = strip(PAGE.replace("@", "书屋") + f"\n<p>{links}</p>", "http://www.lyg.gov.cn/a.html")
    assert [(block.kind, block.place, len(block.links)) for block in page.removed] == [
        ("link-farm", "/html/body/p[3]", 4)
    ]
    two = "<html><body><p>书屋昨日开放,市民免费借阅。</p></body></html><p>每天九时开门,周一闭馆。</p></body></html>"
    assert extract(two).text == "书屋昨日开放,市民免费借阅。\n每天九时开门,周一闭馆。"


def test_a_sentence_that_stands_beside_links_which_are_cut_goes_with_them() -> None:
    links = "<a href='http://a1.example/'>资格本挂靠</a>|<a href='http://b2.example/'>毕业本补办</a>|<a href='http://c3.example/'>文凭定做</a>"
    honest = (
        "镇里的书屋昨日开放,图书共有九千册,市民凭身份证可以免费借阅。",
        "馆内设有电子阅览室,周末开到晚上八点。",
    )
    html = PAGE.replace("@", f"<p>{honest[0]}{links}货到付款,三天取件,详询客服。{honest[1]}</p>")
    page = strip(html, "http://www.lyg.gov.cn/a.html")
    assert f"<p>{honest[0]}{honest[1]}</p>" in page.html
    assert [block.kind for block in page.removed] == ["text", "link-farm"]


def test_a_sentence_of_words_that_no_table_knows_is_cut_out_where_it_is_foreign_to_the_page() -> None:
    spam = "驾照消分免考直取，雅悦顾问十年老店，货到付款，扣扣三百二十。"
    honest = (
        "镇里的书屋昨日开放,图书共有九千册,市民凭身份证可以免费借阅。",
        "书屋每天九时开门,由镇文化站管理。",
    )
    page = strip(PAGE.replace("@", f"<p>{honest[0]}{spam}{honest[1]}</p>"), "http://www.lyg.gov.cn/a.html")
    assert f"<p>{honest[0]}{honest[1]}</p>" in page.html
    assert [[name for name, _ in block.reasons] for block in page.removed] == [["off-topic", "stray"]] or [
        [name for name, _ in block.reasons] for block in page.removed
    ] == [["stray", "off-topic"]]
    quoted = f"<p>{honest[0]}民警提醒，看到“{spam}”这样的信息不要轻信。{honest[1]}</p>"
    assert strip(PAGE.replace("@", quoted), "http://www.lyg.gov.cn/a.html").removed == ()


def test_links_in_a_comment_are_evidence() -> None:
    links = "<a href='http://a1.example/'>百家乐</a><a href='http://b2.example/'>新葡京娱乐城</a>"
    page = strip(PAGE.replace("@", f"书屋<!-- {links} -->"), "http://www.lyg.gov.cn/a.html")
    assert [(block.kind, block.text, block.links) for block in page.removed] == [
        ("comment", "百家乐\n新葡京娱乐城", ("http://a1.example/", "http://b2.example/"))
    ]
    honest = PAGE.replace("@", "书屋<!-- <a href='http://a1.example/'>旧版首页</a> -->")
    assert strip(honest, "http://www.lyg.gov.cn/a.html").removed == ()


def test_what_no_tree_may_hold_is_marked_where_a_block_before_it_is_cut_out() -> None:
    spam = "<div style='display:none'><a href='http://x.example/'>澳门新葡京</a></div>"
    page = strip(f"<p>书屋昨日开放。{spam}&#xFFFE;图书&#1;共有九千册。</p>", "http://www.lyg.gov.cn/a.html")
    assert [block.text for block in page.removed] == ["澳门新葡京"]
    assert "\ufffd图书\ufffd共有九千册。" in page.html
