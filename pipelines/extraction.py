"""Fourth stage: the article's fields, from what the page says about itself."""

from datetime import date, datetime, timedelta

from scrapy.exceptions import DropItem

from crawler.guards import patient
from crawler.items import Page
from crawler.text import extract_tree, trace
from pipelines import CountingStage


class ExtractionPipeline(CountingStage):
    """Fill the article's fields; drop a page that has none (its capture stays)."""

    @patient
    def process_item(self, item: Page) -> Page:
        found = extract_tree(item.tree, item.url, self.memory(item), item.zone)
        item.traces = trace(item.tree, found.text, item.url)
        item.tree = None  # the largest object on the way is not carried on
        item.extracted = found
        item.title = found.title or item.listed_title
        item.text = found.text
        item.published = found.published or item.listed
        item.source = found.source or item.source
        if is_to_come(item):
            item.odd = (*item.odd, "future-date")
            item.published = None
            self.stats.inc_value("extraction/future_dates")
        if not item.text and not item.parts:
            raise DropItem(
                f"no-article: found {len(item.body)} bytes titled {item.title and item.title[:100]!r} without a body text, "
                f"wanted an article, at {item.url}"
            )
        for field in ("title", "published", "source"):
            if getattr(item, field) is None:
                self.stats.inc_value(f"extraction/without_{field}")
        return item


AHEAD = timedelta(days=2)
"""How far the date of a page may lie after its capture: clocks go wrong, and some are dated to the day they are for."""


def is_to_come(page: Page) -> bool:
    """Tell whether a page says that it was published after it was captured: a slip, or a lure to be asked for again."""
    if page.published is None or page.capture is None or not page.capture.fetched_at:
        return False
    last = (datetime.fromisoformat(page.capture.fetched_at) + AHEAD).date()
    day: date = page.published.date() if isinstance(page.published, datetime) else page.published
    return day > last
