"""`python -m cli.supervisor.tied PARENT PROGRAM ...`: a program that is sent SIGTERM when PARENT dies."""

from __future__ import annotations

import os
import sys

from common.process import end_with_parent

if __name__ == "__main__":
    end_with_parent(int(sys.argv[1]))
    os.execvp(sys.argv[2], sys.argv[2:])
