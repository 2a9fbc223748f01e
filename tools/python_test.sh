#!/usr/bin/env bash
# A test written in Python, by the distribution's: python_test.sh FILE [ARGUMENT...]
exec /usr/bin/python3 -B "$@"
