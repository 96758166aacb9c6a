from __future__ import annotations

import msgspec

from tests.chaos.history import Message, Sentence
from tests.chaos.repeated import Repeated
from tests.unit.chaos.history_rig import SCRIPT, event, messages_of, result, sentences


def on_the_wire(message: Message) -> bytes:
    """As the server puts it: a result begins with its sentences and the text behind them."""
    fields = msgspec.to_builtins(message)
    first = ("sentences", "partial") if message.event is None else ("event",)
    return msgspec.json.encode({name: fields.pop(name) for name in first} | fields)


def decoded(*messages: Message) -> list[Message]:
    repeated = Repeated()
    return [repeated.decode(on_the_wire(message)) for message in messages]


def test_messages_are_what_was_sent() -> None:
    messages = messages_of(SCRIPT, sentences(SCRIPT))
    assert decoded(*messages) == messages


def test_what_is_repeated_is_kept_once() -> None:
    locked = sentences(SCRIPT)
    first, _, second = decoded(result(locked[:2]), event("moved"), result(locked[:2]))
    assert second.sentences is first.sentences


def test_a_sentence_that_changed_is_seen() -> None:
    locked = sentences(SCRIPT)
    other = msgspec.structs.replace(locked[0], text='heard "], "partial": 1')
    messages = [result(locked), result((other, *locked[1:])), result((other,)), result(())]
    assert decoded(*messages) == messages


def test_texts_of_any_kind_are_read() -> None:
    odd = [
        Sentence(number, text, 0, 1, 2, "stop") for number, text in enumerate(('],"partial":', "\\", "你好"))
    ]
    messages = [result(tuple(odd[:count])) for count in range(4)]
    assert decoded(*messages) == messages
