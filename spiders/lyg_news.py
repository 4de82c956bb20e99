"""Lianyungang Daily stories: the city portal's news columns and the Daily group's own site."""

from crawler.sources import Source


class LygNews(Source):
    name = "lyg_news"
