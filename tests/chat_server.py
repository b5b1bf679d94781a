"""A chat-completions server on this machine whose answers a test decides."""

import json
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from local_server import running


def reworded(draft):
    """A rewording that keeps every fact."""
    return f"{draft} This is a rewording."


class ChatServer(ThreadingHTTPServer):
    """Answers each request by `behave(number, drafts, asked)`.

    That gives the texts to answer with, a string to send as the content, bytes to send as the body, a number for a
    status, (status, headers), or seconds as a float to fall silent for.
    """

    daemon_threads = True

    def __init__(self, behave):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.behave = behave
        self.requests = []
        self.piece, self.pause = 1 << 20, 0.0  # bytes that are sent at a time, and seconds after them
        self.times = []
        self.drafts = Counter()
        self.keys = []
        self.lock = threading.Lock()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/v1"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        asked = json.loads(body["messages"][-1]["content"])
        drafts = [entry["caption"] for entry in asked]
        server = self.server
        with server.lock:
            number = len(server.requests)
            server.requests.append(body)
            server.times.append(time.monotonic())
            server.keys.append(self.headers.get("Authorization"))
            server.drafts.update(drafts)
        assert self.path == "/v1/chat/completions"
        answer = server.behave(number, drafts, asked)
        if isinstance(answer, float):
            time.sleep(answer)
            answer = [reworded(draft) for draft in drafts]
        headers, status = {}, 200
        usual = {"Content-Type": "application/json"}
        if isinstance(answer, int):
            status, answer = answer, b'{"error": {"message": "no, not with sk-secret"}}'
        elif isinstance(answer, tuple):
            (status, headers), answer = answer, b"busy"
        if not isinstance(answer, bytes):
            content = answer if isinstance(answer, str) else json.dumps(answer)
            usage = {"prompt_tokens": 100, "completion_tokens": 50}
            answer = json.dumps({"choices": [{"message": {"content": content}}], "usage": usage}).encode()
        try:
            self.send_response(status)
            for name, value in (usual | {"Content-Length": str(len(answer))} | headers).items():
                self.send_header(name, value)
            self.end_headers()
            for start in range(0, len(answer), server.piece):
                self.wfile.write(answer[start : start + server.piece])
                time.sleep(server.pause)
        except OSError:  # the client did not wait
            self.close_connection = True

    def log_message(self, *_):
        pass


def serving(behave=lambda number, drafts, asked: [reworded(draft) for draft in drafts]):
    return running(ChatServer(behave))
