#!/bin/bash
# The guest's first process: runs the cases in VM_CASES (from the kernel's command line, separated
# by commas) and tells the serial console of each
#
#   VM CASE name
#   ...its output
#   VM PASS name  |  VM FAIL name: why  |  VM SKIP name: why
#
# and at the end VM DONE. Then the machine is turned off.
export PATH=/bin HOME=/ OPENSSL_CONF=/dev/null
CASE_SECONDS=120 # a case takes a tenth of it on an idle machine

mount_all() {
  mount -t devtmpfs devtmpfs /dev
  mount -t proc proc /proc
  mount -t sysfs sysfs /sys
  mount -t tmpfs -o mode=1777 tmpfs /tmp
  mount -t cgroup2 cgroup2 /sys/fs/cgroup
  ip link set lo up
}

run_case() {
  local name="$1" status=0 failed skipped
  echo "VM CASE ${name}"
  timeout "${CASE_SECONDS}" bash "tests/vm/cases/${name}.sh" /bin/libsecure_alloc_preload.so \
    /bin/probe /bin/refuse </dev/null >/tmp/log 2>&1 || status=$?
  cat /tmp/log
  failed="$(sed -n 's/^FAILED //p' /tmp/log | tr '\n' ';')"
  skipped="$(sed -n 's/^SKIP: //p' /tmp/log)"
  if [[ "${status}" != 0 ]]; then
    echo "VM FAIL ${name}: ${failed:-exit status ${status}}"
  elif [[ -n "${skipped}" ]]; then
    echo "VM SKIP ${name}: ${skipped}"
  else
    echo "VM PASS ${name}"
  fi
}

cd /
mount_all
exec >/dev/ttyS0 2>&1
for name in ${VM_CASES//,/ }; do run_case "${name}"; done
echo 'VM DONE'
poweroff -f
