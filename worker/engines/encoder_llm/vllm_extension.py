"""Loaded by every vLLM process that computes (`worker_extension_cls`), and by nothing else.

The import is what counts: vLLM imports it before it touches the card.
"""

from __future__ import annotations

from worker.engines.encoder_llm.end_with_worker import end_with_worker

end_with_worker()


class EndsWithWorker:
    """vLLM wants a class, whose methods it would add to its own worker class; this one has none."""
