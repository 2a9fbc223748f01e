// The secret numbers of a private key in DER: RSA as PKCS#1 (RFC 8017, A.1.2), EC as SEC1
// (RFC 5915), and both inside PKCS#8 (RFC 5958).
#pragma once

#include <string>
#include <vector>

#include "preload/command/common/private_pages.h"

namespace secure_alloc {

struct KeyPart {
  const char* name;  // "RSA p"
  ByteView number;   // big-endian; RSA's without leading zeros
};

struct PrivateKey {
  std::vector<KeyPart> parts;
  // Where in the DER the secrets begin and end. What lies before is public (headers, the
  // modulus) and stands in certificates and in other keys too.
  size_t secret_begin = 0;
  size_t secret_end = 0;
};

// Views into `der`. On failure `error` says what is wrong, without any of the key's bytes.
[[nodiscard]] bool ParsePrivateKey(ByteView der, PrivateKey* key, std::string* error);

}  // namespace secure_alloc
