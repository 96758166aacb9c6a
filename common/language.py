"""A language as clients and settings write it."""

from __future__ import annotations

import re
from typing import Final

from common.errors import BadLanguage

# Names and codes: `en`, `zh-CN`, `English`, `中文`, `Chinese (Cantonese)`.
_LANGUAGE: Final = re.compile(r"[^\W\d_](?:[\w ()-]{0,31})", re.UNICODE)


def parse_language(text: str) -> str | None:
    """A language, or None for the empty text: detect it. Raises `BadLanguage`."""
    language = text.strip()
    if not language:
        return None
    if not _LANGUAGE.fullmatch(language):
        raise BadLanguage()
    return language
