"""Read again what was read with the wrong table, and mark what is gone for good.

Every reading here is strict: the characters give their bytes back one by one, and the bytes are decoded
without a single error. What passes is weighed: Chinese that is much likelier than what stands there.
Readings may be nested (twice over), and the characters may be written as entities.
"""

from __future__ import annotations

import html
import re
from bisect import bisect_right
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from typing import NamedTuple

from crawler.text import bigrams, evidence
from crawler.text.evidence import ENTITY_RE, WINDOWS, gb_bytes, readers, swaps


class Found(NamedTuple):
    """A stretch of a text and what it really says; `after` equals the stretch where that is lost."""

    start: int
    end: int
    after: str
    certainty: str


LEAST, EACH, DEAREST = 9.0, 1.2, 10.0
"""What an exchange of tables must save, in all and for each of eight characters, and may cost for each."""

SURE = 7.5
"""What each character may cost after an exchange where nearly all were private ones."""

DEPTH = 3
"""Readings undone one inside the other."""

HANZI_RE = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\u3007]")
HIGH = "".join(sorted(WINDOWS))
HIGHS = frozenset(WINDOWS)

SIGNS = "".join(chr(n) for n in range(0xA1, 0xC0) if chr(n) not in evidence.OFTEN)
PAIR_RE = re.compile(f"[{re.escape(HIGH)}]{{2}}|[{SIGNS}][@-~][{SIGNS}]")
"""Evidence of bytes above ASCII read as Latin-1 or Windows-1252: one Hanzi is two or three of them."""

INSIDE = "".join(char for char, byte in WINDOWS.items() if byte < 0xC0)
UTF8_RE = re.compile(
    f"(?:[Â-ß][{re.escape(INSIDE)}]|[à-ï][{re.escape(INSIDE)}]{{2}}|[ð-ô][{re.escape(INSIDE)}]{{3}})+"
)
"""Evidence of UTF-8 read as Latin-1 or Windows-1252."""


@cache
def _triple() -> re.Pattern[str]:
    """Give the evidence of UTF-8 read as GBK: three characters whose bytes are two Hanzi in UTF-8; or of
    Latin-1 in UTF-8 read as GBK, two or three characters of which each is a Latin letter."""
    classes: list[list[str]] = [[], [], [], [], []]
    for char, code in gb_bytes().items():
        if len(code) == 2:
            lead, trail = code
            inside = 0x80 <= trail < 0xC0
            for where, fits in enumerate(
                (
                    0xE2 <= lead < 0xF0 and inside,
                    lead < 0xC0 and 0xE2 <= trail < 0xF0,
                    lead < 0xC0 and inside,
                    lead in (0xC2, 0xC3) and inside,
                    lead in (0xC2, 0xC3) and 0x80 <= trail < 0xA1,
                )
            ):
                if fits:
                    classes[where].append(re.escape(char))
    first, second, third, twice, rare = ("".join(sorted(several)) for several in classes)
    return re.compile(f"[{first}][{second}][{third}]|[{twice}]{{3}}|[{rare}]{{2}}")


def weigh(text: str) -> float:
    """Give the cost in nats of a text as Chinese.

    >>> weigh("2024年5月") < 20 < weigh("鍏ㄥ競鍩")
    True
    """
    return sum(evidence.costs(text))


QUOTES = frozenset("\u2018\u2019\u201c\u201d\u2013\u2014\u2026\xa0")


def _latin_cost(text: str) -> float:
    """Give the cost in nats of a text as Western writing: letters with accents stand alone in words."""
    total = 0.0
    last = " "
    for at, char in enumerate(text):
        if char >= "\x80":
            after = text[at + 1 : at + 2]
            if char.isalpha() and char not in "ªºµ":
                fits = last < "\x80" and (char.islower() or not last.islower()) and not last.isdigit()
            else:
                fits = char in QUOTES or not (
                    last.isalpha() or last >= "\x80" or after > ":" or after >= "\x80"
                )
            total += 4.0 if fits else 9.0
        elif char.isalpha() and last in SIGNS:
            total += 4.0  # a letter right behind a sign
        last = char
    return total


def _bytes_of(text: str) -> bytes:
    return bytes(WINDOWS[char] if char >= "\x80" else ord(char) for char in text)


def _strict(body: bytes, codec: str) -> str | None:
    try:
        return body.decode(codec)
    except UnicodeDecodeError:
        return None


def _again(text: str, depth: int) -> str:
    """Undo further readings inside a text that is itself the result of one."""
    if depth <= 1:
        return text
    found = list(_pieces(text, depth - 1))
    for start, end, after, _ in reversed(found):
        text = text[:start] + after + text[end:]
    return text


COMMON_RE = re.compile("[\u2018\u2019\u201c\u201d·…—、。《》（），：；？！]")
"""Signs of every Chinese text: in a short field there may be as many as Hanzi."""


def _two_bytes(stretch: str) -> tuple[str, str] | None:
    """Read Latin characters as GB 18030 or Big5, whichever is likelier Chinese."""
    body = _bytes_of(stretch)
    readings: list[tuple[float, str]] = []
    for codec in ("gb18030", "big5", "big5hkscs"):
        after = _strict(body, codec)
        if after is None or (codec == "big5hkscs" and len(readings) > 1):
            continue
        wide = sum(char >= "\x80" for char in after)
        hanzi = len(HANZI_RE.findall(after))
        cost = weigh(after)
        if not hanzi or any("\ue000" <= c <= "\uf8ff" or "\x80" <= c < "\xa1" for c in after):
            continue
        if hanzi == 1 and not (wide == 1 and re.search("[0-9]", after) and cost < 6.0):
            continue
        if hanzi * 3 < (wide - len(COMMON_RE.findall(after))) * 2 and wide > 3:
            continue
        if cost + 6.0 + 1.5 * hanzi < _latin_cost(stretch) and cost < 11.5 * wide + 4.0:
            readings.append((cost, after))
    if not readings:
        return None
    readings.sort()
    several = len(readings) > 1 and readings[1][0] - readings[0][0] < 6.0 and readings[1][1] != readings[0][1]
    return readings[0][1], "inferred" if several else "proven"


SIGN_RE = re.compile(
    "[\xa0-\u024f\u0370-\u03ff\u2010-\u203a\u20ac\u2122\u2190-\u22ff\u2460-\u27bf\u3000-\u303f\uff01-\uff5e]+"
)
LETTERS = re.compile(r"[A-Za-z]")


def _sure(before: str, after: str, left: str, right: str) -> bool:
    """Say whether a strict reading of Latin characters as UTF-8 is no accident of a Western text."""
    if any("\x80" <= c < "\xa0" or "\ue000" <= c <= "\uf8ff" or c == "\ufffd" for c in after):
        return False
    hanzi = len(HANZI_RE.findall(after))
    if hanzi >= 2:
        return True
    if len(before) >= 9 and len(after) * 3 == len(before):
        return True
    if hanzi:
        # a French closing quote is a blank and », so that é\xa0» looks like one Hanzi
        return "\xa0" not in before and not LETTERS.match(left) and not LETTERS.match(right)
    if any(c > "\uffff" for c in after):
        return "\U0001f000" <= after[0] <= "\U0001faff"
    if before.startswith("â\u20ac"):
        return True
    if not SIGN_RE.fullmatch(after):
        return False
    if len(before) == 3:
        return before[0] in "âãï" and "\xa0" not in before and "»" not in before
    if before[0] == "Â":
        return before[1] in "·°®©£¥±§" and not (left.isupper() and right.isupper())
    if before[0] in "ÃÄÅ":
        return before[1] not in "\u201c\u201d\u2018\u2019\u2026\u2014\u2013«»\xa0" and bool(
            (LETTERS.match(left) and left.islower()) or (LETTERS.match(right) and right.islower())
        )
    return False


def _in_latin(text: str, depth: int) -> Iterator[Found]:
    """Find what was read as Latin-1 or Windows-1252."""
    done = 0
    for hit in PAIR_RE.finditer(text):
        if hit.start() < done:
            continue
        start, end = hit.span()
        floor, top = max(done, start - 2000), min(len(text), end + 4000)
        while start > floor and _inside(text[start - 1]):
            start -= 1
        while end < top and _inside(text[end]):
            end += 1
        done = end
        yield from _in_stretch(text, start, end, depth)


def _plain(char: str) -> bool:
    return (" " <= char < "\x7f" and char not in '<>"') or char == "\t"


def _inside(char: str) -> bool:
    return _plain(char) or char in HIGHS


RUN_RE = re.compile(f"[{re.escape(HIGH)}](?:[{re.escape(HIGH)}]|[@-~](?=[{re.escape(HIGH)}]))*[@-~]?")


def _in_stretch(text: str, start: int, end: int, depth: int) -> Iterator[Found]:
    """Find what one stretch of ASCII and Latin characters says: as a whole, or run by run."""
    highs = [at for at in range(start, end) if text[at] >= "\x80"]
    first, last = highs[0], highs[-1] + 1

    def pieces() -> Iterator[tuple[bool, Found]]:
        for piece in UTF8_RE.finditer(text, first, last):
            low, high = piece.span()
            reading = _strict(_bytes_of(piece[0]), "utf-8")
            if reading is not None:
                reading = _again(reading, depth)
                sure = _sure(piece[0], reading, text[max(low - 1, 0) : low], text[high : high + 1])
                yield sure, Found(low, high, reading, "proven")

    whole = _strict(_bytes_of(text[first:last]), "utf-8")
    if whole is not None:
        whole = _again(whole, depth)
        if len(CLEAR_RE.findall(whole)) >= 2 and not STRANGE_RE.search(whole):
            yield Found(first, last, whole, "proven")
            return
    found = [piece for sure, piece in pieces() if sure]
    if found and (whole is not None or any(len(HANZI_RE.findall(piece.after)) > 2 for piece in found)):
        yield from found
        return
    for tail in (last + 1, last) if "@" <= text[last : last + 1] < "\x7f" else (last,):
        two = _two_bytes(text[first:tail])
        if two:
            yield Found(first, tail, *two)
            return
    if found:
        yield from found
        return
    for run in RUN_RE.finditer(text, first, last + 1):
        low, high = run.span()
        while low < high and text[low] in evidence.OFTEN and (high - low) % 2:
            low += 1
        while (
            high > low and (text[high - 1] in evidence.OFTEN or text[high - 1] < "\x80") and (high - low) % 2
        ):
            high -= 1
        if high - low >= 4 and (two := _two_bytes(text[low:high])):
            hanzi = len(two[0])
            if hanzi >= 3 or not (LETTERS.match(text[low - 1 : low]) or LETTERS.match(text[high : high + 1])):
                yield Found(low, high, *two)


CLEAR_RE = re.compile(f"(?<![A-Za-z]){HANZI_RE.pattern}(?![A-Za-z])|{HANZI_RE.pattern}(?={HANZI_RE.pattern})")
"""A French é before a blank and » looks like one Hanzi behind a letter: such do not count."""

STRANGE_RE = re.compile("[\x80-\x9f\ue000-\uf8ff\ufffd]")


UTF8_BYTES_RE = re.compile(
    rb"(?:[\x00-\x7f]|[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3})+"
)


def _in_gbk(text: str, depth: int) -> Iterator[Found]:
    """Find UTF-8 that was read as GBK."""
    known = gb_bytes()
    done = 0
    for hit in _triple().finditer(text):
        if hit.start() < done:
            continue
        start, end = hit.span()
        if not _promising(text, start, end):
            done = end
            continue
        floor, top = max(done, start - 4000), min(len(text), end + 8000)
        while start > floor and (text[start - 1] in known or _plain(text[start - 1])):
            start -= 1
        while end < top and (text[end] in known or _plain(text[end])):
            end += 1
        while text[start] < "\x80":
            start += 1
        while text[end - 1] < "\x80":
            end -= 1
        done = end
        whole = _strict(b"".join(known.get(char) or char.encode() for char in text[start:end]), "utf-8")
        if whole is not None and _fits(text[start:end], whole := _again(whole, depth)):
            yield Found(start, end, whole, "proven")
            continue
        for run in re.finditer("[^\x00-\x7f]+", text[start:end]):
            yield from _in_run(text, start + run.start(), start + run.end(), depth)


def _promising(text: str, start: int, end: int) -> bool:
    """Say whether a place that looks like UTF-8 read as GBK is more than characters that met by accident.

    In the middle of a table of all Hanzi in the order of their codes stands what looks like Latin letters.
    """
    known = gb_bytes()
    codes = [known.get(char, b"") for char in text[max(0, start - 4) : end + 4]]
    if len(codes) >= 10 and all(one < other for one, other in pairwise(codes)):
        return False
    read = _strict(b"".join(map(known.__getitem__, text[start:end])), "utf-8")
    return read is not None and (not HANZI_RE.match(read) or weigh(read) < weigh(text[start:end]) + LEAST)


def _fits(before: str, after: str) -> bool:
    if len(HANZI_RE.findall(after)) < 2 or STRANGE_RE.search(after) or re.search("[À-ÿ]", after):
        return False
    return weigh(after) + 14.0 < weigh(before)


def _in_run(text: str, start: int, end: int, depth: int) -> Iterator[Found]:
    """Find UTF-8 in one run of characters of GBK, which may begin or end with healthy ones."""
    at = start
    while at < end:
        place, reach, after = _longest(text, at, end)
        if reach <= at:
            return
        at = reach
        if after is None or not _fits(text[place:reach], after := _again(after, depth)):
            continue
        yield Found(place, reach, after, "proven")
        rest = _cut_off(text, reach, end, after[-1])
        if rest:
            yield rest
            at = rest.end


def _cut_off(text: str, start: int, end: int, last: str) -> Found | None:
    """Find the character that lost its third byte: the run was of an odd length.

    The two bytes that are left tell 64 characters; the likeliest is taken where it is much likelier than all
    others. What the converter wrote for the lost byte goes with it, where it cannot have swallowed anything.
    """
    if start + 1 != end or len(code := gb_bytes()[text[start]]) != 2:
        return None
    if not (0xE2 <= code[0] < 0xF0 and 0x80 <= code[1] < 0xC0):
        return None
    mark = text[end : end + 1] in ("?", "\ufffd") and text[end : end + 1] != ""
    follows = text[end + mark : end + mark + 1]
    after = "，" if not follows or follows in "<\r\n \t" else follows
    costs = []
    for third in range(0x80, 0xC0):
        char = _strict(code + bytes((third,)), "utf-8")
        if char:
            costs.append((bigrams.cost(last, char) + bigrams.cost(char, after), char))
    costs.sort()
    if len(costs) < 2 or costs[0][0] > 16.0 or costs[1][0] - costs[0][0] < 4.0:
        return Found(start, end + mark, "\ufffd", "lost")
    if mark and follows and follows not in "<\r\n \t":
        return Found(start, end + 1, costs[0][1] + "\ufffd", "lost")
    return Found(start, end + mark, costs[0][1], "inferred")


def _longest(text: str, start: int, end: int) -> tuple[int, int, str | None]:
    """Find the first long stretch that begins and ends with whole characters and is UTF-8."""
    known = gb_bytes()
    codes = [known[char] for char in text[start:end]]
    ends = [0]
    for code in codes:
        ends.append(ends[-1] + len(code))
    body = b"".join(codes)
    borders = set(ends)
    number = 0
    while number < len(codes):
        at = ends[number]
        match = UTF8_BYTES_RE.match(body, at) if codes[number][0] >= 0xC2 else None
        if match and match.end() - at >= 6:
            reach = match.end()
            while reach > at and reach not in borders:
                reach -= 1
                while reach > at and 0x80 <= body[reach] < 0xC0:
                    reach -= 1
            if reach - at >= 6:
                return (
                    start + number,
                    start + bisect_right(ends, reach) - 1,
                    _strict(body[at:reach], "utf-8"),
                )
        number += 1
    return start, end, None


def _in_swapped(text: str) -> Iterator[Found]:
    """Find Big5 that was read as GBK, and the reverse."""
    places = evidence.swapped(text)
    if not places:
        return
    done = 0
    tried = {0: (0, 0), 1: (0, 0)}
    for at in places:
        while at + 1 < len(text) and text[at] < "\x80":
            at += 1
        if at < done:
            continue
        best: tuple[float, Found] | None = None
        for number, table in enumerate(swaps()):
            near = evidence.saving(text[max(done, at - 1) : at + 8], number)
            if near <= evidence.SAVING:
                continue
            start = end = at
            reach = 6000 if near > 40.0 else 60
            floor, top = max(done, start - reach), min(len(text), end + reach)
            while start > floor and (text[start - 1] in table or _plain(text[start - 1])):
                start -= 1
            while end < top and (text[end] in table or _plain(text[end])):
                end += 1
            if start == end or tried[number] == (start, end):
                continue
            tried[number] = start, end
            found = _best_swap(text[start:end], number)
            if found and (best is None or found[0] > best[0]):
                gain, low, high, after, certainty = found
                if _chart(text[max(0, start + low - 6) : start + high + 6], ("gb18030", "big5hkscs")[number]):
                    continue
                best = gain, Found(start + low, start + high, after, certainty)
        if best:
            yield best[1]
            done = best[1].end


def _chart(text: str, codec: str) -> bool:
    """Say whether characters stand in the order of their codes, as in a table of a character set.

    >>> _chart("陽隅隆隍陲隄雁雅雄集雇雯雲", "big5"), _chart("今天下午市里召开了工作会议", "gb18030")
    (True, False)
    """
    codes = [char.encode(codec, "ignore") for char in text]
    return len(codes) >= 12 and sum(one < other for one, other in pairwise(codes)) >= 0.85 * (len(codes) - 1)


def _choose(several: list[str]) -> str:
    """Choose one of several characters at each place by its neighbours."""
    chosen = [chars[0] for chars in several]
    for at, chars in enumerate(several):
        if len(chars) > 1:
            last = chosen[at - 1] if at else "，"
            follows = chosen[at + 1] if at + 1 < len(chosen) else "，"
            chosen[at] = min(chars, key=lambda char: weigh(last + char + follows))
    return "".join(chosen)


def _best_swap(run: str, number: int) -> tuple[float, int, int, str, str] | None:
    """Find the part of a run that is likelier after the exchange of tables, None where none is."""
    table = swaps()[number]
    several = [table.get(char, char) for char in run]
    other = "".join(chars[0] for chars in several)
    if any(len(chars) > 1 for chars in several):
        # one reader uses one of the tables throughout
        others = [
            _choose([reader.get(char, chars) for char, chars in zip(run, several, strict=True)])
            for reader in readers()[number]
        ]
        other = min(others, key=lambda text: weigh(text) + 1.5 * (text not in others[:2]))
    before, after = evidence.costs(run), evidence.costs(other)
    best = total = 0.0
    low = high = begun = 0
    for place, (old, new) in enumerate(zip(before, after, strict=True)):
        total += old - new
        if total <= 0:
            total, begun = 0.0, place + 1
        elif total > best:
            best, low, high = total, begun, place + 1
    whole = sum(before) - sum(after)
    if whole > best - 12.0:
        low, high, best = 0, len(run), whole
    while low < high and run[low] < "\x80":
        low += 1
    while low < high and run[high - 1] < "\x80":
        high -= 1
    many = sum(char >= "\x80" for char in run[low:high])
    cost = sum(after[low:high])
    hanzi = len(HANZI_RE.findall(other[low:high]))
    for edge in (run[low - 1 : low], run[high : high + 1]):
        if many < 8 and edge and (HANZI_RE.match(edge)):
            return None
    if sum("\ue000" <= char <= "\uf8ff" for char in run[low:high]) * 3 > many * 2 and (
        hanzi < 3 or cost > SURE * many
    ):
        return None  # the characters of an icon font
    if hanzi < 2 or (hanzi < 3 and not re.search("[0-9]", run)) or best < LEAST + EACH * min(many, 8):
        return None
    if cost > DEAREST * many + 3.0 and not (best > 7.5 * many and cost < 12.0 * many):
        return None
    certainty = "inferred" if any(len(chars) > 1 for chars in several[low:high]) else "proven"
    return best, low, high, other[low:high], certainty


def _pieces(text: str, depth: int, clues: int | None = None) -> Iterator[Found]:
    """Find what was misread in a text, in order, without overlaps."""
    clues = evidence.look(text) if clues is None else clues
    found: list[Found] = []
    if clues & evidence.AS_LATIN:
        found += _in_latin(text, depth)
    if clues & evidence.AS_GBK:
        found += _in_gbk(text, depth)
    if clues & evidence.SWAPPED:
        taken = [(f.start, f.end) for f in found]
        found += [f for f in _in_swapped(text) if all(f.end <= a or f.start >= b for a, b in taken)]
    last = 0
    for piece in sorted(found):
        if piece.start >= last:
            yield piece
            last = piece.end


def find(text: str, clues: int | None = None) -> list[Found]:
    """List what was read with the wrong table and can be read again.

    >>> [found.after for found in find("《杩炰簯》 ÄêÔÂ &#230;&#184;&#175;&#229;&#159;&#142;")]
    ['连云', '年月', '港城']
    >>> find("Ångström, créée, jäääär, 濮阳, 鍙伟")
    []
    """
    clues = evidence.look(text) if clues is None else clues
    found = list(_pieces(text, DEPTH, clues))
    if clues & evidence.ROW:
        # the same with entities read, for stretches that hold one
        parts: list[str] = []
        places: list[int] = []
        last = 0
        for entity in ENTITY_RE.finditer(text):
            char = html.unescape(entity[0])
            if len(char) != 1 or char < "\x80":
                continue
            parts += (text[last : entity.start()], char)
            places += range(last, entity.start() + 1)
            last = entity.end()
        parts.append(text[last:])
        places += range(last, len(text) + 1)
        for piece in _pieces("".join(parts), DEPTH):
            start, end = places[piece.start], places[piece.end - 1] + 1
            if piece.end < len(places) and (entity_end := ENTITY_RE.match(text, places[piece.end - 1])):
                end = entity_end.end()
            if end - start > piece.end - piece.start and all(end <= f.start or start >= f.end for f in found):
                found.append(Found(start, end, piece.after, piece.certainty))
    return sorted(found)


GONE_RE = re.compile(
    "(?:锟斤拷)+|烫{3,}|屯{4,}|(?<=[\u3400-\u9fff])\ufffd{3,}"
    "|(?<=[\u3400-\u9fff，。、；：])(?<![吗呢么啊吧呀哪谁])\\?{4,}(?=[\u3400-\u9fff，。、；：])"
)
"""Evidence of characters that no byte is left of: U+FFFD written as UTF-8 and read as GBK, memory never written
to, rows of replacement marks in the middle of a Chinese sentence."""


def gone(text: str) -> list[Found]:
    """List what cannot be known any more; it is left as it is and only counted.

    >>> gone("昨日锟斤拷锟斤拷召开"), gone("真的吗????")
    ([Found(start=2, end=8, after='锟斤拷锟斤拷', certainty='lost')], [])
    """
    return [Found(m.start(), m.end(), m[0], "lost") for m in GONE_RE.finditer(text)]
