"""Fourth stage: the article's fields, from what the page says about itself."""

from scrapy.exceptions import DropItem

from crawler.items import Page
from crawler.text import extract_tree, trace
from pipelines import CountingStage


class ExtractionPipeline(CountingStage):
    """Fill the article's fields; drop a page that has none (its capture stays)."""

    def process_item(self, item: Page) -> Page:
        found = extract_tree(item.tree, item.url, self.memory(item))
        item.traces = trace(item.tree, found.text, item.url)
        item.tree = None  # the largest object on the way is not carried on
        item.extracted = found
        item.title = found.title or item.listed_title
        item.text = found.text
        item.published = found.published or item.listed
        item.source = found.source or item.source
        if not item.text and not item.parts:
            raise DropItem(
                f"no-article: found {len(item.body)} bytes titled {item.title!r} without a body text, "
                f"wanted an article, at {item.url}"
            )
        for field in ("title", "published", "source"):
            if getattr(item, field) is None:
                self.stats.inc_value(f"extraction/without_{field}")
        return item
