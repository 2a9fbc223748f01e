// What a scan looks for, kept so that the scan can't find it in itself.
//
// A needle is a string of secret bytes; any kWindow consecutive bytes of it count as found.
// Memory holds each needle only XORed with random bytes of its own, and a table of keyed
// hashes of its words:
//
//   words   every 8 consecutive bytes of every needle -> (needle, offset), by hash
//   filter  one bit per hash value, so that most words of a haystack cost one look
//
// 24 consecutive bytes contain an 8-byte word at a multiple of 16, wherever they begin. So
// whoever asks Candidates() about one word in 16 bytes of a haystack misses no window.
//
// Invariants: (1) Add() reads the secret byte by byte and keeps no copy. (2) Nothing is
// added after Seal(), nothing asked before. Not thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "preload/command/common/private_pages.h"

namespace secure_alloc {

// What a find is reported as.
struct Token {
  std::string key;   // the file it came from
  std::string part;  // "RSA p"
  std::string form;  // "big-endian", "little-endian", "text", "bytes"
  bool control = false;
};

class Needles {
 public:
  static constexpr size_t kWindow = 24;
  static constexpr size_t kWord = 8;
  static constexpr size_t kStride = 16;
  // A find has at least so many bytes in the needle's secret range: 64 bits that
  // aren't there by chance, 48 if they are base64.
  static constexpr size_t kSecretBytes = 8;

  struct Range {
    size_t begin, end;
  };
  struct Match {
    size_t begin = 0, end = 0;  // in the haystack
  };
  struct Candidate {
    uint32_t hash;
    uint32_t needle;
    uint32_t offset;
  };

  Needles();

  // Returns the token's number.
  size_t AddToken(Token token);
  // A part that is longer than kWindow; shorter needles are a bug of the caller.
  // `secret`: the range whose presence makes a find; the rest may be public knowledge.
  void Add(size_t token, ByteView bytes, Range secret);
  void Add(size_t token, ByteView bytes) { Add(token, bytes, {0, bytes.size()}); }
  void AddReversed(size_t token, ByteView bytes);
  void Seal();

  const std::vector<Token>& tokens() const { return tokens_; }

  bool MayContain(uint64_t word) const {
    const uint64_t hash = Hash(word);
    return filter_[hash >> (64 - kFilterBits) >> 6] >> (hash >> (64 - kFilterBits) & 63) & 1;
  }
  // Calls f(candidate) for each place in the needles that may hold this word.
  template <typename F>
  void Candidates(uint64_t word, F&& f) const;
  size_t TokenOf(const Candidate& candidate) const { return needles_[candidate.needle].token; }
  // The longest agreement of haystack and needle around the candidate's word at `at`.
  [[nodiscard]] bool Verify(const Candidate& candidate, ByteView haystack, size_t at,
                            Match* match) const;

 private:
  static constexpr unsigned kFilterBits = 18;  // 32 KiB: stays in the first-level cache.

  struct Needle {
    size_t token;
    size_t start;  // in masked_ and mask_
    size_t size;
    Range secret;
  };

  uint64_t Hash(uint64_t word) const { return (word ^ hash_xor_) * hash_factor_; }
  uint8_t ByteOf(const Needle& needle, size_t i) const {
    return masked_[needle.start + i] ^ mask_[needle.start + i];
  }
  size_t Bucket(uint32_t hash) const { return hash >> bucket_shift_; }
  template <typename ByteAt>
  void AddMasked(size_t token, size_t size, Range secret, ByteAt byte_at);

  std::vector<Token> tokens_;
  std::vector<Needle> needles_;
  std::vector<uint8_t> masked_, mask_;
  uint64_t hash_xor_, hash_factor_;
  std::vector<Candidate> words_;   // by hash
  std::vector<uint32_t> buckets_;  // first word of each bucket, and the end
  unsigned bucket_shift_ = 0;
  std::vector<uint64_t> filter_;
};

template <typename F>
void Needles::Candidates(uint64_t word, F&& f) const {
  const uint32_t hash = static_cast<uint32_t>(Hash(word) >> 32);
  const size_t bucket = Bucket(hash);
  for (size_t i = buckets_[bucket]; i < buckets_[bucket + 1]; ++i) {
    if (words_[i].hash == hash) f(words_[i]);
  }
}

}  // namespace secure_alloc
