"""The versions that images are built with, from what pip would install now.

pip install --dry-run --ignore-installed --quiet --report - '.[server,cpu,otel]' \\
    | python deploy/docker/pins.py > deploy/docker/cpu.txt
"""

from __future__ import annotations

import json
import sys
from typing import Any


def pins(report: dict[str, Any]) -> list[str]:
    """Lines of a constraints file from a report of pip, without this project itself."""
    found = (each["metadata"] for each in report["install"] if "dir_info" not in each["download_info"])
    return sorted(f"{each['name'].lower()}=={each['version']}" for each in found)


if __name__ == "__main__":
    sys.stdout.writelines(f"{line}\n" for line in pins(json.load(sys.stdin)))
