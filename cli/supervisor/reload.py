"""Settings read again while all runs: checked first, then handed to the children in their file."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import msgspec

from cli.pid_space import pid_space
from cli.supervisor.reloading import Changes, adopted, changes
from cli.supervisor.run_dir import write_settings
from cli.supervisor.usable import SettingUnusable, check_usable
from common.logs import configure_logs
from common.settings import Settings
from common.settings_errors import SettingsError
from common.settings_source import SettingsSource

log = logging.getLogger(__name__)


class ReloadView(msgspec.Struct, frozen=True):
    """At `/reloads`: how often settings were read again by process `pid` of `pid_space`, and what the last
    time has changed; `error`: why it has changed nothing."""

    pid: int
    pid_space: str | None
    reloads: int = 0
    live: tuple[str, ...] = ()
    rolling: tuple[str, ...] = ()
    restart: tuple[str, ...] = ()
    error: str | None = None


class Reloader:
    """`loaded`: what `source` gave at the start. `running`: what children are told, with all that was found
    out since. Its view may be asked for on any thread: it is exchanged as a whole."""

    def __init__(self, source: SettingsSource, loaded: Settings, running: Settings, run_dir: Path) -> None:
        self._source = source
        self._loaded = loaded
        self.running = running
        self._run_dir = run_dir
        self.view = ReloadView(os.getpid(), pid_space())

    def reload(self) -> None:
        """Settings that cannot be used change nothing; the log and the view say so."""
        try:
            new = self._source.load()
            check_usable(new)
            running = adopted(self.running, new)
            # Also if nothing is another: files that settings name may be.
            write_settings(running, self._run_dir)
        # The disk of the run folder may be full: no reason to end what runs.
        except (SettingsError, SettingUnusable, OSError) as error:
            log.error("settings not reloaded, the former ones stay", extra={"cause": str(error)})
            self._tell(Changes(), str(error))
            return
        found = changes(self._loaded, new)
        # What waits for a restart still does so after the next reload.
        self._loaded, self.running = adopted(self._loaded, new), running
        configure_logs("supervisor", running.log_level, running.log_format)
        log.info("settings reloaded", extra=msgspec.structs.asdict(self._tell(found)))

    def _tell(self, found: Changes, error: str | None = None) -> ReloadView:
        count = self.view.reloads + 1
        self.view = ReloadView(
            self.view.pid, self.view.pid_space, count, found.live, found.rolling, found.restart, error
        )
        return self.view
