#!/usr/bin/env bash
# Fills in what a manual page takes from the code: make_page.sh TEMPLATE PRINT_OPTIONS FAULTS
# @OPTIONS@ becomes the table of options, @FAULTS@ the sentences of FAULTS, allocator/base/fault.cc.
set -euo pipefail

# A literal may go on in the next line.
sentences() {
  sed -z 's/"\n *"//g' "$1" |
    sed -nE '/^const char\* Sentence/,/^}/{/unknown fault/d; s/^ *return "(.*)";$/.It \1/p}'
}

while IFS= read -r line; do
  case "${line}" in
    @OPTIONS@) "$2" mdoc ;;
    @FAULTS@) sentences "$3" ;;
    *) printf '%s\n' "${line}" ;;
  esac
done <"$1"
