#!/usr/bin/env bash
# Python's ssl in a server that forks a child for each connection: the children need the key.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

exercise() {
  tls_requests python_fork "${PORT}" 60 "$1/cert.pem"
  tls_hold python_fork "${PORT}" 10 "$1/hold"
  # And none that served one of the first.
  wait_until "$1/python_fork.log" has_processes 11
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
