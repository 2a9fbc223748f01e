# Questions for z3: a product of two primes to factor in bits, more pigeons than holes in integers,
# and a chain of arrays. -v pigeons=N
BEGIN {
  print "(push)(declare-const x (_ BitVec 32))(declare-const y (_ BitVec 32))"
  print "(assert (= (bvmul x y) (_ bv2147673613 32)))"  # 46337 * 46349; too large for %d
  print "(assert (and (bvugt x (_ bv1 32)) (bvugt y x) (bvult y (_ bv65536 32))))(check-sat)(pop)"
  print "(push)(declare-fun hole (Int) Int)"
  for (i = 1; i <= pigeons; i++) {
    print "(assert (and (<= 1 (hole " i ")) (< (hole " i ") " pigeons ")))"
    for (j = 1; j < i; j++) print "(assert (not (= (hole " i ") (hole " j "))))"
  }
  print "(check-sat)(pop)(push)(declare-const a0 (Array Int Int))(declare-const k Int)"
  for (i = 1; i <= 60 * pigeons; i++) {
    print "(declare-const a" i " (Array Int Int))"
    print "(assert (= a" i " (store a" i - 1 " (+ k " i % 17 ") (+ " i " (select a" i - 1 " k)))))"
  }
  print "(assert (< (select a" 60 * pigeons " k) (select a0 k)))(check-sat)(pop)"
}
