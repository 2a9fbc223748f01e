"""A layer of the allocator: one library, seen only by the layers above it."""

# No exceptions, RTTI or library of C++ at run time below the C API; symbols are
# hidden unless an exports map names them; thread-local variables of the preloaded
# library are at a fixed offset from the thread pointer.
ALLOCATOR_COPTS = [
    "-fno-exceptions",
    "-fno-rtti",
    "-fvisibility=hidden",
    "-ftls-model=initial-exec",
    "-fno-threadsafe-statics",
    "-fno-builtin-malloc",
    "-fno-plt",
    "-fomit-frame-pointer",
    "-O2",
    "-fPIC",
    "-fstack-protector-strong",
]

# Bottom first. Each layer sees those before it, and nothing else.
LAYERS = ["record", "os", "base", "pages", "slab", "heap", "promote", "domain", "entry", "api"]

def _packages_above(name):
    return ["//allocator/" + above for above in LAYERS[LAYERS.index(name) + 1:]] + ["//preload"]

def layer(name, deps = [], **kwargs):
    """The library of the folder allocator/NAME, visible to the layers above it and to tests."""
    native.cc_library(
        name = name,
        srcs = native.glob(["*.cc"]),
        hdrs = native.glob(["*.h"]),
        copts = ALLOCATOR_COPTS,
        linkstatic = True,  # Its symbols are hidden.
        deps = deps,
        visibility = [package + ":__subpackages__" for package in _packages_above(name)] +
                     ["//tests:__subpackages__", "//bench:__subpackages__", "//allocator:__pkg__",
                      "//tools/docs:__pkg__"],
        **kwargs
    )

# What programs touch of a library lies together, so that the kernel, which maps 64 KiB round a page
# that faults, maps little else: docs/decisions/0015-order-of-the-text.md
def _ordered(order):
    return [
        "-fuse-ld=gold",  # Debian 12's ld.bfd can't order sections.
        "-Wl,--section-ordering-file=$(location %s)" % order,
        "-Wl,--rosegment",  # Text begins a mapping, with what comes first.
        # The empty _fini at the text's end would be called. Destructors are in .fini_array.
        "-Wl,-fini,none",
    ]

def shared_library(name, exports_map, order = None, **kwargs):
    """What users load: hidden but for the map's names, never unloaded, without the C++ library.

    Its functions lie in the order of the sections that `order` names, if it is given."""
    native.cc_binary(
        name = name,
        additional_linker_inputs = [exports_map] + ([order] if order else []),
        copts = ALLOCATOR_COPTS,
        linkopts = (_ordered(order) if order else []) + [
            # The C++ library is not needed, and tests/golden sees that it stays so.
            "-Wl,--as-needed",
            "-Wl,--version-script=$(location %s)" % exports_map,
            "-Wl,-z,nodelete,-z,now,-z,relro,-z,defs",
            "-Wl,-Bsymbolic-functions",  # What a library calls by its own name is its own.
            "-Wl,-soname," + name,
        ],
        linkshared = True,
        linkstatic = True,
        visibility = ["//visibility:public"],
        **kwargs
    )
