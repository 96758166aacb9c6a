"""What every error that a client can see is made of; the errors themselves are in `common.errors`."""

from __future__ import annotations

from typing import ClassVar


class VoxshardError(Exception):
    """An outcome with a documented reply. The message is chosen here, never taken from an exception."""

    code: ClassVar[str]
    message: ClassVar[str]
    action: ClassVar[str]
    close_code: ClassVar[int | None] = None
    http_status: ClassVar[int] = 400
    retryable: ClassVar[bool] = False

    def __init__(self, detail: str = "", *, retry_after_s: float | None = None) -> None:
        """`retry_after_s`: before that, trying again is in vain."""
        self.text = f"{self.message}: {detail}" if detail else self.message
        self.retry_after_s = retry_after_s
        super().__init__(self.text)
