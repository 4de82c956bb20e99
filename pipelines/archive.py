"""Last stage: the article is written into the archive."""

from typing import Self

from scrapy.crawler import Crawler
from scrapy.exceptions import DropItem

from crawler.extensions import Ledger
from crawler.items import Page


class ArchivePipeline:
    """Hand the page to the run's ledger, which writes article, version, edits and removed blocks."""

    writes = True
    """What says that a check which derives pages once more does without this stage."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        ledger = crawler.get_extension(Ledger)
        assert ledger is not None, "EXTENSIONS lacks crawler.extensions.Ledger"
        return cls(ledger)

    def process_item(self, item: Page) -> Page:
        try:
            self.ledger.save(item)
        except OSError as error:
            self.ledger.stop_for_storage(error)
            raise DropItem(f"storage: {error}") from error
        return item
