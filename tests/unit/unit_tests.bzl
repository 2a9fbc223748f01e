"""Unit tests of a layer: each NAME.cc is a program of its own."""

def unit_tests(names, deps, size = "small", visibility = ["//tests/unit:__pkg__"], **kwargs):
    """A cc_test for each name, with GoogleTest and the given libraries."""
    for name in names:
        native.cc_test(
            name = name,
            size = size,
            srcs = [name + ".cc"],
            # The layers' symbols are hidden: they link as archives only.
            linkstatic = True,
            tags = ["local"],
            visibility = visibility,
            deps = deps + [
                "//tests/unit:page_size",
                "//tests/unit:seed",
                "@googletest//:gtest_main",
            ],
            **kwargs
        )
