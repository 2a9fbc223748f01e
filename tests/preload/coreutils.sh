#!/usr/bin/env bash
# coreutils and findutils: large sorts in several threads and with temporary files, trees, sums.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

awk 'BEGIN { x = 12345
  for (i = 0; i < 250000; i++) {
    x = (x * 1103515245 + 12345) % 2147483648
    printf "%d line %d %s\n", x, i, substr("abcdefghijklmnopqrstuvwxyz", x % 20 + 1, x % 6 + 1)
  } }' >"${WORK}/large"
head -n 50000 "${WORK}/large" >"${WORK}/small"
cd "${WORK}"

for options in '' '-n' '-r -k3' '-u -k4' '-S 1M --parallel=2' '-n --compress-program=gzip -S 2M' \
  '-V' '-R --random-source=../../small'; do
  # shellcheck disable=SC2086
  expect_same "sort ${options}" sort ${options} "${WORK}/large"
done
expect_same "ls -lR" ls -lR /usr/include /usr/share/doc
expect_same "find" find /usr/include /usr/share/doc -printf '%p %s %y %l\n'
expect_same "du" du -ab --time /usr/include
expect_same "text tools" bash -euc '
  in=../../small
  cut -d" " -f1,4 $in | tr a-m N-Z | sort | uniq -c | sort -rn >counts
  split -l 1000 --additional-suffix=.part $in; cat x*.part | cmp - $in
  paste x*.part | sed -n 1,100p >pasted; tac $in >reversed
  rev <$in | shuf --random-source=$in >mixed
  sort -k1,1 $in >left; sort -k1,1 reversed >right; join left right | sha256sum; comm left right
  fmt -w 60 $in | pr -3 -l 50 -h x -D y >pages; nl $in | expand | fold -w 30 | md5sum
  base64 $in | base64 -d | b2sum; od -A d -t x1z $in | tail -n 5; wc $in; cksum $in
  head -c 2000000 ../../large | tail -c 1000 | hexdump -C
  csplit -s $in 100 "{10}"; truncate -s 3 xx00; stat -c "%n %s %F" $in; date -d @1700000000
  seq 1 2000 | xargs -P 2 -n 50 echo | wc
  factor 18446744073709551557 999999999989; numfmt --to=iec 123456789; expr 6 \* 7
  printf "%s\n" "a b" "b c" "c d" | tsort
  grep -c "line 4.*[a-e]\{3\}" ../../large; sed -n "s/line \([0-9]*\)5 /<\1>/p" $in | sha256sum
  gzip -c9 $in | gzip -d | cmp - $in; xz -T2 -c $in | xz -dc | cmp - $in'
expect_same "copies" bash -euc '
  dd if=../../large of=copy bs=8M status=none; cp --sparse=always copy sparse
  cp -a /usr/include/linux tree
  mv tree moved; ln -s moved link; tar -C moved -cf - . | tar -tvf - | sort | sha256sum
  rm -rf moved; install -m 0600 copy installed; ls -l --time-style=+ | wc -l'
