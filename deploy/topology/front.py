"""The configuration of nginx, as deployments have it made."""

from __future__ import annotations

import os
import subprocess

from deploy.topology.plan import HOST, Plan, serve_environ, voxshard


def nginx_config(plan: Plan) -> str:
    """What `voxshard nginx-config` prints for these settings."""
    done = subprocess.run(
        [voxshard(), "nginx-config", "--listen", HOST, "--folder", str(plan.folder)],
        env=serve_environ(os.environ, plan.settings),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stdout
