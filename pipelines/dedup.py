"""Fifth stage: the signature by which the archive finds the same story elsewhere."""

from crawler.guards import patient
from crawler.items import Page
from crawler.text import sign


class DedupPipeline:
    """Fill ``Page.signature``; duplicates are linked when the page is archived, none is dropped."""

    @patient
    def process_item(self, item: Page) -> Page:
        assert item.text is not None
        item.signature = sign(item.text)
        return item
