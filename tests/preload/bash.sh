#!/usr/bin/env bash
# bash behaves the same: data, expansions, subshells, pipelines, signals, big strings.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

data() {
  cat <<'SCRIPT'
set -euo pipefail
declare -A words
for ((i = 0; i < 20000; i++)); do words["key $((i * 7919 % 20011))"]=$i; done
for ((i = 0; i < 20000; i += 3)); do unset "words[key $((i * 7919 % 20011))]"; done
printf '%s\n' "${#words[@]}" "${words["key $((4 * 7919 % 20011))"]}"
list=({1..50000})
list=("${list[@]/#/item-}")
printf '%s\n' "${list[@]:49990}" "${#list[*]}"
text="$(printf 'x%.0s' {1..200000})"
text="${text//x/yz}"
echo "${#text} ${text: -3}"
for ((i = 0; i < 16; i++)); do text+="${text:0:60000}"; done
echo "${#text}"
[[ "alpha-123-omega" =~ ^([a-z]+)-([0-9]+)-(.*)$ ]] && echo "${BASH_REMATCH[@]}"
fib() { (($1 < 2)) && echo "$1" || echo $(($(fib $(($1 - 1))) + $(fib $(($1 - 2))))); }
fib 9
shopt -s extglob nullglob
echo /usr/@(bin|lib)/ /no/such*
mapfile -t lines < <(seq 1 30000)
echo "${#lines[@]} ${lines[29999]}"
printf -v quoted '%q ' "a b" $'c\td' 'é' ''
eval "printf '<%s>' ${quoted}"
echo "${text@Q}" | wc -c
SCRIPT
}

processes() {
  cat <<'SCRIPT'
set -euo pipefail
trap 'echo got USR1' USR1
for i in {1..100}; do (exit $((i % 7))) || echo -n "$? "; done
echo
kill -USR1 $$
for i in {1..20}; do { sleep 0.0$((i % 3)); echo "$i"; } & done | sort -n
wait
coproc cat
echo "through a coprocess" >&"${COPROC[1]}"
read -r answer <&"${COPROC[0]}"
echo "$answer"
diff <(seq 1 1000) <(seq 1 1000) && echo same
seq 1 100000 | while read -r n; do ((n % 25000)) || echo "$n"; done
ulimit -n 64
exec 5>file; echo "to a file" >&5; exec 5>&-; cat file
( trap 'echo leaving' EXIT; kill -TERM $BASHPID; sleep 1 ) || echo "status $?"
timeout 0.2 bash -c 'while :; do x+=y; x=; done' || echo "status $?"
{ bash -c 'kill -SEGV $$' || echo "status $?"; } 2>/dev/null
cat <<< "$(for i in {1..30}; do echo "$(echo "$(echo deep $i)")"; done)"
SCRIPT
}

expect_same "bash: data" bash -c "$(data)"
expect_same "bash: processes" bash -c "$(processes)"
expect_same "bash: script on a pipe" bash -c "echo 'echo \$((6 * 7)); exit 0' | bash -s"
