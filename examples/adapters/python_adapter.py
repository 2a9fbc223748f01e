"""A Python program with its key in secret memory: python_adapter.py KEY [plain]"""

import os
import sys

from secret_bytes import SecretBytes


def main():
    size = os.path.getsize(sys.argv[1])
    descriptor = os.open(sys.argv[1], os.O_RDONLY)
    if len(sys.argv) > 2:
        key = os.read(descriptor, size)
    else:
        key = SecretBytes(size)
        os.readv(descriptor, [key.view])
        assert key == key and repr(key) == f"<SecretBytes, {size}>"
    os.close(descriptor)
    print("ready", flush=True)
    os.read(0, 1)
    return len(key) != size


sys.exit(main())
