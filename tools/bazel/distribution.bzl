"""Where Debian 12 keeps what the build needs. The only file with such paths."""

_BAZEL = "/usr/share/bazel"

def distribution_repositories():
    """Declares the rule sets and libraries of the distribution."""
    for name, path in {
        "bazel_skylib": _BAZEL + "/tools/skylib",
        "platforms": _BAZEL + "/tools/platforms",
        "rules_java": _BAZEL + "/rules/java",
        "rules_proto": _BAZEL + "/rules/proto",
    }.items():
        native.local_repository(name = name, path = path)

    # Debian's rules_cc 0.0.4 does not load with its Bazel 4.2.3, and `bazel test`
    # wants to download a coverage reporter: small local stand-ins for both.
    native.local_repository(name = "rules_cc", path = "tools/bazel/rules_cc")
    native.local_repository(
        name = "remote_coverage_tools",
        path = "tools/bazel/remote_coverage_tools",
    )

    for name in ["googletest", "benchmark", "libseccomp"]:
        native.new_local_repository(
            name = name,
            build_file = "//tools/bazel:%s.BUILD" % name,
            path = "/usr",
        )
