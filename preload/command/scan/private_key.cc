#include "preload/command/scan/private_key.h"

#include <algorithm>

#include "preload/command/scan/der.h"

namespace secure_alloc {
namespace {

constexpr uint8_t kOidRsa[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01};
constexpr uint8_t kOidRsaPss[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a};
constexpr uint8_t kOidEc[] = {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01};
constexpr uint8_t kContext0 = 0xa0;      // [0], constructed
constexpr uint8_t kContext1 = 0xa1;      // [1], constructed
constexpr uint8_t kContext1Bits = 0x81;  // [1], primitive: PKCS#8's public key

// Shorter numbers can't be told from chance, and no such key protects anything.
constexpr size_t kShortest = 24;

bool Same(ByteView a, ByteView b) { return std::equal(a.begin(), a.end(), b.begin(), b.end()); }

bool Fail(std::string* error, const char* text) {
  *error = text;
  return false;
}

bool ParseRsa(ByteView der, PrivateKey* key, std::string* error) {
  DerReader outer(der);
  ByteView body;
  if (!outer.Read(kDerSequence, &body) || !outer.empty()) {
    return Fail(error, "not one DER sequence");
  }
  DerReader reader(body);
  int version;
  ByteView modulus, exponent;
  if (!reader.ReadSmall(&version)) return Fail(error, "RSA key without a version");
  if (version != 0) return Fail(error, "RSA keys of more than two primes are not supported");
  if (!reader.ReadUnsigned(&modulus) || !reader.ReadUnsigned(&exponent)) {
    return Fail(error, "RSA key without modulus and public exponent");
  }
  for (const char* name : {"RSA d", "RSA p", "RSA q", "RSA dP", "RSA dQ", "RSA qInv"}) {
    ByteView number;
    if (!reader.ReadUnsigned(&number)) return Fail(error, "RSA key with a missing number");
    if (number.size() < kShortest) return Fail(error, "RSA key too small to be searched for");
    key->parts.push_back({name, number});
  }
  return reader.empty() || Fail(error, "RSA key with bytes left over");
}

bool ParseEc(ByteView der, PrivateKey* key, std::string* error) {
  DerReader outer(der);
  ByteView body, scalar, ignored;
  if (!outer.Read(kDerSequence, &body) || !outer.empty()) {
    return Fail(error, "not one DER sequence");
  }
  DerReader reader(body);
  int version;
  if (!reader.ReadSmall(&version) || version != 1) return Fail(error, "EC key not of version 1");
  if (!reader.Read(kDerOctetString, &scalar)) return Fail(error, "EC key without its scalar");
  if (scalar.size() < kShortest) return Fail(error, "EC key too small to be searched for");
  for (const uint8_t tag : {kContext0, kContext1}) {
    if (reader.PeekTag() == tag && !reader.Read(tag, &ignored)) {
      return Fail(error, "EC key with malformed parameters or public key");
    }
  }
  if (!reader.empty()) return Fail(error, "EC key with bytes left over");
  key->parts.push_back({"EC scalar", scalar});
  return true;
}

bool ParsePkcs8(DerReader reader, PrivateKey* key, std::string* error) {
  int version;
  ByteView algorithm, oid, inner, ignored;
  if (!reader.ReadSmall(&version) || version > 1) return Fail(error, "PKCS#8 of unknown version");
  if (!reader.Read(kDerSequence, &algorithm)) return Fail(error, "PKCS#8 without an algorithm");
  DerReader algorithm_reader(algorithm);
  if (!algorithm_reader.Read(kDerOid, &oid)) return Fail(error, "PKCS#8 without an algorithm");
  if (!algorithm_reader.empty() && (!algorithm_reader.Skip() || !algorithm_reader.empty())) {
    return Fail(error, "PKCS#8 with malformed algorithm parameters");
  }
  if (!reader.Read(kDerOctetString, &inner)) return Fail(error, "PKCS#8 without a private key");
  for (const uint8_t tag : {kContext0, kContext1Bits}) {
    if (reader.PeekTag() == tag && !reader.Read(tag, &ignored)) {
      return Fail(error, "PKCS#8 with malformed attributes");
    }
  }
  if (!reader.empty()) return Fail(error, "PKCS#8 with bytes left over");
  if (Same(oid, kOidRsa) || Same(oid, kOidRsaPss)) return ParseRsa(inner, key, error);
  if (Same(oid, kOidEc)) return ParseEc(inner, key, error);
  return Fail(error, "neither an RSA nor an EC key; other algorithms: give the secret by --raw");
}

// What follows the version tells the three forms apart.
bool ParseAny(ByteView der, PrivateKey* key, std::string* error) {
  DerReader outer(der);
  ByteView body, version;
  if (!outer.Read(kDerSequence, &body) || !outer.empty()) {
    return Fail(error, "neither PEM nor one DER sequence");
  }
  DerReader reader(body);
  if (!reader.Read(kDerInteger, &version)) return Fail(error, "DER, but no private key");
  switch (reader.PeekTag()) {
    case kDerSequence:
      return ParsePkcs8(DerReader(body), key, error);
    case kDerOctetString:
      return ParseEc(der, key, error);
    case kDerInteger:
      return ParseRsa(der, key, error);
    default:
      return Fail(error, "DER, but no private key");
  }
}

}  // namespace

bool ParsePrivateKey(ByteView der, PrivateKey* key, std::string* error) {
  *key = {};
  if (!ParseAny(der, key, error)) return false;
  const ByteView first = key->parts.front().number, last = key->parts.back().number;
  key->secret_begin = static_cast<size_t>(first.data() - der.data());
  key->secret_end = static_cast<size_t>(last.data() + last.size() - der.data());
  return true;
}

}  // namespace secure_alloc
