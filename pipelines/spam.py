"""Third stage: the page is parsed, once, and injected blocks are cut out and kept as evidence."""

from crawler.guards import patient
from crawler.items import Page
from crawler.text import judge_tree, parse
from pipelines import CountingStage


class SpamPipeline(CountingStage):
    """Fill ``Page.tree``, ``Page.removed`` and ``Page.suspects``; a stat for each kind of block."""

    @patient
    def process_item(self, item: Page) -> Page:
        assert item.repaired is not None
        item.tree = parse(item.repaired.text)
        item.removed, item.suspects = judge_tree(item.tree, item.url, item.sheets, self.memory(item))
        for block in (*item.removed, *item.suspects):
            self.stats.inc_value(f"spam/{block.kind}")
        item.tampered = item.tampered or bool(item.removed)
        return item
