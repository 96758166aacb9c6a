"""Where a session can be taken up again so that the same audio gives the same text."""

from __future__ import annotations

import msgspec


class Checkpoint(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Endpoints and long silences make one; VAD state is fresh there, so nothing else need travel.

    audio_from:  first sample that is still needed (the pre-roll of a next segment may reach back
                 behind the VAD's start). All before it is settled: covered by a final, or no speech.
    vad_from:    sample at which the fresh VAD takes its first hop.
    segment:     index of the next segment.
    in_speech:   True after a cut at the length cap: the next segment is open from `vad_from` on.
    """

    audio_from: int = 0
    vad_from: int = 0
    segment: int = 0
    in_speech: bool = False


ORIGIN = Checkpoint()
