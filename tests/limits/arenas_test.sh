#!/usr/bin/env bash
# Each arena's free runs, in malloc_info(3) and in the JSON of stats=json: both can be parsed, and
# they agree.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# Holds secrets of many sizes, and writes malloc_info's XML to the file $1.
readonly HOLDER='
import ctypes, sys
library = ctypes.CDLL(None)
library.secalloc_malloc.restype = ctypes.c_void_p
library.fopen.restype = ctypes.c_void_p
for size in range(16, 60000, 1000):
    assert library.secalloc_malloc(ctypes.c_size_t(size))
stream = ctypes.c_void_p(library.fopen(sys.argv[1].encode(), b"w"))
assert library.malloc_info(0, stream) == 0
library.fclose(stream)'

# compare XML JSON: the secret arenas of both.
compare() {
  /usr/bin/python3 - "$@" <<'END'
import json, sys
import xml.etree.ElementTree
root = xml.etree.ElementTree.parse(sys.argv[1]).getroot()
stats = json.load(open(sys.argv[2]))
by_xml = []
for arena in root.iter('arena'):
    runs = [0] * 16
    for free in arena:
        runs[int(free.get('order'))] = int(free.get('runs'))
    by_xml.append((arena.get('domain'), int(arena.get('pages')), int(arena.get('free')), runs))
by_json = [(a['domain'], a['pages'], a['free_pages'], a['free_runs']) for a in stats['arenas']]
secret = lambda arenas: sorted(a for a in arenas if a[0] == 'secret')
assert {'public', 'secret'} == {a[0] for a in by_xml}, by_xml
assert secret(by_xml) == secret(by_json), (by_xml, by_json)
assert all(a[2] == sum(n << order for order, n in enumerate(a[3])) for a in by_json), by_json
assert sum(a[1] for a in secret(by_json)) * 4096 == stats['arena_bytes'], stats
END
}

run under scope=api /usr/bin/python3 -c "$HOLDER" "$WORK/xml"
fact 'a program with secrets ends well' succeeded
fact "malloc_info and stats=json tell the same of its secret arenas" compare "$WORK/xml" "$STATS"
summary
