"""A web server on this machine that can drop connections, know no ranges, and change its files."""

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from local_server import running


class FileServer(ThreadingHTTPServer):
    """Serves `files`, path -> bytes; `drop` bytes into each reply, as long as there are drops, it hangs up."""

    daemon_threads = True

    def __init__(self, files, ranges=True, etag='"1"', drops=0, drop=1000, status=200):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files, self.ranges, self.etag = files, ranges, etag
        self.drops, self.drop, self.status = drops, drop, status
        self.asked = []
        self.sent = 0

    def url(self, path):
        return f"http://127.0.0.1:{self.server_port}/{path}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        server, wanted = self.server, self.headers.get("Range")
        server.asked.append((self.path[1:], wanted))
        content = server.files.get(self.path[1:])
        status = 404 if content is None else server.status
        start, whole = 0, content or b""
        fresh = self.headers.get("If-Range") in (None, server.etag)
        if status == 200 and wanted and server.ranges and fresh:
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
            status = 206 if start < len(whole) else 416
        body = whole[start:] if status in (200, 206) else b""
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        if status == 206:
            self.send_header("Content-Range", f"bytes {start}-{len(whole) - 1}/{len(whole)}")
        if status == 416:
            self.send_header("Content-Range", f"bytes */{len(whole)}")
        if server.etag:
            self.send_header("ETag", server.etag)
        self.end_headers()
        if server.drops > 0 and len(body) > server.drop:
            server.drops -= 1
            body = body[: server.drop]
            self.close_connection = True
        self.wfile.write(body)
        server.sent += len(body)

    def log_message(self, *_):
        pass


def serving(files, **behaviour):
    return running(FileServer(files, **behaviour))
