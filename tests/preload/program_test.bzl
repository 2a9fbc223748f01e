"""One line for each real program that must behave the same under the library."""

_LIBRARY = "//preload:libsecure_alloc_preload.so"

# Suffix of the target's name: value of SECALLOC_OPTIONS.
_VARIANTS = {
    "": "",
    "_scope_all": "scope=all",
}

def program_test(name, script = None, argument = "", **kwargs):
    """Runs SCRIPT LIBRARY OPTIONS [ARGUMENT] with default options and with scope=all.

    Args:
      name: of the target; the script is NAME.sh unless `script` says otherwise.
      script: file name of the test.
      argument: a third word for the script.
      **kwargs: attributes of sh_test.
    """
    for suffix, options in _VARIANTS.items():
        native.sh_test(
            name = name + suffix,
            srcs = [script or name + ".sh"],
            args = ["$(rootpath %s)" % _LIBRARY, "'%s'" % options, argument],
            data = [_LIBRARY],
            tags = ["local"],
            deps = [":lib"],
            **kwargs
        )
