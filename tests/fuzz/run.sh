#!/usr/bin/env bash
# Fuzzing by libFuzzer: tests/fuzz/run.sh [OPTION...] [TARGET...]
#
#   --seconds N    for each target (default 10); docs/testing.md has what longer runs reached
#   --corpus DIR   where inputs are kept, a folder for each target (default: a copy of what
#                  tests/fuzz/corpus has, which is thrown away)
#   --save         afterwards tests/fuzz/corpus/TARGET.tar.xz is the least of these inputs that
#                  reaches as much
#   --list         names of the targets
#
# Builds the allocator and the command's parsers with clang's address and undefined behaviour
# sanitizers. An input that fails is left in the working directory, as libFuzzer says; make a named
# test of it. Exits 1 if any target failed.
set -euo pipefail

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
SECONDS_EACH=10
CORPUS=''
SAVE=0
TARGETS=()
FAILED=0
FLAGS=(-std=c++20 -O1 -g1 -fno-omit-frame-pointer -fno-sanitize-recover=undefined "-I${ROOT}"
  "-I${ROOT}/include")

say() {
  printf '%s\n' "$*"
}

die() {
  say "fuzz: $*" >&2
  exit 2
}

list() {
  local file
  for file in "${ROOT}"/tests/fuzz/*_fuzz.cc; do basename "${file}" _fuzz.cc; done
}

read_options() {
  while (($# > 0)); do
    case "$1" in
      --seconds) SECONDS_EACH="${2-}"; shift ;;
      --corpus) CORPUS="${2-}"; shift ;;
      --save) SAVE=1 ;;
      --list) list; exit 0 ;;
      -*) die "no option '$1'; the opening lines of $0 have them" ;;
      *) TARGETS+=("$1") ;;
    esac
    shift || die 'the last option needs a value'
  done
  [[ "${SECONDS_EACH}" =~ ^[1-9][0-9]*$ ]] || die "--seconds needs a number, not '${SECONDS_EACH}'"
  ((${#TARGETS[@]} > 0)) || mapfile -t TARGETS < <(list)
}

# The first clang that has libFuzzer.
find_clang() {
  local clang
  echo 'extern "C" int LLVMFuzzerTestOneInput(const char*, long) { return 0; }' >"${WORK}/empty.cc"
  for clang in clang++-19 clang++ clang++-14; do
    CLANG="${clang}"
    ! command -v "${clang}" >/dev/null ||
      ! "${clang}" -fsanitize=fuzzer "${WORK}/empty.cc" -o "${WORK}/empty" 2>/dev/null || return 0
  done
  say 'SKIP: machine: no clang with libFuzzer; apt-get install clang libclang-rt-dev'
  exit 0
}

# What the targets test, compiled once.
build_objects() {
  local file
  for file in "${ROOT}"/allocator/*/*.cc "${ROOT}"/preload/command/{common,scan}/*.cc; do
    printf -- '-o\0%s\0%s\0' "${WORK}/$(md5sum <<<"${file}" | cut -c 1-12).o" "${file}"
  done | xargs -0 -n 3 -P 2 "${CLANG}" "${FLAGS[@]}" \
    -fsanitize=fuzzer-no-link,address,undefined -c ||
    die 'the build failed; its messages are above'
}

# Segmentation faults are ours to make; a refused gigabyte is not the allocator's fault.
fuzzer() {
  ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1 SECALLOC_OPTIONS='' "${WORK}/$1" "${@:2}"
}

# run TARGET
run() {
  local log="${WORK}/$1.log"
  "${CLANG}" "${FLAGS[@]}" -fsanitize=fuzzer,address,undefined \
    "${ROOT}/tests/fuzz/$1_fuzz.cc" "${WORK}"/*.o -o "${WORK}/$1" || die "no target $1; see --list"
  mkdir -p "${CORPUS}/$1"
  if fuzzer "$1" -max_total_time="${SECONDS_EACH}" -max_len=2048 -timeout=20 -rss_limit_mb=4096 \
    -print_final_stats=1 "${CORPUS}/$1" >"${log}" 2>&1; then
    say "ok     $1: $(sed -n 's/^stat::number_of_executed_units: *//p' "${log}") executions," \
      "$(grep -oE 'cov: [0-9]+ ft: [0-9]+' "${log}" | tail -n 1)"
  else
    FAILED=$((FAILED + 1))
    say "FAILED $1:"
    tail -n 40 "${log}"
  fi
}

# save TARGET: the same inputs make the same archive.
save() {
  local least="${WORK}/$1.least"
  mkdir "${least}"
  fuzzer "$1" -merge=1 "${least}" "${CORPUS}/$1" >"${WORK}/$1.log" 2>&1 ||
    { tail -n 20 "${WORK}/$1.log"; die "$1: its inputs can't be merged"; }
  tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX -C "${least}" \
    -cJf "${ROOT}/tests/fuzz/corpus/$1.tar.xz" --transform='s,^\./,,' .
}

# The inputs that are kept, as files and archives.
copy_corpus() {
  local archive target
  CORPUS="${WORK}/corpus"
  cp -r "${ROOT}/tests/fuzz/corpus" "${CORPUS}"
  for archive in "${CORPUS}"/*.tar.xz; do
    target="${archive%.tar.xz}"
    mkdir -p "${target}"
    tar -xJf "${archive}" -C "${target}"
  done
}

main() {
  local target
  read_options "$@"
  WORK="$(mktemp -d /tmp/fuzz.XXXXXX)"
  trap 'rm -rf "${WORK}"' EXIT
  find_clang
  build_objects
  [[ -n "${CORPUS}" ]] || copy_corpus
  for target in "${TARGETS[@]}"; do
    run "${target}"
    ((SAVE == 0)) || save "${target}"
  done
  say "${#TARGETS[@]} targets, ${FAILED} failed"
  ((FAILED == 0))
}

main "$@"
