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
from typing import Any, NamedTuple
from urllib.parse import urlsplit, urlunsplit

from scrapy import signals
from scrapy.http import Response

from crawler.checkup import FAIL, ODD, OK, Checkup, Finding, Look
from crawler.landing import HOPS, sent_on
from crawler.parts import content_type
from crawler.portals import Ask, Portal, feeds, founder, media, plain, sitemaps
from crawler.portals.entries import DISCOVER, KEYS, SPIDER, is_line, read_entry
from crawler.portals.listing import host_of, origin_of, parse_page, path_of, same_page, text_of
from crawler.portals.recognition import PLATFORMS, Recognised, portal_at, read_channels, recognise
from crawler.sources import list_body, list_text
from crawler.text import decode, read_page

OPERATOR_RE = re.compile(r"主\s*办(?:\s*单\s*位)?\s*[:：]\s*([\w()（）·]{3,40})")
"""Evidence of who runs a portal: 主办单位：连云港市教育局, as every government portal's foot says."""
MAPS = 5
"""How many of the sitemaps that a robots.txt names are tried."""
TITLE_END_RE = re.compile(
    r"\s*(?:[-_|—>]*\s*(?:(?:网站)?首页|\d{4}-\d{1,2}-\d{1,2}|第\s*[A-Z]?\d{1,3}\s*版.{0,40}))+\s*$"
)
"""What a home page's title says besides the portal's name; that of a paper says which printed page it is."""


FURTHER_RE = re.compile(
    r"/(?:index|list|default|page|pg|p)?[_-]?\d{1,4}\.\w{2,5}(?:\?|$)|[?&](?:p|pn|page|page_?no|page_?index|current_?page)=\d",
    re.I,
)
"""The address of a further page of a list."""
NAMED = ("it was named",)
"""What speaks for a platform that nothing on a page does."""
LOOSE = ("plain", "feeds", "sitemaps")
"""What a page is read as that is of no platform of its own."""
ROOT_RE = re.compile(r"/(?:(?:index|default|home|main)\.\w{2,5})?", re.I)
"""The path of a home page."""


class Front(NamedTuple):
    """A page that a portal may be entered by."""

    url: str
    """As it was asked for."""
    response: Response
    found: Recognised | None


class Discovery(Checkup):
    """Look at a portal that no entry has, from any of its addresses: what it is, what it leads to, whether that can be read."""

    name = "discovery"

    def __init__(self, name: str | None = None, address: str = "", platform: str | None = None) -> None:
        """Prepare to look at the portal that has an address; `platform` is how to read it, None: to be recognised."""
        self.about = portal_at(address, plain)
        super().__init__(name, (self.about,), frozenset(self.about.hosts))
        self.platform = platform
        self.home: Response | None = None
        self.recognised: Recognised | None = None
        self.open = False
        """Whether a page was answered at all, robots.txt left out."""

    def answered(self, response: Response) -> None:
        """Keep what answers tell of their hosts."""
        super().answered(response)
        self.open |= urlsplit(response.url).path != "/robots.txt"

    async def start(self) -> AsyncIterator[Any]:
        """Look at the home page, its lists, and one article."""
        self.crawler.signals.connect(self.answered, signals.response_received)
        await self.discover()
        return
        yield  # what makes this a generator

    async def discover(self) -> None:
        """Look at all; what could not be had is a finding."""
        articles: list[str] = []
        async for front in self.ways():
            self.take(front)
            articles = await self.look_at_lists(self.about, self.home)
            if self.lists:
                break
        if self.home is not None and self.recognised is None:
            said = (
                f"no platform is recognised, wanted signs of one of {', '.join(PLATFORMS)}; neither robots.txt "
                "nor the usual places name a sitemap; a list page or a feed can be named instead"
            )
            self.find(FAIL, self.about, "platform", said, self.home.url)
        self.tell_all_robots(self.about)
        for url in articles[:1]:
            await self.look_at_article(self.about, url)

    async def ways(self) -> AsyncIterator[Front]:
        """Give the ways into the portal, the best one first: each is asked for only where the one before led to no list.

        The page at the address, or the front page above it; where that is of no platform of its own, its feeds, and
        last the sitemap.
        """
        address = self.about.home
        given = await self.enter(address)
        if given is None and not self.open:
            return
        front = given if self.platform == "sitemaps" else await self.climb(address, given)
        if front is not None:
            self.show(front)
            if front.found is not None and (self.platform != "sitemaps" or front.found.evidence != NAMED):
                yield front
                if self.platform not in (None, "sitemaps") or front.found.platform not in LOOSE:
                    return
                if front.found.platform == "plain" and (named := self.find_feeds(front)):
                    yield named
        if sitemap := await self.find_sitemap(front):
            yield sitemap

    def show(self, front: Front) -> None:
        """Take a page for the home page, and say how it was answered; that the one before is not there is no matter."""
        if front.response is not self.home:
            self.findings = [
                found._replace(verdict=ODD) if found.verdict == FAIL and found.what == "home" else found
                for found in self.findings
            ]
            self.about, self.home = replace(self.about, home=front.url), front.response
            self.tell_page(self.about, "home", front.response)

    def take(self, front: Front) -> None:
        """Take up a way into the portal, and say what it is."""
        assert front.found is not None
        self.show(front)
        self.recognised = front.found
        said = f"{front.found.platform}: {'; '.join(front.found.evidence)}"
        self.find(OK, self.about, "platform", said, front.response.url)
        self.looked.clear()
        self.about = declare(self.about, front.response, front.found, list_text(front.response))
        named = self.find_feeds(front) if front.found.platform not in ("feeds", "sitemaps") else None
        if named is not None and named.found is not None:
            said = f"{named.found.evidence[0]}; --platform feeds reads them instead"
            self.find(OK, self.about, "feeds", said, front.response.url)

    async def enter(self, url: str, trying: bool = False, what: str = "home") -> Front | None:
        """Ask for a page that may be a way in, and recognise its platform, or take the one that was named.

        `trying`: nothing is wrong where it cannot be had.
        """
        before = len(self.findings)
        response = await self.arrive(url, what)
        if response is None:
            if trying:
                said = [found._replace(verdict=ODD) for found in self.findings[before:]]
                self.findings[before:] = [found for found in said if found.said != "answers 404"]
            return None
        text = list_text(response)
        found = self.read(self.about, "platform", response.url, recognise, text, response.url)
        if self.platform and (found is None or found.platform != self.platform):
            channels = read_channels(PLATFORMS[self.platform], text, response.url)
            found = Recognised(self.platform, channels, None, NAMED)
        return Front(url, response, found)

    async def arrive(self, url: str, what: str) -> Response | None:
        """Ask for a page, and for where it sends its reader if it does nothing else."""
        first = url
        for _ in range(1 + HOPS):
            response = await self.ask(self.about, what, Ask(url, "home"))
            if response is None:
                return None
            target = sent_on(response.body, response.url, content_type(response))
            if target is None or host_of(target) not in self.about.hosts:
                return response
            url = target
        self.find(FAIL, self.about, what, f"sends its reader on more than {HOPS} times", first)
        return None

    async def climb(self, address: str, given: Front | None) -> Front | None:
        """Look for the front page above an address that is none itself; give the page there where no other is better."""
        above: Front | None = None
        for url in fronts_of(address, given and given.found):
            tried = None if same_page(url, address) else await self.enter(url, trying=True)
            if tried is not None and (fit := self.belongs(tried, address, given)):
                return fit
            above = tried or above
        issue = self.newest(given) if given else None
        if issue is not None and founder.paper_of(address) and not same_page(issue, address):
            return await self.enter(issue) or given  # which leads to the other issues
        return given if given and given.found else above or given

    def belongs(self, tried: Front, address: str, given: Front | None) -> Front | None:
        """Give a page as the front of an address, if it leads to what that is of; None where it does not."""
        found = tried.found
        paper = founder.paper_of(address)
        if paper is not None:
            issue = self.newest(tried)
            if issue is None or founder.paper_of(issue) != paper:
                return None
            if found is None or found.platform != "founder":
                said = f"it leads to the issue of a printed paper at {issue}"
                found = Recognised("founder", (), None, (said,))
            return tried._replace(found=found)
        if found is None or not found.channels:
            return None
        before = given.found if given else None
        if before and before.platform not in ("plain", found.platform):
            return None
        if media_paper(address) not in (None, found.site):
            return None
        return tried

    def newest(self, front: Front) -> str | None:
        """Give the address of the newest issue of a Founder paper that a page leads to."""
        tree = parse_page(list_text(front.response))
        known = founder.newest_issue(tree, front.response.url, self.about) if tree is not None else None
        return known[0] if known else None

    def find_feeds(self, front: Front) -> Front | None:
        """Give the feeds that a page names."""
        tree = parse_page(list_text(front.response))
        found = feeds.find_feeds(tree, front.response.url, self.about) if tree is not None else []
        if not found:
            return None
        said = f"{len(found)} {'feed is' if len(found) == 1 else 'feeds are'} named, such as {found[0].url}"
        channels = tuple((channel.code, channel.name) for channel in found)
        return front._replace(found=Recognised("feeds", channels, None, (said,)))

    async def find_sitemap(self, front: Front | None) -> Front | None:
        """Look for a sitemap: where robots.txt names some, else in the usual places."""
        named = [
            url
            for answer in self.robots.values()
            if answer.status == 200
            for url in sitemaps.named_in(decode(answer.body).text, answer.url, self.about)
        ]
        origin = origin_of(front.response.url if front else self.about.home)
        for url in named[:MAPS] or [f"{origin}/{place}" for place in sitemaps.PLACES]:
            tried = await self.enter(url, trying=True, what="sitemap")
            if tried is None or tried.found is None or tried.found.evidence == NAMED:
                continue
            if tried.found.platform != "sitemaps":
                continue
            where = "robots.txt names" if named else "there is"
            codes = dict.fromkeys(plain.code_of(each, self.about) for each in named or (url,))
            found = Recognised(
                "sitemaps", tuple((code, code) for code in codes), None, (f"{where} the sitemap {url}",)
            )
            return (front if front and ROOT_RE.fullmatch(path_of(front.url)) else tried)._replace(found=found)
        return None

    def summary(self) -> list[Finding]:
        """Give what was found for a screen: the lists that could be read in one line."""
        read = [found for found in self.findings if found.what.startswith("list ") and found.verdict == OK]
        if not self.lists:
            return self.findings
        days = [look.newest for look in self.lists.values() if look.newest]
        newest = f", the newest of {max(days)}" if days else ""
        lines = sum(look.lines for look in self.lists.values())
        said = f"{len(self.lists)} channels read, {lines} lines{newest}"
        at = next(n for n, found in enumerate(self.findings) if found.what.startswith("list "))
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


def fronts_of(address: str, found: Recognised | None) -> list[str]:
    """Give where the front page may be of what an address is of, the likeliest first; none where that is a front itself.

    An article, a further page of a list and a page of no platform lie below the root, a printed page and its articles
    below the folders of their paper.
    """
    if above := founder.fronts_of(address):
        return above
    root = f"{origin_of(address)}/"
    if paper := media_paper(address):
        day = media.DAY_RE.search(path_of(address))
        return [root, *([f"{root}Media/{paper}/{day[0].strip('/')}"] if day else [])]
    if ROOT_RE.fullmatch(path_of(address)):
        return []
    portal = portal_at(address, PLATFORMS[found.platform] if found else plain)
    within = plain.is_article(address) or FURTHER_RE.search(address)
    if found is None or within or portal.platform.channel_of(address, portal) is not None:
        return [root]
    return []


def media_paper(address: str) -> str | None:
    """Give the paper that an address below ``/Media/`` is of; None for any other address."""
    match = re.match(r"/Media/([\w-]+)(?:/|$)", path_of(address), re.I)
    return match[1] if match else None


def complete(address: str) -> str:
    """Make an address of what a person types or copies: with a scheme, the host as it is written in the net, no fragment.

    >>> complete(" MZJ.lyg.gov.cn "), complete("https://www.lyg.gov.cn/a/b.html#top"), complete("http://新华网.中国/a")
    ('http://mzj.lyg.gov.cn/', 'https://www.lyg.gov.cn/a/b.html', 'http://xn--xkrr14bows.xn--fiqs8s/a')
    """
    plain_one = address.strip().partition("#")[0]
    if "://" not in plain_one and re.match(r"[\w.-]+\.\w{2,}(?:[/?]|$)", plain_one):
        plain_one = f"http://{plain_one}"
    try:
        parts = urlsplit(plain_one)
        host = parts.hostname or ""
        named = parts.netloc.lower()
        if not host.isascii():
            named = named.replace(host, host.encode("idna").decode("ascii"))
        return urlunsplit((parts.scheme, named, parts.path or "/" if host else parts.path, parts.query, ""))
    except ValueError:  # UnicodeError is one
        return plain_one


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
        channels=tuple(code for code, _ in found.channels) if found.platform == "sitemaps" else (),
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
