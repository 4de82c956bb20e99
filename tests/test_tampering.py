"""Repair: what the machine did is undone, what it did not do stays."""

from __future__ import annotations

import hashlib
import json
import random
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crawler.text import mirror, seams
from crawler.text.tampering import TAMPERING, Edit, Step, repair, revert
from tests.bench import copies

CASES = Path(__file__).parent / "cases"

STORY = """示范村修好了进村的路

昨日，市里召开会议，研究部署今年农村道路的养护工作。会议指出，去年全市新建道路三百多公里，群众出行条件明显改善；今年还要继续加大投入，让每个村子都通上好路。

“以前下雨天出门，鞋上总是沾着泥。”村民们说，“现在路修到了家门口，我们卖菜、看病、送孩子上学，都方便多了！”这条路从镇上一直通到水库边，两旁种着银杏，沿线还设了三处候车亭。

著名的桥梁专家也来到现场，对养护队的做法给予显著评价：先查病害，再定方案，最后统一施工。养护队的队长介绍，他们每天要走二十多公里，记录裂缝和坑洞，发现问题马上处理。

下一步，县里将继续推进标准化管理，对重点路段实行动态监测，让群众走得更安全、更舒心。"""


def cases(kind: str) -> list[Any]:
    found = json.loads((CASES / f"tampering-{kind}.json").read_text(encoding="utf-8"))
    return [pytest.param(case, id=case["name"]) for case in found]


def traditional(text: str) -> str:
    """Turn a text into Traditional characters one by one, as old tables do."""
    forms = {several[0]: char for char, several in seams.simplified().items() if len(several) == 1}
    forms |= {"着": "著", "会": "會", "说": "說", "为": "為"} | {char: char for char in "里云后面只干松谷斗"}
    return "".join(forms.get(char, char) for char in text)


def tampered(text: str, draw: random.Random, share: float) -> str:
    """Make a copy of a text as the hijacked mirrors do."""
    forms = traditional(text)
    changed = sorted({b for a, b in zip(text, forms, strict=True) if a != b and b in seams.readings()})
    chosen = draw.sample(changed, round(len(changed) * share)) + list("復執並詔")
    draw.shuffle(chosen)
    notes = [(char, seams.readings()[char][0]) for char in chosen]
    return mirror.read(mirror.annotate(mirror.encode(forms), notes))


def outcome(text: str) -> dict[str, Any]:
    found = repair(text)
    return {"text": found.text, "steps": [[s.fixer, s.certainty, len(s.edits)] for s in found.steps]}


@pytest.mark.parametrize("case", cases("negative"))
def test_a_clean_text_stays_as_it_is(case: dict[str, Any]) -> None:
    assert outcome(case["text"]) == {"text": case["text"], "steps": []}


@pytest.mark.parametrize("case", cases("synthetic"))
def test_a_tampered_text_comes_back(case: dict[str, Any]) -> None:
    assert outcome(case["captured"]) == {"text": case["text"], "steps": case["steps"]}


def test_the_seed_comes_back_exactly(shared: Path) -> None:
    path = shared / "seed" / "000_f16c7ed8c99fc48c.txt"
    captured = path.read_bytes().decode("utf-8")
    found = repair(captured)
    assert [(step.fixer, step.certainty, len(step.edits)) for step in found.steps] == [
        ("broken-pair", "proven", 2),
        ("pinyin-note", "proven", 190),
        ("traditional", "proven", 328),
        ("traditional", "inferred", 6),
    ]
    assert [edit[1:] for edit in found.steps[0].edits] == [
        ("?fù)说日\ue479撸\ue0faM", "退等政策,進"),
        ("?zhí)\ue07d哿耍\ue0c7F", "太累了,現"),
    ]
    assert hashlib.sha256(found.text.encode()).hexdigest().startswith("99cece25f01519256c64ccb7444db7a6")
    assert revert(found.text, found.steps) == captured


def test_the_broken_stretches_of_a_copy_are_not_taken_for_misread_text(shared: Path) -> None:
    machine = copies.MACHINES["Simplified with notes"]
    draw = random.Random(f"{machine.name} 11")
    copy = copies.tamper(next(copies.texts(shared / "pages" / "cleaned", draw)), draw, machine)
    assert {step.fixer for step in repair(copy.captured).steps} == {"broken-pair", "pinyin-note"}


@pytest.mark.parametrize("seed", range(40))
def test_a_copy_comes_back_exactly(seed: int) -> None:
    draw = random.Random(seed)
    captured = tampered(STORY, draw, draw.uniform(0.2, 0.9))
    found = repair(captured)
    assert found.text.replace("\ufffd", "\n") == STORY
    assert revert(found.text, found.steps) == captured


@pytest.mark.parametrize("seed", range(12))
def test_a_copy_of_a_whole_page_comes_back(seed: int) -> None:
    page = "".join(f'<p class="MsoNormal" title="{line[:9]}">{line}</p>\r\n' for line in STORY.split("\n\n"))
    page = f"<html><head><title>示范村修好了进村的路</title></head><body>{page}</body></html>"
    captured = tampered(page, random.Random(seed), 0.6)
    found = repair(captured)
    assert found.text == page
    assert revert(found.text, found.steps) == captured


@pytest.mark.parametrize(
    ("mark", "swallow"), [("?", True), ("\ufffd", True), ("\ufffd", False), ("?", False), ("", False)]
)
def test_other_converters_are_understood(mark: str, swallow: bool) -> None:
    notes = [(char, seams.readings()[char][0]) for char in "會說還養護們發現記錄點設議開農條標準復執"]
    bytes_ = mirror.annotate(
        mirror.encode(traditional(STORY + "低保渐退缓退等政策，继续开展。自己做饭太累了。")), notes
    )
    found = repair(mirror.read(bytes_, mark, swallow=swallow))
    assert found.text == STORY + "低保渐退缓退等政策，继续开展。自己做饭太累了。"


def test_a_swallowed_digit_is_never_guessed() -> None:
    text = STORY + "\n\n全市共有老年饭堂5家。"
    notes = [(char, seams.readings()[char][0]) for char in "會說還養護們發現記錄點設議開農條標準執"]
    found = repair(mirror.read(mirror.annotate(mirror.encode(traditional(text)), notes)))
    assert (found.text[:-4], found.text[-3:]) == (text[:-4], "\ufffd家。")
    assert [step.certainty for step in found.steps if step.fixer == "broken-pair"] == ["lost"]


def test_a_note_behind_a_latin_letter_is_one_of_the_machine() -> None:
    text = STORY + "\n\n桥梁通过了美国FDA的认证。"
    forms = traditional(text)
    codes = mirror.codes()
    half = mirror.pairs()[codes["國"][1] << 8 | ord("F")]
    for order in (half + "國", "國" + half):
        notes = [(char, seams.readings()[char][0]) for char in order + "會說還養護們發現記錄點設議開農條標準"]
        captured = mirror.read(mirror.annotate(mirror.encode(forms), notes))
        assert repair(captured).text == text


def test_a_copy_without_notes_is_turned_back() -> None:
    text = "以后这里的关系很复杂，后来奋斗的干部在家里准备。标准和制造都有了，村里松了一口气，时间会说话。"
    captured = (
        "以后這里的關系很復雜，后來奮斗的干部在家里準備。標準和制造都有了，村里松了一口氣，時間會說話。"
    )
    found = repair(captured)
    assert found.text == text
    assert {step.fixer for step in found.steps} == {"traditional"}
    assert revert(found.text, found.steps) == captured


def test_a_reader_of_gb18030_is_understood() -> None:
    text = STORY + "每个城市，每个人，一个都不能少。缓退等政策。"
    notes = [(char, seams.readings()[char][0]) for char in "會說還養護們發現記錄點設議開農條標準個復"]
    body = mirror.annotate(mirror.encode(traditional(text)), notes)
    assert repair(body.decode("gb18030", "replace")).text == text


BLIND = (
    STORY
    + "\n\n会后大家问：项目何时投产？东海县开工了没有？名单还在补充；这是现实的问题。总体来说，进展很好。"
)


@pytest.mark.parametrize(("mark", "swallow"), [("?", True), ("\ufffd", True), ("\ufffd", False)])
def test_a_sign_put_blindly_across_two_characters_is_found(mark: str, swallow: bool) -> None:
    body = mirror.encode(traditional(BLIND))
    for sign in "？；，":
        half = next(half for half, wide in seams.WIDE.items() if wide == sign)
        body = body.replace(mirror.encode(sign), half.encode())
    notes = [(char, seams.readings()[char][0]) for char in "會說還養護們發現記錄點設議開農條標準縣"]
    captured = mirror.read(mirror.annotate(body, notes), mark, swallow=swallow)
    assert "東海縣" not in captured
    found = repair(captured)
    assert found.text == BLIND.translate({ord("？"): "?", ord("；"): ";", ord("，"): ","})
    places = [step.certainty for step in found.steps if step.fixer == "broken-pair"]
    assert places == ["inferred"]


def test_a_question_mark_that_ends_a_sentence_stays() -> None:
    text = BLIND.translate({ord("？"): "?", ord("；"): ";", ord("，"): ","})
    notes = [(char, seams.readings()[char][0]) for char in "會說還養護們發現記錄點設議開農條標準縣"]
    captured = mirror.read(mirror.annotate(mirror.encode(traditional(text)), notes))
    assert repair(captured).text == text


def test_a_pair_that_went_without_a_mark_is_put_back() -> None:
    text = STORY + "低保渐退缓退等政策，进一步开展。"
    notes = [(char, seams.readings()[char][0]) for char in "會說還養護們發現記錄點設議開農條標準復進"]
    captured = mirror.read(mirror.annotate(mirror.encode(traditional(text)), notes), "", swallow=False)
    captured = "".join(char for char in captured if not "\ue000" <= char <= "\uf8ff")
    found = repair(captured)
    # two characters hang on such a pair: a guess, and marked as one
    assert (found.text[: len(text) - 10], found.text[-7:]) == (text[:-10], text[-7:])
    assert [s.certainty for s in found.steps if s.fixer == "broken-pair"] == ["inferred"]


def test_nothing_is_proven_where_broken_pairs_leave_no_mark() -> None:
    notes = [(char, seams.readings()[char][0]) for char in "會說還養護們發現記錄點設議開農條標準復執"]
    body = mirror.annotate(mirror.encode(traditional(STORY + "低保渐退缓退等政策，继续开展。")), notes)
    found = repair(mirror.read(body, "", swallow=False))
    assert [s.certainty for s in found.steps if s.fixer == "broken-pair"] == ["inferred"]


def test_text_added_after_the_machine_stays() -> None:
    spam = "\n\n免费观看在线视频| 着名网站后面的链接| 云里雾里"
    captured = tampered(STORY, random.Random(5), 0.7)
    found = repair(captured + spam)
    assert found.text.replace("\ufffd", "\n") == STORY + spam


def test_steps_run_backwards_one_after_the_other() -> None:
    steps = (
        Step("a", "proven", (Edit(1, "x", ""), Edit(3, "", "yy"))),
        Step("b", "lost", (Edit(0, "a", "bb"),)),
    )
    assert revert("bbbyyc", steps) == "axbc"


def test_tampering_and_accidents_are_told_apart() -> None:
    assert {
        "broken-pair",
        "combining-mark",
        "entity-word",
        "junk",
        "look-alike",
        "pinyin-note",
        "traditional",
        "zero-width",
    } == TAMPERING


NOTES = "時(shí) 會(huì) 發(fā) 個(gè) 養(yǎng) 區(qū) 點(diǎn) 標(biāo) 準(zhǔn) 實(shí) ?fù) shí) 緩?fù)说日\ue479撸\ue0faM(jìn)"
OTHERS = (
    "著 后 里 ， , ? ？ <p> </p> 5 M ( ) 農 民 的 \ufffd \ue0fa € \u200b Á¬ÔÆ¸Û è¿\x9eäº\x91 杩炰簯 &#20013;"
)
PARTS = st.one_of(st.sampled_from([*NOTES.split(), *OTHERS.split(), "\n", " "]), st.text(max_size=3))


def settled(text: str) -> bool:
    """Say whether a repair finds nothing left, but what is gone for good."""
    return all(edit.before == edit.after for step in repair(text).steps for edit in step.edits)


@settings(max_examples=400, deadline=None)
@given(st.lists(PARTS, max_size=40).map("".join))
def test_a_repair_can_be_undone_and_is_complete(text: str) -> None:
    found = repair(text)
    assert revert(found.text, found.steps) == text
    assert settled(found.text)
    for step in found.steps:
        assert step.edits
        places = [(edit.start, edit.start + len(edit.before)) for edit in step.edits]
        assert places == sorted(places)
        assert all(end <= start for (_, end), (start, _) in pairwise(places))


@pytest.mark.parametrize("seed", range(8))
def test_long_rows_of_tampered_pieces_are_undone_too(seed: int) -> None:
    draw = random.Random(seed)
    for _ in range(50):
        text = "".join(
            draw.choice([*NOTES.split(), *OTHERS.split(), "\n", " "]) for _ in range(draw.randrange(80))
        )
        found = repair(text)
        assert revert(found.text, found.steps) == text
        assert settled(found.text)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**9), st.floats(0.15, 0.9))
def test_no_proven_place_is_wrong(seed: int, share: float) -> None:
    draw = random.Random(seed)
    sentences = [s for s in STORY.replace("\n\n", "").split("。") if s]
    draw.shuffle(sentences)
    text = "。".join(sentences * 2) + "。"
    found = repair(tampered(text, draw, share))
    if all(step.certainty == "proven" for step in found.steps if step.fixer == "broken-pair") and found.steps:
        assert found.text == text


def test_a_block_put_into_the_same_line_says_nothing_of_the_article() -> None:
    page = (
        "<p>時(shí)間 來源:日報(bào) 社會(huì)救助,時(shí)常,會(huì)議 認(rèn)定標(biāo)準(zhǔn),是民生保障的“短板”和“底線”。</p>"
        "<div><a>在线观看</a></div>"
    )
    assert "“短板”和“底线”" in repair(page).text
