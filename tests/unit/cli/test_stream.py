from __future__ import annotations

import json
import os
import signal
import sys
import wave
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from cli.stream import stream
from client import sources
from tests.support.ports import free_ports
from tests.unit.client.scripted_server import Peer, Script, each, serving_in_thread

AUDIO = bytes(range(256)) * 125


@pytest.fixture
def wav(tmp_path: Path) -> Path:
    """One second of audio."""
    return wav_of(AUDIO, tmp_path / "a.wav")


def wav_of(audio: bytes, path: Path) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(audio)
    return path


def invoke(*arguments: str) -> Result:
    app = typer.Typer()
    app.command()(stream)
    return CliRunner().invoke(app, arguments)


def invoke_with(script: Script, wav: Path, *options: str) -> Result:
    with serving_in_thread(script) as url:
        return invoke("--file", str(wav), "--server", url, "--speed", "0", *options)


async def two_sentences(peer: Peer) -> None:
    await peer.start()
    await peer.result(partial="on")
    await peer.result("one", partial="tw")
    await peer.stop("one", "two")


def test_locked_lines_are_printed_once_when_stdout_is_no_terminal(wav: Path) -> None:
    result = invoke_with(two_sentences, wav)
    assert result.stdout == "[0.0s] one\n[1.0s] two\n"
    assert (result.exit_code, result.stderr) == (0, "")


def test_the_whole_file_and_the_options_reach_the_server(wav: Path) -> None:
    peers: list[Peer] = []

    async def script(peer: Peer) -> None:
        peers.append(peer)
        await two_sentences(peer)

    options = ("--session-id", "mine", "--language", "en", "--hotwords", "a, b,")
    assert invoke_with(script, wav, *options).exit_code == 0
    assert peers[0].path.endswith("?session_id=mine")
    assert peers[0].received[:3] == ["LANGUAGE:en", "HOTWORDS:a,b", "START"]
    assert peers[0].audio() == AUDIO


def test_json_prints_each_message_as_it_came(wav: Path) -> None:
    async def script(peer: Peer) -> None:
        await peer.start()
        await peer.say(event="later", text="汉字", spaced=[1, 2])
        await peer.stop("one")

    result = invoke_with(script, wav, "--json")
    lines = result.stdout.splitlines()
    assert [json.loads(line)["seq"] for line in lines] == [1, 2, 3, 4]
    assert lines[1] == json.dumps({"event": "later", "text": "汉字", "spaced": [1, 2], "seq": 2})
    assert result.exit_code == 0


def test_an_error_that_ends_the_session_is_one_line_and_exit_code_1(wav: Path) -> None:
    async def script(peer: Peer) -> None:
        await peer.start()
        await peer.result("one")
        await peer.error("worker_lost", "the worker died", retryable=True)
        await peer.connection.close(1012)

    result = invoke_with(script, wav)
    assert result.stdout == "[0.0s] one\n"
    assert result.stderr.startswith("error: worker_lost: the worker died; connect again")
    assert result.stderr.count("\n") == 1
    assert result.exit_code == 1


def test_json_shows_the_error_event_too(wav: Path) -> None:
    async def script(peer: Peer) -> None:
        await peer.start()
        await peer.error("engine_failed")
        await peer.connection.close(1011)

    result = invoke_with(script, wav, "--json")
    assert [json.loads(line)["event"] for line in result.stdout.splitlines()] == ["started", "error"]
    assert result.exit_code == 1


def test_an_error_that_the_session_outlives_is_a_warning(wav: Path) -> None:
    async def script(peer: Peer) -> None:
        await peer.start()
        await peer.error("bad_language", "language refused")
        await peer.stop("one")

    result = invoke_with(script, wav)
    assert (result.stdout, result.stderr) == ("[0.0s] one\n", "warning: bad_language: language refused\n")
    assert result.exit_code == 0


def test_without_a_server_the_error_says_how_to_start_one(wav: Path) -> None:
    [port] = free_ports(1)
    url = f"ws://127.0.0.1:{port}"
    result = invoke("--file", str(wav), "--server", url, "--session-id", "mine")
    assert result.stderr == f"error: no server at {url}: start one with `voxshard serve`\n"
    assert result.exit_code == 1


def test_a_bad_file_is_reported_before_anything_is_opened(tmp_path: Path) -> None:
    result = invoke("--file", str(tmp_path / "none.wav"), "--server", "nonsense")
    assert result.stderr == f"error: {tmp_path}/none.wav: No such file or directory\n"
    assert result.exit_code == 1


def test_a_file_that_breaks_off_gets_its_text_before_the_error(
    wav: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(path: Path) -> object:
        yield bytes(6_400)
        raise sources.AudioFileError(f"{path}: broken")

    monkeypatch.setattr(sources, "decode_file", broken)
    result = invoke_with(two_sentences, wav)
    assert result.stdout == "[0.0s] one\n[1.0s] two\n"
    assert result.stderr == f"error: {wav}: broken\n"
    assert result.exit_code == 1


def test_without_the_client_extra_the_error_says_what_to_install(
    wav: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "cli.stream_file", None)
    result = invoke("--file", str(wav))
    assert "pip install 'voxshard[client]'" in result.stderr
    assert result.exit_code == 1


def test_ctrl_c_sends_stop_and_still_prints_the_rest(tmp_path: Path) -> None:
    # Five seconds for Ctrl-C to come before its end.
    audio, speed = AUDIO * 100, "20"
    wav = wav_of(audio, tmp_path / "long.wav")
    peers: list[Peer] = []

    async def script(peer: Peer) -> None:
        peers.append(peer)
        await peer.start()
        await peer.result("one")
        peer.received.append(await peer.connection.recv())
        os.kill(os.getpid(), signal.SIGINT)
        await peer.stop("one", "two")

    before = signal.getsignal(signal.SIGINT)
    with serving_in_thread(script) as url:
        result = invoke("--file", str(wav), "--server", url, "--speed", speed)
    assert result.stdout == "[0.0s] one\n[1.0s] two\n"
    assert result.exit_code == 0
    assert 0 < len(peers[0].audio()) < len(audio)
    assert signal.getsignal(signal.SIGINT) is before


async def breaks(peer: Peer) -> None:
    await peer.start_resumable()
    await peer.result("one", partial="tw")
    await peer.lose()


async def goes_on(peer: Peer) -> None:
    await peer.resume("one")
    await peer.stop("one", "two")


def test_a_lost_connection_is_a_warning_and_the_text_goes_on(wav: Path) -> None:
    result = invoke_with(each(breaks, goes_on), wav)
    assert result.stdout == "[0.0s] one\n[1.0s] two\n"
    assert result.stderr == (
        "warning: connection_closed: the connection was closed early (code 1006); trying to resume\nresumed\n"
    )
    assert result.exit_code == 0


def test_json_tells_the_loss_among_the_messages(wav: Path) -> None:
    result = invoke_with(each(breaks, goes_on), wav, "--json")
    events = [json.loads(line).get("event") for line in result.stdout.splitlines()]
    assert events == ["started", None, "lost", "resumed", None, None, "stopped"]


def test_a_session_that_cannot_be_resumed_is_one_line_and_exit_code_1(wav: Path) -> None:
    async def knows_nothing(peer: Peer) -> None:
        await peer.until("RESUME:t1")
        await peer.error("session_unknown", "nothing is known of this session")
        await peer.connection.close(4404, "session_unknown")

    result = invoke_with(each(breaks, knows_nothing), wav)
    assert result.stdout == "[0.0s] one\n"
    assert "\nerror: session_unknown: nothing is known of this session" in result.stderr
    assert result.exit_code == 1
