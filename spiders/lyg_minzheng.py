"""The civil-affairs bureau 市民政局; its channels are discovered from its home page."""

from crawler.sources import Source


class LygMinzheng(Source):
    name = "lyg_minzheng"
