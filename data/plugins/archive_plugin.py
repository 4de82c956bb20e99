"""Datasette's plugin for the archive: what is hung in where. The functions are in `crawler.browsing`."""

from datasette import hookimpl

from crawler.browsing import errors, hooks, plain, tables

startup = hookimpl(hooks.startup)
# trylast: Datasette's own SQL functions of the same name are registered before
prepare_connection = hookimpl(trylast=True)(hooks.prepare_connection)
prepare_jinja2_environment = hookimpl(hooks.prepare_jinja2_environment)
extra_template_vars = hookimpl(hooks.extra_template_vars)
register_routes = hookimpl(hooks.register_routes)
register_output_renderer = hookimpl(plain.register_output_renderer)
register_facet_classes = hookimpl(hooks.register_facet_classes)
render_cell = hookimpl(tables.render_cell)
filters_from_request = hookimpl(tables.filters_from_request)
asgi_wrapper = hookimpl(hooks.asgi_wrapper)
handle_exception = hookimpl(errors.handle_exception)
forbidden = hookimpl(errors.forbidden)
