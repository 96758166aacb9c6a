from __future__ import annotations

import itertools

import pytest

from common.link_auth import KEY_BYTES, NONCE_BYTES, Handshake, NotProven, Refusal, Role

KEY = b"k" * KEY_BYTES
OTHER = b"o" * KEY_BYTES


def pair(gateway_key: bytes = KEY, worker_key: bytes = KEY) -> tuple[Handshake, Handshake]:
    return Handshake(Role.GATEWAY, gateway_key), Handshake(Role.WORKER, worker_key)


def refused(end: Handshake, data: bytes) -> Refusal:
    with pytest.raises(NotProven) as error:
        end.feed(data)
    return error.value.refusal


@pytest.mark.parametrize("piece", [1, 7, 1_000])
def test_two_ends_with_one_key_prove_it_to_each_other_however_it_is_cut(piece: int) -> None:
    ends = pair()
    sent = [end.opening for end in ends]
    while any(sent):
        for here, there in ((0, 1), (1, 0)):
            now, sent[here] = sent[here][:piece], sent[here][piece:]
            sent[there] += ends[there].feed(now)
    assert [end.rest for end in ends] == [b"", b""]


def test_nothing_is_proven_before_the_proof_is_there_and_what_is_behind_it_is_kept() -> None:
    gateway, worker = pair()
    proof = gateway.feed(worker.opening)
    assert worker.feed(gateway.opening)
    assert worker.feed(proof[:-1]) == b"" and worker.rest is None
    assert worker.feed(proof[-1:] + b"frames") == b""
    assert worker.rest == b"frames"


def test_the_key_is_never_sent_and_no_two_connections_say_the_same() -> None:
    said = []
    for _ in range(2):
        gateway, worker = pair()
        said += [gateway.opening, worker.opening, gateway.feed(worker.opening), worker.feed(gateway.opening)]
    assert all(KEY not in text for text in said)
    assert all(one != other for one, other in itertools.combinations(said, 2))


@pytest.mark.parametrize("keys", [(OTHER, KEY), (KEY, OTHER)])
def test_another_key_is_refused_by_both(keys: tuple[bytes, bytes]) -> None:
    gateway, worker = pair(*keys)
    by_gateway, by_worker = gateway.feed(worker.opening), worker.feed(gateway.opening)
    assert refused(gateway, by_worker) is refused(worker, by_gateway) is Refusal.WRONG_KEY


def test_what_was_said_on_another_connection_proves_nothing() -> None:
    gateway, worker = pair()
    proof = gateway.feed(worker.opening)
    again = Handshake(Role.WORKER, KEY)
    again.feed(gateway.opening)
    assert refused(again, proof) is Refusal.WRONG_KEY


def test_an_end_that_is_told_its_own_words_is_not_taken_in() -> None:
    worker = Handshake(Role.WORKER, KEY)
    own = worker.feed(worker.opening)
    assert refused(worker, own) is Refusal.WRONG_KEY


def test_two_ends_of_one_role_do_not_believe_each_other() -> None:
    one, other = Handshake(Role.WORKER, KEY), Handshake(Role.WORKER, KEY)
    proof = one.feed(other.opening)
    other.feed(one.opening)
    assert refused(other, proof) is Refusal.WRONG_KEY


@pytest.mark.parametrize("data", [b"GET / HTTP/1.1\r\n", b"\x00", b"voxlink2"])
def test_another_protocol_is_refused_at_its_first_bytes(data: bytes) -> None:
    assert refused(Handshake(Role.WORKER, KEY), data) is Refusal.NO_LINK


def test_every_handshake_has_a_nonce_of_its_own_unless_it_is_given() -> None:
    assert Handshake(Role.WORKER, KEY).opening != Handshake(Role.WORKER, KEY).opening
    nonce = b"n" * NONCE_BYTES
    assert Handshake(Role.WORKER, KEY, nonce).opening.endswith(nonce)
