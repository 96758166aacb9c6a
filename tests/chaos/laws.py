"""The checks of one history, each for one law. Pure: all follows from what the client sent and heard."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from common.errors import BY_CODE
from tests.chaos.history import LOST, History, Message, Sentence
from tests.chaos.provenance import Finder, Window
from tests.chaos.script import Turn
from tests.chaos.violations import Law, Violation

# A detector of speech tells borders to some tens of milliseconds.
TOLERANCE_MS: Final = 40
_BEGINNINGS: Final = frozenset({"started", "resumed"})

Found = Iterator[tuple[Law, str]]


def check(history: History) -> list[Violation]:
    """Everything that is wrong with it, in the order of the laws; empty if nothing is."""
    checks = (numbered, ordered, locked, own, whole_and_once, answered, ended)
    number = history.script.number
    return [Violation(law, number, what) for each in checks for law, what in each(history)]


def numbered(history: History) -> Found:
    """On each connection anew: from `started` or `resumed` on every message names the session, and the worker
    that `moved` named last."""
    sessions = set()
    for connection in _connections(history):
        yield from _numbered(connection)
        sessions |= {message.session_id for message in connection if message.event in _BEGINNINGS}
    if len(sessions) > 1:
        yield Law.NUMBERED, f"sessions {sessions} are not one"


def _connections(history: History) -> Iterator[list[Message]]:
    """Those that the client heard of anything on."""
    heard: list[Message] = []
    for message in history.messages:
        if heard and (message.event == LOST or message.seq == 1):
            yield heard
            heard = []
        if message.event != LOST:
            heard.append(message)
    if heard:
        yield heard


def _numbered(connection: list[Message]) -> Found:
    session, worker = None, None
    for expected, message in enumerate(connection, start=1):
        if message.seq != expected:
            yield Law.NUMBERED, f"message {expected} has seq {message.seq}"
        if message.event == "resumed" and expected > 1:
            yield Law.NUMBERED, f"message {expected} resumes a session on a connection that had begun"
        if message.event in _BEGINNINGS:
            session, worker = message.session_id, message.worker
        elif message.event == "moved":
            worker = message.worker
        if (message.session_id, message.worker) != (session, worker):
            yield (
                Law.NUMBERED,
                f"message {expected} is of session {message.session_id} at worker {message.worker}, "
                f"not of {session} at {worker}",
            )


def ordered(history: History) -> Found:
    yield from _positions(history)
    if [sentence.id for sentence in history.locked] != list(range(len(history.locked))):
        yield Law.ORDERED, f"sentences are numbered {[sentence.id for sentence in history.locked]}"
    for before, after in pairwise(history.locked):
        if not before.start <= before.end <= after.start <= after.end:
            yield Law.ORDERED, f"sentence {after.id} is not behind sentence {before.id}"


def _positions(history: History) -> Found:
    """A server that resumes begins again at its `ack`, and that never goes back."""
    heard_ms = ack = 0
    for message in history.messages:
        if message.event == "resumed":
            heard_ms = 0
        if message.duration_ms < heard_ms and message.event is None:
            yield Law.ORDERED, f"duration_ms goes back from {heard_ms} to {message.duration_ms}"
        if message.ack is not None and message.ack < ack:
            yield Law.ORDERED, f"ack goes back from {ack} to {message.ack}"
        heard_ms, ack = max(heard_ms, message.duration_ms), max(ack, message.ack or 0)


def locked(history: History) -> Found:
    """A gateway that has died may have said a sentence that it had not kept: the next one says the same."""
    known: tuple[Sentence, ...] = ()
    listed = 0
    for message in history.messages:
        if message.event == "resumed":
            listed = 0
        if message.event is not None:
            continue
        told, common = message.sentences, min(len(message.sentences), len(known))
        if len(told) < listed or (told is not known and told[:common] != known[:common]):
            yield Law.LOCKED, f"message {message.seq} {_difference(known, told)}"
            known = told
        known, listed = max(known, told, key=len), len(told)
    if history.transcript not in (None, tuple(sentence.text for sentence in known)):
        yield Law.LOCKED, "the client's own transcript is another one"


def _difference(before: tuple[Sentence, ...], after: tuple[Sentence, ...]) -> str:
    for was, now in zip(before, after, strict=False):
        if was != now:
            return f"changes sentence {was.id} from {was.text!r} to {now.text!r}"
    return f"has {len(after)} sentences after {len(before)}"


def own(history: History) -> Found:
    """Partials, too."""
    finder = Finder(history.script)
    for sentence in history.locked:
        if finder.window_of(sentence.text, sentence.start) is None:
            yield Law.OWN, f"{sentence.text!r} at {sentence.start} ms is not from its audio"
    for result in history.results:
        if result.partial and not finder.has(result.partial, result.partial_start_ms):
            yield (
                Law.OWN,
                f"the partial {result.partial!r} at {result.partial_start_ms} ms is not from its audio",
            )


def whole_and_once(history: History) -> Found:
    """Of a session that was stopped, all turns; of one that ended otherwise, what was locked until then."""
    finder = Finder(history.script)
    found = (finder.window_of(sentence.text, sentence.start) for sentence in history.locked)
    windows = [window for window in found if window is not None]
    until_ms = history.script.end_ms if history.stopped else max((w.end_ms for w in windows), default=0)
    for number, turn in enumerate(history.script.turns):
        over = [
            window for window in windows if window.start_ms < turn.end_ms and turn.start_ms < window.end_ms
        ]
        if turn.end_ms <= until_ms:
            yield from _whole(number, turn, over)
        yield from _once(number, turn, over)


def _whole(number: int, turn: Turn, over: list[Window]) -> Found:
    at_ms = turn.start_ms
    for window in sorted(over, key=lambda window: window.start_ms):
        if window.start_ms > at_ms + TOLERANCE_MS:
            yield Law.WHOLE, f"turn {number} lacks {at_ms} to {window.start_ms} ms"
        at_ms = max(at_ms, window.end_ms)
    if at_ms < turn.end_ms - TOLERANCE_MS:
        yield Law.WHOLE, f"turn {number} lacks {at_ms} to {turn.end_ms} ms"


def _once(number: int, turn: Turn, over: list[Window]) -> Found:
    for before, after in pairwise(sorted(over, key=lambda window: window.start_ms)):
        twice_ms = min(before.end_ms, turn.end_ms) - max(after.start_ms, turn.start_ms)
        if twice_ms > TOLERANCE_MS:
            yield Law.ONCE, f"{twice_ms} ms of turn {number} are in two sentences"
    if len(over) > turn.sentences:
        yield Law.ONCE, f"turn {number} is {len(over)} sentences, not {turn.sentences}"


def answered(history: History) -> Found:
    """One final result for each COMMIT, and one for STOP; on another connection some of them once more, at
    their places."""
    orders = sum(bool(turn.commit_ms) for turn in history.script.turns) + 1
    places: set[int] = set()
    for connection in _connections(history):
        answers = [message.duration_ms for message in connection if message.is_final]
        places |= set(answers)
        if len(answers) > len(set(answers)):
            yield Law.ANSWERED, f"an order is answered twice: answers at {answers} ms"
    if len(places) > orders or (history.stopped and len(places) < orders):
        yield Law.ANSWERED, f"{len(places)} answers to {orders} orders"


def ended(history: History) -> Found:
    """`stopped` and nothing behind it; or an error that closes, and its close code."""
    outcomes = _outcomes(history)
    if len(outcomes) != 1:
        names = [message.event if message.code is None else message.code for message in outcomes]
        yield (
            Law.ENDED,
            f"{len(outcomes)} outcomes {names}, close code {history.close_code} {history.failure}".rstrip(),
        )
        return
    [outcome] = outcomes
    if history.messages[-1] is not outcome:
        yield Law.ENDED, f"message {history.messages[-1].seq} comes after the end"
    if outcome.event == "error" and outcome.code not in BY_CODE:
        yield Law.ENDED, f"error {outcome.code!r} is not documented"
    elif history.close_code != (expected := _close_code(outcome)):
        yield (
            Law.ENDED,
            f"close code {history.close_code} after {outcome.code or outcome.event}, not {expected}",
        )


def _outcomes(history: History) -> list[Message]:
    """An error behind which the session was resumed was not its end."""
    messages = history.messages
    resumed = max((at for at, message in enumerate(messages) if message.event == "resumed"), default=0)
    return [
        message
        for at, message in enumerate(messages)
        if _is_outcome(message) and (at > resumed or message.event == "stopped")
    ]


def _is_outcome(message: Message) -> bool:
    """Errors that leave the session as it is are none; one that is not documented is."""
    if message.event == "error":
        return message.code not in BY_CODE or _close_code(message) is not None
    return message.event == "stopped"


def _close_code(outcome: Message) -> int | None:
    return BY_CODE[outcome.code].close_code if outcome.code is not None else None
