"""TLS handshakes of servers, by turns.

    tls_handshakes.py NAME COUNT REPEAT VARIANT:PID:PORT...

REPEAT times, COUNT new connections to each server in turn, each with a full handshake and closed
by the client. Prints lines of FIGURE, UNIT, VARIANT and VALUE: handshakes for a second of wall
time, client included, and the CPU time that the server (PID and its children) took for each.
"""

import pathlib
import socket
import ssl
import sys
import time

TIMEOUT_SECONDS = 20
WARM_UP = 5


def shake_hands(context, port):
    with socket.create_connection(("127.0.0.1", port), TIMEOUT_SECONDS) as plain:
        with context.wrap_socket(plain) as connection:
            # The end of what we send; the server is done when it has closed as well.
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(4096):
                pass


def process_tree(pid):
    yield pid
    for children in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
        for child in children.read_text().split():
            yield from process_tree(child)


def cpu_seconds(pid):
    """The scheduler's own account of all threads, in ns; /proc/PID/stat counts in ticks."""
    return sum(
        int(account.read_text().split()[0])
        for member in process_tree(pid)
        for account in pathlib.Path(f"/proc/{member}/task").glob("*/schedstat")
    ) / 1e9


def measure(context, count, pid, port):
    cpu, wall = cpu_seconds(pid), time.monotonic()
    for _ in range(count):
        shake_hands(context, port)
    return count / (time.monotonic() - wall), (cpu_seconds(pid) - cpu) / count


def main():
    name, count, repeat = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    servers = [argument.split(":") for argument in sys.argv[4:]]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # The certificate is made for the occasion, and checking it would be the client's time.
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    for _, pid, port in servers:
        measure(context, WARM_UP, pid, int(port))
    for _ in range(repeat):
        for variant, pid, port in servers:
            rate, cpu = measure(context, count, pid, int(port))
            print(f"{name}, handshakes\t1/s\t{variant}\t{rate:.1f}")
            print(f"{name}, server's CPU time each\tus\t{variant}\t{cpu * 1e6:.1f}")


if __name__ == "__main__":
    main()
