#!/usr/bin/env bash
# Without the preload library before it the crypto preload library leaves programs as they are, and
# says so: crypto_alone_test.sh LIBRARY PROGRAM...
set -euo pipefail

library="$1"
shift
for program in "$@"; do
  output="$(LD_PRELOAD="${library}" "${program}" /etc/hostname </dev/null 2>&1)" ||
    output+="; its exit status is $?"
  said='secure_alloc: .* does nothing alone: put libsecure_alloc_preload.so before it in LD_PRELOAD'
  [[ "${output}" =~ ^${said}$'\n'"ready"$ ]] || {
    printf 'FAILED %s: %s\n' "${program}" "${output}"
    exit 1
  }
  printf 'ok     %s\n' "${program}"
done
