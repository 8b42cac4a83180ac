"""The cases of ../cases.json by python-socketio, by its client on threads or on asyncio:

    python client.py threads|asyncio URL TRANSPORT PARSER TAG

See ../README.md for the arguments and for what is printed.
"""

import asyncio
import concurrent.futures
import functools
import os
import sys
import time

import engineio.payload
import socketio

# Without this the client gives up when more than 16 packets come in one answer to a poll.
# Source: python-engineio's documentation.
engineio.payload.Payload.max_decode_packets = 100

kind, url, transport, parser, tag = sys.argv[1:]
transports = ["polling", "websocket"] if transport == "upgrade" else [transport]
want = "websocket" if transport == "upgrade" else transport

LIMIT = 5  # seconds to wait for one thing

JSON = (None, True, False, 0, -7, 1.5, 9007199254740991, "", 'é€😀\u2028"\\\n', [], {}, [[[1]]], {"a": {"b": [{"c": None}]}})


THREADS = concurrent.futures.ThreadPoolExecutor(100)


class Cannot(Exception):
    pass


def equal(got, expected):
    if repr(got) != repr(expected):  # True is not 1, and 0 not 0.0
        raise AssertionError(f"got {got!r}"[:150] + f", want {expected!r}"[:150])


class Peer:
    """One connection. What comes, events and what happens to the connection, is in a
    queue of (namespace, name, arguments)."""

    def __init__(self):
        self.loop = asyncio.get_running_loop()
        self.came = asyncio.Queue()
        options = {"reconnection_delay": 0.05, "reconnection_delay_max": 0.1, "randomization_factor": 0}
        if kind == "threads":
            self.io = socketio.Client(**options)
        else:
            self.io = socketio.AsyncClient(**options)

    async def do(self, method, *args, **named):
        """Calls a method of the client, which blocks or can be awaited."""
        if kind == "threads":
            call = functools.partial(getattr(self.io, method), *args, **named)
            return await self.loop.run_in_executor(THREADS, call)
        return await getattr(self.io, method)(*args, **named)

    def note(self, *what):
        self.loop.call_soon_threadsafe(self.came.put_nowait, what)

    def listen(self, nsp):
        def reserved(event):
            self.io.on(event, lambda *args: self.note(nsp, event, args), namespace=nsp)

        for event in ("connect", "disconnect", "connect_error"):
            reserved(event)
        self.io.on("*", lambda event, *args: self.note(nsp, event, args), namespace=nsp)
        self.io.on("question", lambda a, b: ("answer", a + b), namespace=nsp)

        # The client acknowledges whatever it has no handler for, too: this one is late.
        async def wait():
            await asyncio.sleep(0.6)

        self.io.on("unheard", wait if kind == "asyncio" else lambda: time.sleep(0.6), namespace=nsp)

    async def join(self, *namespaces, auth=None):
        for nsp in namespaces:
            self.listen(nsp)
        await self.do("connect", url, transports=transports, namespaces=list(namespaces), auth=auth, wait_timeout=LIMIT)
        for nsp in namespaces:
            await self.next("connect", nsp)
        return self

    async def refused(self, nsp, auth=None):
        """What the client is told when it may not join."""
        try:
            await self.join(nsp, auth=auth)
        except socketio.exceptions.ConnectionError:
            return await self.next("connect_error", nsp)
        raise AssertionError("it was let in")

    async def next(self, name, nsp="/"):
        """The arguments of the next thing of that name; others are dropped."""
        while True:
            where, what, args = await asyncio.wait_for(self.came.get(), LIMIT)
            if (where, what) == (nsp, name):
                return args

    def list(self, name, nsp="/"):
        """The first arguments of all that has come under a name and was not waited for."""
        came = []
        while not self.came.empty():
            where, what, args = self.came.get_nowait()
            if (where, what) == (nsp, name):
                came.append(args[0])
        return came

    async def emit(self, event, *args, nsp="/"):
        await self.do("emit", event, args or None, namespace=nsp)

    async def ask(self, event, *args, nsp="/"):
        """The answer: its argument, a tuple of several, or None."""
        return await self.do("call", event, args or None, namespace=nsp, timeout=LIMIT)

    async def settle(self, nsp="/"):
        """Waits until the connection has the cell's transport."""
        while True:
            now = (await self.ask("about", nsp=nsp))["transport"]
            if now == want:
                return self
            if transport != "upgrade" or now != "polling":
                raise AssertionError(f"the transport is {now}")
            await asyncio.sleep(0.01)

    async def close(self):
        """Closes, or lets it be: on polling, a client that closes while the answer to a
        POST is on its way sends nothing more, and waits for the next ping."""
        try:
            await asyncio.wait_for(self.do("shutdown"), 1)
        except asyncio.TimeoutError:
            pass


# ---- cases


async def connect(peer):
    io = await (await peer().join("/")).settle()
    about = await io.ask("about")
    equal([about["nsp"], about["id"], about["protocol"]], ["/", io.io.get_sid("/"), 4])


async def reach(peer):
    await (await peer().join("/")).settle()


async def order(peer):
    io = await peer().join("/")
    for i in range(40):
        await io.emit("echo", i)
    await io.settle()
    await io.ask("rooms")
    came = io.list("echo")
    if kind == "threads":
        equal(sorted(came), list(range(40)))
        raise Cannot("each packet is handled on a thread of its own, in no order; all came once")
    equal(came, list(range(40)))


async def auth(peer):
    await (await peer().join("/auth", auth={"token": "good"})).settle("/auth")


async def auth_refused(peer):
    data = {"code": 401, "seen": "bad", "hints": ["ask", {"again": True}]}
    equal(await peer().refused("/auth", {"token": "bad"}), ({"message": "unauthorized", "data": data},))


async def middleware(peer):
    equal(await peer().refused("/auth"), ({"message": "no token"},))


async def unknown(peer):
    equal(await peer().refused("/nowhere"), ({"message": "Invalid namespace"},))


async def namespace(peer):
    io = await (await peer().join("/", "/static")).settle()
    for nsp in ("/", "/static"):
        await io.emit("echo", nsp, nsp=nsp)
    for nsp in ("/", "/static"):
        await io.ask("rooms", nsp=nsp)
    came = []
    while not io.came.empty():
        came.append(io.came.get_nowait())
    equal(sorted(came), [("/", "echo", ("/",)), ("/static", "echo", ("/static",))])


async def dynamic(peer):
    nsp = f"/dyn/{tag}"
    io = await (await peer().join(nsp)).settle(nsp)
    equal((await io.ask("about", nsp=nsp))["nsp"], nsp)


def echoed(*args):
    async def case(peer):
        io = await (await peer().join("/")).settle()
        await io.emit("echo", *args)
        equal(await io.next("echo"), args)

    return case


async def given(peer):
    io = await (await peer().join("/")).settle()
    await io.emit("give", "nested")
    equal(await io.next("given"), ({"a": b"one", "b": [b"two", {"c": b""}]}, "x", b"three"))
    await io.emit("give", "json")
    equal(await io.next("given"), JSON)


async def ack(peer):
    io = await (await peer().join("/")).settle()
    equal(await io.ask("echo", "a", {"b": [1]}, None), ("a", {"b": [1]}, None))


async def ack_binary(peer):
    io = await (await peer().join("/")).settle()
    equal(await io.ask("echo", b"one", 2), (b"one", 2))


async def ack_client(peer):
    io = await (await peer().join("/")).settle()
    equal(await io.ask("ask", 10_000, "question", 1, 1), {"error": None, "values": ["answer", 2]})


async def ack_timeout(peer):
    io = await (await peer().join("/")).settle()
    try:
        await io.do("call", "ack.never", timeout=0.2)
    except socketio.exceptions.TimeoutError:
        return
    raise AssertionError("no error")


async def ack_unanswered(peer):
    io = await (await peer().join("/")).settle()
    equal(await io.ask("ask", 200, "unheard"), {"error": "timeout", "values": []})


async def room(peer):
    a, b = await (await peer().join("/")).settle(), await (await peer().join("/")).settle()
    await a.ask("join", [tag])
    await b.ask("join", [tag])
    await a.ask("cast", {"from": "socket", "to": [tag]}, "note", 1)
    await b.ask("leave", tag)
    await a.ask("cast", {"to": [tag]}, "note", 2)
    await a.ask("rooms")
    await b.ask("rooms")
    equal([a.list("note"), b.list("note")], [[2], [1]])


async def broadcast(peer):
    nsp = f"/dyn/{tag}.all"
    a, b = await (await peer().join(nsp)).settle(nsp), await (await peer().join(nsp)).settle(nsp)
    await b.ask("join", ["b"], nsp=nsp)
    await a.ask("cast", {}, "note", 1, nsp=nsp)
    await a.ask("cast", {"from": "socket"}, "note", 2, nsp=nsp)
    await a.ask("cast", {"except": ["b"]}, "note", 3, nsp=nsp)
    await a.ask("rooms", nsp=nsp)
    await b.ask("rooms", nsp=nsp)
    equal([sorted(a.list("note", nsp)), sorted(b.list("note", nsp))], [[1, 3], [1, 2]])


async def disconnect_client(peer):
    control = await peer().join("/control")
    io = await (await peer().join("/")).settle()
    sid = io.io.get_sid("/")
    await io.do("disconnect")
    async with asyncio.timeout(LIMIT):
        while True:
            record = await control.ask("record", sid, nsp="/control")
            if record["times"]:
                # It closes at once, so its packet may not get through.
                if record["reason"] == "transport close":
                    record["reason"] = "client namespace disconnect"
                return equal([record["reason"], record["times"]], ["client namespace disconnect", 1])
            await asyncio.sleep(0.01)


def disconnected(all):
    async def case(peer):
        io = await (await peer().join("/")).settle()
        await io.emit("disconnect.me", all)
        equal(await io.next("disconnect"), (io.io.reason.SERVER_DISCONNECT,))

    return case


async def reconnect(peer):
    io = await (await peer().join("/")).settle()
    before = io.io.get_sid("/")
    await io.emit("cut")
    reason = (await io.next("disconnect"))[0]
    if reason == io.io.reason.CLIENT_DISCONNECT:
        raise AssertionError(reason)
    if reason == io.io.reason.SERVER_DISCONNECT and transport == "polling":
        raise Cannot("a close packet, which polling brings, is taken as a wish that the client stay away")
    await io.next("connect")
    await io.settle()
    if io.io.get_sid("/") == before:
        raise AssertionError("the same socket")
    equal(await io.ask("echo", 1), 1)


CASES = {
    "connect": connect,
    "transport": reach,
    "order": order,
    "auth": auth,
    "auth.refused": auth_refused,
    "middleware": middleware,
    "unknown": unknown,
    "namespace": namespace,
    "dynamic": dynamic,
    "json": echoed(*JSON),
    "text": echoed("aé€😀" * 6554),
    "binary": echoed(bytes(i * 31 & 255 for i in range(100_000))),
    "nested": echoed({"a": b"one", "b": [{"c": b"two"}]}, b"three"),
    "given": given,
    "ack": ack,
    "ack.binary": ack_binary,
    "ack.client": ack_client,
    "ack.timeout": ack_timeout,
    "ack.unanswered": ack_unanswered,
    "room": room,
    "broadcast": broadcast,
    "disconnect.client": disconnect_client,
    "disconnect.server": disconnected(False),
    "disconnect.close": disconnected(True),
    "reconnect": reconnect,
}


async def run(case):
    peers = []

    def peer():
        peers.append(Peer())
        return peers[-1]

    try:
        await asyncio.wait_for(case(peer), 20)
    finally:
        for p in peers:
            await p.close()


async def line(name, case):
    """What is printed for a case."""
    try:
        await run(case)
        return f"ok {name}"
    except Cannot as err:
        return f"none {name} {err}"
    except Exception as err:  # whatever it is, it is this case's
        return f"fail {name} {type(err).__name__} " + " ".join(str(err).split())[:300]


async def main():
    global tag
    word = tag
    for name, case in CASES.items():
        # See close for what the client may fail to send.
        for attempt in range(3):
            tag = f"{word}.{attempt}"
            said = await line(name, case)
            if not said.startswith("fail"):
                break
            print(said, file=sys.stderr)
        print(said, flush=True)


asyncio.run(main())
os._exit(0)  # whatever still waits for a ping
