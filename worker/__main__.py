"""`python -m worker --index J --settings FILE --parent PID`: how the supervisor starts a worker."""

from __future__ import annotations

from common.process import end_with_parent, import_giving_way

if __name__ == "__main__":
    import_giving_way("common.child")
    from common.child import child_arguments

    arguments = child_arguments("worker")
    end_with_parent(arguments.parent)

    # Only now, as it takes seconds: a process whose supervisor is gone does not begin.
    import_giving_way("worker.process")
    from worker.process import run

    run(arguments.settings.settings, arguments.index, arguments.incarnation, arguments.settings)
