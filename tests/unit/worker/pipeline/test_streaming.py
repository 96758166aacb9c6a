from __future__ import annotations

from typing import Final

from common.audio import ms_to_samples
from common.checkpoint import ORIGIN, Checkpoint
from common.events import (
    Committed,
    EndpointReason,
    Partial,
    ScheduleStep,
    SessionOptions,
    SpeechStarted,
    Stopped,
)
from common.events import Final as FinalEvent
from tests.support.driven_pipeline import PARTIALS, SCHEDULE, Driven, emitted, kinds
from worker.pipeline.effects import Decode, DecodeKind, Emit, Promote, ResetVad, Settle, Withdraw
from worker.pipeline.hop import HOP_SAMPLES
from worker.pipeline.orders import Mark
from worker.pipeline.streaming import MAX_AWAITED_FINALS

SENTENCE: Final = "speech 1, silence 1.2"


def test_speech_is_announced_and_partials_follow_at_their_interval() -> None:
    effects = Driven().feed("speech 1")
    started, first, second = effects[:3]
    assert started == Emit(SpeechStarted(0, 0))
    assert isinstance(first, Decode) and isinstance(second, Decode)
    assert first.kind is second.kind is DecodeKind.PARTIAL
    assert first.end >= PARTIALS.interval and second.end - first.end >= PARTIALS.retry


def test_the_final_is_decoded_ahead_within_the_silence() -> None:
    driven = Driven()
    ahead = driven.feed("speech 1, silence 0.6")
    assert kinds(ahead)[-1] is DecodeKind.SPECULATIVE
    assert kinds(driven.feed("silence 0.3")) == []


def test_an_endpoint_with_the_text_already_there_is_final_at_once() -> None:
    driven = Driven()
    driven.feed("speech 1, silence 0.8")
    [shown] = driven.apply(DecodeKind.SPECULATIVE, "ever tried")
    assert isinstance(shown, Emit) and isinstance(shown.event, Partial)
    effects = driven.feed("silence 0.3")
    [final] = emitted(effects)
    assert isinstance(final, FinalEvent) and (final.text, final.reason) == ("ever tried", "silence")
    assert kinds(effects) == []
    assert isinstance(effects[-1], Settle)
    assert effects[-1].checkpoint == Checkpoint(effects[-1].checkpoint.audio_from, final.endpoint, 1)


def test_an_endpoint_before_the_text_promotes_what_is_being_decoded() -> None:
    driven = Driven()
    effects = driven.feed(SENTENCE)
    assert effects[-3:] == [ResetVad(), Withdraw(DecodeKind.PARTIAL, 0), Promote(0)]
    [withdrawn, final, settled] = driven.apply(DecodeKind.SPECULATIVE, "late")
    assert withdrawn == Withdraw(DecodeKind.FINAL, 0)
    assert emitted([final]) and isinstance(settled, Settle)
    assert driven.apply(DecodeKind.SPECULATIVE, "again") == []


def test_speech_that_goes_on_withdraws_what_was_decoded_ahead() -> None:
    driven = Driven()
    driven.feed("speech 1, silence 0.8")
    stale = driven.last(DecodeKind.SPECULATIVE)
    assert Withdraw(DecodeKind.SPECULATIVE, 0) in driven.feed("speech 0.2")
    assert driven.pipeline.apply(stale, "too early") == []
    driven.feed("silence 0.8")
    assert driven.last(DecodeKind.SPECULATIVE).end > stale.end
    assert driven.pipeline.apply(stale, "too early") == []


def test_a_pause_too_short_to_decode_ahead_still_gets_its_partials() -> None:
    driven = Driven()
    driven.feed("speech 0.9")
    assert kinds(driven.feed("silence 0.25")) == [DecodeKind.PARTIAL]


def test_a_stop_in_speech_is_answered_after_its_final() -> None:
    driven = Driven()
    driven.feed("speech 1")
    driven.effects += (effects := driven.mark(Mark.STOP))
    end = driven.pipeline.timeline.end
    assert effects == [ResetVad(), Withdraw(DecodeKind.PARTIAL, 0), Decode(DecodeKind.FINAL, 0, 0, end)]
    assert driven.apply(DecodeKind.FINAL, "ever") == [
        Emit(FinalEvent(0, "ever", 0, end, end, EndpointReason.STOP)),
        Settle(Checkpoint(end, end, 1)),
        Settle(Checkpoint(end, end, 1)),
        Emit(Stopped(end)),
    ]


def test_a_stop_with_nothing_said_is_answered_at_once() -> None:
    assert Driven().mark(Mark.STOP) == [Settle(ORIGIN), Emit(Stopped(0))]


def test_a_commit_in_silence_is_answered_with_the_audio_before_it() -> None:
    driven = Driven()
    driven.feed("silence 1")
    driven.pipeline.push_audio(bytes(200))
    end = driven.pipeline.timeline.end
    driven.pipeline.mark(Mark.COMMIT)
    driven.pipeline.push_audio(bytes(2 * HOP_SAMPLES))
    assert driven.pipeline.next_hop() is None
    assert driven.pipeline.carry_out_orders() == [Emit(Committed(end))]
    assert driven.pipeline.next_hop() is not None


def test_orders_wait_for_the_audio_before_them_and_for_each_other() -> None:
    driven = Driven()
    driven.feed("speech 1")
    driven.pipeline.push_audio(bytes(2 * HOP_SAMPLES))
    assert driven.mark(Mark.COMMIT) == []
    assert driven.mark(Mark.STOP) == []
    samples = driven.pipeline.next_hop()
    assert samples is not None
    driven.effects += driven.pipeline.push_hop(samples, 0.9)
    assert driven.pipeline.next_hop() is None
    assert driven.pipeline.carry_out_orders() == []
    answered = emitted(driven.apply(DecodeKind.FINAL, "ever"))
    assert [type(event) for event in answered] == [FinalEvent, Committed]
    assert [type(event) for event in emitted(driven.pipeline.carry_out_orders())] == [Stopped]


def test_any_number_of_orders_at_one_place_is_answered() -> None:
    driven = Driven()
    for _ in range(3_000):
        driven.pipeline.mark(Mark.COMMIT)
    assert len(emitted(driven.pipeline.carry_out_orders())) == 3_000


def test_a_commit_with_the_text_already_there_is_answered_at_once() -> None:
    driven = Driven()
    driven.feed("speech 1, silence 0.8")
    driven.apply(DecodeKind.SPECULATIVE, "ever")
    answered = emitted(driven.mark(Mark.COMMIT))
    assert [type(event) for event in answered] == [FinalEvent, Committed]


def test_a_cut_takes_back_what_was_decoded_ahead_of_another_end() -> None:
    driven = Driven()
    driven.feed("speech 3.2, silence 0.8, speech 1.3, silence 0.6")
    ahead = driven.last(DecodeKind.SPECULATIVE)
    driven.apply(DecodeKind.SPECULATIVE, "all of it")
    withdrawn, final = driven.feed("silence 0.2")[1:3]
    assert withdrawn == Withdraw(DecodeKind.SPECULATIVE, 0)
    assert final == driven.last(DecodeKind.FINAL) and final.end < ahead.end


def test_a_cut_in_speech_opens_the_next_segment_at_once() -> None:
    driven = Driven()
    effects = driven.feed("speech 6.1")
    [first, second] = [event for event in emitted(effects) if isinstance(event, SpeechStarted)]
    assert (first.segment, second.segment) == (0, 1)
    assert second.start == driven.last(DecodeKind.FINAL).end
    assert driven.pipeline.speaking


def test_silence_that_a_cut_left_for_the_next_segment_is_never_decoded() -> None:
    driven = Driven(checkpoint=Checkpoint(0, 0, 1, in_speech=True))
    said = driven.feed("silence 1.2")
    assert kinds(said) == []
    [final] = emitted(said)
    assert isinstance(final, FinalEvent)
    assert (final.segment, final.text, final.start, final.end) == (1, "", 0, 0)


def test_the_cursor_goes_back_to_where_a_cut_was_made() -> None:
    driven = Driven(SessionOptions(silence_schedule=(ScheduleStep(None, 60_000),)))
    driven.feed("speech 4, silence 0.2, speech 1.7")
    assert driven.pipeline.cursor == driven.pipeline.timeline.end
    driven.feed("speech 0.1")
    assert driven.pipeline.cursor < driven.pipeline.timeline.end - ms_to_samples(1_000)
    assert driven.pipeline.heard == driven.pipeline.timeline.end


def test_replay_after_a_cut_in_speech_gives_partials_without_a_new_start() -> None:
    driven = Driven(checkpoint=Checkpoint(0, 0, 4, in_speech=True))
    assert driven.pipeline.speaking
    effects = driven.feed("speech 1")
    assert emitted(effects) == []
    assert driven.last(DecodeKind.PARTIAL).segment == 4


def test_a_session_that_is_decoded_too_slowly_is_not_heard_further() -> None:
    driven = Driven()
    for _ in range(MAX_AWAITED_FINALS):
        driven.feed(SENTENCE)
    assert driven.pipeline.timeline.end - driven.pipeline.cursor > HOP_SAMPLES
    assert driven.pipeline.next_hop() is None
    first = Decode(DecodeKind.FINAL, 0, 0, 1)
    assert emitted(driven.pipeline.apply(first, "ever"))
    assert driven.pipeline.next_hop() is not None


def test_a_long_silence_is_settled_only_behind_the_finals_before_it() -> None:
    driven = Driven()
    driven.feed(SENTENCE)
    rested = driven.feed("silence 4")
    assert rested == [ResetVad()]
    effects = driven.apply(DecodeKind.SPECULATIVE, "ever")
    first, second = [effect.checkpoint for effect in effects if isinstance(effect, Settle)]
    assert (first.segment, second.segment) == (1, 1)
    assert second.vad_from - first.vad_from >= ms_to_samples(4_000)


def test_a_long_silence_with_nothing_before_it_is_settled_at_once() -> None:
    effects = Driven().feed("silence 4.1")
    assert [type(effect) for effect in effects] == [ResetVad, Settle]


def test_the_end_of_the_next_segment_settles_what_a_silence_before_it_would_have() -> None:
    driven = Driven()
    driven.feed(f"{SENTENCE}, silence 4, {SENTENCE}")
    settled = driven.pipeline.apply(Decode(DecodeKind.FINAL, 0, 0, 1), "ever")
    assert [effect.checkpoint.segment for effect in settled if isinstance(effect, Settle)] == [1]


def test_words_are_replaced_in_finals_by_the_options_of_the_moment() -> None:
    driven = Driven()
    driven.feed("speech 1")
    options = SessionOptions("en", ("vllm",), (("ever", "never"),), SCHEDULE)
    driven.pipeline.configure(options)
    assert driven.pipeline.options == options
    [partial] = emitted(driven.apply(DecodeKind.PARTIAL, "ever"))
    assert isinstance(partial, Partial) and partial.text == "ever"
    driven.effects += driven.mark(Mark.COMMIT)
    final = emitted(driven.apply(DecodeKind.FINAL, "ever tried"))[0]
    assert isinstance(final, FinalEvent) and final.text == "never tried"


def test_a_new_schedule_ends_the_open_segment_sooner() -> None:
    driven = Driven()
    driven.feed("speech 1, silence 0.5")
    driven.pipeline.configure(SessionOptions(silence_schedule=(ScheduleStep(None, 300),)))
    assert ResetVad() in driven.feed("silence 0.032")
