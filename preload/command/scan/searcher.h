// Finds needles in memory that comes piece by piece, in ascending order of addresses.
//
// A place is one contiguous match. It counts once for a token even when pieces overlap, or
// when it goes on from one piece to the next: pieces of contiguous memory overlap by kOverlap
// bytes, so that each window lies whole in one of them.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "preload/command/scan/needles.h"

namespace secure_alloc {

struct Finding {
  size_t places = 0;
  std::map<std::string, size_t> mappings;  // name -> places
};

class Searcher {
 public:
  static constexpr size_t kOverlap = 32;
  using NameOf = std::function<std::string(uint64_t address)>;

  // `needles` are sealed and outlive this.
  Searcher(const Needles& needles, NameOf name_of);

  void Search(uint64_t address, ByteView piece);

  // For each token, by its number.
  const std::vector<Finding>& findings() const { return findings_; }

 private:
  struct Place {
    uint64_t begin = 0, end = 0;
  };
  void TryWord(uint64_t word, uint64_t address, ByteView piece, size_t at);

  const Needles& needles_;
  NameOf name_of_;
  std::vector<Finding> findings_;
  std::vector<Place> last_;  // by token
};

}  // namespace secure_alloc
