"""The printed Daily, page by page: the last seven days, or those between ``since`` and ``until``."""

from crawler.sources import Source


class LygEpaper(Source):
    name = "lyg_epaper"
