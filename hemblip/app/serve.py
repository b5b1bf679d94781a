"""`python -m hemblip app`: the page, for this machine unless it is told otherwise."""

import hmac
import ipaddress
import os
import signal
import tempfile
from pathlib import Path

from hemblip.app.reader import Reader
from hemblip.errors import ConfigError, check_range


def app(run: str = "wbcatt-compact", host: str = "127.0.0.1", port: int = 7860, password: str | None = None) -> None:
    """Open a page that describes cells, on this machine.

    Example: python -m hemblip app --run runs/demo/version_0

    Args:
        run: run folder, checkpoint, exported folder, or the name of a captioner that comes with HemBLIP.
        host: address to listen at; only this machine reaches the one that is set.
        port: to listen at.
        password: asked of each visitor, with any name.
    """
    check_range("--port", port, at_least=1, at_most=65535)
    try:
        import gradio
    except ImportError as error:
        raise ConfigError("app: gradio is not installed; `pip install 'hemblip[app]'`") from error
    from hemblip.app.page import build, looks

    reader = Reader(run)
    signal.signal(signal.SIGTERM, _end)  # or the folder of uploads would stay behind
    with tempfile.TemporaryDirectory(prefix="hemblip-app-") as folder:
        os.environ["GRADIO_TEMP_DIR"] = folder  # where gradio puts uploads; it takes no argument for it
        blocks = build(reader, Path(folder))
        print(_told(host, port, password), flush=True)
        try:
            blocks.launch(
                server_name=host,
                server_port=port,
                auth=None if password is None else lambda _, given: _same(given, password),
                max_file_size="20mb",
                blocked_paths=[str(reader.run.folder.resolve())],
                quiet=True,
                footer_links=[],
                share=False,
                ssr_mode=False,
                **looks(),
            )
        except OSError as error:
            raise ConfigError(f"--host {host} --port {port}: cannot be listened at ({error}); choose others") from error
        finally:
            gradio.close_all(verbose=False)


def _same(given: str, password: str) -> bool:
    return hmac.compare_digest(given.encode(), password.encode())  # as text it takes ASCII alone


def _end(number: int, _: object) -> None:
    raise SystemExit(128 + number)


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _told(host: str, port: int, password: str | None) -> str:
    place = f"http://{host}:{port}"
    if is_loopback(host):
        return f"{place}   for this machine only; Ctrl-C ends it"
    warning = "" if password else "; set --password, or anybody there can use it"
    return f"{place}   open to every machine that reaches {host}{warning}; Ctrl-C ends it"
