"""Lianyungang Daily stories: the city portal's news columns and the Daily group's own site."""

from crawler.portals import Portal, dated, truecms
from crawler.sources import Source


class LygNews(Source):
    name = "lyg_news"
    portals = (
        Portal(
            name="www.lyg.gov.cn",
            platform=truecms,
            hosts=("www.lyg.gov.cn",),
            home="http://www.lyg.gov.cn/",
            site="zglygzfmhwz",
            channels=(
                "gcyw",  # 港城要闻
                "bmdt",  # 部门信息
                "gsgg",  # 公示公告
                "zcjd1",  # 政策解读
                "mtbd",
                "shms",
                "tpxw2020",  # 图片新闻
                "gzdt_msss2023",
                "zwdc1",
                "zfdsj1",  # 政府大事记
                "xwfbh",  # 新闻发布会
            ),
            on_request=("szfwj1", "szfbgswj1"),  # documents
        ),
        Portal(
            name="lyg01.net",
            platform=dated,
            hosts=("www.lyg01.net", "lyg01.net"),
            home="http://www.lyg01.net/",
            channels=("news/lygxw", "news/tslyg", "news/szbdj", "zx/xqxw", "video/wslyg", "temp/zt2021/llgn"),
        ),
    )
