#!/usr/bin/env bash
# The manual pages are well-formed, and leave nothing out: man_test.sh SECALLOC PAGE...
#   functions   each of secure_alloc.h is named by a page of section 3
#   options     each that `secalloc COMMAND --help` names is in secalloc(1); each of the library's
#               in secure_alloc(7), which is made from their table, is taken and named by
#               `secalloc run`
# The rest of secure_alloc(7) is made from the code.
set -euo pipefail

SECALLOC="$1"
shift
FAILED=0
FACTS=0

fact() {
  FACTS=$((FACTS + 1))
  "${@:2}" || {
    printf 'FAILED %s\n' "$1"
    FAILED=$((FAILED + 1))
  }
}

well_formed() {
  mandoc -Tlint -Wwarning "$1"
}

in_section_3() {
  grep -qhE "^\.(Nm|Fn) $1\b" "${SECTION_3[@]}"
}

# --name is written `Fl Fl name` there, and -n `Fl n`.
in_command_page() {
  local name="${1#-}"
  grep -qE -- "\bFl ${name/#-/Fl }\b" "${COMMAND_PAGE}"
}

# With a value, or so that the next word is not taken for one.
in_help_of_run() {
  local help
  help="$("${SECALLOC}" run --help)"
  grep -qE -- "^  --$1=" <<<"${help}" ||
    { grep -qE -- "^  --$1 " <<<"${help}" &&
      [[ "$("${SECALLOC}" run "--$1" --none true 2>&1)" == *'unknown option --none'* ]]; }
}

taken_by_run() {
  [[ "$("${SECALLOC}" run -o "$1=" true 2>&1)" != *'unknown option'* ]]
}

SECTION_3=()
for page in "$@"; do
  case "${page}" in
    *.3) SECTION_3+=("${page}") ;;
    *.1) COMMAND_PAGE="${page}" ;;
    *.7) CONCEPTS_PAGE="${page}" ;;
  esac
  fact "${page} is well-formed" well_formed "${page}"
done
for name in $(
  grep -oE '\bsecalloc_[a-z_]+\(' include/secure_alloc/secure_alloc.h | tr -d '(' | sort -u
); do
  fact "${name} is in a page of section 3" in_section_3 "${name}"
done
for command in $("${SECALLOC}" --help | sed -nE 's/^  ([a-z]+) .*/\1/p'); do
  for option in $(
    "${SECALLOC}" "${command}" --help | grep -oE -- '(^|[ [])--?[a-z][a-z_-]*' | tr -d ' ['
  ); do
    fact "${command} ${option} is in ${COMMAND_PAGE}" in_command_page "${option}"
  done
done
for option in $(sed -n '/^\.Sh OPTIONS/,/^\.Sh ENV/s/^\.It Cm //p' "${CONCEPTS_PAGE}"); do
  fact "secalloc run takes ${option}: preload/command/run/settings.cc" taken_by_run "${option}"
  fact "secalloc run --help has --${option} as it is taken: preload/command/run/run.cc" \
    in_help_of_run "${option}"
done
printf '%d facts, %d failed\n' "${FACTS}" "${FAILED}"
((FACTS > 20 && FAILED == 0))
