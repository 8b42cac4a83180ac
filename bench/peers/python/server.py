"""python-socketio with the events that sio-bench drives; see the package comment of bench.

It is run as its documentation has it for asyncio: an ASGI application, served by one
process of uvicorn with uvloop and httptools. It prints what it is and, when it is ready,
"listening http://127.0.0.1:PORT", and stops on SIGTERM.
"""

import argparse
import asyncio
import platform
import socket
from importlib.metadata import version

import socketio
import uvicorn

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0 lets the system choose")
parser.add_argument("--for", dest="life", type=float, default=1800, help="stop after so many seconds")
parser.add_argument("--ping-interval", type=int, default=25000, help="milliseconds")
parser.add_argument("--ping-timeout", type=int, default=20000, help="milliseconds")
parser.add_argument("--parser", choices=["", "msgpack"], default="", help="packets in MessagePack")
parser.add_argument("--compress", action="store_true", help="agree on permessage-deflate; uvicorn would by itself")
flags = parser.parse_args()

sio = socketio.AsyncServer(
    async_mode="asgi",
    ping_interval=flags.ping_interval / 1000,
    ping_timeout=flags.ping_timeout / 1000,
    serializer=flags.parser or "default",
    namespaces="*",  # any name, where the others have /bench-N only
)


async def echo(namespace, sid, *args):
    await sio.emit("echo", args, to=sid, namespace=namespace)


async def ack(namespace, sid, *args):
    return args


async def obj(namespace, sid, value):
    await sio.emit("object", value, to=sid, namespace=namespace)


async def join(namespace, sid, room):
    await sio.enter_room(sid, room, namespace=namespace)


async def leave(namespace, sid, room):
    await sio.leave_room(sid, room, namespace=namespace)


async def broadcast(namespace, sid, room, payload):
    await sio.emit("broadcast", payload, to=room, namespace=namespace)


def offer(name, handler):
    """Registers a handler for the main namespace, and for all others."""

    async def main(sid, *args):
        return await handler("/", sid, *args)

    sio.on(name, main)
    sio.on(name, handler, namespace="*")


for name, handler in {"echo": echo, "ack": ack, "object": obj, "join": join, "leave": leave, "broadcast": broadcast}.items():
    offer(name, handler)

listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(("127.0.0.1", flags.port))
listener.listen(4096)


async def ready():
    asyncio.get_running_loop().call_later(flags.life, stop)
    packages = ", ".join(f"{name} {version(name)}" for name in ("python-socketio", "uvicorn", "uvloop"))
    print(f"version {packages}, {platform.python_implementation()} {platform.python_version()}")
    print(f"listening http://127.0.0.1:{listener.getsockname()[1]}", flush=True)


def stop():
    server.should_exit = True


server = uvicorn.Server(
    uvicorn.Config(
        socketio.ASGIApp(sio, on_startup=ready),
        backlog=4096,
        log_level="warning",
        ws_per_message_deflate=flags.compress,
        timeout_graceful_shutdown=1,
    )
)
server.run(sockets=[listener])
