"""One exchange between the agent and its worker: neither side can keep the other waiting."""

from __future__ import annotations

import contextlib
import os
import select
from typing import TYPE_CHECKING

from grader.guest import frames
from grader.guest.frames import Header

if TYPE_CHECKING:
    from grader.guest.agent import Agent

WATCH_SECONDS = 0.05  # how often a silent worker is looked at


class Exchange:
    """One request on its way from the agent to its worker, and the reply on its way back."""

    def __init__(self, agent: Agent, header: Header, body: bytearray) -> None:
        self.agent = agent
        self.outgoing = memoryview(frames.encode(header, len(body)) + body)
        self.assembly = frames.Assembly(header["reply_bytes"])
        self.poll = select.poll()
        self.poll.register(agent.requests, 0)  # only to notice that the host hung up
        self.poll.register(agent.prints_fd, select.POLLIN)
        self.poll.register(agent.from_worker, select.POLLIN)
        self.poll.register(agent.to_worker, select.POLLOUT)

    def step(self, seconds: float) -> tuple[Header, bytes | memoryview] | None:
        """Move what can be moved; return the reply once it is whole."""
        agent = self.agent
        events = self.poll.poll(min(seconds, WATCH_SECONDS) * 1000)
        # A child of a dead worker may hold the pipe open, so that no end of file shows.
        if not events and (status := agent.status()) is not None:
            return agent.burial(status), b""
        for fd, event in events:
            if fd == agent.requests:
                raise frames.EndOfStream
            if fd == agent.prints_fd:
                agent.drain_prints()
                if not event & select.POLLIN:
                    self.poll.unregister(fd)  # closed by student code
            elif fd == agent.to_worker:
                self._send(event)
            else:
                piece = os.read(fd, 1 << 20)
                if not piece:
                    return agent.burial(agent.status(seconds=0.2)), b""
                frame = self.assembly.feed(piece)
                if frame is not None:
                    agent.drain_prints()
                    reply, body = frame
                    reply.pop("prints", None)
                    reply.pop("still", None)  # this is the reply, whatever it says
                    return reply, body
        return None

    def _send(self, event: int) -> None:
        if event & select.POLLERR:  # nobody reads: its death shows on the reply pipe
            self.poll.unregister(self.agent.to_worker)
            return
        with contextlib.suppress(BlockingIOError):
            self.outgoing = self.outgoing[os.write(self.agent.to_worker, self.outgoing) :]
        if not self.outgoing:
            self.poll.unregister(self.agent.to_worker)
