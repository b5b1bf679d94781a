"""Servers of tests, on this machine for the length of a block."""

import threading
from contextlib import contextmanager


@contextmanager
def running(server):
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
