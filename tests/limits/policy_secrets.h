// Domains of each policy of fork(2), and the secrets of one thread in them.
#pragma once

#include <stddef.h>

#include <vector>

#include "include/secure_alloc/secure_alloc.h"

namespace secure_alloc::test {

struct Place {
  secalloc_domain* domain;  // null: the standard one
  secalloc_fork fork;
};

// Once, before there are secrets. `standard`: what SECALLOC_OPTIONS makes of the standard domain.
void MakePlaces(secalloc_fork standard);

struct Secret {
  char* bytes;
  size_t size;
  const Place* place;

  bool Holds(char value) const;
};

// Two in each place.
class Secrets {
 public:
  explicit Secrets(unsigned seed);
  ~Secrets();

  // Some objects anew, and all of them written.
  void Change();
  void Write(char value);
  // Whole, but for those of a policy.
  bool Hold(secalloc_fork except = SECALLOC_FORK_DEFAULT) const;
  bool Hold(secalloc_fork only, char value) const;
  const Secret& OfPolicy(secalloc_fork fork) const;
  // What a child may do with those it has inherited.
  void WriteInChild(char value);
  void FreeInChild();
  char value() const { return value_; }
  unsigned Random() { return (random_ = random_ * 1103515245 + 12345) >> 8; }

 private:
  Secret Allocate(const Place& place);

  unsigned random_;
  char value_ = 1;
  std::vector<Secret> secrets_;
};

}  // namespace secure_alloc::test
