"""One gateway process: live port, HTTP port, ops port, and the links to the workers."""

from __future__ import annotations

import asyncio
import logging
import os
from typing import Final

import uvloop

from common.clock import MonotonicClock
from common.events import SessionOptions
from common.logs import configure_logs
from common.notify import notify_ready
from common.ops_server import OpsServer, json_reply, metrics_reply, ready_reply
from common.process import BOOT_FAILED, end_with_parent, wait_for_stop_signal
from common.settings import Settings
from common.silence import parse_schedule
from gateway.dialects.option_texts import parse_hotwords
from gateway.host_view import GatewayRow, HostView
from gateway.http import HttpServer, create_app
from gateway.live import LiveConnection, LiveServices
from gateway.live_sessions import LiveSessions
from gateway.metrics import GatewayMetrics
from gateway.sockets import bind_socket
from gateway.websocket import serve
from gateway.worker_pool import WorkerPool

log = logging.getLogger(__name__)

LIMITS_CHECK_S: Final = 0.25
# Long enough for close frames to leave; nobody waits for clients that do not answer.
GOODBYE_S: Final = 1.0
