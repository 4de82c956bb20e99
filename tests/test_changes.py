"""Two versions of a text: what differs, word by word, and what kind of change it is."""

from __future__ import annotations

import json
import random
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crawler.text import differences
from crawler.text.changes import KINDS, Notice, Shown, extends, find_notice, kind_of_change, substance
from crawler.text.differences import Segment, apply, differ, mark, measure, revert, shorten

CASES = Path(__file__).parent / "cases"

STORY = "昨日，徐圩新区的水库开闸放水。\n“水位已经回落2.5米。”值班员赵某说，下游三个村的巡堤员都已到岗。\n放水持续到18时30分，下泄水量120万方。"


def cases(kind: str) -> list[Any]:
    found = json.loads((CASES / f"changes-{kind}.json").read_text(encoding="utf-8"))
    return [pytest.param(case, id=case["name"]) for case in found]


@pytest.mark.parametrize("case", [*cases("synthetic"), *cases("negative")])
def test_a_change_is_of_the_kind_that_an_archivist_calls_it(case: dict[str, Any]) -> None:
    looks = [
        Shown(
            case.get("titles", ["开闸", "开闸"])[at],
            case[text],
            case.get("days", [None, None])[at],
            case.get("sources", ["日报", "日报"])[at],
        )
        for at, text in enumerate(("before", "after"))
    ]
    assert kind_of_change(*looks, listed_title=case.get("listed")) == case["kind"]


def test_what_was_there_before_is_restored() -> None:
    first, second = Shown("开闸", STORY), Shown("开闸", "水库关闸。")
    earlier = [("开闸", STORY + "\n浏览次数：5")]
    assert kind_of_change(second, first, earlier=earlier) == "restored"
    assert kind_of_change(second, first._replace(title="又开闸"), earlier=earlier) == "edited"
    assert kind_of_change(second, first, gone=True) == "restored"
    assert kind_of_change(first, first, gone=True) == "restored"


def test_tampering_goes_before_every_other_kind_and_its_end_restores() -> None:
    clean, hacked = Shown("开闸", STORY), Shown("开闸", STORY, tampered=True)
    assert kind_of_change(clean, hacked) == "tampered"
    assert kind_of_change(clean, hacked, gone=True) == "tampered"
    assert kind_of_change(hacked, clean) == "restored"
    assert kind_of_change(hacked, hacked) is None
    assert kind_of_change(hacked, Shown("开闸", STORY + "\n水位正常。")) == "extended"


@pytest.mark.parametrize(
    ("title", "text", "kind"),
    [
        ("提示信息", "对不起，您访问的文章已被删除。", "withdrawn"),
        ("开闸", "该稿件已被作者撤回", "withdrawn"),
        ("开闸", "本条新闻已下线。\n感谢您的关注", "withdrawn"),
        ("提示", "您查看的网页可能已被删除、名称已被更改或暂时不可用", "withdrawn"),
        ("提示", "很抱歉，您访问的页面不存在！\n5秒后自动跳转到首页", "not found"),
        ("404", "404 Not Found", "not found"),
        ("页面未找到", None, "not found"),
        ("提示", "没有找到您要访问的页面，请返回首页", "not found"),
        ("开闸", "市民赵某说，那篇文章已删除。", None),
        ("通知", "该信息已撤回，请以新公告为准，联系电话85800000。", None),
        ("公告", "经研究，该项目已取消。", None),
        ("公告", "本页面内容已过期。请到大厅窗口办理。", None),
        ("开闸", "对不起。", None),
        ("开闸", None, None),
        (None, None, None),
        ("开闸", "该文章已删除。" + STORY, None),
    ],
)
def test_a_notice_in_the_place_of_an_article_says_nothing_besides(
    title: str | None, text: str | None, kind: str | None
) -> None:
    found = find_notice(title, text)
    assert (found.kind if found else None) == kind
    if found:
        assert found == Notice(kind or "", " ".join((text or title or "").split()))


def test_a_text_of_nothing_but_furniture_is_compared_as_it_stands() -> None:
    assert substance("浏览次数：5") == ""
    assert kind_of_change(Shown("甲", "浏览次数：5"), Shown("甲", "编辑：赵某")) == "edited"


# --- differences


@pytest.mark.parametrize(
    ("before", "after", "wanted"),
    [
        ("床位300张，医生12名。", "床位350张，医生12名。", "床位[-300-]{+350+}张，医生12名。"),
        ("增长2.5%。", "增长3.5%。", "增长[-2.5%-]{+3.5%+}。"),
        ("昨日开会。", "今日开会。", "[-昨日-]{+今日+}开会。"),
        ("甲。乙。", "甲。丙。乙。", "甲。{+丙。+}乙。"),
        ("会议强调，要办好实事。", "会议指出，要办好实事。", "会议[-强调-]{+指出+}，要办好实事。"),
        ("同意该方案", "不同意该方案", "{+不+}同意该方案"),
        ("他说好。我们支持。", "他说好。\n我们支持。", "他说好。{+\n+}我们支持。"),
        ("第一段。\n第三段。", "第一段。\n新的一段。\n第三段。", "第一段。\n{+新的一段。\n+}第三段。"),
        (
            "王某表示，下一步将继续加大力度。",
            "王某说，今后还要进一步加强监管，确保落实。",
            "王某[-表示-]{+说+}，[-下一步将继续加大力度-]{+今后还要进一步加强监管，确保落实+}。",
        ),
        ("", "新", "{+新+}"),
        ("旧", "", "[-旧-]"),
    ],
)
def test_a_comparison_reads_well(before: str, after: str, wanted: str) -> None:
    assert mark(differ(before, after)) == wanted


ALPHABET = "水库开闸放的了是，。！\n 　12.a"
texts = st.text(st.sampled_from(ALPHABET), max_size=120) | st.text(max_size=60)


@given(texts, texts)
@settings(max_examples=400, deadline=None)
def test_applied_to_one_text_a_comparison_gives_the_other(before: str, after: str) -> None:
    found = differ(before, after)
    assert (revert(found), apply(found)) == (before, after)
    for segment in found:
        assert (
            segment.kind
            == {
                (True, True, True): "equal",
                (False, False, True): "insert",
                (False, True, False): "delete",
                (False, True, True): "replace",
            }[segment.before == segment.after, bool(segment.before), bool(segment.after)]
        )
    assert all((one.kind == "equal") != (other.kind == "equal") for one, other in pairwise(found))
    assert 0 <= measure(found).share <= 1


@given(
    st.lists(st.sampled_from([text.strip("\n“”") for text in STORY.rstrip("。").split("。")]), max_size=12),
    st.data(),
)
@settings(max_examples=200, deadline=None)
def test_whatever_sentences_come_it_is_extended(sentences: list[str], data: st.DataObject) -> None:
    before = [f"{text}。" for text in sentences]
    after = list(before)
    for number in range(data.draw(st.integers(1, 3))):
        after.insert(data.draw(st.integers(0, len(after))), f"新增第{number}句，{'长' * number}。")
    assert extends("".join(before), "".join(after))
    assert not extends("".join(after), "".join(before))


@given(texts, texts)
@settings(max_examples=200, deadline=None)
def test_every_change_has_a_kind_and_none_is_none(before: str, after: str) -> None:
    kind = kind_of_change(Shown("甲", before), Shown("甲", after))
    assert kind in {None, "furniture only", *KINDS}
    assert kind_of_change(Shown("甲", before), Shown("甲", before)) is None
    if before == after:
        assert kind is None


@pytest.mark.parametrize("cells", [1 << 28, 400])
def test_texts_too_large_for_one_table_are_parted(cells: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(differences, "CELLS", cells)
    draw = random.Random(cells)
    before = "".join(draw.choice(STORY) for _ in range(3000))
    after = "".join(draw.choice(STORY) if draw.random() < 0.02 else char for char in before)
    found = differ(before, after)
    assert (revert(found), apply(found)) == (before, after)
    assert measure(found).share > 0.8


def test_a_text_of_200_kilobytes_without_a_like_is_one_change() -> None:
    before, after = "甲乙" * 50_000, "丙丁" * 50_000
    assert differ(before, after) == (Segment("replace", before, after),)


def test_what_stays_is_shortened_around_the_changes() -> None:
    found = differ("一" * 100 + "旧。" + "二" * 100, "一" * 100 + "新。" + "二" * 100)
    assert shorten(found, 5) == [
        Segment("equal", "…一一一一一", "…一一一一一"),
        Segment("replace", "旧", "新"),
        Segment("equal", "。二二二二…", "。二二二二…"),
    ]
