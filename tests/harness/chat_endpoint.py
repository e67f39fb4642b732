"""A model's chat endpoint on the loopback interface: it answers as a function of the question says."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Asked:
    """What was asked: the bodies of the requests."""

    def __init__(self) -> None:
        self.bodies: list[dict] = []
        self.url = ""


@contextmanager
def chat_endpoint(answer: Callable[[dict], str], *, models: tuple[str, ...] = ("one",)) -> Iterator[Asked]:
    """Listen on a free port; answer each request with what `answer` makes of its body."""
    asked = Asked()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._reply({"data": [{"id": name} for name in models]})

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            asked.bodies.append(body)
            self._reply({"choices": [{"message": {"role": "assistant", "content": answer(body)}}]})

        def _reply(self, value: object) -> None:
            data = json.dumps(value).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    asked.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
