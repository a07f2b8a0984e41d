"""The server: on this machine alone, until it is stopped."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from pathlib import Path

from grader.errors import UsageError

HOST = "127.0.0.1"
THREADS = 4
MISSING = "the review needs Flask and waitress: pip install 'grader[review]'"


def serve(
    folder: Path, root: Path, reviewers: Sequence[str], port: int, say: Callable[[str], None]
) -> None:
    """Serve the review of a folder of results, and say the link of each reviewer.

    It returns when it is stopped. ``port`` 0 takes one that is free. Raises UsageError for a folder
    or a port that cannot be used.
    """
    try:
        from waitress.server import create_server  # noqa: PLC0415 - an extra

        from grader.review.app import make  # noqa: PLC0415 - likewise
    except ImportError as error:
        raise UsageError(MISSING) from error
    from grader.gradebook.book import Book  # noqa: PLC0415 - only where there is a server

    with Book(folder):  # what cannot be used is said now
        pass
    listener = _listener(port)
    port = listener.getsockname()[1]
    app, door = make(folder, root, port)
    server = create_server(app, sockets=[listener], threads=THREADS, ident=None)
    for by in reviewers:
        say(f"http://{HOST}:{port}{door.link(by)}  ({by})")
    try:
        server.run()
    finally:
        server.close()


def _listener(port: int) -> socket.socket:
    try:
        return socket.create_server((HOST, port))
    except (OSError, OverflowError) as error:
        raise UsageError(f"port {port} cannot be used: {error}; --port names another") from error
