"""How the two ends of a link between hosts prove that they know its key, before any frame. Pure.

Each end sends 8 bytes that name this protocol and 32 bytes that it never sends again; then, for what the
other one has sent, an HMAC of both under the key. So the key never travels, nothing can be sent again later,
and what one end has said is no answer for that same end, since its role is in it. What follows is not
encrypted.
"""

from __future__ import annotations

import hmac
import secrets
from enum import Enum
from typing import Final

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 32
_PROOF_BYTES: Final = 32
_MAGIC: Final = b"voxlink1"
_HELLO_BYTES: Final = len(_MAGIC) + NONCE_BYTES


class Role(Enum):
    GATEWAY = b"gateway"
    WORKER = b"worker"

    @property
    def other(self) -> Role:
        return Role.WORKER if self is Role.GATEWAY else Role.GATEWAY


class Refusal(Enum):
    """Why a link has not come to be."""

    NO_LINK = "no_link"
    WRONG_KEY = "wrong_key"
    SILENT = "silent"
    CLOSED = "closed"
    CROWDED = "crowded"


class NotProven(Exception):
    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.value)
        self.refusal = refusal


class Handshake:
    """One end's part; of use for one connection."""

    def __init__(self, role: Role, key: bytes, nonce: bytes | None = None) -> None:
        """`nonce` is for tests."""
        self._role = role
        self._key = key
        self._nonce = nonce or secrets.token_bytes(NONCE_BYTES)
        self._buffer = b""
        self._others_nonce: bytes | None = None
        self._proven = False

    @property
    def opening(self) -> bytes:
        """To be sent first."""
        return _MAGIC + self._nonce

    @property
    def rest(self) -> bytes | None:
        """None until the other end has proven that it knows the key; then what came behind that."""
        return self._buffer if self._proven else None

    def feed(self, data: bytes) -> bytes:
        """What is to be sent for that. Raises `NotProven`."""
        self._buffer += data
        answer = b""
        if self._others_nonce is None:
            self._check_magic()
            answer = self._answer()
        if self._others_nonce is not None and not self._proven:
            self._check_proof(self._others_nonce)
        return answer

    def _check_magic(self) -> None:
        """As soon as it is known, so that nobody else's protocol is waited for."""
        if not _MAGIC.startswith(self._buffer[: len(_MAGIC)]):
            raise NotProven(Refusal.NO_LINK)

    def _answer(self) -> bytes:
        if len(self._buffer) < _HELLO_BYTES:
            return b""
        self._others_nonce = self._buffer[len(_MAGIC) : _HELLO_BYTES]
        self._buffer = self._buffer[_HELLO_BYTES:]
        return self._proof(self._role, self._nonce, self._others_nonce)

    def _check_proof(self, others_nonce: bytes) -> None:
        if len(self._buffer) < _PROOF_BYTES:
            return
        proof, self._buffer = self._buffer[:_PROOF_BYTES], self._buffer[_PROOF_BYTES:]
        expected = self._proof(self._role.other, others_nonce, self._nonce)
        if not hmac.compare_digest(proof, expected):
            raise NotProven(Refusal.WRONG_KEY)
        self._proven = True

    def _proof(self, role: Role, own_nonce: bytes, others_nonce: bytes) -> bytes:
        return hmac.digest(self._key, role.value + own_nonce + others_nonce, "sha256")
