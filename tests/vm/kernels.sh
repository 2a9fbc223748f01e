# shellcheck shell=bash
# Debian's kernels for the guests. Source this file.
#
#   fetch_kernel SERIES    SERIES is 6.1 or 6.12; prints the path of its vmlinuz, newest that apt
#                          offers, else one fetched before. Fails, with the cause on standard
#                          error, if there is none
#
# Packages are downloaded and unpacked under VM_CACHE, by default ~/.cache/secure_alloc/vm; nothing
# is installed.
VM_CACHE="${VM_CACHE:-${XDG_CACHE_HOME:-${HOME}/.cache}/secure_alloc/vm}"

# The package that depends on the newest kernel of the series.
meta_package() {
  case "$1" in
    6.1) echo linux-image-cloud-amd64 ;;
    *) echo "linux-image-$1-cloud-amd64" ;;
  esac
}

# The kernel package of a series, or nothing: apt never heard of it, or it is of another series.
kernel_package() {
  apt-cache depends "$(meta_package "$1")" 2>/dev/null |
    sed -n "s/^ *Depends: \(linux-image-${1//./\\.}\.[^ ]*-cloud-amd64\)$/\1/p"
}

# In a place of its own first: what is in the cache is whole.
download_kernel() {
  local package="$1" temporary status=0
  mkdir -p "${VM_CACHE}"
  temporary="$(mktemp -d "${VM_CACHE}/download.XXXXXX")"
  (
    cd "${temporary}"
    apt-get -q download "${package}" && dpkg-deb --fsys-tarfile "${package}"_*.deb |
      tar -x --wildcards './boot/vmlinuz-*'
  ) >"${temporary}/log" 2>&1 || status=$?
  if [[ "${status}" == 0 ]]; then
    mv "${temporary}"/boot/vmlinuz-* "${VM_CACHE}/"
  else
    printf 'vm: apt-get download %s failed:\n' "${package}" >&2
    cat "${temporary}/log" >&2
  fi
  rm -rf "${temporary}"
  return "${status}"
}

# Into the cache, unless it is there.
fetch_newest() {
  local package
  package="$(kernel_package "$1")"
  [[ -n "${package}" ]] || return 1
  [[ -s "${VM_CACHE}/vmlinuz-${package#linux-image-}" ]] || download_kernel "${package}"
}

# Lists that are missing, or older than what the mirror has now, are fetched anew.
update_lists() { [[ "${EUID}" == 0 ]] && apt-get -q update >/dev/null 2>&1; }

fetch_kernel() {
  local kernel
  fetch_newest "$1" || { update_lists && fetch_newest "$1"; } || true # one from before may do
  kernel="$(compgen -G "${VM_CACHE}/vmlinuz-$1.*" | sort -V | tail -1)"
  if [[ -z "${kernel}" ]]; then
    printf 'vm: apt has no kernel %s (package %s): see /etc/apt/sources.list, or apt-get update\n' \
      "$1" "$(meta_package "$1")" >&2
    return 1
  fi
  echo "${kernel}"
}
