"""The ASGI server inside a function VM.

aleph-init starts it with the encoding of the code, the entry point and the
folder of the code. File 3 is a pipe for one report: the application is ready,
or why not. File 4 is a listening socket: each connection carries calls, one at
a time, as frames of a kind, a length of four bytes and a payload.

It imports nothing that an ASGI application does not need anyway: every module
costs time at the first call.
"""

import asyncio
import gc
import sys

PACKAGES = "packages"
CODE = "code"
LIFESPAN_TIMEOUT = 30
SHUTDOWN_TIMEOUT = 9
HEADER = 5
HIGH_WATER = 256 * 1024
# How long a complete response with status 500 waits for the exception that
# frameworks raise after it, so that the caller gets the traceback.
HOLD_500 = 0.1
END = b"E\0\0\0\0"
ASGI = {"version": "3.0", "spec_version": "2.3"}


def record(kind, values):
    """Return a frame whose payload is a list of byte strings."""
    payload = b"".join([len(v).to_bytes(4, "big") + v for v in values])
    return kind + len(payload).to_bytes(4, "big") + payload


def fields(payload):
    """Return the list of byte strings in a payload."""
    values = []
    at = 0
    while at < len(payload):
        start = at + 4
        at = start + int.from_bytes(payload[at:start], "big")
        values.append(payload[start:at])
    return values


def failure(error):
    """Return the frame that reports an exception."""
    import traceback

    text = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    summary = "".join(traceback.format_exception_only(type(error), error)).strip()
    return record(b"F", [v.encode("utf-8", "replace")[:200_000] for v in (summary, text)])


def complain(error):
    """Print an exception that no caller will be told."""
    sys.excepthook(type(error), error, error.__traceback__)


def encoded(value):
    """Return text or bytes of a header as bytes."""
    return value.encode("latin-1") if isinstance(value, str) else bytes(value)


class Gone(ConnectionResetError):
    """The client closed the connection; the application need not go on."""


class HTTPCall:
    """One HTTP call: the receive and send of the application."""

    def __init__(self, link, values):
        self.link = link
        self.chunks = []
        self.size = 0
        self.complete = not values[11]
        self.delivered = False
        self.gone = False
        self.head = None
        self.started = False
        self.finished = False
        self.held = None
        self.waiter = None
        headers = values[12:]
        text = [v.decode("utf-8", "replace") for v in values[:11]]
        self.scope = {
            "type": "http",
            "asgi": ASGI,
            "method": text[0],
            "path": text[1],
            "raw_path": values[2],
            "query_string": values[3],
            "root_path": text[4],
            "http_version": text[5] or "1.1",
            "scheme": text[6] or "http",
            "client": (text[7], int(text[8])) if text[7] else None,
            "server": (text[9], int(text[10])) if text[9] else None,
            "headers": list(zip(headers[::2], headers[1::2])),
            "state": link.state.copy(),
        }

    def wake(self):
        if self.waiter is not None and not self.waiter.done():
            self.waiter.set_result(None)

    def feed(self, data):
        if self.finished:
            return
        self.chunks.append(data)
        self.size += len(data)
        if self.size > HIGH_WATER:
            self.link.pause()
        self.wake()

    def end(self):
        self.complete = True
        self.wake()

    def disconnect(self):
        self.gone = True
        self.wake()

    async def receive(self):
        while True:
            if self.chunks or (self.complete and not self.delivered):
                body = b"".join(self.chunks)
                self.chunks.clear()
                self.size = 0
                self.link.resume()
                self.delivered = self.complete
                return {"type": "http.request", "body": body, "more_body": not self.complete}
            if self.gone or self.finished:
                return {"type": "http.disconnect"}
            self.waiter = self.link.loop.create_future()
            await self.waiter

    async def send(self, message):
        kind = message["type"]
        if self.gone:
            raise Gone("the client closed the connection")
        if kind == "http.response.start":
            if self.head is not None:
                raise RuntimeError("the response has started already")
            values = [b"%d" % message["status"]]
            for name, value in message.get("headers", ()):
                values += (encoded(name).lower(), encoded(value))
            self.status = message["status"]
            self.head = record(b"S", values)
            return
        if kind != "http.response.body":
            raise RuntimeError("unexpected ASGI message %r" % kind)
        if self.head is None or self.finished:
            raise RuntimeError("a body without a response, or after its end")
        body = message.get("body", b"")
        more = message.get("more_body", False)
        parts = []
        first = not self.started
        if first:
            self.started = True
            parts.append(self.head)
        if body:
            parts += (b"D" + len(body).to_bytes(4, "big"), bytes(body))
        if not more:
            self.finished = True
            parts.append(END)
        if first and not more and self.status == 500:
            self.held = b"".join(parts)
            self.link.loop.call_later(HOLD_500, self.release)
        else:
            self.link.write(b"".join(parts))
            await self.link.drain()
        if self.finished:
            self.wake()

    def release(self):
        """Send the response that was held back."""
        if self.held is not None:
            held, self.held = self.held, None
            self.link.write(held)

    async def run(self, app):
        try:
            await app(self.scope, self.receive, self.send)
        except (SystemExit, KeyboardInterrupt):
            raise  # ends the program
        except BaseException as error:  # a cancelled task among them: the caller waits
            if self.gone:
                return
            if self.held is not None or not self.finished:
                self.held = None
                self.link.write(failure(error))
            complain(error)
        else:
            if not self.finished and not self.gone:
                error = RuntimeError("the application returned without finishing its response")
                self.link.write(failure(error))
        finally:
            self.release()
            self.finished = True
            self.link.resume()


class EventCall:
    """One message of the network."""

    def __init__(self, link, body):
        self.link = link
        self.body = body.decode("utf-8", "replace")
        self.delivered = False
        self.gone = False
        self.never = link.loop.create_future()

    async def receive(self):
        if self.delivered:
            await self.never
        self.delivered = True
        return {"type": "aleph.message", "body": self.body}

    async def send(self, message):
        pass

    def disconnect(self):
        self.gone = True
        self.never.cancel()

    async def run(self, app):
        try:
            scope = {"type": "aleph.message", "asgi": ASGI, "body": self.body, "state": self.link.state.copy()}
            await app(scope, self.receive, self.send)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:
            if self.gone:
                return
            self.link.write(failure(error))
            complain(error)
        else:
            self.link.write(END)


class Link(asyncio.Protocol):
    """One connection of aleph-init."""

    def __init__(self, server):
        self.server = server
        self.loop = server.loop
        self.state = server.state
        self.buffer = bytearray()
        self.call = None
        self.transport = None
        self.paused = False
        self.room = None

    def connection_made(self, transport):
        self.transport = transport

    def connection_lost(self, error):
        if self.call is not None:
            self.call.disconnect()
        self.resume_writing()

    def pause(self):
        if not self.paused:
            self.paused = True
            self.transport.pause_reading()

    def resume(self):
        if self.paused:
            self.paused = False
            self.transport.resume_reading()

    def pause_writing(self):
        self.room = self.loop.create_future()

    def resume_writing(self):
        room, self.room = self.room, None
        if room is not None and not room.done():
            room.set_result(None)

    def write(self, data):
        if not self.transport.is_closing():
            self.transport.write(data)

    async def drain(self):
        if self.room is not None:
            await asyncio.shield(self.room)

    def data_received(self, data):
        buffer = self.buffer
        buffer += data
        at = 0
        while len(buffer) - at >= HEADER:
            length = int.from_bytes(buffer[at + 1 : at + HEADER], "big")
            end = at + HEADER + length
            if len(buffer) < end:
                break
            self.frame(buffer[at], bytes(buffer[at + HEADER : end]))
            at = end
        del buffer[:at]

    def frame(self, kind, payload):
        if kind == 0x52:  # R
            self.begin(HTTPCall(self, fields(payload)))
        elif kind == 0x44:  # D
            self.call.feed(payload)
        elif kind == 0x45:  # E
            self.call.end()
        elif kind == 0x56:  # V
            self.begin(EventCall(self, fields(payload)[0]))

    def begin(self, call):
        self.call = call
        task = self.loop.create_task(call.run(self.server.app))
        self.server.tasks.add(task)
        task.add_done_callback(self.server.tasks.discard)


class Server:
    """The application with its lifespan."""

    def __init__(self, loop):
        self.loop = loop
        self.app = None
        self.state = {}
        self.tasks = set()
        self.inbox = asyncio.Queue()
        self.outbox = asyncio.Queue()
        self.lifespan = None

    async def startup(self):
        """Run the lifespan's startup. Applications may lack one."""
        self.lifespan = self.loop.create_task(self.run_lifespan())
        return await self.exchange("lifespan.startup", LIFESPAN_TIMEOUT)

    async def shutdown(self):
        if self.lifespan is not None and not self.lifespan.done():
            await self.exchange("lifespan.shutdown", SHUTDOWN_TIMEOUT)

    async def exchange(self, event, timeout):
        self.inbox.put_nowait({"type": event})
        reply = self.loop.create_task(self.outbox.get())
        await asyncio.wait({reply, self.lifespan}, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        if reply.done():
            message = reply.result()
            if message["type"] == event + ".failed":
                raise RuntimeError("%s failed: %s" % (event, message.get("message", "")))
            return
        reply.cancel()
        if not self.lifespan.done():
            raise RuntimeError("%s took more than %d seconds" % (event, timeout))

    async def run_lifespan(self):
        scope = {"type": "lifespan", "asgi": ASGI, "state": self.state}
        try:
            await self.app(scope, self.inbox.get, self.outbox.put)
        except Exception:
            # Protocol: an application that raises here has no lifespan. One
            # whose startup failed has said so before.
            pass


def load(encoding, entrypoint, opt):
    """Return the application that the entry point names."""
    module_name, _, attribute = entrypoint.partition(":")
    if encoding == "plain":
        if not attribute:
            module_name, attribute = "main", entrypoint
        sys.path[:0] = [opt + "/" + PACKAGES]
        path = opt + "/" + CODE + "/program.py"
        module = type(sys)(module_name)
        module.__file__ = path
        sys.modules[module_name] = module
        with open(path, "rb") as source:
            code = compile(source.read(), path, "exec")
        exec(code, module.__dict__)
    else:
        folder = opt + "/" + CODE if encoding == "squashfs" else opt
        paths = [opt + "/" + PACKAGES, folder + "/" + PACKAGES, folder]
        sys.path[:0] = paths if folder != opt else paths[1:]
        __import__(module_name)
        module = sys.modules[module_name]
    app = module
    for name in (attribute or "app").split("."):
        app = getattr(app, name)
    if not callable(app):
        raise TypeError("the entry point %s is not callable" % entrypoint)
    return app


async def main(encoding, entrypoint, opt):
    from socket import socket

    with open(3, "wb", buffering=0) as report:
        loop = asyncio.get_running_loop()
        server = Server(loop)
        try:
            gc.disable()
            server.app = load(encoding, entrypoint, opt)
            gc.enable()
            gc.freeze()
            await server.startup()
            calls = await loop.create_unix_server(lambda: Link(server), sock=socket(fileno=4), backlog=128)
        except BaseException as error:
            report.write(failure(error))
            raise SystemExit(1)
        report.write(b"S\0\0\0\0")
    stopped = loop.create_future()
    loop.add_signal_handler(15, lambda: stopped.done() or stopped.set_result(None))
    await stopped
    calls.close()
    await server.shutdown()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
