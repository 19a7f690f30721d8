"""What a worker process runs. Granian starts it afresh, so its node is named in the environment."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Final

from litestar.types import ASGIApp

from titian.web.app import create_app

HOME: Final = "TITIAN_SERVED_HOME"
SUPERVISOR: Final = "TITIAN_SUPERVISOR"
_PR_SET_PDEATHSIG: Final = 1


def die_with_the_supervisor() -> None:
    """End this worker when its supervisor is gone, even by SIGKILL: nobody may go on answering in its name."""
    supervisor = int(os.environ.get(SUPERVISOR, "0"))
    if not supervisor:
        return
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)

    def watch() -> None:
        while os.getppid() == supervisor:
            time.sleep(0.2)
        os._exit(1)

    threading.Thread(target=watch, name="titian-watch", daemon=True).start()


def build() -> ASGIApp:
    """Make the application of the node that the environment names."""
    die_with_the_supervisor()
    return create_app(Path(os.environ[HOME]))
