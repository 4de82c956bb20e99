"""First stage: bytes become text, once."""

from scrapy.exceptions import DropItem

from crawler.guards import patient
from crawler.items import Page
from crawler.text import binary_kind, decode
from pipelines import CountingStage


class EncodingPipeline(CountingStage):
    """Fill ``Page.decoded``; drop an empty body and one that is no text (its capture stays)."""

    @patient
    def process_item(self, item: Page) -> Page:
        if not item.body.strip():
            raise DropItem(
                f"empty: found {len(item.body)} bytes of white space, wanted a page, at {item.url}"
            )
        if kind := binary_kind(item.body):
            raise DropItem(f"no-text: found {kind}, wanted a page of text, at {item.url}")
        item.decoded = decode(item.body, item.content_type)
        self.stats.inc_value(f"encoding/{item.decoded.encoding}")
        if item.decoded.damage:
            self.stats.inc_value("encoding/damaged_pages")
            self.stats.inc_value("encoding/damaged_bytes", sum(len(d.bytes) for d in item.decoded.damage))
        return item
