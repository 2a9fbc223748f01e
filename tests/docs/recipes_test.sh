#!/usr/bin/env bash
# Every command of a document's blocks does what the document says: recipes_test.sh DOCUMENT
# SECALLOC LIBRARY. A section's blocks are one script, run in a folder of its own; a line that ends
# with "# HIDDEN" or "# VISIBLE" is a scan that must say this word, any other must succeed.
set -euo pipefail
source tests/servers/servers.sh

[[ "${EUID}" == 0 ]] || { echo 'SKIP: machine: the recipes are for root'; exit 0; }

DOCUMENT="$(realpath "$1")"
WORK="$(mktemp -d /tmp/recipes.XXXXXX)"
chmod 0755 "${WORK}"
FAILED=0
unset LD_PRELOAD SECALLOC_OPTIONS SECALLOC_LIBRARY

# What a section left behind: its folder is the working directory of all that it started.
end_processes() {
  local cwd
  for cwd in /proc/[0-9]*/cwd; do
    [[ "$(readlink "${cwd}")" != "${WORK}/run"* ]] || kill -KILL "$(basename "${cwd%/cwd}")" || true
  done 2>/dev/null
}
trap 'end_processes; rm -rf "${WORK}"' EXIT

sections() {
  sed -n 's/^## //p' "${DOCUMENT}"
}

# The script of a section; the lines that scan go through `says`.
script_of() {
  awk -v title="$1" '
    /^#/ { inside = $0 == "# " title || $0 == "## " title }
    inside && sub(/^    /, "") {
      if (match($0, / +# (HIDDEN|VISIBLE)$/)) {
        word = $NF
        line = substr($0, 1, RSTART - 1)
        sub(/^secalloc scan/, "says " word " secalloc scan", line)
        print line
      } else if (sub(/^! /, "")) {
        print "refuses " $0
      } else {
        print
      }
    }' "${DOCUMENT}"
}

# For the scripts: says WORD COMMAND..., refuses COMMAND...
says() {
  local answer
  answer="$("${@:2}" 2>&1)" || true
  grep -q "^$1" <<<"${answer}" || { printf 'not %s: %s\n%s\n' "$1" "${*:2}" "${answer}"; return 1; }
  echo "$1: ${*:2}" >>"${CHECKED}"
}
refuses() {
  ! "$@" 2>/dev/null || { echo "not refused: $*"; return 1; }
}
export -f says refuses

# Other users must reach the command and its library.
mkdir "${WORK}/bin" "${WORK}/made"
cp "$2" "$3" "${WORK}/bin"
make_certificate "${WORK}/made"

export CHECKED="${WORK}/checked" PATH="${WORK}/bin:${PATH}" PORT
while read -r title; do
  PORT="$(free_port)"
  mkdir "${WORK}/run"
  cp "${WORK}/made/key.pem" "${WORK}/made/cert.pem" "${WORK}/run"
  : >"${CHECKED}"
  script_of "${title}" >"${WORK}/script"
  expected="$(grep -c '^says' "${WORK}/script" || true)"
  if (cd "${WORK}/run" && timeout 120 bash -euo pipefail "${WORK}/script") \
    >"${WORK}/log" 2>&1 </dev/null &&
    [[ "$(wc -l <"${CHECKED}")" == "${expected}" && -s "${WORK}/script" ]]; then
    echo "ok: ${title}, $(wc -l <"${WORK}/script") lines, ${expected} scans"
  else
    echo "FAILED: ${title}"
    tail -n 20 "${WORK}/log"
    FAILED=1
  fi
  end_processes
  rm -rf "${WORK}/run"
done < <(echo Recipes; sections)
exit "${FAILED}"
