"""Talks to CUDA's MPS control daemon, by the program that comes with the driver."""

from __future__ import annotations

import asyncio
import os
from asyncio.subprocess import PIPE
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

CONTROL: Final = "nvidia-cuda-mps-control"
PIPES_VARIABLE: Final = "CUDA_MPS_PIPE_DIRECTORY"
DEFAULT_PIPES: Final = Path("/tmp/nvidia-mps")
ANSWER_LIMIT_S: Final = 2.0


class NoAnswer(Exception):
    """The daemon is not there, or says something else than what it was asked; the message tells which."""


def configured_pipes(environ: Mapping[str, str]) -> Path | None:
    """The folder of the daemon that CUDA looks for; None if nobody set one up.

    One that is named but empty counts: whoever names it wants the daemon.
    """
    named = environ.get(PIPES_VARIABLE)
    if named:
        return Path(named)
    # Not `Path.exists`, which raises where the folder is another user's alone; CUDA goes by what it can see.
    return DEFAULT_PIPES if os.path.exists(DEFAULT_PIPES / "control") else None


async def ask(pipes: Path, command: str, limit_s: float = ANSWER_LIMIT_S) -> str:
    """What the daemon whose folder is `pipes` answers. Raises `NoAnswer`."""
    try:
        async with asyncio.timeout(limit_s):
            return await _told(pipes, command)
    except TimeoutError as error:
        raise NoAnswer(f"the MPS daemon at {pipes} did not answer within {limit_s:g} s") from error
    except OSError as error:
        raise NoAnswer(f"the MPS daemon at {pipes} cannot be asked: {CONTROL}: {error.strerror}") from error


async def servers(pipes: Path) -> list[int]:
    """Process ids of the servers it has started: none before its first client. Raises `NoAnswer`."""
    return parse_pids(await ask(pipes, "get_server_list"))


async def clients(pipes: Path, server: int) -> list[int]:
    """Process ids of the clients of a server. Raises `NoAnswer`."""
    return parse_pids(await ask(pipes, f"get_client_list {server}"))


def parse_pids(output: str) -> list[int]:
    """An answer is one process id a line. Raises `NoAnswer` with the answer if it is anything else."""
    lines = output.split("\n")
    if any(line.strip() and not line.strip().isdecimal() for line in lines):
        raise _said(output)
    return [int(line) for line in lines if line.strip()]


async def _told(pipes: Path, command: str) -> str:
    environ = {**os.environ, PIPES_VARIABLE: str(pipes)}
    process = await asyncio.create_subprocess_exec(CONTROL, env=environ, stdin=PIPE, stdout=PIPE, stderr=PIPE)
    try:
        output, trouble = await process.communicate(f"{command}\n".encode())
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
    if process.returncode:
        raise _said(trouble.decode(errors="replace") or output.decode(errors="replace"))
    return output.decode(errors="replace")


def _said(text: str) -> NoAnswer:
    return NoAnswer(f"{CONTROL}: {' '.join(text.split())}")
