#!/usr/bin/env bash
# Builds a Debian package of what is checked out: tools/make_deb.sh [FOLDER]
#
# The package goes to FOLDER, here by default; its path is the last line. DEBFULLNAME and DEBEMAIL
# name the maintainer, git's user.name and user.email otherwise. Built twice from one commit it is
# the same, byte for byte.
set -euo pipefail

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
PACKAGE=secure-alloc
REVISION=1

die() {
  printf 'make_deb: %s\n' "$*" >&2
  exit 1
}

need() {
  local tool
  for tool in "$@"; do
    command -v "${tool}" >/dev/null || die "${tool} is missing; apt-get install dpkg-dev binutils"
  done
}

maintainer() {
  local name="${DEBFULLNAME:-$(git -C "${ROOT}" config user.name || true)}"
  local email="${DEBEMAIL:-$(git -C "${ROOT}" config user.email || true)}"
  [[ -n "${name}" && -n "${email}" ]] ||
    die 'who maintains the package? Set DEBFULLNAME and DEBEMAIL'
  printf '%s <%s>\n' "${name}" "${email}"
}

# What Debian wants of binaries and pages.
refine() {
  mv "${STAGE}/usr/share/zsh/site-functions" "${STAGE}/usr/share/zsh/vendor-completions"
  find "${STAGE}/usr" -type f \( -name '*.so*' -o -path '*/bin/*' \) \
    -exec strip --strip-unneeded --remove-section=.comment --remove-section=.note '{}' +
  gzip -9nr "${STAGE}/usr/share/man"
  chmod 0644 "${LIBRARIES[@]}"
}

write_changelog() {
  gzip -9n >"$1/changelog.Debian.gz" <<END
${PACKAGE} (${VERSION}) unstable; urgency=medium

  * As CHANGELOG.md of the sources has it.

 -- ${MAINTAINER}  $(date -R -u -d "@${SOURCE_DATE_EPOCH}")
END
  gzip -9n <"${ROOT}/CHANGELOG.md" >"$1/changelog.gz"
}

write_copyright() {
  cat >"$1/copyright" <<END
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: secure_alloc

Files: *
Copyright: $(date -u -d "@${SOURCE_DATE_EPOCH}" +%Y) The secure_alloc authors
License: Apache-2.0
 The full text is in /usr/share/common-licenses/Apache-2.0.
END
}

# One package for command, library and headers: what lintian says of libraries in packages of their
# own does not hold for it.
write_overrides() {
  cat >"$1" <<END
# Not for Debian's own archive.
${PACKAGE}: initial-upload-closes-no-bugs *
${PACKAGE}: package-name-doesnt-match-sonames *
${PACKAGE}: non-dev-pkg-with-shlib-symlink *
END
}

dependencies() {
  mkdir -p "${WORK}/debian"
  printf 'Source: %s\n\nPackage: %s\nArchitecture: any\n' "${PACKAGE}" "${PACKAGE}" \
    >"${WORK}/debian/control"
  (cd "${WORK}" && dpkg-shlibdeps -O --ignore-missing-info "${STAGE}/usr/bin/secalloc" \
    "${LIBRARIES[@]}") | sed -n 's/^shlibs:Depends=//p'
}

write_control() {
  local control="${STAGE}/DEBIAN"
  mkdir -p "${control}"
  cat >"${control}/control" <<END
Package: ${PACKAGE}
Version: ${VERSION}
Architecture: $(dpkg --print-architecture)
Maintainer: ${MAINTAINER}
Section: admin
Priority: optional
Installed-Size: $(du -sk --apparent-size "${STAGE}/usr" | cut -f 1)
Depends: $(dependencies)
Suggests: libjemalloc2
Description: hardened malloc that keeps secrets where the kernel can't read them
 Private keys of unmodified programs are kept in memory that neither root nor
 core dumps nor the kernel's own map of all memory reach (memfd_secret(2)); all
 else is served from a hardened heap.
 .
 This package has the command secalloc, the library that it preloads, and the
 library and headers for programs that say themselves what is secret.
END
  printf 'libsecure_alloc 0 %s\n' "${PACKAGE}" >"${control}/shlibs"
  echo 'activate-noawait ldconfig' >"${control}/triggers"
  (cd "${STAGE}" && find usr -type f -print0 | LC_ALL=C sort -z | xargs -0 md5sum) \
    >"${control}/md5sums"
}

main() {
  local out doc multiarch
  out="$(realpath -m -- "${1:-.}")"
  need dpkg-architecture dpkg-deb dpkg-shlibdeps strip
  multiarch="$(dpkg-architecture -qDEB_HOST_MULTIARCH)"
  SOURCE_DATE_EPOCH="$(git -C "${ROOT}" log -1 --format=%ct)"
  export SOURCE_DATE_EPOCH
  MAINTAINER="$(maintainer)"
  WORK="$(mktemp -d "${TMPDIR:-/tmp}/make_deb.XXXXXX")"
  trap 'rm -rf "${WORK}"' EXIT
  STAGE="${WORK}/stage"
  umask 022

  (cd "${ROOT}" && bazel run //:install -- --prefix=/usr --libdir="lib/${multiarch}" \
    --destdir="${STAGE}") >&2 || die 'the build failed; its messages are above'
  VERSION="$("${STAGE}/usr/bin/secalloc" --version | cut -d ' ' -f 2)-${REVISION}"
  LIBRARIES=("${STAGE}/usr/lib/${multiarch}"/libsecure_alloc.so.?
    "${STAGE}"/usr/lib/secure_alloc/*.so)
  doc="${STAGE}/usr/share/doc/${PACKAGE}"
  mkdir -p "${doc}" "${STAGE}/usr/share/lintian/overrides" "${out}"
  refine
  write_changelog "${doc}"
  write_copyright "${doc}"
  write_overrides "${STAGE}/usr/share/lintian/overrides/${PACKAGE}"
  write_control
  dpkg-deb --root-owner-group --build "${STAGE}" "${out}" >&2
  printf '%s\n' "${out}/${PACKAGE}_${VERSION}_$(dpkg --print-architecture).deb"
}

main "$@"
