"""Who may ask: nobody but the browsers that were let in, and they only from our own pages.

another machine         the server listens on this machine's loopback address alone
a name that leads here  the Host has to be this machine's own name (DNS rebinding)
another user here       a link with a random token, which opens once, gives a browser its cookie
another page            the cookie is HttpOnly and SameSite=Strict; a request that a page of
                        another origin caused, another port of this machine included, is
                        refused, and one that changes something has to name our origin
a student's text        every page forbids scripts, frames and pictures that are not ours;
                        text is escaped, and pictures are PNG or nothing
"""

from __future__ import annotations

import hmac
import secrets
import threading
from urllib.parse import urlsplit

from flask import Flask, Request, Response, abort, request, session

HOSTS = ["127.0.0.1", "localhost"]
OPEN = ("enter", "static")  # endpoints that need no cookie; neither shows anything of a student
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",  # without any, a form would not name its origin
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
MAX_BODY = 4_000_000  # bytes of a form: a note, and a line for each student of a group


class Door:
    """The links that let browsers in, each once, and each for one reviewer."""

    def __init__(self) -> None:
        self._tokens: dict[str, str] = {}
        self._lock = threading.Lock()

    def link(self, by: str) -> str:
        """Return the path of a new link for a reviewer."""
        token = secrets.token_urlsafe(32)
        with self._lock:
            self._tokens[token] = by
        return f"/enter?token={token}"

    def enter(self, token: str) -> str | None:
        """Return whose link this is, and use it up; None for no link of ours."""
        with self._lock:
            for known in self._tokens:
                if hmac.compare_digest(known.encode(), token.encode(errors="replace")):
                    return self._tokens.pop(known)
        return None


def put_before(app: Flask, port: int) -> None:
    """Make an app refuse whoever may not ask, and send the headers with all that it answers."""
    app.config.update(
        SECRET_KEY=secrets.token_bytes(32),  # of this process: cookies end with it
        TRUSTED_HOSTS=HOSTS,
        SESSION_COOKIE_NAME=f"grader-review-{port}",  # cookies are for all ports of a machine
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Strict",
        MAX_CONTENT_LENGTH=MAX_BODY,
        MAX_FORM_MEMORY_SIZE=MAX_BODY,
        MAX_FORM_PARTS=10_000,
    )
    app.before_request(_refuse)
    app.after_request(_sealed)


def _refuse() -> None:
    request.host  # noqa: B018 - raises for a host that is not ours
    if request.endpoint in OPEN:
        return
    if "by" not in session:
        abort(403, "open the link that `grader review` has printed; it works once")
    if request.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin"):
        abort(403, "this was asked for by another page")
    if request.method not in ("GET", "HEAD") and not _is_ours(request):
        abort(403, "this was sent by another page")


def _is_ours(asked: Request) -> bool:
    """Whether a request says that it comes from a page of ours."""
    origin = urlsplit(asked.headers.get("Origin", ""))
    return (origin.scheme, origin.netloc) == (asked.scheme, asked.host)


def _sealed(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers[name] = value
    return response
