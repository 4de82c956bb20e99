"""What pages repeat is found again as it was found."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml.etree import _Element as Element

from crawler.text import outline, topics
from crawler.text.outline import Outline, read_outline
from crawler.text.repeats import BYTES, MANY, PATIENCE, WEIGHT, Repeats
from crawler.text.trees import parse

PIECES = (
    *("<div>", "<div class=menu>", "<div style='display:none'>", "<ul>", "<li>", "<p>", "<b>", "<h1>", "<table>", "<tr>", "<td>"),
    *("</div>", "</ul>", "</p>", "</b>", "</h1>", "</tr>", "</td>", "</table>", "<br>", "<img src=a.gif>", "<script>a</script>"),
    *("<div id=zoom>", "<a href='#top'>上</a>", "<a href='http://a.example/'>甲词</a>", "<a href=/b.html>", "</a>", "<title>题</title>"),
    *("书屋昨日开放。", "来源：示例日报", " ", "\n", "二\u00a0", "<!-- 注 -->", "<select><option>选", "</select>", "<meta name=a content=b>"),
)  # fmt: skip


def shape(found: Outline, root: Element) -> list[Any]:
    """Give all that an outline holds, with paths for elements."""
    path = root.getroottree().getpath

    def plain(entry: Any) -> Any:
        if isinstance(entry, outline.Line):
            return entry.told(), path(entry.el)
        if isinstance(entry, tuple):
            return tuple(map(plain, entry))
        return path(entry) if isinstance(entry, Element) else entry

    return [[plain(entry) for entry in entries] for entries in found.lists()] + [found.begun]


def read(html: str) -> list[Any]:
    root = parse(html).root
    return shape(read_outline(root), root)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=14), st.lists(st.sampled_from(PIECES), max_size=14))
def test_a_part_that_was_met_before_is_read_as_at_first(frame: list[str], own: list[str]) -> None:
    part = f"<div class=frame>{''.join(frame)}</div>"
    pages = [
        f"{''.join(own)}{part}尾",
        f"<p>首</p>{part}{''.join(own)}",
        f"<table><tr><td>{part}<td>{part}</table>",
    ] * 3
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(outline, "REPEATS", Repeats())
        warm = [read(page) for page in pages]
        for page, found in zip(pages, warm, strict=True):
            patch.setattr(outline, "REPEATS", Repeats())
            assert read(page) == found


def test_a_menu_is_looked_at_twice_and_then_known(monkeypatch: pytest.MonkeyPatch) -> None:
    repeats: Repeats[outline.Part] = Repeats()
    monkeypatch.setattr(outline, "REPEATS", repeats)
    looked: list[str] = []
    monkeypatch.setattr(outline, "said", lambda text: looked.append(text) or ("", 0, "", False, False, 0))
    long = "示例市人民政府办公室主办" * 6
    for number in range(4):
        read_outline(parse(f"<div><ul><li>{long}</li></ul><p>{'一二三四'[number] * 70}</p></div>").root)
    assert looked == [long, "一" * 70, long, "二" * 70, "三" * 70, "四" * 70]


def test_what_is_each_page_s_own_is_not_looked_for_again_and_again() -> None:
    repeats: Repeats[str] = Repeats()
    opening = ("div", (("class", "main"),))
    tried = 0
    for number in range(1000):
        if repeats.worth(opening):
            tried += 1
            assert repeats.find((b"%d" % number,), opening) is None
    assert tried < PATIENCE + 1000 // 50
    repeats.keep((b"menu",), "found")
    assert (repeats.find((b"menu",), opening), repeats.worth(opening)) == ("found", True)


def test_no_more_is_remembered_than_was_said() -> None:
    repeats: Repeats[str] = Repeats()
    first = (b"first",)
    repeats.keep(first, "first")
    for number in range(300):
        key = (b"%08d" % number * 1000,)
        assert [repeats.met(key), repeats.met(key)] == [False, True]
        repeats.keep(key, "found")
        assert repeats.find(first, ("p", number)) == "first"
        assert sum(len(k[0]) for kept in (repeats._young, repeats._old) for k in kept) * WEIGHT <= 2 * BYTES
    for number in range(2 * MANY):
        repeats.met((b"%d" % number,))
        repeats.find((b"%d" % number,), ("p", number))
    assert max(len(repeats._met), len(repeats._vain)) <= MANY + 1
    assert repeats.find((b"00000000" * 1000,), ("p",)) is None
    whole = (bytes(BYTES // WEIGHT),)
    assert [repeats.met(whole), repeats.met(whole)] == [False, False]


def test_lines_without_a_seller_s_word_are_looked_over_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topics, "_quiet", set())
    texts = ["书屋昨日开放", "百家乐官网在线投注，诚招代理。", "图书共有九千册", ""]
    first = topics.survey(texts)
    assert topics._quiet == {"书屋昨日开放", "图书共有九千册", ""}
    assert topics.survey(texts) == first
    assert topics.survey([texts[0], texts[2]]) == topics.Survey([], {}, {})
