"""`python -m gateway --index I --settings FILE --parent PID`: how the supervisor starts a gateway."""

from __future__ import annotations

import signal

from common.child import child_arguments
from common.process import end_with_parent

if __name__ == "__main__":
    arguments = child_arguments("gateway")
    # Without its supervisor there are no workers either: a drain would be in vain.
    end_with_parent(arguments.parent, signal.SIGINT)

    # Only now, as it takes seconds: a process whose supervisor is gone does not begin.
    from gateway.process import run

    run(arguments.settings.settings, arguments.index, arguments.settings)
