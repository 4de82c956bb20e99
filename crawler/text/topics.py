"""What a text sells: words that no office uses, and words of news that speak for it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from functools import cache
from operator import add
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from crawler.text.keeping import keep
from crawler.text.lines import OFTEN
from crawler.text.tables import load, read


@cache
def spam_words() -> dict[str, float]:
    """Give each word that sells with its weight."""
    return {word: float(weight) for word, topic, weight in read("spam-words") if topic != "context"}


@cache
def _context() -> tuple[str, ...]:
    return tuple(word for word, topic, _ in read("spam-words") if topic == "context")


def fold(text: str) -> str:
    """Bring a text to the form in which words are looked up: lower case, nothing between the characters."""
    folded = "".join(text.lower().split())
    return folded if folded.isprintable() else FILLER_RE.sub("", folded)


FILLER_RE = re.compile("[\u200b-\u200f\u2060\ufeff\u00ad]+")


class _Pairs(NamedTuple):
    """The table by the first two characters of its words, so that a text is looked over by array arithmetic."""

    folded: npt.NDArray[np.uint16]
    """Code unit -> the one it is looked up as; 0 for what stands between characters."""
    begins: npt.NDArray[np.bool_]
    """Key of a pair -> whether a word begins with such a pair."""
    words: dict[int, tuple[str, ...]]
    """Pair as a number -> the words that begin with it."""
    singles: tuple[str, ...]
    """Words of one character."""
    order: dict[str, int]


def _keys(units: npt.NDArray[np.uint16]) -> npt.NDArray[np.uint16]:
    """Give a key of 16 bits for each pair of neighbours; different pairs may share one."""
    return units[:-1] * np.uint16(40503) + units[1:]


def _units(text: str) -> npt.NDArray[np.uint16]:
    return np.frombuffer(text.encode("utf-16-le", "surrogatepass"), "<u2")


@cache
def _pairs() -> _Pairs:
    low = [char.lower() if char.isprintable() else fold(char) for char in map(chr, range(1 << 16))]
    folded = np.array([ord(char) if len(char) == 1 and char != " " else 0 for char in low], np.uint16)
    folded[0xD800:0xE000] = folded[0] = 0
    words: dict[int, tuple[str, ...]] = {}
    begins = np.zeros(1 << 16, np.bool_)
    for word in (word for word in spam_words() if len(word) > 1):
        pair = ord(word[0]) << 16 | ord(word[1])
        words[pair] = (*words.get(pair, ()), word)
        begins[_keys(_units(word))[0]] = True
    singles = tuple(word for word in spam_words() if len(word) == 1)
    return _Pairs(folded, begins, words, singles, {word: i for i, word in enumerate(spam_words())})


class Survey(NamedTuple):
    """What one look at many texts has found."""

    words: list[str]
    """The words of the table in all of them, in the order of the table."""
    holds: dict[int, list[str]]
    """Number of a text -> the words in it."""
    sells: dict[int, dict[str, float]]
    """Number of a text -> its sentences that may be a seller's, each with about the logarithm of the odds."""


def survey(texts: Sequence[str]) -> Survey:
    """Look over many texts at once for words of the table, and for sentences that speak like a seller's.

    >>> found = survey(["示例镇三座书屋昨日开放", "书屋共有图书九千册。诚招代理,百家乐官网在线投注。"])
    >>> found.words, found.holds, [*found.sells[1]]
    (['百家乐', '投注', '官网'], {1: ['百家乐', '投注', '官网']}, ['诚招代理,百家乐官网在线投注。'])
    """
    numbers = [i for i, text in enumerate(texts) if text not in _quiet]
    texts = [texts[i] for i in numbers]
    whole = "\n".join(texts)
    if whole.count("\n") >= len(texts):
        texts = [text.replace("\n", " ") for text in texts]
        whole = "\n".join(texts)
    units = _units(whole)
    if not len(units):
        return Survey([], {}, {})
    order = _pairs().order
    ends = (units == 10).nonzero()[0]
    holds, sells = _holding(texts, whole, units, ends), _selling(units, ends)
    words = sorted({word for found in holds.values() for word in found}, key=order.__getitem__)
    if len(_quiet) > QUIET:
        _quiet.clear()
    _quiet.update(
        text for i, text in enumerate(texts) if len(text) <= OFTEN and i not in holds and i not in sells
    )
    return Survey(
        words,
        {numbers[i]: found for i, found in holds.items()},
        {numbers[i]: found for i, found in sells.items()},
    )


_quiet: set[str] = set()
"""Texts in which a look has found nothing; pages of a portal repeat most of them."""
QUIET = 10**4
"""How many of them are remembered."""


def words_in(text: str) -> list[str]:
    """Say which words of the table a text holds, in the order of the table.

    >>> words_in("百 家\\u200b乐"), words_in("示例镇三座书屋昨日开放")
    (['百家乐'], [])
    """
    text = text.replace("\n", "")
    return _holding([text], text, _units(text), np.zeros(0, np.intp)).get(0, [])


def _holding(
    texts: Sequence[str], whole: str, units: npt.NDArray[np.uint16], ends: npt.NDArray[np.intp]
) -> dict[int, list[str]]:
    """Give number -> words of the texts that hold some; `ends` are the borders between them."""
    table = _pairs()
    folded = table.folded.take(units)
    places = folded.nonzero()[0]
    folded = folded[places]
    at = table.begins.take(_keys(folded)).nonzero()[0]
    pairs = (folded[at].astype(np.uint32) << np.uint32(16) | folded[at + 1]).tolist()
    likely: dict[int, set[str]] = {}
    for pair, i in zip(pairs, at.tolist(), strict=True):
        if pair in table.words:
            likely.setdefault(int(ends.searchsorted(places[i])), set()).update(table.words[pair])
    for word in table.singles:
        if word in whole:
            for i, text in enumerate(texts):
                if word in text:
                    likely.setdefault(i, set()).add(word)
    found: dict[int, list[str]] = {}
    for i in sorted(likely):
        plain = fold(texts[i])
        if words := [word for word in likely[i] if word in plain]:
            found[i] = sorted(words, key=table.order.__getitem__)
    return found


def off_topic(text: str, words: Iterable[str] | None = None) -> float:
    """Score how far a text sells what no office sells: 0 not at all, 1 surely.

    In an anchor or a title one word can decide; in longer text the share of such words does, and words of
    police, court and medical news speak against it. `words` narrows the look-up to those words.

    >>> off_topic("无码一区二区三区"), off_topic("澳门新葡京官网")
    (1.0, 1.0)
    >>> off_topic("警方破获一起跨境网络赌博案,抓获犯罪嫌疑人三十名"), off_topic("筑牢社保基石 托起百姓幸福")
    (0.0, 0.0)
    >>> off_topic("法院查明,被告人开设百家乐、六合彩赌局,依法判处有期徒刑三年") < 0.5
    True
    """
    folded = fold(text)
    if not folded:
        return 0.0
    table = spam_words()
    found = [word for word in words if word in folded] if words is not None else words_in(folded)
    if not found:
        return 0.0
    strength = sum(table[word] for word in found)
    covered = sum(len(word) * folded.count(word) * min(1.0, table[word] + 0.3) for word in found)
    if all(table[word] < 0.5 for word in found):
        strength *= 0.3  # 登录 注册 下载 中文字幕 are on honest pages too
    score = min(1.0, strength) if len(folded) <= 30 else min(1.0, strength / 2)
    score *= min(1.0, covered / len(folded) / 0.08)
    honest = sum(word in folded for word in _context())
    if honest:
        score *= max(0.1, 1 - 0.35 * honest) if len(found) < 12 else max(0.5, 1 - 0.1 * honest)
    return round(score, 2)


@cache
def _weights() -> tuple[float, dict[str, float]]:
    """Give the bias, and the weight of each character and pair of the table of pitches."""
    rows = {gram: float(weight) for gram, weight in load("pitches")}
    return rows.pop("-"), rows


class _Kinds(dict[int, str]):
    """For `str.translate`: ``0`` for a digit, ``A`` for a letter, a blank for what parts runs."""

    def __missing__(self, code: int) -> str:
        kind = self[code] = _kind(chr(code))
        return kind


def _kind(char: str) -> str:
    if char.isascii() or "\uff00" <= char < "\uff60":
        return "0" if char.isdecimal() else "A" if char.isalpha() else " "
    return char if "\u4e00" <= char < "\ua000" or char in MARKS else " "


MARKS = "“”《》、"
"""Signs that count as characters."""


_kinds = _Kinds()
LEAST = 4
"""Hanzi that a text has at least for its pitch to be told."""
HAN_RE = re.compile("[\u4e00-\u9fff]+")


@keep(4096)
def pitch(text: str) -> float:
    """Score how far a text speaks like somebody who sells, by its characters and their pairs: 0 to 1.

    No single word decides, and words that no table of words knows are understood by their company
    (``data/tables/pitches.tsv``, a logistic regression). Words of news about crime speak against it.

    >>> pitch("金色海岸会所恭候光临,贵宾专享,名额有限先到先得。") >= 0.5
    True
    >>> pitch("扫一扫在手机打开当前页") < 0.5, pitch("请携带身份证到政务服务中心窗口办理") < 0.5
    (True, True)
    """
    bias, weights = _weights()
    runs = text.translate(_kinds).split()
    size = sum(map(len, runs))
    if len(HAN_RE.sub("", text)) + LEAST > len(text):
        return 0.0
    total = 0.0
    for run in runs:
        total += sum(weights.get(char, 0.0) for char in run)
        total += sum(weights.get(pair, 0.0) for pair in map(add, run, run[1:]))
    odds = total / math.sqrt(max(size, 8)) + bias
    honest = sum(word in text for word in _context()) if odds > -1 else 0
    return round(max(0.1, 1 - 0.35 * honest) / (1 + math.exp(-odds)), 2)


class _Table(NamedTuple):
    """The same table for a look at a whole page by array arithmetic."""

    kinds: npt.NDArray[np.uint32]
    single: npt.NDArray[np.int8]
    """Weights in steps."""
    pair: npt.NDArray[np.int8]
    """By `_slots`; two pairs may share one, which a look may err by."""
    ends: npt.NDArray[np.bool_]
    """Code unit -> whether it ends a sentence."""


ODDS = 0.2
"""Logarithm of the odds from which on a sentence is worth a closer look."""
STEPS = 25
"""Steps of a weight in the small table: it stays in the processor's cache."""


def _slots(kinds: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint32]:
    return (kinds[:-1] * np.uint32(2654435761) + kinds[1:] * np.uint32(40503)) >> np.uint32(13)


@cache
def _table() -> _Table:
    kinds = np.zeros(1 << 16, np.uint32)
    told = [*range(0x4E00, 0xA000), *range(0x80), *range(0xFF00, 0xFF60), *map(ord, MARKS)]
    kinds[told] = [ord(_kind(chr(code))) for code in told]
    kinds[kinds == 32] = 0
    ends = np.zeros(1 << 16, np.bool_)
    ends[[ord(sign) for sign in "\n。！？…"]] = True
    single, pair = np.zeros(1 << 16, np.int8), np.zeros(1 << 19, np.int8)
    steps = {gram: max(-127, min(127, round(weight * STEPS))) for gram, weight in _weights()[1].items()}
    for gram in [gram for gram in steps if len(gram) == 1]:
        single[ord(gram)] = steps.pop(gram)
    pair[_slots(_units("".join(steps)).astype(np.uint32))[::2]] = list(steps.values())
    return _Table(kinds, single, pair, ends)


def _selling(units: npt.NDArray[np.uint16], borders: npt.NDArray[np.intp]) -> dict[int, dict[str, float]]:
    """Give number -> sentences of the lines that have some which are likely a seller's."""
    table = _table()
    kinds = table.kinds.take(units)
    said = kinds > 0
    worth = table.single.take(kinds).astype(np.int16)
    worth[1:] += table.pair.take(_slots(kinds)) * (said[1:] & said[:-1])
    starts = table.ends.take(units).nonzero()[0] + 1
    starts = np.concatenate(([0], starts[starts < len(units)]))
    sizes = np.add.reduceat(said, starts, dtype=np.int32)
    odds = (
        np.add.reduceat(worth, starts, dtype=np.int32) / (STEPS * np.sqrt(np.maximum(sizes, 8)))
        + _weights()[0]
    )
    found: dict[int, dict[str, float]] = {}
    at = ((odds > ODDS) & (sizes >= LEAST)).nonzero()[0]
    if len(at):
        lines = borders.searchsorted(starts[at])
        for i, number in zip(at.tolist(), lines.tolist(), strict=True):
            end = starts[i + 1] if i + 1 < len(starts) else len(units)
            said_so = units[starts[i] : end].tobytes().decode("utf-16-le", "replace").strip()
            found.setdefault(number, {})[said_so] = float(odds[i])
    return found


JOINT_RE = re.compile(r"[|｜_丨¦]|\s[-–—·•]\s|-(?=[\u4e00-\u9fff])|(?<=[\u4e00-\u9fff])I(?=[\u4e00-\u9fff])")
SENTENCE_RE = re.compile("[。，；！？]")


def joined(text: str) -> float:
    """Score how far a text is a row of short words with joints between them.

    >>> joined("甲词|乙词|丙词|丁词|戊词|己词"), joined("一句话，还有一句。")
    (0.7, 0.0)
    """
    parts = [part for part in JOINT_RE.split(text) if part.strip()]
    if len(parts) < 5 or len(text) > 40 * len(parts):
        return 0.0
    return (
        0.0
        if len(SENTENCE_RE.findall(text)) * 4 > len(parts)
        else min(1.0, round(0.4 + 0.05 * len(parts), 2))
    )
