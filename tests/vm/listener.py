"""Runs inside the booted tree, started by its socket: an HTTP server that keeps what is posted to it.

Python 3 with nothing but its library. Files of /bench/served are given out; each POST is a line of
/bench/posts.jsonl.
"""

import http.server
import json
import os
import socket
import socketserver

SERVED = "/bench/served"
POSTS = "/bench/posts.jsonl"


class Handler(http.server.BaseHTTPRequestHandler):
    """GET of a file, POST of anything."""

    def do_GET(self):
        """Give out a file of the folder."""
        path = os.path.join(SERVED, os.path.basename(self.path))
        if not os.path.isfile(path):
            self.send_error(404)
            return
        with open(path, "rb") as file:
            self.answer(file.read())

    def do_POST(self):
        """Keep what came."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        entry = {"path": self.path, "type": self.headers.get("Content-Type"), "body": body.decode("utf-8")}
        with open(POSTS, "a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")
        self.answer(b"")

    def answer(self, body):
        """A good answer."""
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    """A thread for each request: an event and a form may come at once."""


def main():
    """Serve on the socket that systemd hands over."""
    server = Server(("127.0.0.1", 0), Handler, bind_and_activate=False)
    server.socket.close()
    server.socket = socket.socket(fileno=3)
    server.serve_forever()


if __name__ == "__main__":
    main()
