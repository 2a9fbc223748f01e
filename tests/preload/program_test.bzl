"""One line for each real program that must behave the same under the library."""

_LIBRARY = "//preload:libsecure_alloc_preload.so"

# Suffix of the target's name: value of SECALLOC_OPTIONS.
_VARIANTS = {
    "": "",
    "_scope_all": "scope=all",
}

def _test(name, srcs, args, **kwargs):
    native.sh_test(
        name = name,
        srcs = srcs,
        args = args,
        tags = ["local"],
        deps = [":lib"],
        **kwargs
    )

def program_test(
        name,
        script = None,
        argument = "",
        data = [],
        unprivileged = False,
        peers = [],
        more_options = [],
        timeout = "moderate"):
    """Runs SCRIPT LIBRARY OPTIONS [ARGUMENT] with default options and with scope=all.

    Args:
      name: of the target; the script is NAME.sh unless `script` says otherwise.
      script: file name of the test.
      argument: a third word for the script.
      data: what `argument` names by $(rootpath).
      peers: also run it with these as values of the option `ordinary`.
      more_options: also run it with each of these.
      timeout: as Bazel's tests have it.
      unprivileged: also run it as nobody with 8 MiB of locked memory and default options.
    """
    script = script or name + ".sh"
    library = "$(rootpath %s)" % _LIBRARY
    variants = dict(_VARIANTS)
    for peer in peers:
        variants["_" + peer] = "ordinary=" + peer
    for options in more_options:
        variants["_" + options.replace("=", "_")] = options
    for suffix, options in variants.items():
        _test(
            name + suffix,
            srcs = [script],
            args = [library, "'%s'" % options, argument],
            data = data + [_LIBRARY],
            timeout = timeout,
        )
    if unprivileged:
        _test(
            name + "_unprivileged",
            srcs = ["as_nobody.sh"],
            args = [script, library, "''"],
            data = [script, _LIBRARY],
        )
