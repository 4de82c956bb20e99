"""Addresses that the scripts of a page make, worked out without running them.

Lists turn their pages by calls such as ``goPage(2)``. Where the page itself defines the call, and it does no more than put
an address together (``location.href = 'list_' + n + '.html'``) or fill in a form that is sent with GET, the address can be
told. Everything else (a form that is sent with POST, a call into a script file, a loop) is left alone: None.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import urlencode

from lxml.html import HtmlElement

Value = int | str
"""What an expression gives."""

SCRIPT = 200_000
"""Characters of a page's scripts that are looked at."""
BODY = 4000
"""Characters of a function that turns a page: those with more do more."""
EXPRESSION = 400
"""Characters of an expression that makes an address."""
PARENTHESES = 12
"""How many of them an expression may have open."""
CALLS = 3
"""Functions that call one another until one of them says where it leads."""
INPUTS = 200
"""Fields of a form that are sent."""

TOKEN_RE = re.compile(
    r"""\s*(?:(?P<text>'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`)|(?P<number>\d{1,9}\b)"""
    r"""|(?P<name>[A-Za-z_$][\w$]*(?:\.[A-Za-z_$][\w$]*)*)|(?P<sign>[=!]==?|[<>]=?|[-+*?:(),]))"""
)
PIECE_RE = re.compile(r"""(?:'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`|[^;{}\n'"`])+""")
"""A statement, or what stands before a brace."""
NOTE_RE = re.compile(r"(?m)(?:^|(?<=[;{}\s]))//.*$")
"""A comment up to the end of its line; the slashes of an address come after a colon."""
GLOBAL_RE = re.compile(
    r"""\b(?:var|let|const)\s+([A-Za-z_$][\w$]*)\s*=\s*('[^'\\\n]*'|"[^"\\\n]*"|\d{1,9})\s*(?=[;,\n])"""
)
"""A variable of the page that is a text or a number."""
ASSIGNED_RE = re.compile(r"(?:^|\s)(?:var|let|const)?\s*([A-Za-z_$][\w$]*)\s*(\+?)=(?!=)\s*(.+)", re.S)
LOCATION_RE = re.compile(
    r"\blocation(?:\.href)?\s*=(?!=)\s*(?P<set>.+)|\blocation\.(?:replace|assign)\s*\((?P<call>.+)|\bopen\s*\((?P<open>.+)",
    re.S,
)
"""What sends the reader to an address."""
FIELD_RE = re.compile(
    r"""(?:name=\\?['"]?|['"]\#?|\.)(?P<field>[\w-]+)(?:\\?['"]?\]?['"]\s*\)(?:\[0\])?)?\s*
    (?:\.value\s*=(?!=)\s*(?P<set>.+)|\.val\s*\((?P<call>.+))""",
    re.X | re.S,
)
"""What fills in a field of a form."""
CALL_RE = re.compile(r"(?:^|[\s:(!?])((?:[A-Za-z_$][\w$]*\.)*[A-Za-z_$][\w$]*)\s*\((.*)", re.S)
NUMBERS = ("parseInt", "Number", "eval")
TEXTS = ("String", "encodeURI", "encodeURIComponent", "escape")
PAGE_NAMES = (".curr", ".current", ".pageNumber", ".pageNo")
"""What the number of a page is called in what paging libraries hand over."""


class Unknown(ValueError):
    """An expression that is more than an address put together."""


class Expression:
    """An expression of a script, read from the left."""

    def __init__(self, text: str, names: dict[str, Value]) -> None:
        """Take an expression, and what the names in it stand for."""
        self.tokens: list[tuple[str, str]] = []
        self.names = names
        self.at = 0
        place = 0
        while match := TOKEN_RE.match(text[:EXPRESSION], place):
            self.tokens.append((match.lastgroup or "", match[match.lastgroup or 0]))
            place = match.end()
        if sum(word == "(" for _, word in self.tokens) > PARENTHESES:
            raise Unknown(text)
        self.rest = text[place:EXPRESSION].strip()

    def take(self, *signs: str) -> str | None:
        """Take the next token if it is one of these signs."""
        if self.at < len(self.tokens) and self.tokens[self.at] in [("sign", sign) for sign in signs]:
            self.at += 1
            return self.tokens[self.at - 1][1]
        return None

    def value(self) -> Value:
        """Read a value, with ``? :`` and comparisons."""
        left = self.sum()
        if sign := self.take("==", "===", "!=", "!==", "<", ">", "<=", ">="):
            left = int(compare(left, sign, self.sum()))
        if self.take("?"):
            one = self.value()
            if not self.take(":"):
                raise Unknown(":")
            other = self.value()
            return one if left not in (0, "") else other
        return left

    def sum(self) -> Value:
        """Read terms joined by plus and minus: texts are put together, numbers added."""
        value = self.product()
        while sign := self.take("+", "-"):
            other = self.product()
            if sign == "-":
                value = number_of(value) - number_of(other)
            else:
                both = isinstance(value, int) and isinstance(other, int)
                value = number_of(value) + number_of(other) if both else f"{value}{other}"
        return value

    def product(self) -> Value:
        """Read factors."""
        value = self.atom()
        while self.take("*"):
            value = number_of(value) * number_of(self.atom())
        return value

    def atom(self) -> Value:
        """Read a text, a number, a name, a call that changes nothing, or what stands in parentheses."""
        if self.take("+"):
            return number_of(self.atom())
        if self.take("("):
            value = self.value()
            if not self.take(")"):
                raise Unknown(")")
            return value
        if self.at == len(self.tokens):
            raise Unknown(self.rest)
        kind, word = self.tokens[self.at]
        self.at += 1
        if kind == "text":
            return (
                self.fill(re.sub(r"\\(.)", r"\1", word[1:-1]))
                if word[0] == "`"
                else re.sub(r"\\(.)", r"\1", word[1:-1])
            )
        if kind == "number":
            return int(word)
        if kind != "name":
            raise Unknown(word)
        if self.take("("):
            value = self.value()
            while self.take(","):
                self.value()
            if word not in (*NUMBERS, *TEXTS) or not self.take(")"):
                raise Unknown(word)
            return number_of(value) if word in NUMBERS else value
        return look_up(word, self.names)

    def fill(self, text: str) -> str:
        """Fill in a text with ``${…}`` in it."""
        return re.sub(r"\$\{([^{}]{1,80})\}", lambda match: str(evaluate(match[1], self.names)), text)


def drop_comments(text: str) -> str:
    """Give a script without what stands between ``/*`` and ``*/``.

    >>> drop_comments("a /* b */ c /* d")
    'a  c '
    """
    first, *others = text.split("/*")
    return first + "".join(other.partition("*/")[2] for other in others)


def look_up(name: str, names: dict[str, Value]) -> Value:
    """Give what a name stands for; raise Unknown where that is not known."""
    bare = name.removeprefix("window.")
    if bare in names:
        return names[bare]
    if "page()" in names and bare.endswith(PAGE_NAMES):
        return names["page()"]
    raise Unknown(name)


def number_of(value: Value) -> int:
    """Take a value for a number; raise Unknown where it is none."""
    if isinstance(value, int):
        return value
    if re.fullmatch(r"\s*\d{1,9}\s*", value):
        return int(value)
    raise Unknown(value)


def compare(one: Value, sign: str, other: Value) -> bool:
    """Compare two values as scripts do: as numbers where both are."""
    if sign[0] in "=!":
        return (str(one) == str(other)) == (sign[0] == "=")
    left, right = number_of(one), number_of(other)
    return {"<": left < right, ">": left > right, "<=": left <= right, ">=": left >= right}[sign]


def evaluate(text: str, names: dict[str, Value]) -> Value:
    """Work out an expression; raise Unknown where it is more than texts and numbers put together.

    >>> evaluate("'list_' + (n - 1) + '.html'", {"n": 3}), evaluate("n > 1 ? `p${n}.html` : 'p.html'", {"n": 2})
    ('list_2.html', 'p2.html')
    """
    expression = Expression(text, names)
    value = expression.value()
    rest = expression.tokens[expression.at :]
    if (rest and rest[0][1] not in "),") or (not rest and expression.rest[:1] not in ("", ";")):
        raise Unknown(text)
    return value


class Form(NamedTuple):
    """What a script fills in before it sends a form."""

    fields: dict[str, Value]
    """By the name or the id of the field."""


class Reading:
    """The scripts of one page, asked where a call leads."""

    def __init__(self, tree: HtmlElement) -> None:
        """Take the page."""
        self.tree = tree
        scripts = "\n".join(script.text or "" for script in tree.iter("script"))[:SCRIPT]
        self.text = NOTE_RE.sub("", drop_comments(scripts))
        self.names: dict[str, Value] = {"this": ""}
        for name, value in GLOBAL_RE.findall(self.text):
            self.names.setdefault(name, value[1:-1] if value[0] in "'\"" else int(value))

    def lead(self, call: str, page: int) -> str | None:
        """Say where a call leads that is to turn to a page, as the page writes addresses; None where that is not told.

        >>> from crawler.portals.listing import parse_page
        >>> read = Reading(parse_page("<script>function go(n) { location.href = 'list_' + n + '.html'; }</script>"))
        >>> read.lead("javascript:go(2)", 2), read.lead("javascript:turn(2)", 2)
        ('list_2.html', None)
        """
        found = list(self.run(re.sub(r"^\s*javascript:", "", call, flags=re.I), dict(self.names), 0))
        places = list(dict.fromkeys(each for each in found if isinstance(each, str)))
        near = [place for place in places if {str(page), str(page - 1)} & set(re.findall(r"\d+", place))]
        if near or len(places) == 1:
            return (near or places)[-1]
        return next((place for each in found if isinstance(each, Form) and (place := self.send(each))), None)

    def jump(self, page: int) -> str | None:
        """Say where the page that a paging library hands over leads to; None where no script tells."""
        for piece in PIECE_RE.findall(self.text):
            match = LOCATION_RE.search(piece)
            if match and any(name in piece for name in PAGE_NAMES):
                try:
                    return str(
                        evaluate(
                            match["set"] or match["call"] or match["open"], {**self.names, "page()": page}
                        )
                    )
                except Unknown:
                    continue
        return None

    def run(self, text: str, names: dict[str, Value], depth: int) -> Iterator[str | Form]:
        """Walk over statements, as if every condition held: give the addresses that are gone to, and the forms sent."""
        fields: dict[str, Value] = {}
        joined = re.sub(r"\s*\n\s*(?=[+?:])|(?<=[+?:])\s*\n\s*", " ", text[:BODY])
        for piece in PIECE_RE.findall(joined):
            try:
                if match := LOCATION_RE.search(piece):
                    yield str(evaluate(match["set"] or match["call"] or match["open"], names))
                elif match := FIELD_RE.search(piece):
                    fields[match["field"]] = evaluate(match["set"] or match["call"], names)
                elif re.search(r"\.submit\s*\(", piece):
                    yield Form(dict(fields))
                elif match := ASSIGNED_RE.search(piece):
                    value = evaluate(match[3], names)
                    names[match[1]] = f"{names.get(match[1], '')}{value}" if match[2] else value
                elif depth < CALLS and (match := CALL_RE.search(piece)):
                    yield from self.enter(match[1], match[2], names, depth)
            except Unknown:
                if match and match.re is ASSIGNED_RE:
                    names.pop(match[1], None)

    def enter(self, name: str, arguments: str, names: dict[str, Value], depth: int) -> Iterator[str | Form]:
        """Go into a function of the page that is called."""
        last = re.escape(name.rpartition(".")[2])
        defined = re.search(
            rf"\bfunction\s+{last}\s*\(([^()]*)\)\s*\{{|\b{last}\s*[=:]\s*function\s*\w*\s*\(([^()]*)\)\s*\{{"
            rf"|\b{last}\s{{0,9}}=\s{{0,9}}\(?([\w$, ]{{0,80}})\)?\s{{0,9}}=>\s*\{{?",
            self.text,
        )
        if defined is None:
            return
        named = [each.strip() for each in next(filter(None, defined.groups()), "").split(",")]
        given = Expression(arguments, names)
        inside = dict(self.names)
        for parameter in filter(None, named):
            try:
                inside[parameter] = given.value()
            except Unknown:
                return
            if not given.take(","):
                break
        yield from self.run(body_from(self.text, defined.end()), inside, depth + 1)

    def send(self, form: Form) -> str | None:
        """Give the address of a form that is sent with these fields filled in; None where it is sent with POST."""
        for element in self.tree.iter("input", "select"):
            if element.get("name") in form.fields or element.get("id") in form.fields:
                return address_of_form(element, form.fields)
        return None


def body_from(text: str, start: int) -> str:
    """Give what stands in the braces that open before a place; at most `BODY` characters."""
    depth = 1
    for match in re.finditer(r"[{}]", text[start : start + BODY]):
        depth += 1 if match[0] == "{" else -1
        if not depth:
            return text[start : start + match.start()]
    return text[start : start + BODY]


def address_of_form(field: HtmlElement, fields: dict[str, Value]) -> str | None:
    """Give the address that the form of a field asks for, with some fields filled in; None where it asks with POST."""
    form = next(field.iterancestors("form"), None)
    if form is None or (form.get("method") or "get").lower() != "get":
        return None
    sent: list[tuple[str, Value]] = []
    for element in form.iter("input", "select"):
        name, kind = element.get("name"), (element.get("type") or "text").lower()
        value = fields.get(name or "", fields.get(element.get("id") or ""))
        if (
            name
            and value is None
            and kind in ("submit", "button", "image", "reset", "checkbox", "radio", "file")
        ):
            continue
        if name:
            sent.append((name, element.get("value") or "" if value is None else value))
        if len(sent) == INPUTS:
            break
    return f"{(form.get('action') or '').partition('?')[0]}?{urlencode(sent)}"
