"""A program with two domains of its own; it forks on request: stats_holder.py

Prints `ready`, then for each line on standard input does what it says and prints `done`.
"""

import ctypes
import mmap
import os
import sys
import time


class Config(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("quota", ctypes.c_size_t), ("fallback", ctypes.c_int),
                ("fork", ctypes.c_int), ("flags", ctypes.c_uint), ("reserved", ctypes.c_uint64 * 4)]


api = ctypes.CDLL(None)
for name in "secalloc_domain_create", "secalloc_domain_malloc", "secalloc_malloc":
    getattr(api, name).restype = ctypes.c_void_p
held = [api.secalloc_malloc(ctypes.c_size_t(size)) for size in (10, 1000, 100000)]
domains = [ctypes.c_void_p(api.secalloc_domain_create(ctypes.byref(Config(name=name, quota=quota))))
           for name, quota in ((b'session "keys"', 1 << 20), (b"tickets", 0))]
for domain in domains:
    held += [api.secalloc_domain_malloc(domain, ctypes.c_size_t(size))
             for size in (50, 5000, 70000)]
assert all(held), held


def do(command):
    if command == "fork":
        parent = os.getpid()
        is_there, tell = os.pipe()
        child = os.fork()
        if child == 0:
            os.write(tell, b"!")  # With figures of its own.
            while os.getppid() == parent:
                time.sleep(0.05)
            os._exit(0)
        os.read(is_there, 1)
        print(child, flush=True)
    elif command == "drain":
        while api.secalloc_domain_malloc(domains[0], ctypes.c_size_t(3000)):
            pass
    elif command == "promote":
        page = mmap.mmap(-1, 16384, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        held.append(page)
        address = ctypes.addressof(ctypes.c_char.from_buffer(page))
        if api.secalloc_madvise(ctypes.c_void_p(address), ctypes.c_size_t(16384), 1) != 0:
            raise OSError(ctypes.get_errno(), "secalloc_madvise")
    elif command == "destroy":
        api.secalloc_domain_destroy(domains[0])


print("ready", flush=True)
for line in sys.stdin:
    do(line.strip())
    print("done", flush=True)
