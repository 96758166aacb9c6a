"""`python -m worker.engines.hosted --pipe FD --audio FD --parent PID`: started by a worker."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import socket
import sys

import uvloop

from common.process import end_with_parent
from worker.engines.hosted.host import EngineHost
from worker.engines.hosted.messages import to_engine
from worker.engines.hosted.pipe import MessagePipe
from worker.environment import SWITCH_S, set_defaults


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m worker.engines.hosted")
    for name, what in (("pipe", "socket"), ("audio", "shared memory"), ("parent", "worker's process id")):
        parser.add_argument(f"--{name}", type=int, required=True, help=what)
    arguments = parser.parse_args()
    end_with_parent(arguments.parent)
    # An interrupt from the keyboard reaches the whole group; the worker decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    set_defaults(os.environ)
    sys.setswitchinterval(SWITCH_S)
    ended_well = uvloop.run(_serve(arguments.pipe, arguments.audio))
    # At once: a thread that hangs in a dead engine would keep the process.
    os._exit(0 if ended_well else 1)


async def _serve(pipe_file: int, audio_file: int) -> bool:
    host = EngineHost(audio_file)
    _, pipe = await asyncio.get_running_loop().create_unix_connection(
        lambda: MessagePipe(host, to_engine), sock=socket.socket(fileno=pipe_file)
    )
    return await host.serve(pipe)


if __name__ == "__main__":
    main()
