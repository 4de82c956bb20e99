"""Portals as data: one TOML file a portal, checked by a schema, with an error for every line that is wrong.

``data/portals/NAME.toml`` declares the portal NAME; NAME is the value of the ``portal`` columns. What a key may
hold is told by `KEYS`. An entry is taken whole or not at all, and so are all of them together: where one is wrong,
no portal is crawled.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Collection, Iterator
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from crawler.portals import Portal
from crawler.portals.recognition import PLATFORMS
from crawler.settings import PORTALS_DIR, ROOT

DISCOVER = "discover"
"""What ``channels`` says where they are to be found on the home page."""
SPIDER = "portals"
"""The spider that crawls the entries that name none."""
MOST = 4
"""So many requests at a time may be under way to one host, whatever its entry says."""

NAME_RE = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,98}[a-z0-9])?")
HOST_RE = re.compile(
    r"(?=.{4,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+(?:[a-z]{2,63}|xn--[a-z0-9-]{2,59})"
)
"""A host as it stands in an address: lower case, no port, no number of a machine."""
CODE_RE = re.compile(r"[^\s,\"'<>\\\x00-\x1f]{1,100}")
"""A channel's code: what ``-a channel=`` can name, between commas."""
AT_RE = re.compile(r"\s*\(at (?:line (\d+), column (\d+)|end of document)\)$")


class EntryError(ValueError):
    """Entries that cannot be used; its text is a line for each mistake: where, what was found, what was wanted."""

    exitcode = 9


class Key(NamedTuple):
    """One key of an entry."""

    wanted: str
    """What it may hold, as an error says it."""
    is_good: Callable[[Any], bool]
    required: bool = False
    each: str | None = None
    """Of a list: what its elements are called in an error; an element twice is a mistake."""


def is_line(value: Any) -> bool:
    """Tell whether a value is a text of one line."""
    return isinstance(value, str) and bool(value.strip()) and value.isprintable()


def is_list(of: Callable[[Any], bool]) -> Callable[[Any], bool]:
    """Make a test for a list with elements, all of them good."""
    return lambda value: isinstance(value, list) and bool(value) and all(map(of, value))


def is_host(value: Any) -> bool:
    """Tell whether a value is the name of a host, exact.

    >>> [is_host(each) for each in ("mzj.lyg.gov.cn", "WWW.lyg.gov.cn", "lyg.gov.cn:80", "10.0.0.1", "localhost")]
    [True, False, False, False, False]
    """
    return isinstance(value, str) and HOST_RE.fullmatch(value) is not None


def is_code(value: Any) -> bool:
    """Tell whether a value can be a channel's code."""
    return isinstance(value, str) and CODE_RE.fullmatch(value) is not None


def is_number(least: float, most: float, kinds: tuple[type, ...]) -> Callable[[Any], bool]:
    """Make a test for a number between two bounds; a truth value is none."""
    return lambda value: (
        isinstance(value, kinds) and not isinstance(value, bool) and least <= value <= most  # type: ignore[operator]
    )


def is_home(value: Any) -> bool:
    """Tell whether a value is an address of the web with nothing in it but scheme, host and path."""
    try:
        parts = urlsplit(value if isinstance(value, str) else "")
        return (
            parts.scheme in ("http", "https")
            and parts.port in (None, 80, 443)
            and parts.username is None
            and not parts.fragment
            and HOST_RE.fullmatch(parts.hostname or "") is not None
            and value.isprintable()
            and " " not in value
        )
    except ValueError:
        return False


def is_zone(value: Any) -> bool:
    """Tell whether a value names a time zone that this machine knows."""
    try:
        return isinstance(value, str) and bool(ZoneInfo(value))
    except (ValueError, OSError, KeyError):  # ZoneInfoNotFoundError is a KeyError
        return False


def is_day(value: Any) -> bool:
    """Tell whether a value is a date without a time."""
    return isinstance(value, date) and not isinstance(value, datetime)


def is_table(value: Any) -> bool:
    """Tell whether a value is a table of texts."""
    return isinstance(value, dict) and all(is_line(each) for each in value.values())


KEYS: dict[str, Key] = {
    "title": Key("what the portal calls itself, a text of one line", is_line, True),
    "operator": Key("who runs the portal, a text of one line", is_line),
    "spider": Key("the name of a spider", is_line),
    "platform": Key(f"one of {', '.join(PLATFORMS)}", lambda value: value in PLATFORMS, True),
    "hosts": Key("a list of hosts as mzj.lyg.gov.cn, lower case, no port", is_list(is_host), True, "host"),
    "home": Key("the address of the home page, http(s)://HOST/…, on a host of the entry", is_home, True),
    "site": Key(
        "the site code in the path, a text without a slash", lambda value: is_code(value) and "/" not in value
    ),
    "channels": Key(
        f'"{DISCOVER}" or a list of codes',
        lambda value: value == DISCOVER or is_list(is_code)(value),
        True,
        "channel",
    ),
    "on_request": Key("a list of codes", is_list(is_code), False, "channel"),
    "source": Key("the source of every article, a text of one line", is_line),
    "delay": Key("seconds between two requests, 0 to 60", is_number(0, 60, (int, float))),
    "concurrency": Key(f"how many requests at a time, 1 to {MOST}", is_number(1, MOST, (int,))),
    "zone": Key("a time zone as Asia/Shanghai", is_zone),
    "licence": Key("a note on what may be done with the texts, a text of one line", is_line),
    "proven": Key("the date of the last live check as 2026-11-28, without quotes", is_day),
    "options": Key("a table of texts", is_table),
}
"""What an entry says, in the order in which it is written."""


class Entry(NamedTuple):
    """A file that was read: the portal, and where each key stands."""

    portal: Portal
    path: Path
    lines: dict[tuple[str | int, ...], int]


@cache
def entries(directory: Path | None = None) -> tuple[Portal, ...]:
    """Give the portals of a folder, by name, read once; by default that of the setting ``PORTALS_DIR``.

    Raises EntryError.
    """
    return tuple(entry.portal for entry in read_entries(directory or Path(PORTALS_DIR), spider_names()))


def by_name() -> dict[str, Portal]:
    """Give the portals by name, for readers: none where an entry is wrong, for the archive can be read all the same."""
    try:
        return {portal.name: portal for portal in entries()}
    except EntryError:
        return {}


def spider_names() -> frozenset[str]:
    """Name the spiders that an entry can name: a spider's file has its name."""
    return frozenset(path.stem for path in (ROOT / "spiders").glob("[!_]*.py"))


def read_entries(directory: Path, spiders: Collection[str]) -> list[Entry]:
    """Read every entry of a folder, by name; `spiders` are those that an entry can name.

    Raises EntryError with all mistakes of all entries.
    """
    found: list[Entry] = []
    wrong: list[str] = []
    for path in sorted(directory.glob("*.toml")):
        try:
            found.append(read_entry(path, path.read_bytes(), spiders))
        except EntryError as error:
            wrong += str(error).splitlines()
        except OSError as error:
            wrong.append(f"{shown(path)}: found {error.strerror}, wanted a file that can be read")
    served: dict[str, Entry] = {}
    for entry in found:
        for number, host in enumerate(entry.portal.hosts):
            other = served.setdefault(host, entry)
            if other is not entry:
                wrong.append(
                    f"{shown(entry.path)}:{entry.lines['hosts', number]}: found the host {host}, "
                    f"which {shown(other.path)} has, wanted one entry a host"
                )
    if wrong:
        raise EntryError("\n".join(wrong))
    return found


def read_entry(path: Path, body: bytes, spiders: Collection[str]) -> Entry:
    """Read one entry from its bytes; the file's name is the portal's.

    Raises EntryError with every mistake in it.
    """
    where = shown(path)
    try:
        text = body.decode("utf-8").replace("\r\n", "\n")
        said: dict[str, Any] = tomllib.loads(text)
    except UnicodeDecodeError as error:
        line = body.count(b"\n", 0, error.start) + 1
        raise EntryError(
            f"{where}:{line}: found the byte {error.object[error.start]:#04x}, wanted UTF-8"
        ) from None
    except tomllib.TOMLDecodeError as error:
        at = AT_RE.search(str(error))
        line = int(at[1]) if at and at[1] else text.count("\n") + 1
        what = AT_RE.sub("", str(error))
        raise EntryError(f"{where}:{line}: found no TOML ({what}), wanted KEY = VALUE") from None
    lines = find_lines(text)
    wrong = [
        f"{where}:{lines.get(at, 1)}: {what}" if at else f"{where}: {what}"
        for at, what in find_mistakes(said, spiders)
    ]
    if not NAME_RE.fullmatch(path.stem):
        wrong.insert(
            0, f"{where}: found the name {path.stem!r}, wanted small letters, digits, dots and dashes"
        )
    if wrong:
        raise EntryError("\n".join(wrong))
    return Entry(make_portal(path.stem, said), path, lines)


def find_mistakes(
    said: dict[str, Any], spiders: Collection[str]
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Give each mistake of an entry: the place of the key or element, and what was found and wanted."""
    for name, value in said.items():
        key = KEYS.get(name)
        if key is None:
            yield (name,), f"found the unknown key {name!r}, wanted some of {', '.join(KEYS)}"
        elif not key.is_good(value):
            yield from find_culprits(name, value, key)
    for name, key in KEYS.items():
        if key.required and name not in said:
            yield (), f"found no {name!r}, wanted {key.wanted}"
    for name in ("hosts", "channels", "on_request"):
        yield from find_doubles(name, said)
    hosts, home = said.get("hosts"), said.get("home")
    host = urlsplit(home).hostname if isinstance(home, str) and is_home(home) else None
    if host and isinstance(hosts, list) and is_list(is_host)(hosts) and host not in hosts:
        yield ("home",), f"found the host {host}, wanted one of the hosts of the entry"
    spider = said.get("spider", SPIDER)
    if is_line(spider) and spider not in spiders:
        yield ("spider",), f"found the spider {spider!r}, wanted one of {', '.join(sorted(spiders))}"


def find_culprits(name: str, value: Any, key: Key) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Say what is wrong with a value; of a list or table, which of its elements."""
    elements: list[tuple[str | int, Any]] = []
    if isinstance(value, list) and key.each:
        is_good = is_host if key.each == "host" else is_code
        elements = [(number, each) for number, each in enumerate(value) if not is_good(each)]
    elif isinstance(value, dict) and name == "options":
        elements = [(each, held) for each, held in value.items() if not is_line(held)]
    for at, each in elements:
        yield (name, at), f"found {each!r} in {name}, wanted {key.wanted}"
    if not elements:
        yield (name,), f"found {name} = {value!r}, wanted {key.wanted}"


def find_doubles(name: str, said: dict[str, Any]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Give each element of a list that stands there before; a channel on request is none that is taken always."""
    values = said.get(name)
    if not isinstance(values, list):
        return
    always = said.get("channels") if name == "on_request" else None
    before = list(always) if isinstance(always, list) else []
    for number, value in enumerate(values):
        if value in before:
            yield (name, number), f"found the {KEYS[name].each} {value!r} twice, wanted it once"
        before.append(value)


def make_portal(name: str, said: dict[str, Any]) -> Portal:
    """Make the portal that a checked entry declares."""
    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in said.items()}
    values["platform"] = PLATFORMS[said["platform"]]
    if said["channels"] == DISCOVER:
        values["channels"] = ()
    if "zone" in said:
        values["zone"] = ZoneInfo(said["zone"])
    return Portal(name=name, **values)


TOKEN_RE = re.compile(
    r"(?P<comment>\#[^\n]*)|(?P<string>\"\"\"(?:\\.|[^\\])*?\"{3,5}|'''.*?'{3,5}|\"(?:\\.|[^\"\\\n])*\"|'[^'\n]*')"
    r"|(?P<line>\n)|(?P<sign>[\[\]{}=,.])|(?P<bare>[^\s\[\]{}=,.#\"']+)",
    re.S,
)
"""What a TOML document consists of, blanks aside (https://toml.io/en/v1.0.0)."""


def find_lines(text: str) -> dict[tuple[str | int, ...], int]:
    """Say on which line of a TOML document each key, and each element of a list, stands.

    The document is one that tomllib reads.

    >>> find_lines('a = 1\\nb = [\\n  "x",  # one\\n  "y",\\n]\\n[c]\\nd.e = "f"\\n')
    {('a',): 1, ('b',): 2, ('b', 0): 3, ('b', 1): 4, ('c',): 6, ('c', 'd', 'e'): 7}
    """
    lines: dict[tuple[str | int, ...], int] = {}
    table: tuple[str | int, ...] = ()
    names: list[str] = []
    line, depth, number = 1, 0, 0
    state = "key"
    for token in TOKEN_RE.finditer(text):
        kind, word = token.lastgroup, token[0]
        if kind == "line" and not depth:
            if state == "table":
                table = tuple(names)
                lines.setdefault(table, line)
            state, names, number = "key", [], 0
        elif kind in ("bare", "string") and state in ("key", "table"):
            names.append(word.strip("\"'") if kind == "string" else word)
        elif kind == "sign" and state == "key" and word == "[":
            state = "table"
        elif kind == "sign" and state == "key" and word == "=":
            state = "value"
            lines[*table, *names] = line
        elif state == "value" and kind in ("sign", "bare", "string"):
            opens = kind == "sign" and word in "[{"
            if depth == 1 and (opens or kind != "sign"):
                lines.setdefault((*table, *names, number), line)
            number += depth == 1 and word == ","
            depth += opens - (kind == "sign" and word in "]}")
        line += word.count("\n")
    if state == "table":
        lines.setdefault(tuple(names), line)
    return lines


def shown(path: Path) -> str:
    """Name a file as a person finds it: from the checkout on, where it lies there."""
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)


def prove(entry: Entry, body: bytes, day: date) -> bytes:
    """Give an entry's file with another ``proven`` date; every other line stays as it is.

    >>> text = b'title = "a"\\n# see the home page\\nplatform = "truecms"\\n'
    >>> one = prove(Entry(None, None, find_lines(text.decode())), text, date(2026, 11, 28))
    >>> one
    b'title = "a"\\nproven = 2026-11-28\\n# see the home page\\nplatform = "truecms"\\n'
    >>> prove(Entry(None, None, find_lines(one.decode())), one, date(2026, 12, 1)) == one.replace(b"11-28", b"12-01")
    True
    """
    rows = body.split(b"\n")
    said = day.isoformat().encode()
    if ("proven",) in entry.lines:
        at = entry.lines["proven",] - 1
        rows[at] = re.sub(rb"^(\s*\S+\s*=\s*)[\d-]+", rb"\g<1>" + said, rows[at])
    else:
        at = entry.lines["platform",] - 1
        while at and rows[at - 1].lstrip().startswith(b"#"):  # the remark above a key is of that key
            at -= 1
        rows.insert(at, b"proven = " + said + (b"\r" if rows[at].endswith(b"\r") else b""))
    return b"\n".join(rows)
