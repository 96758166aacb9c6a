"""Deterministic replacement of words in finals: what POSTPROCESS_HOTWORDS asks for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

# Not \b, for which Chinese characters are letters of the same word: `vllm` would not be found in `用vllm做`.
_LATIN: Final = "[0-9A-Za-z_\u00c0-\u024f]"
_LATIN_CHARACTER: Final = re.compile(_LATIN)


def replace_words(text: str, replacements: Sequence[tuple[str, str]]) -> str:
    """Each `wrong` becomes its `right`, in one pass, so that no replacement is replaced again.

    Latin words match whole and in any case; text without word boundaries (Chinese, say) matches anywhere.
    Longer entries win over shorter ones that begin at the same place.
    """
    wanted = {wrong.casefold(): right for wrong, right in replacements}
    if not wanted:
        return text
    alternatives = sorted((wrong for wrong, _ in replacements), key=len, reverse=True)
    pattern = re.compile("|".join(_whole(wrong) for wrong in alternatives), re.IGNORECASE)
    return pattern.sub(lambda match: wanted.get(match.group().casefold(), match.group()), text)


def _whole(wrong: str) -> str:
    before = f"(?<!{_LATIN})" if _LATIN_CHARACTER.match(wrong[0]) else ""
    after = f"(?!{_LATIN})" if _LATIN_CHARACTER.match(wrong[-1]) else ""
    return before + re.escape(wrong) + after
