"""The printed Daily, page by page: the last seven days, or those between ``since`` and ``until``."""

from crawler.portals import Portal, media
from crawler.sources import Source


class LygEpaper(Source):
    name = "lyg_epaper"
    portals = (
        Portal(
            name="lygrbepaper.lygfb.cn",
            platform=media,
            hosts=("lygrbepaper.lygfb.cn",),
            home="http://lygrbepaper.lygfb.cn/",
            source="连云港日报",
            options={"paper": "lygrb", "days": "7"},
        ),
    )
