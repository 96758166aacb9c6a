from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from cli.supervisor.child import QUICKLY, Role, StopOrder
from cli.supervisor.plan import child_environ, plan_children, stop_orders
from common.settings import load_settings
from worker.environment import DEFAULTS


def test_each_child_is_told_its_role_index_and_settings() -> None:
    specs = plan_children(load_settings({"workers": 2, "gateways": 1}, {}), Path("/run/settings.json"), 4711)
    assert [spec.name for spec in specs] == ["worker-0", "worker-1", "gateway-0"]
    assert specs[1].role is Role.WORKER
    assert specs[1].argv == (
        *(sys.executable, "-P", "-m", "worker"),
        *("--index", "1", "--settings", "/run/settings.json", "--parent", "4711"),
    )


def test_sigterm_drains_both_where_others_know_the_sessions() -> None:
    shared = load_settings({"redis_url": "redis://10.0.0.7", "drain_timeout": 20}, {})
    assert stop_orders(shared, signal.SIGTERM) == dict.fromkeys(Role, StopOrder(signal.SIGTERM, 30.0))
    assert stop_orders(shared, signal.SIGINT) is QUICKLY
    assert stop_orders(load_settings({}, {}), signal.SIGTERM) is QUICKLY


def test_children_search_where_the_parent_does_and_the_current_folder_last() -> None:
    environ = child_environ({"HOME": "/root"}, Path("/run/n"), ["/a", "", "/b", "/a"], "/here")
    assert environ == {
        **DEFAULTS,
        "HOME": "/root",
        "NOTIFY_SOCKET": "/run/n",
        "PYTHONPATH": os.pathsep.join(["/a", "/b", "/here"]),
    }


def test_current_folder_that_is_searched_already_keeps_its_place() -> None:
    environ = child_environ({}, Path("/run/n"), ["/here", "/b"], "/here")
    assert environ["PYTHONPATH"] == os.pathsep.join(["/here", "/b"])


def test_the_operators_number_of_threads_counts() -> None:
    environ = child_environ({"OMP_NUM_THREADS": "4"}, Path("/run/n"), [], "/here")
    assert (environ["OMP_NUM_THREADS"], environ["MKL_NUM_THREADS"]) == ("4", "1")
