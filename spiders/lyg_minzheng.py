"""The civil-affairs bureau 市民政局; its channels are discovered from its home page."""

from crawler.portals import Portal, truecms
from crawler.sources import Source


class LygMinzheng(Source):
    name = "lyg_minzheng"
    portals = (
        Portal(
            name="mzj.lyg.gov.cn",  # mzzj.lyg.gov.cn is another bureau
            platform=truecms,
            hosts=("mzj.lyg.gov.cn",),
            home="http://mzj.lyg.gov.cn/",
        ),
    )
