"""Mojibake and noise: what was read with the wrong table is read again, what is clean stays."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crawler.text import repair, revert
from tests.bench.mojibake import CASES, FRAME, misread

SPECIMENS = Path(__file__).parent / "cases"


def cases(kind: str) -> list[Any]:
    found = json.loads((SPECIMENS / f"mojibake-{kind}.json").read_text(encoding="utf-8"))
    return [pytest.param(case, id=case["name"]) for case in found]


@pytest.mark.parametrize("case", [*cases("in-the-wild"), *cases("synthetic")])
def test_a_garbled_text_comes_back(case: dict[str, Any]) -> None:
    found = repair(case["captured"])
    steps = [[step.fixer, step.certainty, len(step.edits)] for step in found.steps]
    assert {"text": found.text, "steps": steps} == {"text": case["text"], "steps": case["steps"]}
    assert revert(found.text, found.steps) == case["captured"]


@pytest.mark.parametrize("case", cases("negative"))
def test_a_clean_text_is_left_alone(case: dict[str, Any]) -> None:
    assert repair(case["text"]) == (case["text"], ())


TITLES = ("连云港市人民政府关于印发通知", "全市城乡低保标准提高", "我市新建书屋二十座", "本报讯记者")


@pytest.mark.parametrize("ways", CASES.values(), ids=CASES)
@pytest.mark.parametrize("title", TITLES)
def test_every_lossless_misreading_comes_back_alone_and_in_a_page(title: str, ways: tuple[str, ...]) -> None:
    try:
        captured = misread(title, *ways)
    except UnicodeError:
        pytest.skip("bytes are lost this way")
    assert repair(captured).text == title
    assert repair(FRAME.format(captured)).text == FRAME.format(title)


def test_what_is_gone_is_counted_and_stays() -> None:
    text = "昨日锟斤拷锟斤拷召开会议，市里召开????会议。"
    found = repair(text)
    assert found.text == text
    assert [(step.fixer, step.certainty) for step in found.steps] == [("mojibake", "lost")]
    assert [(edit.before, edit.after) for edit in found.steps[0].edits] == [
        ("锟斤拷锟斤拷", "锟斤拷锟斤拷"),
        ("????", "????"),
    ]
    assert repair(found.text) == found


PIECES = (
    "杩炰簯 涓浗 娓棩 鎶ユ姤 盲赂颅 氓聸陆 脰脨 鹿煤 Äê ÔÂ ÐÂÎÅ ÖÐ¹ú ä¸\xad å›½ Ã¤Â¸Â\xad â€œ Â· Ã© é» "
    "笢弊 佽鏍 い地 \ue5ee鐇 る ㄛ ﹝ 锟斤拷 烫烫烫 ???? ? \ufffd\ufffd\ufffd 锛? 銆? € ™ &#20302; &#230;&#184; &amp; "
    "\u200b \u00ad \u0336 раypal ＷｅＣ ⽂ z8~6Oq5~7lz,;2q 时(shí) 全市 低保 會議 , 。 < > 5 A é ü \U00020000"
)
PARTS = st.one_of(st.sampled_from([*PIECES.split(" "), "\n", " "]), st.text(max_size=2))


@settings(max_examples=250, deadline=None)
@given(st.lists(PARTS, max_size=30).map("".join))
def test_a_repair_can_be_undone_and_is_complete(text: str) -> None:
    found = repair(text)
    assert revert(found.text, found.steps) == text
    again = repair(found.text)
    assert again.text == found.text
    assert all(edit.before == edit.after for step in again.steps for edit in step.edits)
