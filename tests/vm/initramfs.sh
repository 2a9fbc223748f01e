# shellcheck shell=bash
# The guests' file system. Source this file, from the repository's root.
#
#   build_initramfs FILE    a cpio archive: busybox, bash, the programs of //tests/vm:guest with the
#                           libraries they load, the cases, tests/limits/lib.sh, fresh TLS keys
#
# It needs `bazel build //tests/vm:guest` to have been run.
GUEST_PROGRAMS=(bash numfmt openssl prlimit setpriv)
GUEST_BINARIES=(preload/libsecure_alloc_preload.so preload/command/secalloc
  tests/cxx/domain_test tests/limits/closed_domain_test tests/limits/probe tests/limits/refuse
  tests/unit/api/reserve_test tests/vm/holder tests/vm/kcore_scan tests/vm/kernel_facts
  tests/vm/mapping_facts tests/vm/memlock_loop tests/vm/memlock_reserve)

# put ROOT FILE: the file to ROOT/bin, what it loads to the loader's default place.
put() {
  local root="$1" file="$2" library
  install -m 0755 "${file}" "${root}/bin/"
  while read -r library; do
    install -m 0755 -D "${library}" "${root}/lib/x86_64-linux-gnu/${library##*/}"
  done < <(ldd "${file}" | sed -nE 's/^(.* => )?\s*(\/[^ ]+) \(0x.*/\2/p')
}

# masked_primes FILE NAME: lines for kcore_scan with the key's first prime as it is in memory: words
# with the lowest first, and as it is in files. Never unmasked in the guest but by its owner.
masked_primes() {
  openssl rsa -in "$1" -traditional 2>/dev/null | openssl asn1parse |
    sed -n 's/.*INTEGER *://p' | sed -n 5p | /usr/bin/python3 -B -c '
import sys
prime = bytes.fromhex(sys.stdin.read())
for order, data in (("words", prime[::-1]), ("bytes", prime)):
    print(f"{sys.argv[1]}_{order}", bytes(b ^ 0x5A for b in data).hex())' "$2"
}

put_keys() {
  local root="$1" name
  mkdir "${root}/keys"
  for name in plain preloaded; do
    openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=localhost -days 3650 \
      -keyout "${root}/keys/${name}.pem" -out "${root}/keys/${name}.crt" 2>/dev/null
    masked_primes "${root}/keys/${name}.pem" "tls_${name}" >>"${root}/keys/masked"
  done
}

build_initramfs() (
  local root program
  root="$(mktemp -d)"
  trap 'rm -rf "${root}"' EXIT
  chmod 0755 "${root}"
  mkdir -p "${root}"/{bin,dev,etc,proc,sys,tmp,tests} "${root}/lib/x86_64-linux-gnu"
  ln -s lib "${root}/lib64"
  ln -s x86_64-linux-gnu/ld-linux-x86-64.so.2 "${root}/lib/"
  ln -s bin "${root}/sbin"
  printf 'root:x:0:0::/:/bin/bash\nnobody:x:65534:65534::/:/bin/bash\n' >"${root}/etc/passwd"
  install -m 0755 "$(command -v busybox)" "${root}/bin/busybox"
  for program in $(busybox --list | grep -vx busybox); do
    ln -s busybox "${root}/bin/${program}"
  done
  for program in "${GUEST_PROGRAMS[@]}"; do
    rm -f "${root}/bin/${program}"
    put "${root}" "$(command -v "${program}")"
  done
  for program in "${GUEST_BINARIES[@]}"; do put "${root}" "bazel-bin/${program}"; done
  cp --parents tests/limits/lib.sh tests/vm/cases/*.sh "${root}/"
  install -m 0755 tests/vm/init.sh "${root}/init"
  put_keys "${root}"
  (cd "${root}" && find . | busybox cpio -o -H newc) >"$1" 2>/dev/null
)
