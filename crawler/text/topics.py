"""What a text sells: words that no office uses, and words of news that speak for it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from crawler.text.tables import read


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
    folded = np.zeros(1 << 16, np.uint16)
    for code in range(1, 1 << 16):
        if not 0xD800 <= code < 0xE000 and len(low := fold(chr(code))) == 1:
            folded[code] = ord(low)
    words: dict[int, tuple[str, ...]] = {}
    for word in (word for word in spam_words() if len(word) > 1):
        key = int(_keys(_units(word))[0])
        words[key] = (*words.get(key, ()), word)
    singles = tuple(word for word in spam_words() if len(word) == 1)
    begins = np.zeros(1 << 16, np.bool_)
    begins[list(words)] = True
    return _Pairs(folded, begins, words, singles, {word: i for i, word in enumerate(spam_words())})


def words_in(text: str) -> list[str]:
    """Say which words of the table a text holds.

    >>> words_in("百 家\\u200b乐"), words_in("示例镇三座书屋昨日开放")
    (['百家乐'], [])
    """
    pairs = _pairs()
    units = pairs.folded[_units(text)]
    keys = _keys(units[units > 0])
    seen = keys[pairs.begins[keys]]
    likely = {word for key in set(seen.tolist()) for word in pairs.words[key]}
    likely.update(word for word in pairs.singles if word in text)
    if not likely:
        return []
    folded = fold(text)
    order = pairs.order
    return sorted((word for word in likely if word in folded), key=order.__getitem__)


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
def _pitches() -> dict[str, float]:
    return {gram: float(weight) for gram, weight in read("pitches")}


HAN_RE = re.compile("[\u4e00-\u9fff]+")
SELLING = 0.7
"""Mean weight of a character from which a text surely sells."""


def pitch(text: str) -> float:
    """Score how far a text speaks like somebody who sells, by its characters and their pairs: 0 to 1.

    No single word decides, and words that no table of words knows are understood by their company
    (``data/tables/pitches.tsv``). Words of news about crime speak against it.

    >>> pitch("金色海岸会所恭候光临,贵宾专享,名额有限先到先得。") >= 0.5
    True
    >>> pitch("扫一扫在手机打开当前页"), pitch("请携带身份证到政务服务中心窗口办理")
    (0.0, 0.0)
    """
    runs = HAN_RE.findall(text)
    size = sum(map(len, runs))
    if size < 4:
        return 0.0
    weights = _pitches()
    total = 0.0
    for run in runs:
        total += sum(weights.get(char, 0.0) for char in run)
        total += sum(weights.get(run[i : i + 2], 0.0) for i in range(len(run) - 1))
    score = min(1.0, total / max(8, size) / SELLING)
    if score <= 0:
        return 0.0
    honest = sum(word in text for word in _context())
    return round(score * max(0.1, 1 - 0.35 * honest), 2)


JOINT_RE = re.compile(r"\s*[|｜_丨¦]\s*|\s+[-–—·•]\s+|-(?=[\u4e00-\u9fff])")
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
