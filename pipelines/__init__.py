"""The stages of a page, one a module; ``ITEM_PIPELINES`` gives their order."""

from typing import Self

from scrapy.crawler import Crawler
from scrapy.statscollectors import StatsCollector

from crawler.extensions import Ledger
from crawler.items import Page
from crawler.text import Memory


class CountingStage:
    """A stage that tells the stats what it did, and may ask what the archive remembers."""

    def __init__(self, stats: StatsCollector, ledger: Ledger | None = None) -> None:
        self.stats = stats
        self.ledger = ledger

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls(crawler.stats, crawler.get_extension(Ledger))

    def memory(self, page: Page) -> Memory | None:
        """Give what the archive knew of the page's portal when the run began."""
        if self.ledger is None:
            return None
        known = self.ledger.archive.memory(page.portal)
        return known.within(page.whole) if page.whole else known
