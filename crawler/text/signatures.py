"""Signatures: the same story found again under other boilerplate, with small edits, or in another script.

A signature is a one-permutation MinHash (Li, Owen, Zhang 2012) over runs of three characters, its empty
bins filled from their neighbours (Shrivastava, Li 2014): the share of equal bins estimates how much of two
texts is the same. `bands` turns it into numbers that an index can look up. Candidates are then compared
in full by `same_story`, where titles, figures and names vote, because bulletins of one series are nearly
the same text and not at all the same story.

Nothing here depends on Python's ``hash``: signatures are the same on every machine.
"""

from __future__ import annotations

import base64
import hashlib
import re
import unicodedata
from collections import Counter
from difflib import SequenceMatcher
from functools import cache, lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from crawler.text import tables

BINS = 128
GRAM = 3
"""Characters in a run. Of texts in which every tenth / fifth character was exchanged, 57 / 34 % of the runs
of three are shared (of four: 49 / 26 %); unrelated news of one town share about 1 in 50."""
ROWS = 3
"""Bins in a band: with 42 bands, texts that share 34 / 57 / 70 % of their runs meet with 82 / 99.9 / 100 %."""

_SHORT = 40
"""Below this many letters a text is a caption or a notice of two lines: it proves nothing by itself."""
_BRIEF = 150
"""Below this many letters it is a notice of a few lines, most of which the other notices of its office say as well:
only what changes from one to the next, names and figures, tells them apart."""
_DIFF_LIMIT = 4000
"""Letters compared by difflib, whose worst case is quadratic."""

_WORD_RE = re.compile(r"[^\W_]+")
_FIGURE_RE = re.compile(r"\d+(?:\.\d+)?")
_SENTENCE_RE = re.compile(r"[。！？；!?;\n]+")
_CUT_RE = re.compile(r"(?:\.{2,}|…+)\s*$")  # lists cut long titles so
# What an editor puts for another of its kind, throughout: who tells, how, to whom, and since when.
_TELLING_RE = re.compile(
    "告诉|介绍|表示|透露|指出|强调|认为|获悉|了解|得知|记者|笔者|本报|本台|昨日|昨天|今日|今天|日前|近日|我市|本市|全市"
)
_MIX = (
    np.uint64(0x9E3779B97F4A7C15),
    np.uint64(0xBF58476D1CE4E5B9),
    np.uint64(0x94D049BB133111EB),
)
_HANZI_DIGITS = str.maketrans("〇零一二三四五六七八九", "00123456789")

# The commonest family names of the 2020 census report (top hundred), and the usual double ones.
_SURNAMES = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林罗高郑梁谢宋唐许韩邓冯曹彭曾肖田董潘袁蔡蒋余于杜叶程魏苏吕丁任卢姚"
    "沈钟姜崔谭陆范汪廖石金韦贾夏付方邹熊白孟秦邱侯江尹薛闫段雷龙黎史陶贺毛郝顾龚邵万覃武钱戴严莫孔向汤"
)


class Comparison(NamedTuple):
    """How far two texts are the same story, and what spoke for and against it."""

    same: bool
    jaccard: float
    """Share of the runs of both that are in both."""
    containment: float
    """Share of the runs of the shorter that are in the longer."""
    reason: str
    """``equal``, ``near``, or what spoke against it: ``short``, ``other text``, ``quote``, ``title figures``,
    ``figures``, ``list``, ``title names``, ``names``."""


@cache
def folding() -> dict[int, str]:
    """Map every character that script conversion may exchange to one of its class."""
    parent: dict[str, str] = {}

    def find(char: str) -> str:
        while parent.get(char, char) != char:
            char = parent[char]
        return char

    for traditional, simplified in tables.read("traditional"):
        if not simplified:
            continue
        root = find(simplified[0])
        for char in traditional + simplified:
            parent[find(char)] = root
            parent.setdefault(root, root)
    return {ord(char): find(char) for char in parent if find(char) != char}


def fold(text: str) -> str:
    """Reduce a text to what tells stories apart: letters, digits and Han, of one script, width and case.

    >>> fold("連雲港 Ｇ２５高速，“開通”!")
    '连云港g25高速开通'
    >>> fold("，。!") == fold("") == ""
    True
    """
    wide = unicodedata.normalize("NFKC", text).lower().translate(folding())
    return "".join(_WORD_RE.findall(wide))


def digest(text: str) -> str:
    """Give the digest of the folded text: equal for texts that differ in script, width or punctuation.

    >>> digest("連雲港，日報。") == digest("连云港日报")
    True
    >>> digest("连云港晚报") == digest("连云港日报")
    False
    """
    return "sha256:" + hashlib.sha256(fold(text).encode("utf-8", "replace")).hexdigest()


def _grams(folded: str) -> npt.NDArray[np.uint64]:
    """Hash every run of three characters to 64 bits; a shorter text is one run."""
    if not folded:
        return np.empty(0, np.uint64)
    codes = np.frombuffer(folded.encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.uint64)
    if len(codes) < GRAM:
        codes = np.pad(codes, (0, GRAM - len(codes)))
    # a code point has 21 bits, so three fill 63
    return _mix(codes[:-2] | codes[1:-1] << np.uint64(21) | codes[2:] << np.uint64(42))


def _mix(value: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Scatter 64 bits over 64 bits (the finisher of SplitMix64; Steele, Lea, Flood 2014)."""
    value = value + _MIX[0]
    value = (value ^ value >> np.uint64(30)) * _MIX[1]
    value = (value ^ value >> np.uint64(27)) * _MIX[2]
    return value ^ value >> np.uint64(31)


def sign(text: str) -> str:
    """Give the signature of a text: 128 bins of 16 bits, base 64; empty for a text without a letter.

    >>> len(sign("筑牢社保基石，托起百姓幸福。")), sign("。")
    (344, '')
    >>> sign("筑牢社保基石，托起百姓幸福。") == sign("築牢社保基石 托起百姓幸福")
    True
    """
    grams = _grams(fold(text))
    if not len(grams):
        return ""
    bins = (grams >> np.uint64(57)).astype(np.intp)
    values = grams & np.uint64((1 << 57) - 1)
    lowest = np.full(BINS, np.iinfo(np.uint64).max, np.uint64)
    np.minimum.at(lowest, bins, values)
    filled = np.zeros(BINS, bool)
    filled[bins] = True
    if not filled.all():
        # each empty bin borrows from the next filled one; the distance is mixed in, so that two texts
        # agree in a borrowed bin only where they borrowed alike
        where = np.flatnonzero(filled)
        nearest = where[np.searchsorted(where, np.arange(BINS)) % len(where)]
        distance = ((nearest - np.arange(BINS)) % BINS).astype(np.uint64)
        lowest = np.where(filled, lowest, _mix(lowest[nearest] + distance * _MIX[1]) >> np.uint64(7))
    return base64.b64encode((lowest & np.uint64(0xFFFF)).astype("<u2").tobytes()).decode("ascii")


def _read(signature: str) -> npt.NDArray[np.uint16]:
    try:
        found = np.frombuffer(base64.b64decode(signature, validate=True), "<u2")
    except ValueError:
        return np.empty(0, np.uint16)
    return found if len(found) == BINS else np.empty(0, np.uint16)


def bands(signature: str) -> tuple[int, ...]:
    """Give the band hashes of a signature, 42 numbers below 2**63; none for an empty signature.

    Two texts are worth comparing where they share one.

    >>> len(bands(sign("筑牢社保基石"))), bands("")
    (42, ())
    """
    bins = _read(signature).astype(np.uint64)
    if not len(bins):
        return ()
    count = BINS // ROWS
    groups = bins[: count * ROWS].reshape(count, ROWS)
    mixed = np.arange(count, dtype=np.uint64)
    for row in range(ROWS):
        mixed = mixed << np.uint64(16) | groups[:, row]
    return tuple(int(band) for band in _mix(mixed) >> np.uint64(1))


def likeness(a: str, b: str) -> float:
    """Estimate how much two signed texts share, 0 to 1 (standard error 0.04 at 0.5).

    >>> likeness(sign("筑牢社保基石"), sign("筑牢社保基石")), likeness("", "")
    (1.0, 0.0)
    """
    one, other = _read(a), _read(b)
    if not len(one) or not len(other):
        return 0.0
    return float(np.count_nonzero(one == other)) / BINS


# --- the vote ---


@cache
def _surnames() -> frozenset[str]:
    return frozenset(fold(_SURNAMES))


@lru_cache(maxsize=64)  # one new text is compared with many
def _runs(folded: str) -> npt.NDArray[np.uint64]:
    return np.unique(_grams(folded))


def _overlap(a: str, b: str) -> tuple[float, float]:
    """Give Jaccard likeness and containment of the runs of two folded texts."""
    one, other = _runs(a), _runs(b)
    if not len(one) or not len(other):
        return 0.0, 0.0
    both = len(np.intersect1d(one, other, assume_unique=True))
    return both / (len(one) + len(other) - both), both / min(len(one), len(other))


def _figures(text: str) -> list[str]:
    """List the figures of a text in order, Chinese digits as Arabic ones."""
    return _FIGURE_RE.findall(unicodedata.normalize("NFKC", text).translate(_HANZI_DIGITS))


def _figures_in_place(text: str) -> Counter[tuple[str, str]]:
    """Count the figures of a text, each with the two letters before it."""
    plain = unicodedata.normalize("NFKC", text).translate(_HANZI_DIGITS)
    found: Counter[tuple[str, str]] = Counter()
    for match in _FIGURE_RE.finditer(plain):
        before = "".join(_WORD_RE.findall(plain[max(0, match.start() - 8) : match.start()]))
        found[(re.sub(r"\d", "", before)[-2:], match.group())] += 1
    return found


def _series(one: str, other: str, words: float, brief: bool) -> bool:
    """Tell whether two texts have other figures in the same places, more than their words differ.

    `words` is the containment without figures. Edits and cuts wear figures and words alike; in a series the
    words stay and the figures change. Where every figure has its place in both, nothing was worn. In a brief
    notice (`brief`) one figure of a few is much.
    """
    a, b = _figures_in_place(one), _figures_in_place(other)
    places: list[Counter[str]] = []
    for figures in (a, b):
        places.append(Counter())
        for (place, _), count in figures.items():
            places[-1][place] += count
    common = (places[0] & places[1]).total()
    if common < (2 if brief else 3):
        return False
    agreement = (a & b).total() / common
    if brief and agreement < 0.8:
        return True
    whole = common >= 0.9 * max(a.total(), b.total())
    return agreement < max(0.7 * words * words, 0.6 if whole else 0.0)


def _rests(text_a: str, text_b: str) -> tuple[float, str, str]:
    """Take the sentences that two texts share out of both: their share of the shorter text, and the rests."""
    one, other = (
        [folded for part in _SENTENCE_RE.split(text) if (folded := fold(part))] for text in (text_a, text_b)
    )
    both = Counter(one) & Counter(other)
    rests = []
    for parts in (one, other):
        left = Counter(both)
        rest = []
        for part in parts:
            if left[part]:
                left[part] -= 1
            else:
                rest.append(part)
        rests.append("".join(rest))
    shorter = min(sum(map(len, one)), sum(map(len, other)))
    return sum(len(part) * count for part, count in both.items()) / max(shorter, 1), rests[0], rests[1]


def _bare(folded: str) -> str:
    return re.sub(r"[\d〇零一二三四五六七八九]+", "", folded)


def _replacements(a: str, b: str) -> list[tuple[str, str]] | None:
    """List what was exchanged between two folded texts; None where they differ in too much to say."""
    start = 0
    while start < min(len(a), len(b)) and a[start] == b[start]:
        start += 1
    end = 0
    while end < min(len(a), len(b)) - start and a[-1 - end] == b[-1 - end]:
        end += 1
    # a shared letter at the edge may belong to the name on both sides: one is given back at each end
    start, end = max(0, start - 1), max(0, end - 1)
    a, b = a[start : len(a) - end], b[start : len(b) - end]
    if max(len(a), len(b)) > _DIFF_LIMIT:
        return None
    found = []
    for kind, a1, a2, b1, b2 in SequenceMatcher(None, a, b, autojunk=False).get_opcodes():
        if kind == "equal":
            continue
        if kind != "replace":
            # a name that is longer by one: taken with a neighbour on both sides
            found.append((a[max(0, a1 - 1) : a2 + 1], b[max(0, b1 - 1) : b2 + 1]))
            continue
        if a2 - a1 == 1 or b2 - b1 == 1:
            a1, b1 = max(0, a1 - 1), max(0, b1 - 1)
        found.append((a[a1:a2], b[b1:b2]))
    return found


def _names_differ(a: str, b: str) -> bool:
    """Tell whether all that differs between two nearly equal folded texts is who or where it is about.

    One word exchanged throughout (two places or more), or an exchanged word that begins like a person's
    name: of each side, the other side has none.
    """
    pairs = _replacements(a, b)
    if not pairs:
        return False
    words = [(x, y) for x, y in pairs if not (_bare(x) == _bare(y) and x != y)]
    words = [(x, y) for x, y in words if not (_TELLING_RE.search(x) or _TELLING_RE.search(y))]
    distinct = set(words)
    if not words or len(distinct) > 4:
        return False
    for x, y in distinct:
        if not (2 <= len(x) <= 6 and 2 <= len(y) <= 6) or x in b or y in a:
            continue
        # where one letter was exchanged, it is the second: the first was taken along
        surname = any(x[at] in _surnames() and y[at] in _surnames() for at in (0, 1))
        if surname or words.count((x, y)) >= 2:
            return True
    return False


def _title_parts(title: str | None) -> str:
    return fold(_CUT_RE.sub("", title or ""))


def _title_names_differ(title_a: str, title_b: str, a: str, b: str) -> bool:
    """Tell whether two like titles differ in a word that only their own text has."""
    if not title_a or not title_b or title_a.startswith(title_b) or title_b.startswith(title_a):
        return False
    matcher = SequenceMatcher(None, title_a, title_b, autojunk=False)
    if matcher.ratio() < 0.6:
        return False
    for kind, a1, a2, b1, b2 in matcher.get_opcodes():
        if kind != "replace":
            continue
        if a2 - a1 == 1 or b2 - b1 == 1:
            a1, b1 = max(0, a1 - 1), max(0, b1 - 1)
        x, y = title_a[a1:a2], title_b[b1:b2]
        if min(len(x), len(y)) >= 2 and x in a and x not in b and y in b and y not in a:
            return True
    return False


SAME_ORDER = 0.7
"""Share of the shorter text that must stand in the longer one in the same order. Measured on news texts: edits of a
fifth of all characters leave 0.8, other stories of the same office and topic reach 0.5, notices that have half of
their measures in common 0.66."""


def in_order(a: str, b: str) -> int:
    """Give the length of the longest common subsequence of two texts, in characters.

    Bit-parallel (Hyyrö 2004): one addition a character, on an integer with one bit a character of `a`.

    >>> in_order("市民政局公布养老服务", "民政部门公布的养老新服务")
    8
    """
    places: dict[str, int] = {}
    for at, char in enumerate(a):
        places[char] = places.get(char, 0) | 1 << at
    ones = (1 << len(a)) - 1
    row = ones
    for char in b:
        hit = row & places.get(char, 0)
        row = (row + hit | row - hit) & ones
    return len(a) - row.bit_count()


def same_story(title_a: str | None, text_a: str, title_b: str | None, text_b: str) -> Comparison:
    """Decide whether two texts are one story, printed twice.

    The same: other boilerplate, a cut version down to about half, small edits, the other script, another
    title. Not the same: a quote inside a longer story, bulletins and lists of one series, notices that
    differ in one name or in figures alone.

    >>> body = "市民政局日前公布养老服务设施建设进展，全年新建社区食堂十二处，惠及老人三千余名，居民反映良好，服务质量稳步提升。"
    >>> same_story("养老服务", body, "养老服务又有新进展", "本报讯　" + body).reason
    'near'
    >>> same_story("第1期价格", body, "第2期价格", body).reason
    'title figures'
    """
    a, b = fold(text_a), fold(text_b)
    title_one, title_other = _title_parts(title_a), _title_parts(title_b)
    jaccard, containment = (1.0, 1.0) if a == b and a else _overlap(a, b)

    def no(reason: str) -> Comparison:
        return Comparison(False, jaccard, containment, reason)

    ratio = min(len(a), len(b)) / max(len(a), len(b), 1)
    if containment < 0.3 or jaccard < 0.15:
        return no("quote" if containment >= 0.3 else "other text")
    if ratio < 0.45:
        return no("quote")
    if min(len(a), len(b)) < _SHORT and not (a == b and title_one == title_other):
        return no("short")
    one, other = _figures(title_a or ""), _figures(title_b or "")
    if one and other and one != other and _bare(title_one) == _bare(title_other):
        return no("title figures")
    if a == b:
        return Comparison(True, jaccard, containment, "equal")
    # of a brief text edits of a tenth of all characters leave two thirds of the runs
    brief = min(len(a), len(b)) < _BRIEF
    if brief and containment < 0.6:
        return no("short")
    bare_a, bare_b = _bare(a), _bare(b)
    if bare_a == bare_b or _series(text_a, text_b, _overlap(bare_a, bare_b)[1], brief):
        return no("figures")
    # stories of one office share its phrases, and edits wear n-grams down quickly: what tells them apart is
    # whether the shared characters stand in the same order
    if containment < 0.8 and in_order(a, b) < SAME_ORDER * min(len(a), len(b)):
        return no("other text")
    # a list of other names under the same head and foot; edits would have worn head and foot too
    shared, rest_a, rest_b = _rests(text_a, text_b)
    if (
        shared >= 0.1
        and min(len(rest_a), len(rest_b)) >= 0.25 * min(len(a), len(b))
        and _overlap(rest_a, rest_b)[1] < 0.5
    ):
        return no("list")
    if _title_names_differ(title_one, title_other, a, b):
        return no("title names")
    if containment >= 0.8 and ratio >= 0.9 and _names_differ(a, b):
        return no("names")
    return Comparison(True, jaccard, containment, "near")
