"""The further platforms, end to end: real spiders on the replica's small portals, one crawl for all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from typing import NamedTuple

import pytest

from tests.home import Home
from tests.replica import Replica, others
from tests.replica.audit import audit
from tests.replica.stories import Story

TODAY = date(2024, 3, 20)
SPIDER = f'''"""A portal of each platform, declared as a bureau is."""

from crawler.portals import Portal, feeds, founder, hanweb, plain, sitemaps, trs
from crawler.sources import Source


def portal(host, platform, **more):
    return Portal(name=host.removeprefix("www."), platform=platform, hosts=(host,), home=f"http://{{host}}/", **more)


class Wider(Source):
    name = "wider"
    portals = (
        portal("{others.HANWEB}", hanweb),
        portal("{others.TRS}", trs),
        portal("{others.FOUNDER}", founder, source="方正日报", options={{"today": "{TODAY}", "days": "4"}}),
        portal("{others.PLAIN}", plain),
        portal("{others.FEEDS}", feeds),
        portal("{others.SITEMAPS}", sitemaps),
        portal("{others.JPAAS}", hanweb),
    )
'''


class Crawled(NamedTuple):
    """One crawl of all these portals, and what was asked for."""

    home: Home
    replica: Replica
    code: int
    said: str


@pytest.fixture(scope="module")
def crawled(make_home: Callable[[], Home]) -> Iterator[Crawled]:
    home = make_home()
    (home.folder / "wider").mkdir()
    (home.folder / "wider" / "__init__.py").touch()
    (home.folder / "wider" / "wider.py").write_text(SPIDER, encoding="utf-8")
    with Replica(seed=3, stories=20, today=TODAY) as replica:
        home.through(replica).env["PYTHONPATH"] = str(home.folder)
        done = home.crawl("crawl", "wider", "-s", "SPIDER_MODULES=wider")
        yield Crawled(home, replica, done.returncode, done.stderr.decode())


def test_every_story_of_every_platform_is_archived_exactly(crawled: Crawled) -> None:
    assert (crawled.code, audit(crawled.home.archive, crawled.replica.others.stories, 1)) == (0, []), (
        crawled.said
    )


def test_nothing_is_asked_of_the_hosts_that_lists_lead_away_to(crawled: Crawled) -> None:
    assert crawled.replica.strays == []
    offsite = "SELECT portal, channel, key FROM listings WHERE state = 'offsite' ORDER BY 1, 2"
    assert crawled.home.ask(offsite) == [
        ("dingyue.example", "rss.xml", f"{others.AWAY.removeprefix('www.')}/posts/1.html"),
        ("hanhai.example", "col101", f"{others.AWAY.removeprefix('www.')}/art/2024/1/8/art_9_9.html"),
        ("pingan.example", "tzgg/", f"{others.AWAY.removeprefix('www.')}/x/77001.html"),
        ("taishan.example", "xwzx/gzdt", f"{others.AWAY.removeprefix('www.')}/t20240108_1.html"),
        ("taishan.example", "xwzx/tzgg", f"{others.AWAY.removeprefix('www.')}/t20240108_1.html"),
    ]


def test_each_list_names_its_channel_and_is_read_to_its_end_without_an_alarm(crawled: Crawled) -> None:
    named = "SELECT code, name FROM channels ORDER BY portal, code"
    assert sorted(crawled.home.ask(named)) == sorted(others.NAMES.items())
    assert crawled.home.ask("SELECT outcome, alarms FROM runs") == [("finished", "[]")]


def test_a_printed_page_has_its_pdf(crawled: Crawled) -> None:
    files = "SELECT name, state, mime, text FROM attachments ORDER BY key"
    assert crawled.home.ask(files) == [
        (f"{others.NAMES[code]} PDF", "archived", "application/pdf", f"{day} {code}")
        for day in ("2024-03-17", "2024-03-19")
        for code in ("01", "A02")
    ]


def test_a_line_is_listed_once_with_the_date_that_its_list_shows(crawled: Crawled) -> None:
    def listed(story: Story) -> str | None:
        hidden = story.channel == "list.asp?id=3" or (story.channel == "col102" and story.serial % 7 == 0)
        return None if hidden else story.listed

    stories = crawled.replica.others.stories
    assert sorted(crawled.home.ask("SELECT url, listed FROM listings WHERE state <> 'offsite'")) == sorted(
        (story.url, listed(story)) for story in stories
    )


def test_a_rebuild_makes_the_same_archive_of_the_captures(crawled: Crawled) -> None:
    asked = "SELECT key, portal, channel, title, text, published, source FROM articles ORDER BY key"
    before = crawled.home.ask(asked)
    rebuilt = crawled.home.scrapy("rebuild", "-s", "SPIDER_MODULES=wider")
    assert rebuilt.returncode == 0, rebuilt.stderr.decode()
    assert crawled.home.ask(asked) == before
    assert audit(crawled.home.archive, crawled.replica.others.stories, 1) == []
