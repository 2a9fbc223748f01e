"""Loads a key into ordinary memory, says so, and promotes it when told: LIBRARY KEY

Prints "loaded" and waits for a line; then "promoted" and waits for another; then the key's digest,
and ends.
"""

import ctypes
import hashlib
import os
import sys

MADV_SECRET = 1

library = ctypes.CDLL(sys.argv[1], use_errno=True)

# Straight into the object: no copy stays in a buffer.
key = bytearray(os.stat(sys.argv[2]).st_size)
with open(sys.argv[2], "rb", buffering=0) as file:
    file.readinto(key)
print("loaded", flush=True)
sys.stdin.readline()

address = ctypes.addressof(ctypes.c_char.from_buffer(key))
if library.secalloc_mark(ctypes.c_void_p(address), MADV_SECRET) != 0:
    sys.exit("secalloc_mark: " + os.strerror(ctypes.get_errno()))
print("promoted", flush=True)
sys.stdin.readline()
print(hashlib.sha256(key).hexdigest(), flush=True)
