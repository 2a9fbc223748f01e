"""Real TLS connections, each with a request that the server answers.

    tls_client.py NAME PORT COUNT [--ca FILE] [--hold FILE] [--secrets FILE]

NAME: redis and postgres speak their own protocols, echo is sent back a line; all others HTTP.
Prints the number of connections whose answer was right; exits 1 when it is not COUNT. With
--hold all connections stay open: FILE appears when the last is up, and removing it ends them.
--secrets speaks TLS 1.2 and writes the sessions' master secrets to FILE, 48 bytes each.
"""

import argparse
import os
import socket
import ssl
import struct
import sys
import time

TIMEOUT_SECONDS = 120  # as SERVER_PATIENCE of servers.sh


def read_exactly(stream, count):
    data = stream.read(count)
    if len(data) != count:
        raise ConnectionError(f"the server closed after {len(data)} of {count} bytes")
    return data


def request_http(connection, _):
    """One GET; the answer must be a 200 with a body, complete by its length or the close."""
    connection.sendall(b"GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n")
    with connection.makefile("rb") as stream:
        status = stream.readline().split()
        length = None
        while (line := stream.readline().strip()):
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        body = stream.read() if length is None else read_exactly(stream, length)
    return status[1] == b"200" and len(body) > 0


def request_redis(connection, number):
    value = f"value of {number}".encode()
    connection.sendall(b"SET k%d \"%s\"\r\nGET k%d\r\n" % (number, value, number))
    with connection.makefile("rb") as stream:
        set_answer = stream.readline()
        stream.readline()
        return set_answer == b"+OK\r\n" and stream.readline().strip() == value


def request_postgres(connection, number):
    """Starts a session and asks for a sum; messages are one byte of type and a length."""
    options = b"user\0postgres\0database\0postgres\0\0"
    connection.sendall(struct.pack("!ii", len(options) + 8, 196608) + options)
    query = b"SELECT 41 + %d\0" % number
    rows = []
    with connection.makefile("rb") as stream:
        wait_for_ready(stream)
        connection.sendall(b"Q" + struct.pack("!i", len(query) + 4) + query)
        wait_for_ready(stream, rows)
    # A row: count of columns (2 bytes), then for each its length (4 bytes) and text.
    return [row[6:] for row in rows] == [b"%d" % (41 + number)]


def wait_for_ready(stream, rows=None):
    """Reads messages until ReadyForQuery; data rows go to `rows`."""
    while True:
        kind, length = struct.unpack("!ci", read_exactly(stream, 5))
        body = read_exactly(stream, length - 4)
        if kind == b"E":
            raise ConnectionError(f"postgres: {body!r}")
        if kind == b"D" and rows is not None:
            rows.append(body)
        if kind == b"Z":
            return


def request_echo(connection, number):
    line = b"line %d\n" % number
    connection.sendall(line)
    with connection.makefile("rb") as stream:
        return read_exactly(stream, len(line)) == line


REQUESTS = {"redis": request_redis, "postgres": request_postgres, "echo": request_echo}


def connect(name, port, context):
    raw = socket.create_connection(("127.0.0.1", port), TIMEOUT_SECONDS)
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if name == "postgres":
        raw.sendall(struct.pack("!ii", 8, 80877103))  # SSLRequest
        if raw.recv(1) != b"S":
            raise ConnectionError("postgres refused TLS")
    return context.wrap_socket(raw, server_hostname="localhost")


def serve_one(name, port, context, number):
    """The connection if its request was answered rightly, else None and a line on stderr."""
    try:
        connection = connect(name, port, context)
        if REQUESTS.get(name, request_http)(connection, number):
            return connection
        print(f"{name}: request {number}: the answer was wrong", file=sys.stderr)
    except (OSError, ValueError, IndexError) as error:
        print(f"{name}: request {number}: {error!r}", file=sys.stderr)
    return None


def write_secrets(log, path):
    """From a key log (lines of label, client random and secret) to the bytes themselves."""
    with open(log, encoding="ascii") as lines:
        secrets = [line.split()[2] for line in lines if line.startswith("CLIENT_RANDOM ")]
    with open(path, "wb") as file:
        file.write(bytes.fromhex("".join(secrets)))


def hold(path):
    with open(path, "w", encoding="ascii"):
        pass
    while os.path.exists(path):
        time.sleep(0.05)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("name")
    parser.add_argument("port", type=int)
    parser.add_argument("count", type=int)
    parser.add_argument("--hold")
    parser.add_argument("--secrets")
    parser.add_argument("--ca", help="verify the server by this file; default: don't verify")
    arguments = parser.parse_args()
    context = ssl.create_default_context(cafile=arguments.ca)
    if not arguments.ca:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if arguments.secrets:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.keylog_filename = arguments.secrets + ".log"
    held = []
    served = 0
    for number in range(arguments.count):
        connection = serve_one(arguments.name, arguments.port, context, number)
        served += connection is not None
        if arguments.hold:
            held.append(connection)
        elif connection:
            connection.close()
    print(served, flush=True)
    if arguments.secrets:
        write_secrets(context.keylog_filename, arguments.secrets)
    if arguments.hold and served == arguments.count:
        hold(arguments.hold)
    return served != arguments.count


if __name__ == "__main__":
    sys.exit(main())
