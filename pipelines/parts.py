"""Stage after extraction: the further pages of a split article are read too, and joined to the first."""

from typing import Any, Self

from scrapy.crawler import Crawler
from scrapy.exceptions import DropItem
from scrapy.statscollectors import StatsCollector
from scrapy.utils.misc import build_from_crawler, load_object

from crawler.items import Page
from crawler.text import Extracted
from crawler.text.parts import join
from pipelines import CountingStage


class PartsPipeline(CountingStage):
    """Carry each further page through the stages before this one and join it; drop an article without any text."""

    def __init__(self, stats: StatsCollector, stages: list[Any]) -> None:
        super().__init__(stats)
        self.stages = stages

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        named = crawler.settings.getwithbase("ITEM_PIPELINES")
        placed = [(order, load_object(path)) for path, order in named.items() if order is not None]
        own = next((order for order, stage in placed if stage is cls), 0)
        before = sorted((pair for pair in placed if pair[0] < own), key=lambda pair: pair[0])
        return cls(crawler.stats, [build_from_crawler(stage, crawler) for _, stage in before])

    def process_item(self, item: Page) -> Page:
        if not item.parts:
            return item
        assert item.extracted is not None
        had: list[Extracted] = [item.extracted]
        for part in item.parts:
            if not part.error:
                self.read(part, {each.text for each in had if each.text})
            if part.error:
                self.stats.inc_value("parts/missed")
            elif part.extracted is not None:
                self.stats.inc_value("parts/joined")
                had.append(part.extracted)
                item.tampered = item.tampered or part.tampered
        item.extracted = found = join(had)
        item.title = item.title or found.title
        item.text = found.text
        item.published = item.published or found.published
        item.source = found.source or item.source
        if not item.text:
            raise DropItem(
                f"no-article: found {len(had)} pages titled {item.title and item.title[:100]!r} without a body text, "
                f"wanted an article, at {item.url}"
            )
        return item

    def read(self, part: Page, texts: set[str]) -> None:
        """Read a further page; what is none, or shows a text once more, is a part that was not had."""
        try:
            for stage in self.stages:
                part = stage.process_item(part)
        except DropItem as reason:
            if part.extracted is None or not (part.extracted.images or part.extracted.attachments):
                part.error = str(reason)
            return
        if part.text in texts:
            part.error = "shows the text of another part"
