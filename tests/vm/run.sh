#!/usr/bin/env bash
# Runs cases in emulated guests with Debian's kernels, and counts them.
#
#   tests/vm/run.sh [OPTION...] [CASE...]     CASE: see --list; without: all
#
#   --list             the cases, and exits
#   --kernel SERIES    only this kernel, 6.1 or 6.12
#   --results DIR      logs there, and in DIR/list a line `NAME passed|failed LOG` for each case, as
#                      tests/summarize.py takes them
#   --verbose          the guests' console as it comes
#
# QEMU emulates the machine: neither KVM nor privileges are needed, but root where packages have to
# be installed. Where QEMU or a kernel can't be had, the cases are skipped, and that is told.
# The last line is `N passed, N failed, N skipped`; the exit status is 0 only if none failed.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
source tests/vm/kernels.sh
source tests/vm/initramfs.sh

KERNELS=(6.1 6.12)
# Of a kernel with memfd_secret(2), and of one without: the one thing that takes another boot.
CASES=(kcore mapping memlock_at_fault reserve pku cgroup)
CASES_WITHOUT=(no_memfd_secret)
GUEST_MEMORY=256M
GUEST_SECONDS=360 # an idle machine needs a tenth of it

RESULTS=""
VERBOSE=0
PASSED=0 FAILED=0 SKIPPED=0

die() {
  printf 'vm: %s\n' "$*" >&2
  exit 2
}

# record KERNEL CASE passed|failed|skipped LOG
record() {
  local name="tests/vm/$2 (Linux $1)" result="$3"
  case "${result}" in
    passed) PASSED=$((PASSED + 1)) ;;
    failed) FAILED=$((FAILED + 1)) ;;
    skipped) SKIPPED=$((SKIPPED + 1)) ;;
  esac
  printf '%-8s %s\n' "${result}" "${name}"
  [[ "${result}" == passed ]] || sed 's/^/         /' "$4" | tail -40
  # A skip is a test that passed, and a line in its log.
  printf '%s\t%s\t%s\n' "${name}" "${result/skipped/passed}" "$4" >>"${RESULTS}/list"
}

# skip_all KERNEL WHY CASE...
skip_all() {
  local name
  for name in "${@:3}"; do
    echo "SKIP: machine: $2" >"${RESULTS}/$1.${name}"
    record "$1" "${name}" skipped "${RESULTS}/$1.${name}"
  done
}

# What is turned on by default from Linux 6.5 on must be said before, and the other way round.
boot_parameter() {
  case "$1 $2" in
    "6.1 with") echo secretmem.enable=1 ;;
    "6.1 without") ;;
    *" with") ;;
    *" without") echo secretmem.enable=0 ;;
  esac
}

# boot KERNEL IMAGE with|without CONSOLE CASE...
boot() {
  local names="${*:5}" append
  # An emulated timer may tick too late for the kernel to find it, on a busy machine.
  append="console=ttyS0 quiet panic=-1 no_timer_check $(boot_parameter "$1" "$3")"
  append+=" VM_CASES=${names// /,}"
  timeout "${GUEST_SECONDS}" nice qemu-system-x86_64 -cpu max -m "${GUEST_MEMORY}" -nodefaults \
    -display none -serial stdio -no-reboot -kernel "$2" -initrd "${WORK}/initramfs" \
    -append "${append}" </dev/null 2>&1 |
    tr -d '\r' | if ((VERBOSE)); then tee "$4"; else cat >"$4"; fi ||
    printf 'vm: the guest was ended, after %d s at most\n' "${GUEST_SECONDS}" >>"$4"
}

# count_cases KERNEL CONSOLE CASE...: splits the console's text by the guest's words.
count_cases() {
  local console="$2" name log
  for name in "${@:3}"; do
    log="${RESULTS}/$1.${name}"
    sed -n "/^VM CASE ${name}$/,/^VM \(PASS\|FAIL\|SKIP\) ${name}/p" "${console}" >"${log}"
    case "$(sed -n "s/^VM \(PASS\|FAIL\|SKIP\) ${name}.*/\1/p" "${log}")" in
      PASS) record "$1" "${name}" passed "${log}" ;;
      SKIP) record "$1" "${name}" skipped "${log}" ;;
      FAIL) record "$1" "${name}" failed "${log}" ;;
      *)
        { echo 'no word of it came from the guest. Its last:'; tail -20 "${console}"; } >>"${log}"
        record "$1" "${name}" failed "${log}"
        ;;
    esac
  done
}

# run_boot KERNEL IMAGE with|without CASE...: those of them that are wanted.
run_boot() {
  local console="${RESULTS}/$1.$3.console" name wanted=() start="${SECONDS}"
  for name in "${@:4}"; do
    [[ " ${WANTED[*]} " != *" ${name} "* ]] || wanted+=("${name}")
  done
  ((${#wanted[@]} > 0)) || return 0
  boot "$1" "$2" "$3" "${console}" "${wanted[@]}"
  printf '== Linux %s, %s memfd_secret: %d s\n' "${2##*/vmlinuz-}" "$3" $((SECONDS - start))
  count_cases "$1" "${console}" "${wanted[@]}"
}

run_kernel() {
  local image
  if ! image="$(fetch_kernel "$1")"; then
    skip_all "$1" "no package of a kernel $1 can be had" "${WANTED[@]}"
    return
  fi
  run_boot "$1" "${image}" with "${CASES[@]}"
  run_boot "$1" "${image}" without "${CASES_WITHOUT[@]}"
}

parse() {
  WANTED=()
  while (($# > 0)); do
    case "$1" in
      --list) printf '%s\n' "${CASES[@]}" "${CASES_WITHOUT[@]}"; exit 0 ;;
      --kernel)
        [[ " ${KERNELS[*]} " == *" ${2:-} "* ]] || die "--kernel takes one of: ${KERNELS[*]}"
        KERNELS=("$2")
        shift
        ;;
      --results)
        (($# > 1)) || die '--results takes a directory'
        RESULTS="$2"
        shift
        ;;
      --verbose) VERBOSE=1 ;;
      -*) die "no option '$1'; see the head of $0" ;;
      *)
        [[ " ${CASES[*]} ${CASES_WITHOUT[*]} " == *" $1 "* ]] || die "no case '$1'; see --list"
        WANTED+=("$1")
        ;;
    esac
    shift
  done
  ((${#WANTED[@]} > 0)) || WANTED=("${CASES[@]}" "${CASES_WITHOUT[@]}")
}

main() {
  local kernel
  parse "$@"
  WORK="$(mktemp -d)"
  trap 'rm -rf "${WORK}"' EXIT
  RESULTS="${RESULTS:-${WORK}/results}"
  mkdir -p "${RESULTS}"
  : >"${RESULTS}/list"
  if tools/install_deps.sh vm >&2; then
    bazel build //tests/vm:guest || die "'bazel build //tests/vm:guest' failed; see above"
    build_initramfs "${WORK}/initramfs"
    for kernel in "${KERNELS[@]}"; do run_kernel "${kernel}"; done
  else
    for kernel in "${KERNELS[@]}"; do
      skip_all "${kernel}" "qemu-system-x86 and busybox-static can't be installed" "${WANTED[@]}"
    done
  fi
  printf '\n%d passed, %d failed, %d skipped\n' "${PASSED}" "${FAILED}" "${SKIPPED}"
  ((FAILED == 0))
}

main "$@"
