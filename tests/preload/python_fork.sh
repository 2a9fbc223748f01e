#!/usr/bin/env bash
# Python's ssl in a server that forks a child for each connection: the children need the key.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

exercise() {
  tls_requests python_fork "${PORT}" 60 "$1/cert.pem"
  tls_hold python_fork "${PORT}" 10 "$1/hold"
  echo "processes: $(process_tree "${PID}" | wc -l)"
  rm "$1/hold"
  wait $!
  tls_requests python_fork "${PORT}" 10 "$1/cert.pem"
}

examine() {
  tls_hold python_fork "${PORT}" 5 "$1/hold"
  expect_all_mapped "${PID}"
  expect_all_secret "${PID}"
  rm "$1/hold"
}

expect_same_service start_python_fork exercise examine
