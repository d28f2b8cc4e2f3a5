"""What the server answers besides the websocket: the files of the page, from a fixed table, and nothing else."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from importlib.resources import files

from aiohttp import web

from rtsep.remote.access import is_own_host

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_TEXT = "charset=utf-8"
FILES = {  # What each path is: a file of the folder `page`, and its type.
    "/": ("index.html", f"text/html; {_TEXT}"),
    "/style.css": ("style.css", f"text/css; {_TEXT}"),
    **{f"/{name}": (name, f"text/javascript; {_TEXT}") for name in (
        "app.js", "controls.js", "drawing.js", "fader.js", "link.js", "panels.js")},
    "/icon.svg": ("icon.svg", "image/svg+xml"),
    "/manifest.webmanifest": ("manifest.webmanifest", "application/manifest+json"),
}


def headers(host: str) -> dict[str, str]:
    """Headers of every answer: the page takes nothing from elsewhere, and no other page can contain it."""
    policy = ("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; manifest-src 'self'; "
              f"connect-src 'self' ws://{host}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
    return {"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
            "Cross-Origin-Resource-Policy": "same-origin", "Cross-Origin-Opener-Policy": "same-origin",
            "Cache-Control": "no-cache", "Server": "rtsep"}


@web.middleware
async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse requests that take this server for another one; add the headers."""
    host = request.headers.get("Host", "")
    if not is_own_host(host):
        return web.Response(status=403, text="rtsep answers under this computer's addresses and its own name alone\n")
    try:
        answer = await handler(request)
    except web.HTTPException as error:
        return web.Response(status=error.status, text=f"{error.reason}\n", headers=headers(host))
    if not answer.prepared:
        answer.headers.update(headers(host))
    return answer


def add_pages(app: web.Application) -> None:
    """Answer the paths of FILES. They are read now: no request reaches the disk."""
    for path, (name, kind) in FILES.items():
        app.router.add_get(path, _answer((files("rtsep.remote") / "page" / name).read_bytes(), kind))


def _answer(body: bytes, kind: str) -> Handler:
    async def answer(_request: web.Request) -> web.StreamResponse:
        return web.Response(body=body, headers={"Content-Type": kind})

    return answer
