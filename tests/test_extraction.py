"""Fields and text of article pages: each template of the portals, and what is not an article."""

from __future__ import annotations

import json
import re
from collections import Counter
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crawler.text.extraction import Extracted, extract, read_date
from crawler.text.lines import _furniture, _role
from crawler.text.trees import parse

SHANGHAI = ZoneInfo("Asia/Shanghai")
CASES = Path(__file__).parent / "cases"
BODY = "<p>　　示例镇三座书屋昨日开放,市民凭身份证就能免费借阅图书。</p><p>&nbsp;&nbsp;图书共有九千册。</p>"
TEXT = "示例镇三座书屋昨日开放,市民凭身份证就能免费借阅图书。\n图书共有九千册。"
URL = "http://www.lyg.gov.cn/zglygzfmhwz/gcyw/content/0a1b.html"


FOLLOWS = ("source_name", "words", "language", "script")
"""Fields that are worked out from others."""


def cases(kind: str) -> list[Any]:
    found = json.loads((CASES / f"extraction-{kind}.json").read_text(encoding="utf-8"))
    return [pytest.param(case, id=case["name"]) for case in found]


def printable(page: Extracted) -> dict[str, Any]:
    """Give a page's fields as the cases write them, without those that are empty, the rules and what follows."""
    row = {name: value for name, value in page._asdict().items() if value and name not in ("rules", *FOLLOWS)}
    for name in ("published", "updated"):
        if name in row:
            row[name] = row[name].isoformat()
    for name in ("images", "attachments", "disagreements"):
        if name in row:
            row[name] = [list(pair) for pair in row[name]]
    if "links" in row:
        row["links"] = list(row["links"])
    return row


@pytest.mark.parametrize("case", cases("synthetic"))
def test_a_page_gives_exactly_its_fields(case: dict[str, Any]) -> None:
    assert printable(extract(case["html"], case["url"])) == case["fields"]


@pytest.mark.parametrize("case", cases("negative"))
def test_what_a_page_does_not_say_stays_empty(case: dict[str, Any]) -> None:
    row = extract(case["html"], case["url"])._asdict()
    assert {name: row[name] for name in case["empty"]} == dict.fromkeys(case["empty"])


@pytest.mark.parametrize(
    "line",
    [
        "时间：2021-04-06 15:13:48 来源：示例日报 阅读次数：",
        "信息来源:示例日报 点击数: 更新时间:2021-04-06 15:13:48",
        "2021-04-06 15:13:48 来源:示例日报",
        "发布日期：2021年04月06日 15:13:48　来　源：示例日报　字体：[大 中 小]",
        "【字体：大 中 小】 来源：示例日报 发布时间：2021/4/6 15:13:48 浏览次数：120",
        "<ul><li>时间:2021-04-06 15:13:48</li><li>来源:示例日报</li><li>阅读次数:</li><li>字体:[ ]</li></ul>",
        "<span>作者:</span> <span>来源:示例日报</span> <span>日期:2021-04-06 15:13:48</span>",
    ],
)
def test_every_form_of_info_line_is_read_and_is_no_text(line: str) -> None:
    for html in (
        f"<h1>书屋开放</h1><div class=info>{line}</div><div id=zoom>{BODY}</div>",
        f"<div id=zoom><h1>书屋开放</h1><div>{line}</div>{BODY}<p>扫一扫打开当前页</p></div>",
    ):
        page = extract(html, URL)
        assert (page.title, page.published, page.source, page.text) == (
            "书屋开放", datetime(2021, 4, 6, 15, 13, 48, tzinfo=SHANGHAI), "示例日报", TEXT,
        )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("2012-09-11 11:50", datetime(2012, 9, 11, 11, 50, tzinfo=SHANGHAI)),
        ("2024-01-18T09:54:49", datetime(2024, 1, 18, 9, 54, 49, tzinfo=SHANGHAI)),
        ("2024年1月18日", date(2024, 1, 18)),
        ("2004年7月16日08:19", datetime(2004, 7, 16, 8, 19, tzinfo=SHANGHAI)),
        ("2021.4.6", date(2021, 4, 6)),
        ("2021年4月6日 下午3:05", datetime(2021, 4, 6, 15, 5, tzinfo=SHANGHAI)),
        ("13000-01-18", None),
        ("2021-13-01", None),
        ("2021-02-30 10:00", None),
        ("电话 0518-85822222", None),
        ("", None),
    ],
)
def test_dates_are_read_in_the_forms_that_pages_print(text: str, found: datetime | date | None) -> None:
    assert read_date(text) == found


def test_the_rule_that_decided_is_told() -> None:
    page = extract(
        f'<meta name="PubDate" content="2021-04-06 15:13"><h1>书屋开放</h1><div id=zoom>{BODY}</div>', URL
    )
    assert page.rules == (
        ("body", "#zoom"),
        ("title", "h1"),
        ("published", "meta PubDate"),
        ("words", "Chinese characters, runs of other letters and digits"),
        ("language", "shares of characters"),
        ("script", "characters of one script alone"),
    )


@pytest.mark.parametrize("case", cases("synthetic"))
def test_each_field_that_a_page_has_has_one_rule(case: dict[str, Any]) -> None:
    page = extract(case["html"], case["url"])
    decided = sorted(field for field, _ in page.rules if field != "body")
    told = [field for field, value in page._asdict().items() if value]
    assert decided == sorted(field for field in told if field not in ("text", "rules", "disagreements"))


def test_fields_that_follow_from_others() -> None:
    page = extract(
        "<h1>书屋开放</h1><div>来源：《示例日报》社</div><div id=zoom><p>書屋昨日開放，藏書9,000冊，歡迎市民前來借閱。</p></div>",
        URL,
    )
    assert (page.source_name, page.words, page.language, page.script) == ("示例日报", 18, "zh", "Hant")


@pytest.mark.parametrize("selector", ["zoom", "TRS_Editor", "article-cont", "nobody-knows-this-name"])
def test_the_body_is_found_in_known_and_unknown_containers(selector: str) -> None:
    chrome = (
        "<ul class=menu>" + "".join(f"<li><a href=/{i}/>栏目名称{i}</a></li>" for i in range(20)) + "</ul>"
    )
    related = "<h3>相关新闻</h3><ul>" + "".join(
        f"<li><a href=/{i}.html>另一条新闻的标题，与本文无关{i}</a></li>" for i in range(8)
    ) + "</ul>"  # fmt: skip
    html = f"{chrome}<h1>书屋开放</h1><div class='{selector}'>{BODY}</div>{related}<div>版权所有 示例市</div>"
    assert extract(html, URL).text == TEXT


def test_a_plain_text_document_is_read_by_the_same_rules() -> None:
    page = extract(
        "书屋开放\n\n  • 时间:2021-04-06 15:13:48\n  • 来源:示例日报\n  • 阅读次数:\n  • 字体:[ ]\n\n短句。\n\n"
        "图书共有九千册。\n\n扫一扫打开当前页\n\n页脚"
    )
    assert (page.title, page.published, page.source, page.text) == (
        "书屋开放", datetime(2021, 4, 6, 15, 13, 48, tzinfo=SHANGHAI), "示例日报", "短句。\n图书共有九千册。",
    )  # fmt: skip


def test_a_text_goes_on_behind_a_tag_that_the_parser_does_not_know_to_be_empty() -> None:
    body = "<p>示例镇三座书屋<wbr>昨日开放,<b>市民</b>凭身份证就能免费借阅图书。</p>"
    body += "<picture><source srcset=/b.jpg><img src=/a.jpg></picture><p>图书共有九千册。</p>"
    page = extract(f"<h1>示例镇建成三座书屋</h1><div id=zoom>{body}</div>", URL)
    assert (page.text, page.images) == (TEXT, (("http://www.lyg.gov.cn/a.jpg", None),))


def test_an_article_below_five_thousand_levels_is_found() -> None:
    for tag in ("div", "b", "font"):
        assert extract(f"<{tag}>" * 5000 + f"<div id=zoom>{BODY}</div>").text == TEXT


def test_real_pages_are_read_as_people_copied_them(shared: Path) -> None:
    scores: list[float] = []
    dates: Counter[str] = Counter()
    for page in sorted((shared / "pages" / "original").glob("*.html")):
        gold = (shared / "pages" / "cleaned" / f"{page.stem}.txt").read_text(encoding="utf-8")
        shown = (shared / "pages" / "date" / f"{page.stem}.txt").read_text(encoding="utf-8").strip()
        body = page.read_bytes()
        try:
            text = body.decode("utf-8")
        except UnicodeDecodeError:
            text = body.decode("gb18030", "replace")
        found = extract(text)
        mine, theirs = (Counter(re.sub(r"\s", "", t)) for t in (found.text, gold))
        scores.append(2 * (mine & theirs).total() / max(1, mine.total() + theirs.total()))
        if (wanted := read_date(shown)) is not None and found.published is not None:
            same = found.published.timetuple()[:3] == wanted.timetuple()[:3]
            dates["right" if same else "wrong"] += 1
    assert len(scores) >= 28
    assert sum(scores) / len(scores) >= 0.98
    assert sorted(scores)[len(scores) // 2] >= 0.99
    assert dates["wrong"] == 0
    assert dates["right"] >= 19


ODD = st.sampled_from(
    ["<table><tr><td>索引号</td><td>", "</td></tr>", "来源：", "时间：2021-02-30", "<h1>", "</h1>", "<img src=x>", "<br>", "。",
     "<a href='http://['>附件.doc</a>", "<div id=zoom>", "</div>", "<tr>", "<td>", "\u3000", "\x00", "\ud800", "上一篇：",
     "相关新闻", "<p>", "正文，有标点。" * 4, "<meta name=PubDate content=x>", "<title>", "&nbsp;", "记者 张三", "<body>", "<svg>",
     '<script type="application/ld+json">', '{"@type":["NewsArticle",1],"datePublished":"2021-04-06T99:00Z","author":{"name":', "[[[",
     "</script>", "——副题", "<meta property=og:title content='", "由甲于2021年4月6日发表", "<p class=subtitle>", "总值班：", "(记者"]
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.lists(ODD, max_size=16).map("".join))
def test_no_input_makes_it_raise_or_leaves_markup_of_lines(html: str) -> None:
    page = extract(html, URL)
    assert all(line == line.strip() and line for line in page.text.split("\n")) or page.text == ""
    assert parse(html).root.find("body") is not None


FURNITURE = sorted({sign for pattern, _ in _furniture() for sign in re.findall(r"[^\W\d]+|[^\w\\]", pattern)})


@settings(max_examples=1500, deadline=None)
@given(
    st.lists(st.one_of(st.sampled_from(FURNITURE), st.sampled_from([*" 12x书屋。"])), max_size=5).map("".join)
)
def test_a_line_of_furniture_is_known_as_if_each_pattern_were_tried_in_turn(text: str) -> None:
    fits = (role for pattern, role in _furniture() if re.match(pattern, text, re.IGNORECASE))
    assert _role(text) == next(fits, "")


@pytest.mark.parametrize(
    "pager",
    [
        '<a href="7.html">上一页</a> <a href="7.html">1</a> 2 下一页',
        '共3页 <a href="7.html">1</a> <a href="7_2.html">2</a> 3',
        "首页 上一页 <a href=7_2.html>下一页</a> <a href=7_2.html>尾页</a> 共2页",
        "<span>上一页</span><span>1</span><a href=7_2.html>2</a><a href=7_2.html>下一页</a>",
        "1/3 <a href=7_2.html>下一页</a>",
    ],
)
def test_the_pager_within_a_body_is_no_text(pager: str) -> None:
    text = "今天上午，海州区举行全民阅读活动启动仪式，市民可以免费借阅图书，活动将持续一个月。"
    for name in ("id=zoom", "class=unknown"):
        page = f"<h1>海州区启动阅读活动</h1><div {name}><p>{text}</p><p>{text}</p><p>{pager}</p></div>"
        assert extract(page, "http://a.cn/b/7.html").text == f"{text}\n{text}"
