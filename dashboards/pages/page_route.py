"""What goes wrong on a page is a page: not logged in leads to the log-in, everything else says in words what it was."""

from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any
from urllib.parse import quote

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool

from dashboards.pages.reader import page, reader_of
from dashboards.problems import NotAuthenticated, status_of
from dashboards.sessions import Viewer, current_viewer
from dho import clock
from dho.errors import DhoError, NotFound

PART = "x-part"
"""Scripts that fetch a part of a page say so in this header: they want a status, not a log-in page."""


class PageRoute(APIRoute):
    """A route whose errors are pages."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handle_as_page(request: Request) -> Response:
            try:
                return await handle(request)
            except RequestValidationError:
                return await run_in_threadpool(error_page, request, NotFound("There is nothing here under that id."))
            except DhoError as error:
                return await run_in_threadpool(error_page, request, error)

        return handle_as_page


def error_page(request: Request, error: DhoError) -> Response:
    """The page that says what went wrong; for who is not logged in, the way to the log-in and back."""
    status = status_of(error)
    if isinstance(error, NotAuthenticated) and PART not in request.headers and request.method == "GET":
        path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse(f"/login?next={quote(path, safe='')}", 303, {"Cache-Control": "no-store"})
    viewer: Viewer | None = None
    with suppress(DhoError):  # the page about the error needs nobody
        viewer = current_viewer(request)
    reader = reader_of(request, viewer, clock.now())
    known = status if status in (401, 403, 404, 503) else 500
    return page(reader, "error.html", {"status": status, "words": f"error.{known}"}, status)
