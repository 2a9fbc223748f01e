#!/usr/bin/env bash
# Another malloc in the place of the ordinary heap: each object's owner, and moves between them.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

preloaded /usr/bin/python3 - >"${WORK}/facts" <<'PYTHON' || fail "the program did not end well"
import ctypes

heap = ctypes.CDLL(None)
pointer, size = ctypes.c_void_p, ctypes.c_size_t
for name, result, arguments in [
        ("malloc", pointer, [size]), ("calloc", pointer, [size, size]), ("free", None, [pointer]),
        ("realloc", pointer, [pointer, size]), ("aligned_alloc", pointer, [size, size]),
        ("malloc_usable_size", size, [pointer]), ("secalloc_malloc", pointer, [size]),
        ("secalloc_realloc", pointer, [pointer, size])]:
    function = getattr(heap, name)
    function.restype, function.argtypes = result, arguments


class Info(ctypes.Structure):
    _fields_ = [("protection", ctypes.c_int), ("ours", ctypes.c_int), ("live", ctypes.c_int),
                ("dumped", ctypes.c_int), ("object", pointer), ("size", size),
                ("domain", ctypes.c_char_p)]


def query(address):
    info = Info()
    assert heap.secalloc_query(pointer(address), ctypes.byref(info)) == 0
    return info


def fact(sentence, holds):
    print("ok" if holds else "FAILED", sentence)


for length in (1, 100, 5000, 100000, 3000000):
    ordinary = [heap.malloc(length), heap.calloc(length, 1), heap.aligned_alloc(64, length)]
    fact(f"ordinary objects of {length} bytes are the other malloc's",
         all(query(p).ours == 0 and heap.malloc_usable_size(p) >= length for p in ordinary))
    text = bytes(i % 251 for i in range(length))
    ctypes.memmove(ordinary[0], text, length)
    secret = heap.secalloc_realloc(ordinary[0], 2 * length)
    fact("a secret realloc moves them up, whole",
         query(secret).protection == 2 and ctypes.string_at(secret, length) == text)
    again = heap.realloc(secret, length)
    fact("a realloc keeps them secret", query(again).protection == 2)
    moved = heap.realloc(ordinary[1], 3 * length)
    fact("an ordinary realloc leaves them the other malloc's", query(moved).ours == 0)
    for p in (again, moved, ordinary[2], heap.secalloc_malloc(length)):
        heap.free(p)
few = [heap.aligned_alloc(16, length) for length in range(1, 17) for _ in range(8)]
fact("small objects lie where they were asked to", all(p % 16 == 0 for p in few))
for p in few:
    heap.free(p)
print("all freed")
PYTHON
cat "${WORK}/facts"
! grep -q FAILED "${WORK}/facts" || fail "see above"
grep -q '^all freed$' "${WORK}/facts" || fail "it did not come to its end"
