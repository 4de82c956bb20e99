"""Changes marked in a text at their places: both readings come out of one value, to the letter."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crawler.text import Edit, Step, read_page, revert
from crawler.text.marks import Marked, Passage, compose, mark_page, read, solid, unescape, unread
from crawler.text.tampering import apply
from tests.replica.mirror import copy

URL = "http://www.lyg.gov.cn/zglygzfmhwz/gcyw/content/aa.html"
SENTENCES = (
    "市民政局昨日召开会议，部署社会救助工作。",
    "张先生说，时间过得真快，这里的养老服务站来了两位医生。",
    "全市发放补贴2.2亿元，保障了15.55万名困难群众的基本生活。",
    "“小朋友们，还记得规则树吗？”社工问孩子们，大家点头。",
    "经过认定，标准由每人每月650元提高到672元，实现动态调整。",
    "记者从发布会上获悉，养老机构将继续扩大服务范围，为老年人着想。",
)
SPAM = (
    '<div style="display:none"><a href="http://www.a7788.top/1.html">澳门新葡京官网</a> '
    '<a href="http://www.b7788.top/">北京赛车pk10投注</a> <a href="http://c.example.com/x">百家乐在线</a></div>'
)


def page(*paragraphs: str, title: str = "社会救助工作会议召开") -> str:
    body = "".join(f"<p>　　{each}</p>" for each in paragraphs)
    return (
        f"<html><head><title>{title}</title></head><body><h1>{title}</h1>"
        f"<div>时间：2024-01-18 09:54:49 来源：连云港日报</div><div id=zoom>{body}</div></body></html>"
    )


def mark(html: str, **more: Any) -> Marked:
    return mark_page(html.encode(), URL, "text/html; charset=utf-8", **more)


# composing


@st.composite
def repairs(draw: st.DrawFn) -> tuple[str, list[Step]]:
    """A text, and steps of edits one after the other, as repairs make them."""
    text = now = draw(st.text("時时間(í)a。", max_size=12))
    steps = []
    for _ in range(draw(st.integers(0, 4))):
        edits, at = [], 0
        while at <= len(now) and draw(st.booleans()):
            start = draw(st.integers(at, len(now)))
            end = draw(st.integers(start, min(len(now), start + 4)))
            edits.append(Edit(start, now[start:end], draw(st.text("时b)", max_size=3))))
            at = end + 1
        fixer = draw(st.sampled_from(("traditional", "pinyin-note", "mojibake")))
        steps.append(Step(fixer, "proven", tuple(edits)))
        now = apply(now, edits)
    return text, steps


@settings(max_examples=400)
@given(repairs())
def test_the_composed_changes_lead_from_the_first_text_to_the_last_and_back(
    made: tuple[str, list[Step]],
) -> None:
    text, steps = made
    last = text
    for step in steps:
        last = apply(last, step.edits)
    changes = compose(steps)
    assert revert(last, steps) == text
    at = 0
    before = after = ""
    for change in changes:
        assert change.start >= at
        between = last[at : change.start]
        before, after = before + between + change.before, after + between + change.after
        at = change.start + len(change.after)
    assert (before + last[at:], after + last[at:]) == (text, last)


@given(repairs())
def test_every_edit_that_changes_something_is_part_of_a_change(made: tuple[str, list[Step]]) -> None:
    _, steps = made
    told = {edit for change in compose(steps) for edit in change.edits}
    wanted = {
        (number, at)
        for number, step in enumerate(steps)
        for at, edit in enumerate(step.edits)
        if edit.before != edit.after or step.fixer != "traditional"
    }
    assert told == wanted


# marking


@settings(max_examples=60)
@given(
    st.lists(st.sampled_from(SENTENCES), min_size=3, max_size=9),
    st.integers(0, 9),
    st.sampled_from(("<b>", "<span class=x>", "<font size=3>", "<a href='/a.html'>")),
    st.booleans(),
)
def test_the_marked_text_is_the_article_and_without_its_repairs_the_page(
    sentences: list[str], at: int, tag: str, spam: bool
) -> None:
    sentences[at % len(sentences)] = (
        tag + sentences[at % len(sentences)][:5] + f"</{tag[1:].split()[0].strip('>')}>"
    )
    captured = copy(page("".join(sentences[:2]), *sentences[2:]))
    if spam:
        captured = captured.replace("</p>", "</p>" + SPAM, 1)
    found = mark(captured)
    plain = read_page(captured.encode(), URL, "text/html; charset=utf-8")
    assert (found.problem, found.text, found.unplaced) == (None, plain.text, ())
    assert (found.removed, found.extracted) == (plain.removed, plain.extracted)
    source = solid(unescape(captured))
    begin = 0
    for passage in found.passages:
        line = solid(unescape(unread(passage)))
        begin = source.index(line, begin) + len(line)


def test_a_change_stands_where_it_was_made_with_what_stood_there() -> None:
    found = mark(copy(page(*SENTENCES)))
    assert {passage.kind for passage in found.told} == {"title", "info"}
    (title,) = (passage for passage in found.told if passage.kind == "title")
    assert (read(title), unread(title)) == ("社会救助工作会议召开", "社會(huì)救助工作會(huì)議(yì)召開(kāi)")
    first = found.passages[0]
    assert (read(first), unread(first)) == (
        "市民政局昨日召开会议，部署社会救助工作。",
        "市民政局昨日召開(kāi)會(huì)議(yì)，部署社會(huì)救助工作。",
    )
    assert [
        (segment.text, segment.before, segment.certainty, segment.fixers)
        for segment in first.segments
        if segment.before is not None
    ][:3] == [
        ("开", "開", "proven", ("traditional",)),
        ("", "(kāi)", "proven", ("pinyin-note",)),
        ("会", "會", "proven", ("traditional",)),
    ]


def test_a_block_stands_where_it_was_cut_out_between_lines_and_within_one() -> None:
    between = mark(page(SENTENCES[0], SENTENCES[1]).replace("</p><p>", f"</p>{SPAM}<p>"))
    assert [passage.kind for passage in between.passages] == ["text", "removed", "text"]
    links = SPAM[SPAM.index("<a") : -len("</div>")].replace("<a ", "<a style='display:none' ")
    within = mark(page(SENTENCES[0].replace("，", f"，{links}"), SENTENCES[1]))
    assert [(segment.text, segment.removed) for segment in within.passages[0].segments] == [
        ("市民政局昨日召开会议，", None),
        ("", 0),
        ("部署社会救助工作。", None),
    ]
    assert within.text == f"{SENTENCES[0]}\n{SENTENCES[1]}"


def test_a_suspect_is_marked_where_it_was_left() -> None:
    sale = (
        "图书共有九千册。欢迎加微信号abc123领取澳门新葡京彩金百家乐注册送58元！本镇居民都来看书，读者很多。"
    )
    found = mark(page(SENTENCES[0], sale))
    assert [[segment.suspect for segment in passage.segments] for passage in found.passages] == [[None], [0]]


def test_plain_text_is_marked_line_by_line() -> None:
    lines = ("社会救助工作会议召开", "时间:2024-01-18 09:54:49", "来源:连云港日报", *SENTENCES)
    spam = "| ".join(f"无码专区中文字幕{n}区在线" for n in "一二三四五六七八九十")
    body = copy("\n".join(lines)) + f"\n\n{spam}\n"
    found = mark_page(body.encode(), "http://www.lyg.gov.cn/a.txt")
    assert (found.problem, found.text) == (None, "\n".join(SENTENCES))
    assert found.captured.splitlines() == copy("\n".join(lines)).splitlines()[3:]
    assert found.passages[-1] == Passage("removed", removed=0)


def test_what_cannot_be_placed_is_said_and_the_text_stays_whole() -> None:
    html = copy(page(*SENTENCES)).replace("召", "召\U000f0001", 1)
    found = mark(html)
    assert found.problem == "the page uses the characters with which changes are marked"
    assert found.text == read_page(html.encode(), URL, "text/html; charset=utf-8").text
    assert found.elsewhere
    assert not any(passage.segments[0].before for passage in found.passages)


@pytest.mark.parametrize(
    "html", ["", "<", "<p>", "\x00", "</html><p>甲", "<table><tr><td>甲<td>乙</table>", "&#x110000;"]
)
def test_odd_pages_are_marked_without_an_error(html: str) -> None:
    found = mark(html)
    assert (found.problem, found.text) == (None, read_page(html.encode(), URL).text)
