"""Words as the full-text index spells them, and questions as people type them.

A text is indexed as the set of its pairs of neighbouring characters and of its single characters, after folding:
width and case (NFKC, lower), Simplified and Traditional as one, signs as blanks. A word of one or two characters
is one entry; of a longer one all pairs must be there, and `Question.fits` tells whether they stand in a row.
What stands in the title or in the source is indexed a second time behind a mark, so that it can be asked for alone
and comes first.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from functools import cache, lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from crawler.archive.values import storable
from crawler.text.signatures import SEVERAL, fold_table, folding

TITLE, SOURCE, MONTH = "\ue000", "\ue001", "\ue002"
"""Marks before entries: of the title, of the source, the month of an article. They are no letters, so no text has them."""

FIELDS = {"title": TITLE, "标题": TITLE, "source": SOURCE, "来源": SOURCE}
BOUNDS = {"since": "since", "自": "since", "until": "until", "至": "until"}

_HAN_RE = re.compile("[\u3400-\u9fff]+")
_LATIN_RE = re.compile("[a-z]+")
_SIGN_RE = re.compile(r"[\W_]")


# --- folding ---


def folded(text: str) -> str:
    """Give a text as it is indexed and compared: one width, case and script, each sign a blank.

    >>> folded("連雲港，５Ｇ㎡")
    '连云港 5gm2'
    """
    return _codes(text).tobytes().decode("utf-32-le")


def _fold_slowly(text: str) -> str:
    plain = unicodedata.normalize("NFKC", text).lower().translate(folding())
    return _SIGN_RE.sub(" ", plain)


@cache
def _table() -> npt.NDArray[np.uint16]:
    return fold_table(_fold_slowly)


def _codes(text: str) -> npt.NDArray[np.uint32]:
    """Give the code points of a folded text."""
    units = np.frombuffer(text.encode("utf-16-le", "surrogatepass"), np.uint16)
    found = _table().take(units)
    if not len(found) or found.max() != SEVERAL:
        return found.astype(np.uint32)
    pieces, last = [], 0
    for at in np.flatnonzero(found == SEVERAL).tolist():
        spread = _spread(int(units[at]))
        if spread is None:
            return _code_points(_fold_slowly(storable(text)))
        pieces += [found[last:at].astype(np.uint32), spread]
        last = at + 1
    return np.concatenate([*pieces, found[last:].astype(np.uint32)])


def _code_points(text: str) -> npt.NDArray[np.uint32]:
    return np.frombuffer(text.encode("utf-32-le"), "<u4")


@lru_cache(maxsize=4096)
def _spread(unit: int) -> npt.NDArray[np.uint32] | None:
    """Fold a character of which the table says `SEVERAL`; None where that hangs on its neighbours.

    An ellipsis is three dots wherever it stands, and the simplified form of some Han is one beyond the first plane.
    """
    table, plain = _table(), unicodedata.normalize("NFKC", chr(unit))
    alone = all(
        "\u3400" <= each <= "\u9fff" or (each <= "\uffff" and table[ord(each)] != SEVERAL) for each in plain
    )
    return _code_points(_fold_slowly(chr(unit))) if alone else None


# --- entries ---


def words(
    title: str | None, text: str | None = None, source: str | None = None, month: str | None = None
) -> str:
    """Spell an article for the full-text index: its entries in a fixed order, parted by blanks.

    >>> words(None, "连云，5G").split()
    ['5', 'g', '云', '连', '5g', '连云']
    >>> [entry for entry in words("民政", "民政").split() if TITLE not in entry]
    ['政', '民', '民政']
    """
    headed = _entries(_codes(title or ""))
    whole = _entries(_codes("\n".join(filter(None, (title, text, source)))))
    found = [whole, _marked(TITLE, headed), _marked(SOURCE, _entries(_codes(source or "")))]
    if month:
        found.append(MONTH + month)
    return " ".join(filter(None, found))


class Asked(NamedTuple):
    """What `words` spells."""

    title: str | None
    text: str
    source: str | None
    month: str


class Spelled(NamedTuple):
    """What `words` gave for an article before."""

    asked: Asked
    entries: str


def month_of(moment: str | None) -> str:
    """Give the month of an article as it is indexed; empty where nothing tells it.

    >>> month_of("2024-01-18T09:54:49+08:00"), month_of(None)
    ('202401', '')
    """
    return (moment or "")[:7].replace("-", "")


def _entries(codes: npt.NDArray[np.uint32]) -> str:
    """Spell the different characters and pairs of a folded text, parted by blanks."""
    if not len(codes):
        return ""
    letter = codes != 0x20
    single = _different(codes[letter])
    both = letter[:-1] & letter[1:]
    width = (
        np.uint32(16) if codes.max() <= 0xFFFF else np.uint64(32)
    )  # the narrower are sorted in half the time
    pair = _different(codes[:-1][both].astype(width.dtype) << width | codes[1:][both])
    out = np.full(2 * len(single) + 3 * len(pair), 0x20, "<u4")
    out[0 : 2 * len(single) : 2] = single
    out[2 * len(single) :: 3] = pair >> width
    out[2 * len(single) + 1 :: 3] = pair & ((width.dtype.type(1) << width) - width.dtype.type(1))
    return out.tobytes().decode("utf-32-le").rstrip()


def _different(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Sort values and keep one of each (``numpy.unique`` takes three times as long on so few)."""
    found = np.sort(values)
    new = np.ones(len(found), bool)
    np.not_equal(found[1:], found[:-1], out=new[1:])
    return found[new]


def _marked(mark: str, entries: str) -> str:
    return mark + entries.replace(" ", " " + mark) if entries else ""


# --- questions ---


class Word(NamedTuple):
    """Characters that must stand in a row, signs between them passed over."""

    runs: tuple[str, ...]
    """Folded, without signs; parted where signs stood."""
    mark: str = ""
    """`TITLE` or `SOURCE` where only these are asked."""
    begins: bool = False
    """Whether a word must begin there (``prefix*``; of Latin letters and digits)."""
    bare: bool = False
    """Whether it is one of Latin letters that was typed without quotation marks, so that it may be pinyin."""

    @property
    def entries(self) -> list[str]:
        """The entries that a text with the word has."""
        found: dict[str, None] = {}
        for run in self.runs:
            found |= dict.fromkeys(
                [run] if len(run) == 1 else [run[at : at + 2] for at in range(len(run) - 1)]
            )
        return [self.mark + entry for entry in found]

    @property
    def exact(self) -> bool:
        """Whether a text that has the entries has the word."""
        return len(self.runs) == 1 and len(self.runs[0]) <= 2 and not self.begins

    def expression(self) -> str:
        return " AND ".join(f'"{entry}"' for entry in self.entries)

    @property
    def pattern(self) -> re.Pattern[str]:
        """What finds the word in a folded text."""
        return _pattern(self)

    def fits(self, fields: Mapping[str, str]) -> bool:
        text = fields[self.mark]
        return (
            (self.runs[0] in text)
            if len(self.runs) == 1 and not self.begins
            else bool(self.pattern.search(text))
        )

    def titled(self) -> str | None:
        """Give the expression of the articles that may have it in their title; None where that cannot be said."""
        return None if self.mark else " AND ".join(f'"{TITLE}{entry}"' for entry in self.entries)

    def stands(self, text: str) -> bool | None:
        """Tell of a text as it is written whether it has the word; None where only the folded text tells."""
        if self.mark or not self._is_han():
            return None
        return True if self.runs[0] in text else False if self.is_plain(text) else None

    def _is_han(self) -> bool:
        return len(self.runs) == 1 and _HAN_RE.fullmatch(self.runs[0]) is not None

    def is_plain(self, text: str) -> bool:
        """Tell whether the word is the same in a text as it is written and in the folded one."""
        return self._is_han() and not any(other in text for other in _others(self.runs[0]))

    def words(self) -> Iterator[Word]:
        yield self

    def count(self, text: str) -> int:
        """Count the word in a folded text."""
        if len(self.runs) == 1 and not self.begins:
            return text.count(self.runs[0])
        return len(self.pattern.findall(text))


class Sound(NamedTuple):
    """What is read in some way, in title or source."""

    pattern: str
    """What finds it in a folded title or source."""
    entries: tuple[tuple[str, str], ...]
    """Marks, and the expressions of what may have it there."""
    exact: bool = False

    def expression(self) -> str:
        return " OR ".join(f"({expression})" for _, expression in self.entries)

    def titled(self) -> str | None:
        return dict(self.entries).get(TITLE)

    def fits(self, fields: Mapping[str, str]) -> bool:
        return any(re.search(self.pattern, fields[mark]) for mark, _ in self.entries)

    def stands(self, text: str) -> bool | None:
        return None

    def words(self) -> Iterator[Word]:
        return iter(())


class Not(NamedTuple):
    """What must not be there."""

    part: Positive

    def fits(self, fields: Mapping[str, str]) -> bool:
        return not self.part.fits(fields)

    def stands(self, text: str) -> bool | None:
        found = self.part.stands(text)
        return None if found is None else not found

    def words(self) -> Iterator[Word]:
        return iter(())


class Both(NamedTuple):
    """What must all be there."""

    parts: tuple[Part, ...]

    @property
    def exact(self) -> bool:
        return all((part.part if isinstance(part, Not) else part).exact for part in self.parts)

    def expression(self) -> str:
        found = " AND ".join(f"({part.expression()})" for part in self.parts if not isinstance(part, Not))
        # what is not exact may be absent where its entries are there
        for part in self.parts:
            if isinstance(part, Not) and part.part.exact:
                found = f"({found}) NOT ({part.part.expression()})"
        return found

    def fits(self, fields: Mapping[str, str]) -> bool:
        return all(part.fits(fields) for part in self.parts)

    def titled(self) -> str | None:
        found = [None if isinstance(part, Not) else part.titled() for part in self.parts]
        return None if None in found else " AND ".join(f"({each})" for each in found)

    def stands(self, text: str) -> bool | None:
        found = {part.stands(text) for part in self.parts}
        return False if False in found else None if None in found else True

    def words(self) -> Iterator[Word]:
        for part in self.parts:
            yield from part.words()


class Either(NamedTuple):
    """Of what one must be there."""

    parts: tuple[Positive, ...]

    @property
    def exact(self) -> bool:
        return all(part.exact for part in self.parts)

    def expression(self) -> str:
        return " OR ".join(f"({part.expression()})" for part in self.parts)

    def fits(self, fields: Mapping[str, str]) -> bool:
        return any(part.fits(fields) for part in self.parts)

    def titled(self) -> str | None:
        found = [each for part in self.parts if (each := part.titled()) is not None]
        return " OR ".join(f"({each})" for each in found) or None

    def stands(self, text: str) -> bool | None:
        found = {part.stands(text) for part in self.parts}
        return True if True in found else None if None in found else False

    def words(self) -> Iterator[Word]:
        for part in self.parts:
            yield from part.words()


Positive = Word | Sound | Both | Either
Part = Positive | Not


def heard(part: Positive, hear: Callable[[Word], Sound | None]) -> Positive:
    """Let each word that is asked for be there also by what `hear` gives for it; what is denied stays as it is."""
    if isinstance(part, Word):
        sound = hear(part) if part.bare else None
        return part if sound is None else Either((part, sound))
    if isinstance(part, Either):
        return Either(tuple(heard(each, hear) for each in part.parts))
    if isinstance(part, Both):
        return Both(tuple(each if isinstance(each, Not) else heard(each, hear) for each in part.parts))
    return part


@lru_cache(maxsize=256)
def _pattern(word: Word) -> re.Pattern[str]:
    edge = r"(?<![^\W_])" if word.begins else ""
    return re.compile(edge + " +".join(map(re.escape, word.runs)))


class Question(NamedTuple):
    """What a person asks for, understood."""

    part: Positive | None
    """None: nothing was asked that a text can have."""
    since: str | None = None
    """The first day, or the beginning of one: ``2024``, ``2024-03``, ``2024-03-01``."""
    until: str | None = None

    @property
    def expression(self) -> str:
        """The FTS5 expression of the articles that may fit; `exact`: of those that do."""
        return self.part.expression() if self.part else '""'

    @property
    def exact(self) -> bool:
        return self.part is None or self.part.exact

    @property
    def words(self) -> tuple[Word, ...]:
        """The words that are looked for, as typed."""
        return tuple(dict.fromkeys(self.part.words())) if self.part else ()

    @property
    def titled(self) -> str | None:
        """The expression of the articles that may have the words in their title; None where that cannot be said so."""
        return self.part.titled() if self.part else None

    def fits(self, title: str | None, text: str | None, source: str | None = None) -> bool:
        """Tell whether an article has what is asked for; the texts of its attachments may stand in `text`.

        >>> ask("连云港 -徐州").fits("港口", "連雲港的港"), ask("连云港").fits("", "连云的云港")
        (True, False)
        """
        return self.part is not None and self.part.fits(fields_of(title, text, source))


def fields_of(title: str | None, text: str | None, source: str | None) -> dict[str, str]:
    """Fold an article's fields: by their marks, and all of them under the empty one."""
    parts = (title or "", source or "", text or "")
    whole = "\n".join(parts)
    fold = folded(whole)
    if len(fold) == len(whole):
        first, second = len(parts[0]), len(parts[0]) + 1 + len(parts[1])
        return {"": fold, TITLE: fold[:first], SOURCE: fold[first + 1 : second]}
    return {"": fold, TITLE: folded(parts[0]), SOURCE: folded(parts[1])}


_ASKED_RE = re.compile(r'(-?)(?:(\w+)[:：])?(?:"([^"]*)"|“([^”]*)”)|([()])|([^\s"“]+|["“])')
_DAY_RE = re.compile(r"\d{4}(?:-\d\d(?:-\d\d)?)?")


LONGEST = 1000
"""Characters of a question that are read: each word costs, and nobody types more."""
DEEP = 10
"""How deep parentheses may lie in one another: FTS5 reads about thirty deep, and has an error for more."""


class _Wrong(Exception):
    """What was typed is no expression."""


@lru_cache(maxsize=256)
def ask(query: str | None) -> Question:
    """Understand what a person types; nothing that is typed is an error.

    Blanks part words, all of which must be there; quotation marks keep words together; ``OR``, ``NOT`` (or ``-``),
    ``AND`` and parentheses as usual; ``title:``, ``source:``, ``since:2024-03``, ``until:2024-03-31``; ``gov*`` begins
    a word. What is no such expression is looked for word by word. Of what is typed the first `LONGEST` characters are
    read; parentheses deeper than `DEEP` are passed over.

    >>> ask("社保 连云港").expression
    '("社保") AND ("连云" AND "云港")'
    >>> ask("(雨 OR 雪) -冰雹").expression
    '((("雨") OR ("雪"))) NOT ("冰雹")'
    >>> ask("OR (").words, ask("，").part
    ((Word(runs=('or',), mark='', begins=False, bare=True),), None)
    """
    typed = storable((query or "")[:LONGEST])
    try:
        return _Parser(typed).question()
    except _Wrong:
        parts: list[Part] = [word for found in re.findall(r'[^\s"“”()]+', typed) if (word := _word(found))]
        return Question(_join(parts))


def in_field(query: str, name: str) -> str:
    """Write a question so that each of its words is asked of one field, as if that had been typed before each.

    >>> in_field('养老 OR "社区 食堂" -source:晚报', "title")
    'title:养老 OR title:"社区 食堂" -source:晚报'
    """
    out, last = [], 0
    for match in _ASKED_RE.finditer(query):
        minus, field, _, _, paren, bare = match.groups()
        text = (bare or "").removeprefix("-")
        named = re.match(r"(\w+)[:：].", text)
        known = field or (named and named[1].lower() in {*FIELDS, *BOUNDS})
        if paren or known or bare in ("AND", "OR", "NOT", "-"):
            continue
        at = match.start() + len(minus if bare is None else bare) - len("" if bare is None else text)
        out += [query[last:at], f"{name}:"]
        last = at
    return "".join([*out, query[last:]])


def _word(typed: str, mark: str = "", *, bare: bool = True) -> Word | None:
    runs = tuple(folded(typed).split())
    if not runs:
        return None
    begins = typed.endswith("*") and runs[0].isascii() and mark == ""
    return Word(
        runs, mark, begins, bare and not begins and len(runs) == 1 and bool(_LATIN_RE.fullmatch(runs[0]))
    )


def _join(parts: list[Part]) -> Positive | None:
    unique = tuple(dict.fromkeys(parts))
    if not unique:
        return None
    first, *others = unique
    if not others and not isinstance(first, Not):
        return first
    if all(isinstance(part, Not) for part in unique):
        raise _Wrong
    return Both(unique)


class _Parser:
    """Recursive descent over what was typed; raises _Wrong where it is no expression."""

    def __init__(self, typed: str) -> None:
        self.tokens: list[tuple[str, str, bool, str]] = []
        """What it is (``word``, ``phrase``, ``(``, ``)``, ``AND``…), its text, whether denied, its field."""
        self.at = 0
        self.depth = 0
        self.since: str | None = None
        self.until: str | None = None
        for match in _ASKED_RE.finditer(typed):
            minus, field, straight, curly, paren, bare = match.groups()
            if paren:
                self.tokens.append((paren, "", False, ""))
            elif bare:
                self._bare(bare)
            else:
                phrase = straight if straight is not None else curly
                self.tokens.append(("phrase", phrase, bool(minus), self._mark(field)))

    def _mark(self, field: str | None) -> str:
        if field and field.lower() not in FIELDS:
            raise _Wrong
        return FIELDS[field.lower()] if field else ""

    def _bare(self, bare: str) -> None:
        closing = 0
        while bare.endswith(")") and bare.count(")") > bare.count("("):
            bare, closing = bare[:-1], closing + 1
        if bare in ("AND", "OR", "NOT"):
            self.tokens.append((bare, "", False, ""))
        elif bare:
            denied = bare.startswith("-") and len(bare) > 1
            text = bare.removeprefix("-") if denied else bare
            name, sign, rest = re.match(r"(\w*)([:：]?)(.*)", text, re.S).groups()  # type: ignore[union-attr]
            if sign and name.lower() in FIELDS and rest:
                self.tokens.append(("word", rest, denied, FIELDS[name.lower()]))
            elif sign and name.lower() in BOUNDS and _DAY_RE.fullmatch(rest) and not denied:
                self.tokens.append((BOUNDS[name.lower()], rest, False, ""))
            else:
                self.tokens.append(("word", text, denied, ""))
        self.tokens += [(")", "", False, "")] * closing

    def question(self) -> Question:
        part = self._either()
        if self.at < len(self.tokens):
            raise _Wrong
        return Question(part, self.since, self.until)

    def _next(self) -> str:
        return self.tokens[self.at][0] if self.at < len(self.tokens) else ""

    def _either(self) -> Positive | None:
        parts = [self._both()]
        while self._next() == "OR":
            self.at += 1
            parts.append(self._both())
        if len(parts) == 1:
            return parts[0]
        if None in parts:
            raise _Wrong
        return Either(tuple(dict.fromkeys(part for part in parts if part is not None)))

    def _both(self) -> Positive | None:
        parts: list[Part] = []
        wanted = False
        while (kind := self._next()) and kind not in (")", "OR"):
            self.at += 1
            wanted = kind in ("AND", "NOT")
            if kind == "AND":
                if not parts or self._next() in ("AND", "OR", ")", ""):
                    raise _Wrong
                continue
            if kind in ("since", "until"):
                if self.depth:
                    raise _Wrong
                setattr(self, kind, self.tokens[self.at - 1][1])
                continue
            denied = kind == "NOT"
            if denied:
                if self._next() not in ("word", "phrase", "("):
                    raise _Wrong
                self.at += 1
            part = self._one()
            if denied and isinstance(part, Not):
                raise _Wrong
            if part is not None:
                parts.append(Not(part) if denied and not isinstance(part, Not) else part)
            wanted = False
        if wanted:
            raise _Wrong
        return _join(parts)

    def _one(self) -> Part | None:
        kind, text, denied, mark = self.tokens[self.at - 1]
        if kind == "(":
            self.depth += 1
            if self.depth > DEEP:
                raise _Wrong
            part = self._either()
            self.depth -= 1
            if self._next() != ")":
                raise _Wrong
            self.at += 1
            return part
        word = _word(text, mark, bare=kind == "word")
        return Not(word) if denied and word else word


@lru_cache(maxsize=256)
def _others(run: str) -> str:
    """Give all characters that become one of some Han when folded, or several with one of them, and are none of them."""
    others = _han_others()
    return "".join(others.get(char, "") for char in run)


@cache
def _han_others() -> dict[str, str]:
    found: dict[str, str] = {}
    first = [
        (code, _code_points(chr(to)) if to != SEVERAL else _spread(code))
        for code, to in _moved()
        if to != SEVERAL
        or not _HAN_RE.match(chr(code))  # of which the simplified form is beyond the first plane
    ]
    # beyond the first plane: what simplified forms stand for, and the compatibility forms
    further = {code for code in folding() if code > 0xFFFF} | {
        *range(0x1F200, 0x1F300),
        *range(0x2F800, 0x2FA20),
    }
    for code, plain in first + [(code, _codes(chr(code))) for code in sorted(further)]:
        for char in {*(plain.tolist() if plain is not None else ())} - {code}:
            found[chr(char)] = found.get(chr(char), "") + chr(code)
    return found


def _moved() -> list[tuple[int, int]]:
    """Give the characters of the first plane that are not folded to themselves or to a sign, and what they become."""
    table = _table()
    at = np.flatnonzero((table != np.arange(0x10000)) & (table != 0x20))
    return [
        (code, to)
        for code, to in zip(at.tolist(), table[at].tolist(), strict=True)
        if not 0xD800 <= code < 0xE000
    ]


@lru_cache(maxsize=1)
def _spellings() -> dict[str, str]:
    """Give for each folded character all that are folded to it."""
    found: dict[str, list[str]] = {}
    for code, to in enumerate(_table().tolist()):
        if to not in (SEVERAL, 0x20):
            found.setdefault(chr(to), []).append(chr(code))
    return {char: "".join(many) for char, many in found.items()}


@lru_cache(maxsize=256)
def spelled(words: tuple[Word, ...]) -> re.Pattern[str] | None:
    """Give what finds words in a text as it is written, in either script and width; None where there are none."""
    spellings = _spellings()
    found = []
    for word in sorted(words, key=lambda word: -sum(map(len, word.runs))):
        runs = ("".join(f"[{re.escape(spellings.get(char, char))}]" for char in run) for run in word.runs)
        found.append(r"[\W_]+".join(runs))
    return re.compile("|".join(found)) if found else None


def cut_snippet(text: str, asked: Question, around: int = 40, *, sought: bool = False) -> str | None:
    """Cut out the first place that a word of a question has in a text, one line, from the beginning of its sentence.

    A text with none of the words gives its beginning, or None where a word is `sought`.

    >>> cut_snippet("第一句。連雲港市民政局公布新规。", ask("连云港"))
    '…連雲港市民政局公布新规。'
    """
    pattern = spelled(asked.words)
    match = pattern.search(text) if pattern else None
    if sought and match is None:
        return None
    first, last = match.span() if match else (0, 0)
    start, end = max(0, first - around), last + around
    for sign in _ENDS_RE.finditer(text, start, first):
        start = sign.end()
    cut = " ".join(text[start:end].split())
    return ("…" if start else "") + cut + ("…" if end < len(text) else "")


_ENDS_RE = re.compile(r"[。！？!?\n]")


def match_expression(query: str | None) -> str:
    """Turn what a person types into an FTS5 expression of the articles that may fit; see `ask`.

    >>> match_expression("连云港")
    '"连云" AND "云港"'
    """
    return ask(query).expression
