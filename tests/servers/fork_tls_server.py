"""An HTTPS server that forks a child for each connection: fork_tls_server.py CERT KEY PORT.

The key is loaded once, in the parent; each child makes the handshake with the copy that fork
gave it, answers requests until its client leaves, and exits.
"""

import http.server
import os
import socketserver
import ssl
import sys


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self):
        self.request = self.server.tls.wrap_socket(self.request, server_side=True)
        super().setup()

    def do_GET(self):
        body = f"hello from {self.path}\n".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *unused):
        """Nothing for each request: the log is for errors."""


class Server(socketserver.TCPServer):
    """Like socketserver.ForkingTCPServer, but a child that fails or crashes is reported."""

    allow_reuse_address = True
    request_queue_size = 64

    def __init__(self, certificate, key, port):
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(certificate, key)
        super().__init__(("127.0.0.1", port), Handler)

    def process_request(self, request, client_address):
        if os.fork() == 0:
            status = 1
            try:
                self.finish_request(request, client_address)
                status = 0
            except OSError as error:
                print(f"a connection failed: {error!r}", file=sys.stderr, flush=True)
            finally:
                os._exit(status)
        self.close_request(request)

    def service_actions(self):
        while True:
            try:
                child, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if child == 0:
                return
            if status != 0:
                print(f"child {child} ended with wait status {status}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    Server(sys.argv[1], sys.argv[2], int(sys.argv[3])).serve_forever()
