"""A portal that nobody declared: looked at, its platform recognised, and its entry made with a page of each kind.

The entry goes to ``PORTALS_DIR``; the pages and what they must give go to a folder of their own, where the test of
saved pages finds them. Everything is written at once or not at all.
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from scrapy import signals
from scrapy.http import Response

from crawler.checkup import FAIL, OK, Checkup, Finding, Look
from crawler.landing import HOPS, sent_on
from crawler.parts import content_type
from crawler.portals import Ask, Portal, plain
from crawler.portals.entries import DISCOVER, KEYS, SPIDER, is_line, read_entry
from crawler.portals.listing import host_of, parse_page, same_page, text_of
from crawler.portals.recognition import PLATFORMS, Recognised, portal_at, read_channels, recognise
from crawler.sources import list_body, list_text
from crawler.text import decode, read_page

OPERATOR_RE = re.compile(r"主\s*办(?:\s*单\s*位)?\s*[:：]\s*([\w()（）·]{3,40})")
"""Evidence of who runs a portal: 主办单位：连云港市教育局, as every government portal's foot says."""
TITLE_END_RE = re.compile(r"\s*(?:[-_|—>]*\s*(?:(?:网站)?首页|\d{4}-\d{1,2}-\d{1,2}))+\s*$")
"""What a home page's title says besides the portal's name."""


class Discovery(Checkup):
    """Look at a home page that no entry has: whose it is, what it leads to, and whether that can be read."""

    name = "discovery"

    def __init__(self, name: str | None = None, address: str = "", platform: str | None = None) -> None:
        """Prepare to look at the home page at `address`; `platform` is how to read it, None: to be recognised."""
        self.about = portal_at(address, plain)
        super().__init__(name, (self.about,), frozenset(self.about.hosts))
        self.platform = platform
        self.home: Response | None = None
        self.recognised: Recognised | None = None

    async def start(self) -> AsyncIterator[Any]:
        """Look at the home page, its lists, and one article."""
        self.crawler.signals.connect(self.answered, signals.response_received)
        await self.discover()
        return
        yield  # what makes this a generator

    async def discover(self) -> None:
        """Look at all; what could not be had is a finding."""
        self.home = home = await self.arrive()
        if home is None:
            return
        self.tell_page(self.about, "home", home)
        text = list_text(home)
        self.recognised = found = self.tell_platform(text, home.url)
        if found is None:
            return
        self.about = declare(self.about, home, found, text)
        articles = await self.look_at_lists(self.about, home)
        self.tell_all_robots(self.about)
        for url in articles[:1]:
            await self.look_at_article(self.about, url)

    async def arrive(self) -> Response | None:
        """Ask for the home page, and for where it sends its reader if it does nothing else."""
        url = self.about.home
        for _ in range(1 + HOPS):
            response = await self.ask(self.about, "home", Ask(url, "home"))
            if response is None:
                return None
            target = sent_on(response.body, response.url, content_type(response))
            if target is None or host_of(target) not in self.about.hosts:
                return response
            url = target
        self.find(FAIL, self.about, "home", f"sends its reader on more than {HOPS} times", url)
        return None

    def tell_platform(self, text: str, url: str) -> Recognised | None:
        """Recognise the platform, or take the one that was named, and say why."""
        found = self.read(self.about, "platform", url, recognise, text, url)
        if self.platform and (found is None or found.platform != self.platform):
            channels = read_channels(PLATFORMS[self.platform], text, url)
            found = Recognised(self.platform, channels, None, ("it was named",))
        if found is None:
            said = (
                f"no platform is recognised, wanted signs of one of {', '.join(PLATFORMS)}; "
                "a list page, a feed or a sitemap can be named instead of the home page"
            )
            self.find(FAIL, self.about, "platform", said, url)
            return None
        self.find(OK, self.about, "platform", f"{found.platform}: {'; '.join(found.evidence)}", url)
        return found

    def summary(self) -> list[Finding]:
        """Give what was found for a screen: the lists that could be read in one line."""
        read = [found for found in self.findings if found.what.startswith("list ") and found.verdict == OK]
        if not self.lists:
            return self.findings
        days = [look.newest for look in self.lists.values() if look.newest]
        newest = f", the newest of {max(days)}" if days else ""
        lines = sum(look.lines for look in self.lists.values())
        said = f"{len(self.lists)} channels read, {lines} lines{newest}"
        at = self.findings.index(read[0])
        rest = [found for found in self.findings[at:] if found not in read]
        return [*self.findings[:at], Finding(OK, self.about.name, "lists", said, self.about.home), *rest]

    def lacks(self) -> str | None:
        """Say what of the portal could not be read, and is wanted of an entry; None where all could."""
        if self.home is None:
            return "no home page"
        if self.recognised is None:
            return "no platform"
        if not self.lists:
            return "no list that can be read"
        return None if self.articles else "no article that can be read"


def declare(about: Portal, home: Response, found: Recognised, text: str) -> Portal:
    """Declare the portal as its home page tells."""
    tree = parse_page(text)
    title = operator = None
    if tree is not None:
        names = [e.get("content") for e in tree.iter("meta") if (e.get("name") or "").lower() == "sitename"]
        titles = [TITLE_END_RE.sub("", text_of(e)) for e in tree.iter("title")]
        title = next(
            (said.strip()[:80] for said in (*names, *titles) if said and is_line(said.strip())), None
        )
        match = OPERATOR_RE.search(text_of(tree))
        operator = match[1] if match else None
    paper = found.platform == "media" and found.site
    linked = (host for host in about.hosts if f"//{host}/" in text)
    hosts = tuple(dict.fromkeys((host_of(about.home), host_of(home.url), *linked)))
    return replace(
        about,
        title=title or about.name,
        operator=operator,
        platform=PLATFORMS[found.platform],
        hosts=hosts,
        site="" if paper else found.site or "",
        options={"paper": str(found.site)} if paper else {},
    )


def choose_channels(found: Discovery) -> tuple[str, ...]:
    """Choose the channels of an entry: those whose lists could be read, and those that there was no time to look at.

    Empty, so that they are discovered every night, where a list is elsewhere than the platform would ask for it.
    """
    portal = found.about
    known = [code for code, _ in found.recognised.channels] if found.recognised else []
    codes = tuple(code for code in known if code in found.lists or code not in found.looked)
    asked = portal.platform.first(replace(portal, channels=codes), codes, None, None) if codes else []
    by_rule = {ask.channel: ask.url for ask in asked}
    if all(same_page(by_rule.get(code, ""), found.looked[code]) for code in codes if code in found.looked):
        return codes
    return ()


def write_entry(portal: Portal, names: Mapping[str, str], evidence: Sequence[str], day: date) -> str:
    """Write an entry as TOML, with the names of its channels as remarks."""
    platform = next(name for name, module in PLATFORMS.items() if module is portal.platform)
    said: dict[str, Any] = {
        "title": portal.title,
        "operator": portal.operator,
        "platform": platform,
        "hosts": list(portal.hosts),
        "home": portal.home,
        "site": portal.site or None,
        "channels": list(portal.channels) or DISCOVER,
    }
    rows = [f"# Looked at on {day}: {remark('; '.join(evidence))}"]
    for key in KEYS:
        value = said.get(key)
        if key == "channels" and isinstance(value, list):
            codes = [f"    {quote(code)},  # {remark(names.get(code) or code)}" for code in value]
            rows += ["channels = [", *codes, "]"]
        elif isinstance(value, list):
            rows.append(f"{key} = [{', '.join(map(quote, value))}]")
        elif value is not None:
            rows.append(f"{key} = {quote(value)}")
    if portal.options:
        rows += ["", "[options]", *(f"{key} = {quote(value)}" for key, value in portal.options.items())]
    return "\n".join([*rows, ""])


def quote(text: str) -> str:
    """Write a text of one line as a TOML string."""
    return json.dumps(text, ensure_ascii=False)


def remark(text: str) -> str:
    """Make a text that a portal wrote fit for a remark: one line of printable characters, not long."""
    return "".join(sign if sign.isprintable() else " " for sign in text)[:200].strip()


def expect(
    portal: Portal, files: Mapping[str, bytes], pages: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """Read saved pages of a portal: what their file says that they must give.

    `files` are the bodies by name, `pages` what each is: ``kind``, ``url``, ``content_type``, and the ``ask`` of a list.
    """
    return {name: {**about, **read_saved(portal, files[name], about)} for name, about in pages.items()}


def tell_ask(ask: Ask) -> dict[str, Any]:
    """Give what a platform module wants to know of the question that a list answers, fit for JSON."""
    return {
        "url": ask.url,
        "kind": ask.kind,
        "channel": ask.channel,
        "state": [list(pair) for pair in ask.state],
    }


def read_saved(portal: Portal, body: bytes, about: Mapping[str, Any]) -> dict[str, Any]:
    """Read one saved page as a crawl would: a home page's platform and channels, a list's lines, an article's fields."""
    kind, url, declared = about["kind"], about["url"], about["content_type"]
    if kind == "article":
        page = read_page(body, url, declared, zone=portal.zone)
        return {
            "title": page.title,
            "published": page.published.isoformat() if page.published else None,
            "source": page.source,
            "text": page.text.split("\n"),
        }
    text = decode(body, declared).text
    if kind == "home":
        found = recognise(text, url)
        return {
            "platform": found.platform if found else None,
            "channels": [list(channel) for channel in found.channels] if found else [],
        }
    asked = about["ask"]
    state = tuple((name, value) for name, value in asked["state"])
    ask = Ask(asked["url"], asked["kind"], asked["channel"], state=state)
    lines = portal.platform.read(ask, text, url, portal).lines
    return {
        "lines": [
            [line.url, line.title, line.listed.isoformat() if line.listed else None, line.channel]
            for line in lines
        ]
    }


def lay_out(expected: Mapping[str, Mapping[str, Any]]) -> str:
    """Write what saved pages must give as JSON, with a line of its own for each field and for each row of a list.

    >>> print(lay_out({"list.html": {"kind": "list", "lines": [["http://a.cn/1", "题"], ["http://a.cn/2", "目"]]}}), end="")
    {
    "list.html": {
    "kind": "list",
    "lines": [
    ["http://a.cn/1", "题"],
    ["http://a.cn/2", "目"]
    ]
    }
    }
    """

    def write(value: Any, deep: int) -> str:
        if isinstance(value, dict) and deep:
            inside = (f"{json.dumps(key)}: {write(held, deep - 1)}" for key, held in value.items())
            return "{\n" + ",\n".join(inside) + "\n}"
        if isinstance(value, list) and value and not deep:
            return "[\n" + ",\n".join(json.dumps(each, ensure_ascii=False) for each in value) + "\n]"
        return json.dumps(value, ensure_ascii=False)

    return write(expected, 2) + "\n"


def save(portal: Portal, entry: str, found: Discovery, directory: Path, pages: Path) -> list[Path]:
    """Write the entry and the saved pages, all or none; give what was written.

    Raises EntryError where the entry would be wrong or its host has one, FileExistsError where something is there
    already, OSError where the disk refuses.
    """
    path, folder = directory / f"{portal.name}.toml", pages / portal.name
    for target in (path, folder):
        if target.exists():
            raise FileExistsError(f"found {target}, wanted none: the portal is there already")
    checked = read_entry(path, entry.encode(), {SPIDER}).portal
    assert found.home is not None
    listed = max(found.lists.values(), key=lambda look: look.lines)
    kept = {"home": Look(Ask(portal.home, "home"), found.home), "list": listed, "article": found.articles[0]}
    files = {f"{kind}.html": list_body(look.response) for kind, look in kept.items()}
    abouts = {
        f"{kind}.html": {
            "kind": kind,
            "url": look.response.url,
            "content_type": content_type(look.response),
            **({"ask": tell_ask(look.ask)} if kind == "list" else {}),
        }
        for kind, look in kept.items()
    }
    expected = lay_out(expect(checked, files, abouts))
    for place in (directory, pages):
        place.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(dir=pages, prefix=".adding-") as made,
        tempfile.TemporaryDirectory(dir=directory, prefix=".adding-") as made_too,
    ):
        ready, waiting = Path(made) / portal.name, Path(made_too) / path.name
        ready.mkdir(mode=0o755)
        for name, body in {**files, "expected.json": expected.encode()}.items():
            (ready / name).write_bytes(body)
        waiting.write_text(entry, encoding="utf-8")
        ready.rename(folder)
        try:
            waiting.rename(path)
        except BaseException:
            shutil.rmtree(folder)
            raise
    return [path, *(folder / name for name in (*files, "expected.json"))]
