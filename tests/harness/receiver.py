"""A chat on the loopback interface: keeps what is posted to it, and answers as it is told to."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SECRET = "T000-B000-secretSECRETsecret"
"""Last part of the address, which nobody but the receiver may ever see."""


class Receiver:
    """What was posted, and what is answered: statuses in turn, the last one again and again."""

    def __init__(self) -> None:
        self.messages: list[dict] = []
        self.tries = 0
        self.answers = [200]
        self.delay = 0.0
        self.url = ""

    def texts(self) -> list[str]:
        """Return the text of each message."""
        return [message["text"] for message in self.messages]


@contextmanager
def receiver() -> Iterator[Receiver]:
    """Listen on a free port."""
    kept = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            time.sleep(kept.delay)
            status = kept.answers[min(kept.tries, len(kept.answers) - 1)]
            kept.tries += 1
            if status == 200:
                assert self.headers["Content-Type"] == "application/json"
                kept.messages.append(json.loads(body))
            self.send_response(status)
            if status == 302:
                self.send_header("Location", kept.url + "/elsewhere")
            self.end_headers()

        do_GET = do_POST  # a redirect that is followed would come back as GET

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    kept.url = f"http://127.0.0.1:{server.server_address[1]}/services/{SECRET}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield kept
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
