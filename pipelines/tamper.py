"""Second stage: what somebody did to the text is undone, edit by edit."""

from crawler.guards import patient
from crawler.items import Page
from crawler.text import TAMPERING, repair
from pipelines import CountingStage


class TamperPipeline(CountingStage):
    """Fill ``Page.repaired``; a stat for each fixer and its edits."""

    @patient
    def process_item(self, item: Page) -> Page:
        assert item.decoded is not None
        item.repaired = repair(item.decoded.text)
        for step in item.repaired.steps:
            self.stats.inc_value(f"tamper/{step.fixer}/edits", len(step.edits))
            item.tampered = item.tampered or step.fixer in TAMPERING
        if item.repaired.steps:
            self.stats.inc_value("tamper/repaired_pages")
        return item
