from __future__ import annotations

from bench.player import Playback
from bench.streams import compared
from client.view import Sentence, TranscriptView
from common.events import EndpointReason
from tests.support.speech import Timeline, noise

TIMELINES = [Timeline().speech(noise(0.1, level=0.1, seed=0), text) for text in ("so it is", "here we are")]


def playback(text: str, worker: str) -> Playback:
    sentence = Sentence(0, text, 0, 100, 100, EndpointReason.STOP)
    return Playback((0.0,), (), TranscriptView(worker=worker, sentences=(sentence,)))


def test_transcripts_are_compared_stream_by_stream() -> None:
    at_once = [playback("So it is.", "worker-0"), playback("Here we were.", "worker-1")]
    alone = [playback("So it is.", "worker-1"), playback("Here we are.", "worker-1")]
    result = compared(TIMELINES, at_once, alone)
    assert [stream.same_transcript for stream in result.streams] == [True, False]
    assert result.same_transcripts == 1
    assert [round(stream.wer_at_once, 3) for stream in result.streams] == [0.0, 0.333]
    assert [stream.wer_alone for stream in result.streams] == [0.0, 0.0]


def test_workers_are_counted_while_all_ran_at_once() -> None:
    at_once = [playback("so it is", "worker-1"), playback("here we are", "worker-0")]
    alone = [playback("so it is", "worker-0"), playback("here we are", "worker-0")]
    result = compared(TIMELINES, at_once, alone)
    assert result.workers == {"worker-0": 1, "worker-1": 1}


def test_tables_have_a_cell_for_every_column() -> None:
    played = [playback("so it is", "worker-0"), playback("here we are", "worker-0")]
    for table in compared(TIMELINES, played, played).tables():
        assert table.rows
        assert all(len(row) == len(table.columns) for row in table.rows)
