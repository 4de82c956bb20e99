"""Signatures: the same story found again under other boilerplate, with small edits, or in another script.

A signature holds the lowest hashes of a text's runs of five characters (a bottom-k sketch; Broder 1997), with a checksum
of the whole and some runs of its figures. `bands` turns it into keys of an inverted index: the lowest of two texts that
share a third of their runs are partly the same, and such a run is rare enough to be looked up by itself. Candidates are
then compared in full by `same_story`, where titles, figures and names vote, because bulletins of one series are nearly
the same text and not at all the same story.

Nothing here depends on Python's ``hash``: signatures are the same on every machine.
"""

from __future__ import annotations

import base64
import hashlib
import re
import struct
import unicodedata
import zlib
from collections import Counter
from collections.abc import Callable, Container, Iterable, Sequence
from difflib import SequenceMatcher
from functools import cache, cached_property, lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from crawler.text import tables
from crawler.text.keeping import keep

GRAM = 3
"""Characters in a run by which two texts are compared. Of texts in which every tenth / fifth character was exchanged,
57 / 34 % of the runs of three are shared; unrelated news of one town share about 1 in 50."""
RUN = 5
"""Characters in a run by which a text is found. Of the runs of three that a text has, most are in a hundred others of
300,000; of a fifth edited a third of the runs of five are left."""
LOWEST = 61
"""How many of the lowest hashes of runs a signature keeps."""
SOUGHT, POSTED = 25, 18
"""How many of them a text is looked up by, and how many it is found by."""
FIGURE_RUN, FIGURE_KEYS = 4, 2
"""Figures in a run, and how many of the runs a text is found by: what tells the bulletins of one series apart."""
HEAD = 1 + FIGURE_KEYS
"""Numbers of a signature before the runs of characters."""
_SOUGHT_SIGNS = -(-(HEAD + SOUGHT) // 3) * 16  # base 64 has three numbers in 16 signs

_SHORT = 40
"""Below this many letters a text is a caption or a notice of two lines: it proves nothing by itself."""
_BRIEF = 150
"""Below this many letters it is a notice of a few lines, most of which the other notices of its office say as well:
only what changes from one to the next, names and figures, tells them apart."""
_SENTENCE = 20
"""Letters of a sentence whose survival says that its text was not edited much."""
_DIFF_LIMIT = 4000
"""Letters compared by difflib, whose worst case is quadratic."""

_WORD_RE = re.compile(r"[^\W_]+")
_NUMBER_RE = re.compile(r"[\d〇零一二三四五六七八九]+")
_DIGITS_RE = re.compile(r"[0-9]+")
_FIGURE_RE = re.compile(r"\d+(?:\.\d+)?")
_ITEM_RE = re.compile(r"^\s*\(?\d{1,3}[、.)](?!\d)", re.MULTILINE)  # 1、 (2) 3.
_SENTENCE_RE = re.compile(r"[。！？；!?;\n]+")
# What an editor puts for another of its kind, throughout: who tells, how, to whom, and since when.
_TELLING_RE = re.compile(
    "告诉|介绍|表示|透露|指出|强调|认为|获悉|了解|得知|记者|笔者|本报|本台|昨日|昨天|今日|今天|日前|近日|我市|本市|全市"
)
_MIX, _HALF = np.uint32(0x85EBCA6B), np.uint32(16)
_STEP = np.uint32(0x9E3779B1)  # odd, so that no bit of a character is lost
# What conversion exchanges by the word, beyond the table of single characters: 想象 - 想像, 工具 - 俱乐部, 烟草 - 菸草.
_EXCHANGED = ("象像", "具俱", "烟菸", "背揹", "夫伕", "仿彷", "坐座", "熏薰", "挨捱", "宁甯", "链炼")
_HANZI_DIGITS = str.maketrans("〇零一二三四五六七八九", "00123456789")

_OFFICE_ENDS = frozenset("局委办院会处所站镇乡县校")
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
def folding(more: Sequence[str] = ()) -> dict[int, str]:
    """Map every character that script conversion may exchange to one of its class; `more` names further classes."""
    parent: dict[str, str] = {}

    def find(char: str) -> str:
        while parent.get(char, char) != char:
            char = parent[char]
        return char

    for traditional, simplified in tables.load("traditional"):
        if not simplified:
            continue
        root = find(simplified[0])
        for char in traditional + simplified:
            parent[find(char)] = root
            parent.setdefault(root, root)
    for one, *others in map(tuple, more):
        parent[find(others[0])] = find(one)
    return {ord(char): find(char) for char in parent if find(char) != char}


def _fold_slowly(text: str) -> str:
    wide = unicodedata.normalize("NFKC", text).lower().translate(folding(_EXCHANGED))
    return "".join(_WORD_RE.findall(wide))


SEVERAL = 0xFFFF
"""In a table of `fold_table`: what this becomes has several characters, or depends on its neighbours."""


def fold_table(how: Callable[[str], str]) -> npt.NDArray[np.uint16]:
    """Give for every UTF-16 unit what a way of folding, NFKC and lower case at least, makes of it; 0 where it is dropped."""
    second = {
        int(parts[1], 16)  # composed with what stands before it
        for char in map(chr, range(0x10000))
        if len(parts := unicodedata.decomposition(char).split()) == 2 and parts[0][0] != "<"
    } | set(range(0x1160, 0x1200))  # parts of Hangul syllables, composed by rule
    table = np.zeros(0x10000, np.uint16)
    for first in range(0, 0x10000, 0x100):
        codes = range(first, first + 0x100)
        run = "".join(map(chr, codes))
        found = how(run)
        inert = unicodedata.normalize("NFKC", run).lower() == run and second.isdisjoint(codes)
        if inert and len(found) == len(run) and not any(map(unicodedata.combining, run)):
            table[first : first + 0x100] = [
                min(ord(char), SEVERAL) for char in found
            ]  # Han and Hangul: most of the table
        else:
            _fold_each(table, codes, how, second)
    table[0xD800:0xE000] = SEVERAL  # halves of a character beyond the first plane
    return table


def _fold_each(
    table: npt.NDArray[np.uint16], codes: Iterable[int], how: Callable[[str], str], second: Container[int]
) -> None:
    for code in codes:
        char = chr(code)
        plain = unicodedata.normalize("NFKC", char)
        found = how(char)
        alone = len(plain) == len(plain.lower()) == 1 and plain != "Σ" and code not in second
        if not alone or unicodedata.combining(char) or found >= chr(SEVERAL):
            table[code] = SEVERAL
        elif found:
            table[code] = ord(found)


@cache
def _folded() -> npt.NDArray[np.uint16]:
    return fold_table(_fold_slowly)


def fold(text: str) -> str:
    """Reduce a text to what tells stories apart: letters, digits and Han, of one script, width and case.

    >>> fold("連雲港 Ｇ２５高速，“開通”!")
    '连云港g25高速开通'
    >>> fold("，。!") == fold("") == ""
    True
    """
    units = _folded().take(np.frombuffer(text.encode("utf-16-le", "surrogatepass"), np.uint16))
    folded = units[units != 0].tobytes().decode("utf-16-le")
    return _fold_slowly(text) if chr(SEVERAL) in folded else folded


def digest(text: str) -> str:
    """Give the digest of the folded text: equal for texts that differ in script, width or punctuation.

    >>> digest("連雲港，日報。") == digest("连云港日报")
    True
    >>> digest("连云港晚报") == digest("连云港日报")
    False
    """
    return "sha256:" + hashlib.sha256(fold(text).encode("utf-8", "replace")).hexdigest()


def _mix(value: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint32]:
    """Scatter 32 bits over 32 bits, one to one; the highest bits, which decide the order, are of all the lower ones."""
    mixed: npt.NDArray[np.uint32] = (value ^ value >> _HALF) * _MIX
    return mixed


def _grams(folded: str) -> npt.NDArray[np.uint32]:
    """Hash every run of three characters to 32 bits; a shorter text is one run."""
    if folded and len(folded) < GRAM:
        folded = folded.ljust(GRAM, "\0")
    codes = np.frombuffer(folded.encode("utf-32-le", "surrogatepass"), np.uint32)
    return _mix((codes[:-2] * _STEP + codes[1:-1]) * _STEP + codes[2:])


def _lowest_runs(units: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint32]:
    """Give the lowest different hashes of the runs of five UTF-16 units, in order; a shorter text is one run."""
    if len(units) < RUN:
        units = np.pad(units, (0, RUN - len(units)))
    pairs = units[:-1] * _STEP + units[1:]
    hashes = np.sort(_mix((pairs[:-3] * _STEP + pairs[2:-1]) * _STEP + units[4:]))
    some = hashes[: 2 * LOWEST]
    found = some[:-1][some[1:] != some[:-1]]
    return (found if len(found) >= LOWEST else np.unique(hashes))[:LOWEST]


def _figure_keys(folded: str) -> list[int]:
    """Give the lowest hashes of the runs of figures of a text, 0 where there is none."""
    figures = _DIGITS_RE.findall(folded)
    runs = {
        zlib.crc32(" ".join(figures[at : at + FIGURE_RUN]).encode())
        for at in range(len(figures) - FIGURE_RUN + 1)
    }
    return [*sorted(runs), *[0] * FIGURE_KEYS][:FIGURE_KEYS]


def sign(text: str) -> str:
    """Give the signature of a text: 64 numbers of 32 bits, base 64; empty for a text without a letter.

    The checksum of the folded text; the lowest hashes of its runs of figures, 0 where it has none; the lowest
    hashes of its runs of characters, fewer of a very short text.

    >>> len(sign("筑牢社保基石，托起百姓幸福。" * 9)), len(sign("筑牢社保基石")), sign("。")
    (80, 28, '')
    >>> sign("筑牢社保基石，托起百姓幸福。") == sign("築牢社保基石 托起百姓幸福")
    True
    """
    folded = fold(text)
    if not folded:
        return ""
    whole = folded.encode("utf-16-le", "surrogatepass")
    head = struct.pack("<3I", zlib.crc32(whole), *_figure_keys(folded))
    runs = _lowest_runs(np.frombuffer(whole, "<u2").astype(np.uint32))
    return base64.b64encode(head + runs.astype("<u4", copy=False).tobytes()).decode("ascii")


@lru_cache(maxsize=64)  # one new signature is compared with many
def _read(signature: str) -> tuple[int, ...]:
    try:
        found = base64.b64decode(signature, validate=True)
    except ValueError:
        return ()
    count, rest = divmod(len(found), 4)
    return () if rest or not HEAD < count <= HEAD + LOWEST else struct.unpack(f"<{count}I", found)


def bands(signature: str) -> tuple[int, ...]:
    """Give the keys that a text is looked up by, at most 28 numbers below 2**34; none for an empty signature.

    First the checksum (2**32 and more) and the runs of figures (2**33 and more), then runs of characters, of
    which only the lowest are `posted`.

    >>> len(bands(sign("筑牢社保基石"))), bands("")
    (3, ())
    """
    values = _read(signature[:_SOUGHT_SIGNS])
    if not values:
        return ()
    figures = [2 << 32 | value for value in values[1:HEAD] if value]
    return (1 << 32 | values[0], *figures, *values[HEAD : HEAD + SOUGHT])


def posted(keys: tuple[int, ...]) -> tuple[int, ...]:
    """Give those of the keys of a text that others find it by.

    They are fewer than it is looked up by: a run that is among the lowest of one text may stand a little
    higher in its copy.
    """
    head = sum(key >> 32 > 0 for key in keys[:HEAD])
    return keys[: head + POSTED]


def is_exact(key: int) -> bool:
    """Tell whether a key is the checksum of a whole text.

    >>> [is_exact(key) for key in bands(sign("筑牢社保"))]
    [True, False]
    """
    return key >> 32 == 1


def likeness(a: str, b: str) -> float:
    """Estimate how much two signed texts share, 0 to 1 (standard error 0.06 at 0.5).

    Of the lowest runs of both together, how many are among the lowest of each (Broder 1997).

    >>> likeness(sign("筑牢社保基石"), sign("筑牢社保基石")), likeness("", "")
    (1.0, 0.0)
    """
    one, other = _read(a)[HEAD:], _read(b)[HEAD:]
    if not one or not other:
        return 0.0
    # below the end of either list both lists are whole; a short text's list is whole throughout
    ends = [values[-1] for values in (one, other) if len(values) == LOWEST]
    end = min(ends, default=1 << 32)
    low, high = ({value for value in values if value <= end} for values in (one, other))
    return len(low & high) / len(low | high)


# --- the vote ---


@cache
def _surnames() -> frozenset[str]:
    return frozenset(fold(_SURNAMES))


class _Told:
    """What the vote asks of one text, each worked out when it is first asked."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.folded = fold(text)

    @cached_property
    def runs(self) -> npt.NDArray[np.uint32]:
        return np.unique(_grams(self.folded))

    @cached_property
    def bare(self) -> str:
        return _bare(self.folded)

    @cached_property
    def bare_runs(self) -> npt.NDArray[np.uint32]:
        return np.unique(_grams(self.bare))

    @cached_property
    def figures(self) -> list[tuple[str, str]]:
        return _figures_in_place(self.text)

    @cached_property
    def sentences(self) -> list[str]:
        return [folded for part in _SENTENCE_RE.split(self.text) if (folded := fold(part))]


_told = keep(64, longest=20_000)(_Told)  # one new text is compared with many


def _overlap(one: npt.NDArray[np.uint32], other: npt.NDArray[np.uint32]) -> tuple[float, float]:
    """Give Jaccard likeness and containment of the runs of two texts."""
    if not len(one) or not len(other):
        return 0.0, 0.0
    both = len(np.intersect1d(one, other, assume_unique=True))
    return both / (len(one) + len(other) - both), both / min(len(one), len(other))


def _figures(text: str) -> list[str]:
    """List the figures of a text in order, Chinese digits as Arabic ones."""
    return _FIGURE_RE.findall(unicodedata.normalize("NFKC", text).translate(_HANZI_DIGITS))


def _figures_in_place(text: str) -> list[tuple[str, str]]:
    """List the figures of a text in order, each with the two letters before it.

    What is the same throughout (each price for 500 grams) stands once, the numbers of a list not at all; one at
    the end may have been cut through.
    """
    plain = _ITEM_RE.sub("", unicodedata.normalize("NFKC", text).translate(_HANZI_DIGITS))
    found: list[tuple[str, str]] = []
    for match in _FIGURE_RE.finditer(plain):
        before = "".join(_WORD_RE.findall(plain[max(0, match.start() - 8) : match.start()]))
        if match.end() < len(plain):
            found.append((_DIGITS_RE.sub("", before)[-2:], match.group()))
    counts = Counter(found)
    often = {figure for figure, count in counts.items() if count > 3}
    return [figure for figure in found if figure not in often] + sorted(often)


def _series(
    one: Sequence[tuple[str, str]], other: Sequence[tuple[str, str]], words: float, brief: bool
) -> bool:
    """Tell whether two texts have other figures in the same places, more than their words differ.

    `words` is the containment without figures. Edits and cuts wear figures and words alike; in a series the
    words stay and the figures change. Where every figure has its place in both, nothing was worn. In a brief
    notice (`brief`) one figure of a few is much.
    """
    common = (Counter(place for place, _ in one) & Counter(place for place, _ in other)).total()
    if common < (2 if brief else 3):
        return False
    letters = {figure: chr(at) for at, figure in enumerate(dict.fromkeys((*one, *other)))}
    a, b = ("".join(map(letters.__getitem__, figures)) for figures in (one, other))
    agreement = in_order(a, b) / common
    if brief and agreement < 0.8:
        return True
    whole = common >= 0.9 * max(len(one), len(other))
    return agreement < max(0.6 * words if common >= 8 else 0.7 * words * words, 0.6 if whole else 0.0)


def _rests(one: Sequence[str], other: Sequence[str]) -> tuple[float, str, str]:
    """Take the sentences that two texts share out of both: their share of the shorter text, and the rests."""
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
    whole = sum(len(part) * count for part, count in both.items() if len(part) >= _SENTENCE)
    return whole / max(shorter, 1), rests[0], rests[1]


def _is_list(one: _Told, other: _Told) -> bool:
    """Tell whether two texts are lists of other names under the same head and foot.

    Edits would have worn head and foot too: where whole sentences are left, so is most of all others.
    """
    shared, rest_a, rest_b = _rests(one.sentences, other.sentences)
    shorter = min(len(one.folded), len(other.folded))
    if shared < 0.1 or min(len(rest_a), len(rest_b)) < 0.25 * shorter:
        return False
    return _overlap(np.unique(_grams(rest_a)), np.unique(_grams(rest_b)))[1] < 0.6


def _bare(folded: str) -> str:
    return _NUMBER_RE.sub("", folded)


def _replacements(a: str, b: str) -> list[tuple[str, str]] | None:
    """List what was exchanged between two folded texts; None where they differ in too much to say.

    What one has more at either end is a frame or a cut, not an exchange.
    """
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
        if kind == "equal" or (kind != "replace" and (a1 == a2 == 0 or b1 == b2 == 0)):
            continue
        if kind != "replace" and (a1 == a2 == len(a) or b1 == b2 == len(b)):
            continue
        if kind != "replace":
            # a name that is longer by one: taken with a neighbour on both sides
            found.append((a[max(0, a1 - 1) : a2 + 1], b[max(0, b1 - 1) : b2 + 1]))
            continue
        if a2 - a1 == 1 or b2 - b1 == 1:
            a1, b1 = max(0, a1 - 1), max(0, b1 - 1)
        kept = a[a2 : a2 + 1] in _OFFICE_ENDS  # 公安 - 统计 before 局
        found.append((a[a1 : a2 + kept], b[b1 : b2 + kept]))
    return found


def _core(pair: tuple[str, str]) -> tuple[str, str]:
    """Take away what an exchange was given of its neighbours."""
    x, y = pair
    return (x[1:], y[1:]) if x[:1] == y[:1] else pair


def _names_differ(a: str, b: str, near: bool, brief: bool) -> bool:
    """Tell whether what differs between two folded texts is who or where it is about.

    A person's name exchanged in two places or more. Between texts that are nearly equal (`near`) also any word
    exchanged throughout, or an exchanged word that begins like a person's name or, in a `brief` notice, ends like an
    office's, of each side, the other side has none: half of few exchanges are such.
    """
    pairs = _replacements(a, b)
    if not pairs:
        return False
    words = [(x, y) for x, y in pairs if not (_bare(x) == _bare(y) and x != y)]
    words = [(x, y) for x, y in words if not (_TELLING_RE.search(x) or _TELLING_RE.search(y))]
    distinct = set(words)
    exchanged = Counter(map(_core, words))
    for (x, y), count in exchanged.items():
        if count >= 2 and 2 <= len(x) <= 4 and 2 <= len(y) <= 4 and {x[0], y[0]} <= _surnames():
            return True
    if not near:
        return False
    if not words or len(distinct) > (8 if brief else 4):
        return False
    names = 0
    for x, y in distinct:
        if not (2 <= len(x) <= 7 and 2 <= len(y) <= 7) or x in b or y in a:
            continue
        # where one letter was exchanged, it is the second: the first was taken along
        surname = any(x[at] in _surnames() and y[at] in _surnames() for at in (0, 1))
        office = brief and x[-1] in _OFFICE_ENDS and y[-1] in _OFFICE_ENDS
        core = _core((x, y))
        word = min(map(len, core)) >= 2 or not _surnames().isdisjoint("".join(core))
        if surname or office or words.count((x, y)) >= 2 or (word and exchanged[core] >= 2):
            names += words.count((x, y))
    return names > 0 and 2 * names >= len(words)


def _title_parts(title: str | None) -> str:
    return fold(whole_part(title or ""))


def whole_part(title: str) -> str:
    """Leave out the dots with which a list cuts a title.

    >>> whole_part("市民政局开展……"), whole_part("市民政局开展走访.. "), whole_part("一段.")
    ('市民政局开展', '市民政局开展走访', '一段.')
    """
    said = title.rstrip()
    return said.rstrip("…") if said.endswith("…") else said.rstrip(".") if said.endswith("..") else title


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
    if (text_b, title_b or "") < (text_a, title_a or ""):  # so that the verdict has no sides
        title_a, text_a, title_b, text_b = title_b, text_b, title_a, text_a
    told_a, told_b = _told(text_a), _told(text_b)
    a, b = told_a.folded, told_b.folded
    title_one, title_other = _title_parts(title_a), _title_parts(title_b)
    jaccard, containment = (1.0, 1.0) if a == b and a else _overlap(told_a.runs, told_b.runs)

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
    words = _overlap(told_a.bare_runs, told_b.bare_runs)[1]
    if told_a.bare == told_b.bare or _series(told_a.figures, told_b.figures, words, brief):
        return no("figures")
    # stories of one office share its phrases, and edits wear n-grams down quickly: what tells them apart is
    # whether the shared characters stand in the same order
    if containment < 0.8 and in_order(a, b) < SAME_ORDER * min(len(a), len(b)):
        return no("other text")
    if _is_list(told_a, told_b):
        return no("list")
    if _title_names_differ(title_one, title_other, a, b):
        return no("title names")
    if _names_differ(a, b, containment >= 0.8, brief):
        return no("names")
    return Comparison(True, jaccard, containment, "near")
