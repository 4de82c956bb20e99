"""Second stage: what somebody did to the text is undone, edit by edit."""

from typing import Self

from scrapy.crawler import Crawler
from scrapy.statscollectors import StatsCollector

from crawler.items import Page
from crawler.text import TAMPERING, repair


class TamperPipeline:
    """Fill ``Page.repaired``; a stat for each fixer and its edits."""

    def __init__(self, stats: StatsCollector) -> None:
        self.stats = stats

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls(crawler.stats)

    def process_item(self, item: Page) -> Page:
        assert item.decoded is not None
        item.repaired = repair(item.decoded.text)
        for step in item.repaired.steps:
            self.stats.inc_value(f"tamper/{step.fixer}/edits", len(step.edits))
            item.tampered = item.tampered or step.fixer in TAMPERING
        if item.repaired.steps:
            self.stats.inc_value("tamper/repaired_pages")
        return item
