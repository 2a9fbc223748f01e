"""Secret bytes for Python: memory of secure_alloc, by ctypes.

    with SecretBytes(32) as key:
        os.readv(descriptor, [key.view])            # no bytes object in between
        hmac.new(key.view, message, "sha256")

A bytes or str object made of it (bytes(key.view), key.view.tobytes()) is a copy in ordinary memory,
and so is what a library makes of it. Views and slices must not be used after close().
"""

import ctypes
import hmac
import os


def _load():
    library = ctypes.CDLL(os.environ.get("SECURE_ALLOC_LIBRARY", "libsecure_alloc.so.0"),
                          use_errno=True)
    library.secalloc_malloc.restype = ctypes.c_void_p
    library.secalloc_malloc.argtypes = [ctypes.c_size_t]
    library.secalloc_free.restype = None
    library.secalloc_free.argtypes = [ctypes.c_void_p]
    return library


_library = _load()


class SecretBytes:
    """`size` zero bytes of secret memory, wiped when closed; MemoryError if there is none."""

    def __init__(self, size):
        self.view = None
        self._address = _library.secalloc_malloc(size)
        if self._address is None:
            raise MemoryError(os.strerror(ctypes.get_errno()))
        self.view = memoryview((ctypes.c_ubyte * size).from_address(self._address)).cast("B")

    def close(self):
        if self.view is not None:
            self.view.release()
            self.view = None
            _library.secalloc_free(self._address)

    __del__ = close

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def __len__(self):
        return len(self.view)

    def __eq__(self, other):
        """In constant time."""
        return hmac.compare_digest(self.view, getattr(other, "view", other))

    __hash__ = None

    def __repr__(self):
        return f"<SecretBytes, {'closed' if self.view is None else len(self)}>"

    def __reduce__(self):
        raise TypeError("secret bytes are neither copied nor pickled")
