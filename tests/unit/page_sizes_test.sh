#!/usr/bin/env bash
# Unit tests hold on kernels with pages of 16 and 64 KiB, as far as one with smaller pages can tell:
# os refuses what such a kernel would. page_sizes_test.sh TEST...
set -euo pipefail

# These count in pages of 4 KiB; in the last one the kernel does, which chooses a place.
FILTER='-Large.ARunFarTooLongIsCutAndTheRestWaits:Large.TheQueueHoldsNoMoreThanItsLimit'
FILTER+=':Program.MayGrowItByMremap'
FAILED=0

for size in 16384 65536; do
  for test in "$@"; do
    if SA_TEST_PAGE_SIZE="${size}" "${test}" --gtest_filter="${FILTER}" \
      >"${TEST_TMPDIR}/log" 2>&1 &&
      grep -q '^\[  PASSED  \] [1-9]' "${TEST_TMPDIR}/log"; then
      echo "ok: pages of ${size}: ${test}"
    else
      echo "FAILED: pages of ${size}: ${test}"
      tail -n 30 "${TEST_TMPDIR}/log"
      FAILED=1
    fi
  done
done
exit "${FAILED}"
