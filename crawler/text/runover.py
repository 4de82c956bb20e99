"""Stories of a printed paper that run over to another page of the same issue: which pages belong together, and the text.

The first page's text ends with a mark such as （下转A03版）, the continuation begins with （上接A01版）. Both name a
page, so a pair is told by both marks and by what the headlines have in common.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

_PAGE = r"第?\s*(?P<letter>[A-Za-z]?)\s*(?P<number>\d{1,3}|[一二三四五六七八九十]{1,3})"
_BOXED = r"[（(【\[]\s*(?:WORD)\s*PAGE(?:\s*版)?[^（(【\[）)】\]\n]{0,24}[）)】\]]".replace("PAGE", _PAGE)
_BARE = r"[▶→↘]?\s*(?:WORD)\s*PAGE\s*版".replace("PAGE", _PAGE.replace("(?P<", "(?P<bare_"))
OVER_RE = re.compile(rf"(?:{_BOXED}|{_BARE})[ \u3000。.]*$".replace("WORD", "下转|下轉"))
"""Evidence at the end of a line that the story goes on: （下转A03版）, （下转第三版·要闻）, 下转2版."""
ON_RE = re.compile(rf"^[ \u3000]*(?:{_BOXED}|{_BARE}[：:]?)[ \u3000]*".replace("WORD", "上接"))
"""Evidence at the beginning of a line that the story began elsewhere: （上接第1版）, 上接A01版."""
MARKED_RE = re.compile("下转|下轉|上接")
"""What a text holds that may have a mark."""
CODE_RE = re.compile(r"[A-Z]?\d{2,3}")
"""What the channel of an article is that stands on a printed page."""

ENDED_RE = re.compile("[。！？!?；;：:…](?:[”’」』）)])?$")
"""How a text ends whose next one begins a paragraph."""
HAN = {char: number for number, char in enumerate("一二三四五六七八九十", 1)}

ALIKE = 0.4
"""How much two headlines have in common at least, of 1."""
CLEARER = 0.25
"""By how much one continuation fits better than any other; if none does, the story stays in its pieces."""
UNKNOWN = 0.5
"""What a headline is worth that is a mark and nothing else."""


class Mark(NamedTuple):
    """Where a story goes on or began."""

    page: str
    """The page's code, such as ``A03`` or ``03``."""
    text: str
    """As printed."""
    rest: str
    """The story's text without it."""


class Piece(NamedTuple):
    """One article of an issue."""

    key: str
    page: str
    """The code of the printed page on which it stands."""
    title: str
    text: str


class Story(NamedTuple):
    """A story put together from its pieces."""

    keys: tuple[str, ...]
    """Of its pieces, in order."""
    text: str
    marks: tuple[str, ...]
    """The marks that are no part of the text, as printed."""


def find_over(text: str) -> Mark | None:
    """Find the mark that a story goes on, in its last two lines.

    >>> find_over("全市新建书屋（下转A03版）")
    Mark(page='A03', text='（下转A03版）', rest='全市新建书屋')
    >>> find_over("他说，下转第三版的稿件还没有写完。")
    """
    lines = text.split("\n")
    for at in range(len(lines) - 1, max(-1, len(lines) - 3), -1):
        if match := OVER_RE.search(lines[at]):
            kept = [*lines[:at], lines[at][: match.start()].rstrip(), *lines[at + 1 :]]
            return Mark(_code(match), match[0].strip(), "\n".join(line for line in kept if line))
    return None


def find_on(title: str, text: str) -> Mark | None:
    """Find the mark that a story began elsewhere, in its first two lines or in its headline.

    >>> find_on("书屋", "（上接第一版）十二处。")
    Mark(page='01', text='（上接第一版）', rest='十二处。')
    >>> find_on("（上接A01版）", "十二处。").page
    'A01'
    >>> find_on("书屋", "工程上接海州区。")
    """
    lines = text.split("\n")
    for at, line in enumerate(lines[:2]):
        if match := ON_RE.match(line):
            kept = [*lines[:at], line[match.end() :], *lines[at + 1 :]]
            return Mark(_code(match), match[0].strip(), "\n".join(line for line in kept if line))
    match = ON_RE.match(title)
    return Mark(_code(match), match[0].strip(), text) if match else None


def _code(match: re.Match[str]) -> str:
    letter = match["letter"] or match["bare_letter"] or ""
    number = match["number"] or match["bare_number"]
    if not number.isdecimal():
        tens, ten, ones = number.rpartition("十")
        figures = (HAN.get(tens, 1) * 10 if ten else 0) + HAN.get(ones, 0)
        number = str(figures)
    return f"{letter.upper()}{int(number):02}"


def is_page(said: str, page: str) -> bool:
    """Tell whether a mark means a page; papers leave the letter of a section out.

    >>> is_page("03", "A03"), is_page("A03", "A03"), is_page("B03", "A03"), is_page("02", "A03")
    (True, True, False, False)
    """
    one, other = said.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ"), page.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    letters = (said.removesuffix(one), page.removesuffix(other))
    return bool(one) and one == other and (letters[0] == letters[1] or not all(letters))


def headline_likeness(one: str, other: str) -> float:
    """Say how much two headlines have in common: 1 where one is the other shortened, `UNKNOWN` where one is only a mark.

    >>> headline_likeness("海州区启动全民阅读季 市民免费借书", "海州区启动全民阅读季")
    1.0
    >>> headline_likeness("海州区启动全民阅读季", "港口吞吐量攀升"), headline_likeness("书屋", "（上接A01版）")
    (0.0, 0.5)
    """
    shorter, longer = sorted((re.sub(r"[\W_]", "", ON_RE.sub("", title)) for title in (one, other)), key=len)
    if not shorter:
        return UNKNOWN
    if shorter in longer:
        return 1.0 if len(shorter) > 1 else UNKNOWN
    pairs = [{title[at : at + 2] for at in range(len(title) - 1)} for title in (shorter, longer)]
    return len(pairs[0] & pairs[1]) / len(pairs[0]) if pairs[0] else 0.0


def put_together(pieces: Sequence[Piece]) -> tuple[list[Story], dict[str, tuple[str, ...]]]:
    """Put the stories of one issue together that run over, whatever the order of its articles.

    Gives the stories, and what stays in pieces: the keys of articles with a mark that found no continuation or
    beginning, or more than one that fits, each with the keys of what may fit.

    >>> one = Piece("a", "A01", "海州区启动全民阅读季", "今天，书屋开（下转A03版）")
    >>> two = Piece("b", "A03", "海州区启动全民阅读季", "（上接A01版）放了。")
    >>> put_together([two, one])
    ([Story(keys=('a', 'b'), text='今天，书屋开放了。', marks=('（下转A03版）', '（上接A01版）'))], {})
    >>> put_together([one])
    ([], {'a': ()})
    """
    known = {piece.key: piece for piece in pieces}
    over = {key: mark for key, piece in known.items() if (mark := find_over(piece.text))}
    on = {key: mark for key, piece in known.items() if (mark := find_on(piece.title, piece.text))}
    fits: dict[str, dict[str, float]] = {key: {} for key in over}
    begins: dict[str, dict[str, float]] = {key: {} for key in on}
    for key, mark in over.items():
        for other, back in on.items():
            if key == other or not (
                is_page(mark.page, known[other].page) and is_page(back.page, known[key].page)
            ):
                continue
            likeness = headline_likeness(known[key].title, known[other].title)
            if likeness >= ALIKE:
                fits[key][other] = begins[other][key] = likeness
    next_of: dict[str, str] = {}
    for key in over:
        best = _clearest(fits[key])
        if best is not None and _clearest(begins[best]) == key:
            next_of[key] = best
    stories: list[Story] = []
    for key in sorted(set(next_of) - set(next_of.values())):
        keys, text, marks = [key], over[key].rest, [over[key].text]
        while (further := next_of.get(keys[-1])) is not None:
            text = _continue(text, _bare(known[further], further in next_of))
            marks.append(on[further].text)
            keys.append(further)
            if further in next_of:
                marks.append(over[further].text)
        stories.append(Story(tuple(keys), text, tuple(marks)))
    joined = {key for story in stories for key in story.keys}
    apart = {key: tuple(sorted(found)) for key, found in {**begins, **fits}.items() if key not in joined}
    return stories, dict(sorted(apart.items()))


def _clearest(found: dict[str, float]) -> str | None:
    """Choose what fits clearly better than all else."""
    ranked = sorted(found, key=lambda key: -found[key])
    if not ranked or (len(ranked) > 1 and found[ranked[0]] - found[ranked[1]] < CLEARER):
        return None
    return ranked[0]


def _bare(piece: Piece, goes_on: bool) -> str:
    """Give the text of a continuation without its marks; that it goes on counts where the next page was found."""
    mark = find_on(piece.title, piece.text)
    text = mark.rest if mark else piece.text
    over = find_over(text) if goes_on else None
    return over.rest if over else text


def _continue(text: str, further: str) -> str:
    """Go on with a text on another page: within the paragraph where that is where the page broke."""
    return f"{text}\n{further}" if not text or ENDED_RE.search(text) else text + further
