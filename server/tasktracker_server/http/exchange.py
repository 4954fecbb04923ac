"""One request and its answer.

Tornado calls an exchange with the headers, the pieces of the body, and the end; the exchange decides how
much of a body is read, runs the endpoint, and sees the answer out. It exists from the moment a connection
waits for a request, so that one look at it tells what its connection is doing.
"""

import asyncio
import logging
from typing import Final, cast

from tornado.http1connection import HTTP1Connection
from tornado.httputil import HTTPHeaders, HTTPMessageDelegate, RequestStartLine, ResponseStartLine

from tasktracker_server.core.errors import TrackerError
from tasktracker_server.http import admission, answers, holding, streams
from tasktracker_server.http.answers import Reply
from tasktracker_server.http.calls import Call, CallerGone, EventStream
from tasktracker_server.http.front import Front
from tasktracker_server.http.outgoing import Outgoing
from tasktracker_server.http.phases import Phase
from tasktracker_server.http.routing import Target
from tasktracker_server.http.telling import tell, traits

_log = logging.getLogger(__name__)

_LINGER_SECONDS: Final = 2.0
"""How long a refused body is still taken in: a socket closed on unread data would lose the answer."""
_NOWHERE: Final = Target(None, "", "")


class Exchange(HTTPMessageDelegate):
    """Answers one request."""

    def __init__(self, connection: HTTP1Connection, front: Front, *, is_first: bool) -> None:
        self.phase = Phase.WAITING
        self.is_first = is_first
        """Whether nothing was asked on this connection before."""
        self.idle_sweeps = 0
        """Looks at the connection since something last moved on it."""
        self._connection = connection
        self._front = front
        self._refusal: TrackerError | None = None
        self._received = 0
        self._body: list[bytes] = []
        self._held = 0
        """What its body takes of the room for bodies."""
        self._answered_early = False
        self._ending = False
        self._task: asyncio.Task[None] | None = None

    # What Tornado tells

    def headers_received(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders
    ) -> None:
        """Find out what is wanted, and refuse a body that need not be read."""
        front = self._front
        self.phase = Phase.READING
        self.idle_sweeps = 0
        self._began = front.loop.time()
        method, uri, version = cast(RequestStartLine, start_line)
        path, _, self._query = uri.partition("?")
        self._headers = headers
        self._out = Outgoing(self._connection, method, version, headers, admission.request_id(headers))
        self._limit = front.options.body_limit
        self._target = _NOWHERE
        declared = admission.declared_length(headers)
        try:
            self._target = front.router.find(method, path)
            self._limit = front.body_limit(self._target.route)
            admission.admit(headers, declared, self._limit)
            self._hold(declared)
        except TrackerError as refusal:
            self._refusal = refusal
            self._answer_early(headers, declared)

    def data_received(self, chunk: bytes) -> None:
        """Keep a piece of the body; of a refused one only its length counts."""
        self.idle_sweeps = 0
        self._received += len(chunk)
        if self._refusal is None:
            try:
                admission.admit_size(self._received, self._limit)
                self._hold(self._received)
            except TrackerError as refusal:
                self._refusal = refusal
                self._let_go()
            else:
                self._body.append(chunk)
                return
        if self._received > self._front.options.drain_limit and not self._answered_early:
            self._answer_and_linger()

    def finish(self) -> None:
        """The request is read: answer it."""
        if self._answered_early:
            self._end_linger()
        elif self._refusal is not None:
            self._answer(answers.refused(self._refusal, self._out.request_id))
        elif self._target.route is None:
            self._let_go()
            self._answer(answers.empty(("Allow", self._target.allow)))
        else:
            self._begin(self._target)

    def on_connection_close(self) -> None:
        """The connection ended before the request was read, or while a refused body was passed over."""
        self.phase = Phase.DONE
        self._let_go()

    def _hold(self, size: int) -> None:
        """Take room for a body of this size; raises `Overloaded` where there is none."""
        if size > holding.SMALL and size > self._held:
            self._front.room.take(size - self._held)
            self._held = size

    def _let_go(self) -> None:
        self._body.clear()
        held, self._held = self._held, 0
        self._front.room.leave(held)

    # What the server asks

    def end_stream(self) -> None:
        """End the stream, if this is one; its reader resumes elsewhere."""
        if self.phase is Phase.STREAMING and not self._ending and self._task is not None:
            self._ending = True
            self._task.cancel()

    def abandon(self) -> asyncio.Task[None] | None:
        """Give up the answer that is under way; returns what has to come to its end for that."""
        if self._task is not None:
            self._task.cancel()
        return self._task

    # Refusing

    def _answer_early(self, headers: HTTPHeaders, declared: int) -> None:
        if admission.expects_invitation(headers):
            # Nothing of the body was sent yet, and finishing now keeps Tornado from asking for it.
            self._write_early()
            self._out.finish()
        elif declared > self._front.options.drain_limit:
            self._answer_and_linger()

    def _answer_and_linger(self) -> None:
        self._write_early()
        self._front.loop.call_later(_LINGER_SECONDS, self._end_linger)

    def _write_early(self) -> None:
        self._answered_early = True
        refusal = self._refusal or admission.too_large(self._limit)
        self._out.write(answers.refused(refusal, self._out.request_id), closes=True)

    def _end_linger(self) -> None:
        if self.phase is not Phase.DONE:
            self.phase = Phase.DONE
            self._out.finish()
            self._out.close()

    # Answering

    def _begin(self, target: Target) -> None:
        front = self._front
        self.phase = Phase.ANSWERING
        call = Call(front.service, front.options, front.turns, target.task_id, self._out.request_id)
        call.headers = self._headers
        call.query = self._query
        call.body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        self._body.clear()
        call.gone = self._out.is_closed
        self._connection.set_close_callback(call.hang_up)
        self._task = front.loop.create_task(self._run(call))
        front.running.add(self)

    async def _run(self, call: Call) -> None:
        try:
            outcome = await self._outcome(call)
            if isinstance(outcome, EventStream):
                await self._stream(outcome, call)
            elif outcome.undelivered is None and len(outcome.body) < streams.PIECE:
                self._answer(outcome)
            else:
                await self._deliver(outcome, call)
        except CallerGone:
            pass
        except asyncio.CancelledError:
            self._out.close()
            raise
        except Exception:
            _log.exception("%s could not be answered", self._action, extra=self._traits(500))
            self._out.close()
        finally:
            self.phase = Phase.DONE
            self._let_go()
            self._front.running.discard(self)

    async def _outcome(self, call: Call) -> Reply | EventStream:
        try:
            return await self._front.endpoints[self._action](call)
        except TrackerError as refusal:
            return answers.refused(refusal, call.request_id)
        except CallerGone:
            raise
        except Exception:
            _log.exception("%s failed", self._action, extra=self._traits(500))
            return answers.broken(call.request_id)

    def _answer(self, reply: Reply) -> None:
        self._out.write(reply, closes=self._front.draining)
        self._out.finish()
        self.phase = Phase.DONE
        self.idle_sweeps = 0
        self._tell(reply.status)

    async def _deliver(self, reply: Reply, call: Call) -> None:
        """Answer, and undo what was done where the caller is seen not to get the answer."""
        arrived = False
        try:
            if reply.undelivered is None or not self._out.has_hung_up():
                arrived = await streams.send(
                    reply,
                    self._out,
                    call,
                    closes=self._front.draining,
                    write_timeout=self._front.options.stream_write_timeout,
                )
        finally:
            if arrived:
                self._out.finish()
            else:
                self._out.close()
                if reply.undelivered is not None:
                    await reply.undelivered()
        self._tell(reply.status)

    async def _stream(self, events: EventStream, call: Call) -> None:
        self.phase = Phase.STREAMING
        call.when_gone(self.end_stream)
        timeout = self._front.options.stream_write_timeout
        try:
            whole = await streams.pump(events, self._out, closes=self._front.draining, write_timeout=timeout)
        except asyncio.CancelledError:
            if not self._ending or self._task is None:
                raise
            self._task.uncancel()
            whole = True
        except Exception as error:
            # Its reader resumes after a stream that just ends.
            is_bug = not isinstance(error, TrackerError)
            _log.warning("%s broke off: %s", self._action, error, exc_info=is_bug, extra=self._traits(200))
            whole = True
        end = self._out.finish_stream if whole and not call.gone else self._out.close
        end()

    # Telling

    @property
    def _action(self) -> str:
        return "none" if self._target.route is None else self._target.route.name

    def _tell(self, status: int) -> None:
        seconds = self._front.loop.time() - self._began
        waits = self._target.route is not None and self._target.route.may_wait
        is_slow = seconds > self._front.options.slow_seconds and not waits
        tell(self._action, self._out.request_id, status, seconds, is_slow=is_slow)

    def _traits(self, status: int) -> dict[str, object]:
        return traits(self._action, self._out.request_id, status)
