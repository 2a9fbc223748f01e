#!/usr/bin/env bash
# The parts of bench/figures.sh, one function each. Source it there, behind lib.sh; it sets REPEAT,
# and MICRO, where the programs of bench/micro are.
source "${ROOT}/bench/callgrind.sh"

# run_benchmark COMMAND...: Google Benchmark's figures, as lines of name and CPU time in ns.
run_benchmark() {
  "$@" --benchmark_format=csv "--benchmark_min_time=$(quick_or 0.0001 0.05)" 2>"${WORK}/log" |
    awk -F, '/^"/ { gsub("\"", "", $1); sub("/.*", "", $1); print $1 "\t" $4 }' ||
    { cat "${WORK}/log" >&2; die "$* failed; its messages are above"; }
}

measure_malloc() {
  local turn variant
  find_variants
  for ((turn = 1; turn <= REPEAT; turn++)); do
    say "== malloc, ${turn} of ${REPEAT}: ${VARIANTS[*]}"
    for variant in "${VARIANTS[@]}"; do
      run_benchmark preloading "${variant}" "${MICRO}/malloc_bench" |
        awk -F'\t' -v variant="${variant}" -v OFS='\t' '{ print $1, "ns", variant, $2 }' |
        record malloc
    done
  done
}

# Another allocator may not run under valgrind; Scudo does not.
explain_no_count() {
  say "   no count for $1: $(tail -n 1 "${WORK}/log")"
  [[ "$1" != base && "$1" != ours ]] || die 'it must run under valgrind'
}

measure_instructions() {
  local size variant count
  need valgrind valgrind
  find_variants
  for size in 16 64 256; do
    say "== instructions, ${size} B: ${VARIANTS[*]}"
    for variant in "${VARIANTS[@]}"; do
      count="$(pair_instructions "${PRELOAD_OF[${variant}]}" "${MICRO}/pair_loop" "${size}" \
        "$(quick_or 1000 100000)" 2>"${WORK}/log")" || { explain_no_count "${variant}"; continue; }
      printf '%s\t%s\t%s\t%s\n' "malloc+free ${size} B" instr. "${variant}" "${count}" |
        record instructions
    done
  done
}

# fit VARIANT: objects of each size in 8 MiB of locked memory.
fit() {
  local size
  for size in 16 32 64 128 256 512 1024 2048 4096; do
    "${MICRO}/secret_fit" "$1" "${size}" 2>>"${WORK}/log" || return 0 # such a library isn't here
  done
}

# Here the base is the same library's ordinary heap.
measure_secret() {
  local turn peer
  find_variants
  for ((turn = 1; turn <= REPEAT; turn++)); do
    say "== secret, ${turn} of ${REPEAT}"
    run_benchmark preloading ours "${MICRO}/secret_bench" |
      awk -F'[|\t]' -v OFS='\t' '
        BEGIN { variant["secret"] = "ours"; variant["ordinary"] = "base" }
        { print $2, "ns", $1 in variant ? variant[$1] : $1, $3 }' |
      record secret
  done
  preloading ours "${MICRO}/secret_footprint" 32 10000 | record secret
  say '== secret: objects that fit into 8 MiB'
  SECALLOC_OPTIONS=budget=8M,fallback=none LD_PRELOAD="${LIBRARY}" fit ours | record secret
  for peer in sodium openssl gcrypt; do
    fit "${peer}" | record secret
  done
}

measure_growth() {
  local turn way
  find_variants
  for ((turn = 1; turn <= REPEAT; turn++)); do
    say "== growth, ${turn} of ${REPEAT}: 10,000 new secrets"
    preloading ours "${MICRO}/secret_growth" ours | record growth
    for way in files touch; do
      "${MICRO}/secret_growth" "${way}" | record growth
    done
  done
}

measure_start() {
  local count
  count="$(quick_or 2 300)"
  say "== start: /bin/true, ${count} times each"
  "${MICRO}/start_cost" "${count}" "${LIBRARY}" /bin/true | record start
}

measure_fork() {
  local turn mib reserved variant
  find_variants
  for ((turn = 1; turn <= REPEAT; turn++)); do
    say "== fork, ${turn} of ${REPEAT}: with 0, 1, 8 MiB of secrets, and 32 MiB reserved besides"
    for reserved in 0 32; do
      for mib in 0 1 8; do
        for variant in base ours; do
          preloading "${variant}" "${MICRO}/fork_cost" "${mib}" "${reserved}" \
            "$(quick_or 1 20)" "${variant}"
        done
      done
    done
  done | record fork
}

# start_variants SERVER DIR KEY: it runs twice, without the library and with it; sets PIDS, PORTS.
start_variants() {
  local variant
  PIDS=() PORTS=()
  for variant in base ours; do
    mkdir -p "$2/${variant}"
    chmod 0711 "$2" "$2/${variant}"
    LAUNCH=()
    [[ "${variant}" == base ]] || LAUNCH=(env "LD_PRELOAD=${LIBRARY}")
    [[ -e "$2/key.pem" ]] || make_certificate "$2" "$3"
    cp "$2/key.pem" "$2/cert.pem" "$2/${variant}/"
    "start_$1" "$2/${variant}" || die "$1 does not start; is it installed? tools/install_deps.sh"
    PIDS+=("${PID}")
    PORTS+=("${PORT}")
  done
}

# Short turns, and many: whatever else the machine does then strikes both servers alike.
measure_tls() {
  local server key turns PIDS PORTS NGINX_WORKERS=1
  turns="$((REPEAT * $(quick_or 1 8)))"
  for server in openssl nginx; do
    for key in rsa ec; do
      say "== tls: ${server}, ${key} key, ${turns} turns"
      start_variants "${server}" "${WORK}/tls-${server}-${key}" "${key}"
      "${SERVER_PYTHON}" -B "${ROOT}/bench/tls_handshakes.py" "${server}, ${key} key" \
        "$(quick_or 5 50)" "${turns}" "base:${PIDS[0]}:${PORTS[0]}" "ours:${PIDS[1]}:${PORTS[1]}" |
        record tls
      stop_servers
    done
  done
}

# Files of secret memory that a process has mapped: one for each 64 KiB of an arena.
secret_files() {
  awk '/\/secretmem \(deleted\)$/ { print $4, $5 }' "/proc/$1/maps" | sort -u | wc -l
}

resident_kib() {
  awk '$1 == "VmRSS:" { print $2 }' "/proc/$1/status"
}

# sum_over_tree FUNCTION PID: it and its children.
sum_over_tree() {
  local pid sum=0
  for pid in $(process_tree "$2"); do
    sum=$((sum + $("$1" "${pid}")))
  done
  echo "${sum}"
}

# examine_program NAME VARIANT PID
examine_program() {
  printf '%s\t%s\t%s\t%s\n' \
    "$1, resident memory" KiB "$2" "$(resident_kib "$3")"
  [[ "$2" == ours ]] || return 0
  printf '%s\t%s\t%s\t%s\n' \
    "$1, secret files" files ours "$(secret_files "$3")" \
    "$1, secret pages" pages ours "$(($(secret_kib "$3") * 1024 / $(getconf PAGESIZE)))" \
    "$1, its processes" processes ours "$(process_tree "$3" | wc -l)" \
    "$1, secret pages of all processes" pages ours \
    "$(($(sum_over_tree secret_kib "$3") * 1024 / $(getconf PAGESIZE)))"
}

# After 20 requests, while one more connection is open.
measure_programs() {
  local server i variant dir PIDS PORTS NGINX_WORKERS=1
  for server in openssl python_fork redis nginx postgres; do
    say "== programs: ${server}"
    dir="${WORK}/program-${server}"
    start_variants "${server}" "${dir}" rsa
    for i in 0 1; do
      variant=base
      ((i == 0)) || variant=ours
      tls_requests "${server}" "${PORTS[i]}" 20 "${dir}/cert.pem" >"${WORK}/log" ||
        die "${server} (${variant}) served $(cat "${WORK}/log") of 20 requests"
      tls_hold "${server}" "${PORTS[i]}" 1 "${dir}/${variant}/hold"
      examine_program "${server}" "${variant}" "${PIDS[i]}" | record programs
      rm -f "${dir}/${variant}/hold"
    done
    stop_servers
  done
}
