"""An archive in which every column that a page may show holds a hostile text, and how a page is read strictly."""

from __future__ import annotations

import json
import re
import sqlite3
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from functools import cache
from html.parser import HTMLParser
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from crawler.archive import Archive
from crawler.archive import words as spell
from crawler.archive.shape import TABLES


class Case(NamedTuple):
    """One hostile text."""

    number: int
    name: str
    text: str
    large: bool


def read_cases() -> list[Case]:
    """Read the cases; a long text is told as a piece and how often it is repeated."""
    path = Path(__file__).with_name("cases") / "hostile.json"
    return [
        Case(
            number,
            told["name"],
            told["text"] + told["tail"] * told["times"]
            if "tail" in told
            else told["text"] * told.get("times", 1),
            told.get("large", False),
        )
        for number, told in enumerate(json.loads(path.read_text(encoding="utf-8")))
    ]


def names(text: str) -> frozenset[str]:
    return frozenset(text.split())


# what a page shows of a text


FILLERS = "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0"
SEEN = "\t\n"
SEEN_FORMATS = "\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd"
"""Of Unicode's category Cf, but signs that everybody sees."""
MARKS = (
    range(0x300, 0x370),
    range(0x483, 0x48A),
    range(0x1AB0, 0x1B00),
    range(0x1DC0, 0x1E00),
    range(0x20D0, 0x2100),
    range(0xFE20, 0xFE30),
)


def is_unseen(char: str) -> bool:
    """Tell by Unicode's categories whether a character is shown as nothing, or as something else in every font."""
    if char in SEEN or char in SEEN_FORMATS:
        return False
    no_character = (ord(char) & 0xFFFE) == 0xFFFE or "\ufdd0" <= char <= "\ufdef"
    return (
        char in FILLERS
        or no_character
        or unicodedata.category(char) in ("Cc", "Cf", "Co", "Cs", "Zl", "Zp")
        or "\u2060" <= char <= "\u206f"
        or "\U000e0000" <= char <= "\U000e007f"
    )


def sort_char(char: str) -> str:
    """Give how a character is shown: itself where it is unseen, for a run of it is told at once, else a word."""
    if is_unseen(char):
        return char
    if "\ufe00" <= char <= "\ufe0f" or "\U000e0100" <= char <= "\U000e01ef":
        return "chooser"
    return "stacked" if any(ord(char) in marks for marks in MARKS) else "plain"


def write_seen(text: str, form: str = "{}") -> str:
    """Write a text as a reader sees it: each unseen character by its code, a run of one with how many there are.

    Of combining signs in a row eight are left, the rest is one run; of variation selectors in a row only the first
    is not named.
    """
    out: list[str] = []
    for sort, chars in groupby(text, sort_char):
        run = "".join(chars)
        left = {"plain": len(run), "chooser": 1, "stacked": 8}.get(sort, 0)
        out.append(run[:left])
        if named := run[left:]:
            codes = named if sort == "chooser" else named[:1]
            times = f"×{len(named)}" if sort != "chooser" and len(named) > 1 else ""
            out += [form.format(f"U+{ord(char):04X}{times}") for char in codes]
    return "".join(out)


def bound(text: str) -> str:
    """Make a text one that SQLite can keep: everything but half a character."""
    return re.sub("[\ud800-\udfff]", "\ufffd", text)


# writing


OPEN, CLOSE = "⟦{}·{}⟧", "⟦/⟧"
Put = Callable[[int, str], str]
"""Gives what stands in a column of the row with this number."""


def put_raw(cases: Sequence[Case]) -> Put:
    """Put one case in each column, alone: what counts at its beginning counts."""
    return lambda number, column: cases[number].text


LONG = re.compile(
    r"articles\.(title|text)|versions\.text|(removed|suspects|attachments)\.(text|html)|edits\.(before|after)|alarms\.what"
)
"""Columns into which a large text is put as a whole."""


def put_large(cases: Sequence[Case]) -> Put:
    """Put a large text where a portal or an intruder may put one, its beginning into every other column."""
    return lambda number, column: cases[number].text[: None if LONG.fullmatch(column) else 1000]


def put_marked(batches: Sequence[Sequence[Case]]) -> Put:
    """Put several cases in each column, each between marks that tell case and column, so that it is found on a page."""
    return lambda number, column: "".join(
        OPEN.format(case.number, column) + case.text + CLOSE for case in batches[number]
    )


STRUCTURED: dict[str, Callable[[Callable[[str], str]], Any]] = {
    "fields": lambda put: {
        **{
            name: put(name)
            for name in sorted(
                names(
                    "kicker subtitle editor document_number index_number office updated notice channel_name runover photographer"
                )
            )
        },
        "attachments": [[put("attachment_url"), put("attachment_name")]],
        "images": [[put("image_url"), put("image_name")]],
        "parts": {"had": put("had"), "of": put("of")},
        "disagreements": [put("disagreement"), [put("one"), put("other")]],
        "words": 800,
        put("key"): put("value"),
    },
    "reasons": lambda put: [put("reason"), [put("reason_name"), 0.9]],
    "links": lambda put: [put("link"), put("link_again")],
    "alarms": lambda put: [
        {name: put(name) for name in ("portal", "channel", "rule", "what", "url")} | {"capture": 1}
    ],
    "stats": lambda put: {put("stat"): 1},
    "arguments": lambda put: {"since": put("argument")},
}
"""By column: what is kept there as JSON."""

TIME = "2026-11-{:02d}T02:00:00+08:00"


def fill(path: Path, rows: int, put: Put, *, broken_json: bool = False, related: bool = True) -> Path:
    """Make an archive of so many articles, each with everything that can hang on one; all its text is what ``put`` gives.

    Text that the archive keeps as JSON is put into the JSON; with ``broken_json`` every third row has it in its stead.
    ``related``: some are reprints of others, or continue on another printed page.
    """
    Archive(path).close()
    with closing(sqlite3.connect(path)) as db:
        for number in range(rows):
            for table, given in list_rows(number, put, related):
                insert(db, table, number, put, given, broken=broken_json and number % 3 == 0)
        entries = db.execute("SELECT id, title, text, source FROM articles").fetchall()
        db.executemany(
            "INSERT INTO articles_fts (rowid, entries) VALUES (?, ?)",
            [(row[0], spell(*row[1:])) for row in entries],
        )
        db.commit()
    return path


def list_rows(number: int, put: Put, related: bool) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give the rows of one article; what is not given here is hostile text."""
    own = number + 1
    this = {"article_id": own, "version": 2}
    # a night is found by the beginning of its runs' ids, a campaign is named by a digest
    run = f"202611{1 + number % 28:02d}T180000Z-" + bound(put(number, "runs.id"))
    campaign, block = f"{own:040x}", bound(put(number, "block"))
    yield "runs", {"id": run, "started": TIME.format(2 + number % 28)}
    yield "captures", {"id": own, "run_id": run, "status": 200, "offset": own * 1000, "length": 900}
    yield (
        "articles",
        {
            "id": own,
            "capture_id": own,
            "version": 2,
            "tampered": 1,
            "duplicate_of": own - 1 if related and number % 4 == 3 else None,
            "part_of": own - 1 if related and number % 16 == 6 else None,
        },
    )
    yield "versions", {"article_id": own, "version": 1, "capture_id": own, "tampered": 0}
    yield (
        "versions",
        {"article_id": own, "version": 2, "capture_id": own, "change": "tampered", "more": "\n尾声。"},
    )
    for step in range(3):
        yield "edits", {**this, "id": own * 3 + step, "step": step, "start": step}
    yield "removed", {**this, "id": own, "block": block, "campaign": campaign}
    yield "suspects", {**this, "id": own, "block": block}
    yield "targets", {"campaign": campaign, "blocks": 1}
    yield "memory", {"pages": 1, "fresh": 1}
    yield "parts", {**this, "part": 1, "capture_id": own}
    yield "listings", {"article_id": own, "capture_id": own, **({"state": "failed"} if number % 2 else {})}
    yield "addresses", {"article_id": own, "capture_id": own}
    yield "books", {"run_id": run}
    for kind in range(3):
        known = {"kind": ("attachment", "image")[kind]} if kind < 2 else {"article_id": None}
        yield (
            "attachments",
            {
                "article_id": own,
                "id": own * 3 + kind,
                "size": 5000,
                "capture_id": own,
                "withdrawn": None,
                **known,
            },
        )
    yield "channels", {}


def insert(
    db: sqlite3.Connection, table: str, number: int, put: Put, given: dict[str, Any], *, broken: bool
) -> None:
    """Write one row: numbers that are wanted are 1, text is hostile, JSON is JSON unless it is to be broken."""
    shape = TABLES[table]
    row: dict[str, Any] = {}
    for column, kind in shape.columns.items():
        if column in given:
            row[column] = given[column]
        elif kind is int:
            row[column] = 1 if column in shape.not_null or table == "books" else None
        elif column in STRUCTURED and not broken:
            told = STRUCTURED[column](lambda name, column=column: put(number, f"{column}.{name}"))  # type: ignore[misc]
            # half a character gets into JSON as an escape, and nowhere else
            row[column] = json.dumps(told)
        else:
            row[column] = bound(put(number, f"{table}.{column}")) + (given.get("more") or "") * (
                column == "text"
            )
    names = ", ".join(f'"{name}"' for name in row)
    # two rows of one case may have one key
    db.execute(
        f"INSERT OR IGNORE INTO {table} ({names}) VALUES ({', '.join('?' * len(row))})", [*row.values()]
    )


# reading


VOID = names("meta link input br hr wbr col")
INLINE = names("span mark ins del b i em strong small a code abbr sup sub q time bdi")
ELEMENTS = (
    VOID
    | INLINE
    | names(
        """html head title body header nav main footer section article aside div p h1 h2 h3 h4 ul ol li dl dt dd table caption
    thead tbody tfoot tr th td colgroup form label button select option optgroup fieldset legend textarea details summary pre
    blockquote figure figcaption cite search svg g line path rect circle text tspan desc defs marker polyline polygon script"""
    )
)
ATTRIBUTES = names(
    """href rel hreflang lang dir class id for name value type placeholder action method role datetime title tabindex scope
    colspan rowspan headers open selected checked disabled hidden autocomplete enterkeyhint inputmode maxlength size rows cols
    min max step list multiple required readonly spellcheck autocapitalize content charset src defer reversed start translate
    width height viewbox x y x1 x2 y1 y2 cx cy r rx ry d points dx dy text-anchor dominant-baseline transform
    preserveaspectratio focusable xmlns refx refy markerwidth markerheight orient marker-end markerunits media accesskey download wrap"""
)
METAS = frozenset(
    {"viewport", "color-scheme", "referrer", "description", "robots", "theme-color", "generator"}
)
OWN_RE = re.compile(
    r"(?:http://(?:localhost|127\.0\.0\.1:\d+))?/(?![/\\])[^\s\\?]*(?:\?.*)?|[?#].*", re.DOTALL
)
"""Where a link may lead: to the archive itself."""
AWAY_RE = re.compile(r"https?://[^\s\\<>\"'`@]+", re.IGNORECASE)
"""Or to a page on the web, without leave to follow back."""


class Sheet(HTMLParser):
    """A page read strictly: `problems` has everything that none of our templates writes."""

    def __init__(self, source: str, without: str = "") -> None:
        """Read a page; the text of elements named ``without`` is left out, and the signs of a comparison."""
        super().__init__(convert_charrefs=True)
        self._without = without
        self.problems: list[str] = []
        self.blocks: list[str] = []
        """The text of the page, parted at every element that is not inline."""
        self.values: list[str] = []
        """The values of attributes."""
        self.away: set[str] = set()
        self._open: list[str] = []
        self._text: list[str] = []
        self._ids: set[str] = set()
        unseen = sorted(
            {f"U+{ord(char):04X}" for char in source if is_unseen(char) or "\ud800" <= char <= "\udfff"}
        )
        bare = re.sub(r' value="[^"]*"', "", source)  # a box keeps what was typed as it was typed
        if unseen and any(is_unseen(char) for char in bare):
            self._wrong(f"unseen characters {unseen}")
        self.feed(source)
        self.close()
        self._part()
        if self._open:
            self._wrong(f"never closed: {self._open}")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._element(tag, attrs)
        if tag not in VOID:
            self._open.append("sign" if ("class", "sign") in attrs else tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._element(tag, attrs)
        if tag not in VOID and "svg" not in self._open:
            self._wrong(f"<{tag}/>")

    def handle_endtag(self, tag: str) -> None:
        if tag not in INLINE:
            self._part()
        if not self._open or self._open.pop() not in (tag, "sign"):
            self._wrong(f"</{tag}> without its beginning")

    def handle_data(self, data: str) -> None:
        if not (self._without and {self._without, "sign"} & set(self._open)):
            self._text.append(data)
        if self._open and self._open[-1] in ("script", "style") and data.strip():
            self._wrong(f"a {self._open[-1]} with content: {data[:80]!r}")

    def handle_comment(self, data: str) -> None:
        self._wrong(f"a comment: {data[:80]!r}")

    def handle_decl(self, decl: str) -> None:
        if decl != "DOCTYPE html":
            self._wrong(f"<!{decl[:80]}>")

    def handle_pi(self, data: str) -> None:
        self._wrong(f"<?{data[:80]}>")

    def unknown_decl(self, data: str) -> None:
        self._wrong(f"<![{data[:80]}")

    def _wrong(self, what: str) -> None:
        self.problems.append(f"{self.getpos()[0]}: {what}")

    def _part(self) -> None:
        if self._text:
            self.blocks.append("".join(self._text))
            self._text = []

    def _element(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in INLINE:
            self._part()
        if tag not in ELEMENTS:
            self._wrong(f"<{tag}>")
        given = {name: value or "" for name, value in attrs}
        if len(given) != len(attrs):
            self._wrong(f"<{tag}> names an attribute twice")
        for name, value in given.items():
            self._attribute(tag, name, value)
        self._special(tag, given)

    def _attribute(self, tag: str, name: str, value: str) -> None:
        self.values.append(value)
        if name not in ATTRIBUTES and not re.fullmatch(r"(?:aria|data)-[a-z-]+", name):
            self._wrong(f"<{tag} {name}={value[:80]!r}>")
        if name == "id":
            if value in self._ids:
                self._wrong(f"two elements with the id {value!r}")
            self._ids.add(value)

    def _special(self, tag: str, given: dict[str, str]) -> None:
        """Hold what an element asks of a browser against what our templates ask."""
        if tag == "script" and not re.fullmatch(
            r"/(?:static|-/static)/[\w.-]+\.js(?:\?\w+)?", given.get("src", "")
        ):
            self._wrong(f"a script {given}")
        if tag == "meta" and not ("charset" in given or given.get("name") in METAS):
            self._wrong(f"a meta {given}")
        if tag == "link" and given.get("rel") not in (
            "stylesheet",
            "alternate",
            "icon",
            "canonical",
            "search",
            "prev",
            "next",
        ):
            self._wrong(f"a link {given}")
        if given.get("rel") == "stylesheet" and not re.fullmatch(
            r"/static/[\w.-]+\.css(?:\?\w+)?", given.get("href", "")
        ):
            self._wrong(f"a style sheet {given}")
        if tag == "button" and given.get("type", "submit") not in ("submit", "button", "reset"):
            self._wrong(f"a button {given}")
        for name in {"href", "src", "action"} & given.keys():
            self._target(tag, name, given)

    def _target(self, tag: str, name: str, given: dict[str, str]) -> None:
        target = given[name]
        if OWN_RE.fullmatch(target) or (tag == "form" and target == ""):
            return
        self.away.add(target)
        kept = {"noopener", "noreferrer"} <= names(given.get("rel", ""))
        if tag != "a" or not AWAY_RE.fullmatch(target) or not kept:
            self._wrong(f"<{tag} {name}={target[:120]!r} rel={given.get('rel')!r}>")


# finding


WHOLE_RE = re.compile(r"⟦(\d+)·([\w.]+)⟧([^⟦]*)⟦/⟧")
CUT_RE = re.compile(r"⟦(\d+)·([\w.]+)⟧([^⟦…]*)(?!⟦/⟧)(?:[⟦…]|\Z)")


def squeeze(text: str) -> str:
    """Leave out blanks and the sign of a paragraph's end: where lines break is not what is asked here."""
    return re.sub(r"\s+", "", text).replace("⏎", "")


class Shown(NamedTuple):
    """What was found of the cases on a page."""

    whole: set[tuple[int, str]]
    """Case and column of each value that stands there from beginning to end."""
    wrong: list[str]
    """Those that do not read as they should."""


def find_cases(texts: Sequence[str], cases: Sequence[Case]) -> Shown:
    """Look for marked cases in the texts of a page; hold each against what a reader is to see of it."""
    shown = Shown(set(), [])
    texts = [text for text in texts if not re.match(r"\s*@\w+\{", text)]  # BibTeX has escapes of its own
    pieces = [
        (found, True) for found in WHOLE_RE.finditer("".join(texts))
    ]  # a text may have several paragraphs
    pieces += [(found, False) for text in texts for found in CUT_RE.finditer(text)]
    for found, whole in pieces:
        number, column, got = int(found[1]), found[2], squeeze(found[3])
        forms = write_forms(cases[number].text)
        if whole and got in forms:
            shown.whole.add((number, column))
        elif whole or not any(form.startswith(cut_back(got)) for form in forms):
            shown.wrong.append(f"{column} of “{cases[number].name}”: {got[:200]!r}")
    return shown


def cut_back(piece: str) -> str:
    """Leave out what a cut may have shortened: the number of a run, half an escape."""
    return re.sub(r"(?:\[?U\+[0-9A-F]+(?:×\d*)?\]?|\\u?[0-9a-f]{0,4})\Z", "", piece)


@cache
def write_forms(text: str) -> set[str]:
    """Give the ways in which a page may write a text: with marks, with codes in brackets, as JSON has it."""
    plain = bound(text)
    torn = text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")  # as SQLite gives it out of JSON
    ways = {
        plain,
        text,
        torn,
        plain.replace("\r\n", "\n"),
        re.sub("\r\n?", "\n", plain),
        " ".join(plain.split()),
        json.dumps(text)[1:-1],
        json.dumps(text, ensure_ascii=False)[1:-1],
    }
    return {squeeze(write_seen(way, form)) for way in ways for form in ("{}", "[{}]")}
