// The parsers of `secalloc scan --key`: PEM, base64 and DER that anybody may have written.
#include <string>
#include <vector>

#include "preload/command/scan/pem.h"
#include "preload/command/scan/private_key.h"
#include "tests/fuzz/fuzz.h"

using namespace secure_alloc;
using namespace secure_alloc::test;

namespace {

void ParseDer(ByteView der) {
  PrivateKey key;
  std::string error;
  if (!ParsePrivateKey(der, &key, &error)) {
    Must(!error.empty());
    return;
  }
  Must(key.secret_begin <= key.secret_end && key.secret_end <= der.size());
  for (const KeyPart& part : key.parts) {
    Must(part.number.data() >= der.data());
    Must(part.number.data() + part.number.size() <= der.data() + der.size());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  ParseDer({data, size});
  std::string_view text(reinterpret_cast<const char*>(data), size);
  PemSection section;
  while (NextPemSection(&text, &section) == PemStatus::kFound) {
    std::vector<uint8_t> bytes(size + 4);
    size_t length = 0;
    if (!DecodeBase64(section.lines, bytes.data(), &length)) continue;
    Must(length <= size);
    ParseDer({bytes.data(), length});
  }
  return 0;
}
