"""The first node of ``titian demo``, served by a process of its own that ends with the demo, however that ends."""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

from titian.cli.failure import tell
from titian.cli.serve import serve_verb


def _end_with_the_demo() -> None:
    # The demo holds the other end of standard input and never writes: this returns once it is gone.
    os.read(0, 1)
    os.kill(os.getpid(), signal.SIGTERM)


def main(home: str, port: str) -> None:
    """Serve the node in ``home`` until SIGTERM, or until nobody holds standard input open."""
    threading.Thread(target=_end_with_the_demo, name="titian-demo", daemon=True).start()
    try:
        serve_verb(home=Path(home), port=int(port))
    except Exception as error:
        sys.exit(tell(error))


if __name__ == "__main__":
    main(*sys.argv[1:])
