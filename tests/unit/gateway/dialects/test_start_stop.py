"""What START/STOP clients write, as commands."""

from __future__ import annotations

import contextlib
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import (
    BadHotwords,
    BadJson,
    BadLanguage,
    BadSilenceSchedule,
    BadTimestamps,
    ContainerAudio,
    OddFrame,
    UnknownCommand,
    UnsupportedMessage,
    VoxshardError,
)
from common.events import Audio, Command, Commit, Configure, KeepAlive, Resume, SessionOptions, Start, Stop
from common.silence import OFFLINE_STEPS, STREAMING_STEPS
from gateway.dialects.start_stop import StartStopDialect

DEFAULTS: Final = SessionOptions(silence_schedule=STREAMING_STEPS)


def dialect() -> StartStopDialect:
    return StartStopDialect(DEFAULTS)


@pytest.mark.parametrize(
    ("text", "command"),
    [("START", Start()), ("stop", Stop()), (" Commit\n", Commit()), ("KeepAlive", KeepAlive())],
)
def test_commands_are_words_in_any_case(text: str, command: Command) -> None:
    assert dialect().parse_text(text) == command


@pytest.mark.parametrize(
    ("text", "field", "value", "reply"),
    [
        ("HOTWORDS:vllm,new york", "hotwords", ("vllm", "new york"), "hotwords_set"),
        ("hotwords:", "hotwords", (), "hotwords_set"),
        ("LANGUAGE: en ", "language", "en", "language_set"),
        ("LANGUAGE:", "language", None, "language_set"),
        ("POSTPROCESS_HOTWORDS:a=>b", "replacements", (("a", "b"),), "postprocess_hotwords_set"),
        ("Timestamps: True", "timestamps", True, "timestamps_set"),
        ("TIMESTAMPS:false", "timestamps", False, "timestamps_set"),
        ("Silence_Schedule : offline", "silence_schedule", OFFLINE_STEPS, "silence_schedule_set"),
    ],
)
def test_options_are_a_word_a_colon_and_their_value(text: str, field: str, value: object, reply: str) -> None:
    parsed = dialect()
    command = parsed.parse_text(text)
    assert isinstance(command, Configure)
    assert getattr(command.options, field) == value
    assert (command.options, command.changed) == (parsed.options, reply)


def test_an_option_that_is_set_leaves_the_others_in_force() -> None:
    parsed = dialect()
    for text in ("HOTWORDS:vllm", "LANGUAGE:en", "POSTPROCESS_HOTWORDS:a=>b"):
        parsed.parse_text(text)
    assert parsed.options == SessionOptions("en", ("vllm",), (("a", "b"),), STREAMING_STEPS)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", UnknownCommand),
        ("BEGIN", UnknownCommand),
        ("START now", UnknownCommand),
        ("HOTWORDS", UnknownCommand),
        ("VOLUME:11", UnknownCommand),
        ("START:", UnknownCommand),
        ('{"type": "start"}', UnsupportedMessage),
        ("[1, 2]", UnsupportedMessage),
        ("{nonsense", BadJson),
        ("[" * 5_000, BadJson),
        ("HOTWORDS:" + "x" * 65, BadHotwords),
        ("POSTPROCESS_HOTWORDS:=>x", BadHotwords),
        ("LANGUAGE:?", BadLanguage),
        ("SILENCE_SCHEDULE:5000:300", BadSilenceSchedule),
        ("TIMESTAMPS:maybe", BadTimestamps),
        ("TIMESTAMPS", UnknownCommand),
    ],
)
def test_what_is_no_command_is_refused_and_changes_nothing(text: str, error: type[VoxshardError]) -> None:
    parsed = dialect()
    with pytest.raises(error) as caught:
        parsed.parse_text(text)
    assert caught.type is error
    assert parsed.options == DEFAULTS


words = st.sampled_from(
    [
        "START",
        "HOTWORDS:",
        "LANGUAGE:",
        "POSTPROCESS_HOTWORDS:",
        "SILENCE_SCHEDULE:",
        "TIMESTAMPS:",
        "{",
        "[",
        '{"a":',
    ]
)


@given(st.text() | st.tuples(words, st.text(max_size=60)).map("".join))
def test_any_text_is_a_command_or_refused(text: str) -> None:
    with contextlib.suppress(VoxshardError):
        dialect().parse_text(text)


@given(st.tuples(words, st.text(alphabet='0123456789.,:=>-einf[]nul "{}e', max_size=40)).map("".join))
def test_any_value_is_an_option_or_refused(text: str) -> None:
    with contextlib.suppress(VoxshardError):
        dialect().parse_text(text)


@given(st.binary(max_size=64).filter(lambda frame: len(frame) % 2 == 0 and frame[:1] not in b"ORfIcF.\x1a"))
def test_frames_of_whole_samples_are_audio_as_they_are(frame: bytes) -> None:
    assert dialect().parse_binary(frame) == Audio(frame)


def test_a_frame_with_half_a_sample_is_refused() -> None:
    with pytest.raises(OddFrame):
        dialect().parse_binary(b"\0\0\0")


@pytest.mark.parametrize(
    "header",
    [
        b"RIFF\x24\x08\0\0WAVEfmt ",
        b"OggS\0\x02",
        b"fLaC\0\0\0\x22",
        b"ID3\x03\0\0",
        b"ID3\x04\0\0",
        b"\x1aE\xdf\xa3\x01\0",
        b"caff\0\x01",
        b".snd\0\0",
        b"FORM\0\0",
        b"OggS\0",
    ],
)
def test_a_file_sent_as_audio_is_refused(header: bytes) -> None:
    with pytest.raises(ContainerAudio):
        dialect().parse_binary(header)


@pytest.mark.parametrize("frame", [b"RIFF\0\0\0\0AVI ", b"RIFFWAVE", b"ID3\x07", b"xOggS\0", b""])
def test_audio_that_only_looks_like_a_file_is_audio(frame: bytes) -> None:
    assert dialect().parse_binary(frame) == Audio(frame)


@pytest.mark.parametrize("text", ["RESUME:a.b.c", " resume : a.b.c "])
def test_resume_comes_with_its_token(text: str) -> None:
    assert dialect().parse_text(text) == Resume("a.b.c")


def test_resume_without_a_token_is_no_command() -> None:
    with pytest.raises(UnknownCommand):
        dialect().parse_text("RESUME")
