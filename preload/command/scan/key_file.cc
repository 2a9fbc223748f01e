#include "preload/command/scan/key_file.h"

#include <errno.h>

#include <algorithm>

#include "preload/command/common/file_io.h"
#include "preload/command/common/message.h"
#include "preload/command/scan/pem.h"
#include "preload/command/scan/private_key.h"

namespace secure_alloc {
namespace {

constexpr size_t kLargestKeyFile = size_t{1} << 20;
constexpr size_t kLargestRawFile = size_t{64} << 10;

struct FileBytes {
  PrivatePages pages;
  ByteView bytes;
};

bool ReadSecretFile(const std::string& path, size_t largest, FileBytes* out, std::string* error) {
  const Descriptor file = OpenForReading(path);
  const ssize_t n =
      file.ok() ? ReadFully(file.get(), out->pages.data(), out->pages.size()) : ssize_t{-1};
  if (n < 0) {
    *error = ErrnoText(errno);
    return false;
  }
  if (static_cast<size_t>(n) > largest) {
    *error = "larger than " + HumanBytes(largest);
    return false;
  }
  out->bytes = out->pages.First(static_cast<size_t>(n));
  return true;
}

void AddNumbers(const std::string& path, const PrivateKey& key, Needles* needles) {
  for (const KeyPart& part : key.parts) {
    needles->Add(needles->AddToken({path, part.name, "big-endian"}), part.number);
    needles->AddReversed(needles->AddToken({path, part.name, "little-endian"}), part.number);
  }
}

// The characters that hold nothing but secret bits.
Needles::Range SecretCharacters(const PrivateKey& key) {
  return {(key.secret_begin * 8 + 5) / 6, key.secret_end * 8 / 6};
}

// The lines joined by `line_end`, as one needle of `token`.
void AddText(size_t token, const std::vector<std::string_view>& lines, std::string_view line_end,
             Needles::Range secret, PrivatePages* scratch, Needles* needles) {
  size_t size = 0, characters = 0;
  Needles::Range range{0, 0};
  uint8_t* out = scratch->data();
  for (const std::string_view line : lines) {
    if (size > 0) {
      for (const char c : line_end) out[size++] = static_cast<uint8_t>(c);
    }
    for (const char c : line) {
      if (characters == secret.begin) range.begin = size;
      out[size++] = static_cast<uint8_t>(c);
      if (++characters == secret.end) range.end = size;
    }
  }
  needles->Add(token, scratch->First(size), range);
}

bool AddSection(const std::string& path, const PemSection& section, Needles* needles,
                std::string* error) {
  size_t characters = 0;
  for (const std::string_view line : section.lines) characters += line.size();
  PrivatePages der(characters + 1);
  size_t size;
  if (!DecodeBase64(section.lines, der.data(), &size)) {
    *error = "PEM with malformed base64";
    return false;
  }
  PrivateKey key;
  if (!ParsePrivateKey(der.First(size), &key, error)) return false;
  AddNumbers(path, key, needles);
  PrivatePages scratch(characters + 2 * section.lines.size());
  const size_t token = needles->AddToken({path, "PEM", "text"});
  for (const std::string_view line_end : {"\n", "\r\n", ""}) {
    AddText(token, section.lines, line_end, SecretCharacters(key), &scratch, needles);
  }
  return true;
}

bool IsPrivateKeyLabel(std::string_view label) {
  return label == "PRIVATE KEY" || label == "RSA PRIVATE KEY" || label == "EC PRIVATE KEY";
}

// Why a section that is a private key is of no use, or null.
const char* Unusable(const PemSection& section) {
  if (section.encrypted || section.label == "ENCRYPTED PRIVATE KEY") {
    return "encrypted; give the key as the program holds it: openssl pkey -in FILE -out PLAIN";
  }
  if (section.label == "OPENSSH PRIVATE KEY") {
    return "in OpenSSH's format; convert a copy: ssh-keygen -p -N '' -m PEM -f COPY";
  }
  return nullptr;
}

bool AddPem(const std::string& path, std::string_view text, Needles* needles, std::string* error) {
  PemSection section;
  bool found = false;
  for (;;) {
    switch (NextPemSection(&text, &section)) {
      case PemStatus::kMalformed:
        *error = "PEM without its END line";
        return false;
      case PemStatus::kEnd:
        if (!found) *error = "PEM, but no private key in it";
        return found;
      case PemStatus::kFound:
        break;
    }
    if (const char* reason = Unusable(section); reason != nullptr) {
      *error = reason;
      return false;
    }
    if (!IsPrivateKeyLabel(section.label)) continue;
    if (!AddSection(path, section, needles, error)) return false;
    found = true;
  }
}

// A window that is one byte repeated is everywhere.
bool HasConstantWindow(ByteView bytes) {
  size_t same = 1;
  for (size_t i = 1; i < bytes.size(); ++i) {
    same = bytes[i] == bytes[i - 1] ? same + 1 : 1;
    if (same >= Needles::kWindow) return true;
  }
  return false;
}

}  // namespace

bool AddKeyFile(const std::string& path, Needles* needles, std::string* error) {
  FileBytes file{PrivatePages(kLargestKeyFile + 1), {}};
  if (!ReadSecretFile(path, kLargestKeyFile, &file, error)) return false;
  const std::string_view text(reinterpret_cast<const char*>(file.bytes.data()), file.bytes.size());
  if (text.find("-----BEGIN ") != std::string_view::npos) {
    return AddPem(path, text, needles, error);
  }
  PrivateKey key;
  if (!ParsePrivateKey(file.bytes, &key, error)) return false;
  AddNumbers(path, key, needles);
  return true;
}

bool AddRawFile(const std::string& path, Needles* needles, std::string* error) {
  FileBytes file{PrivatePages(kLargestRawFile + 1), {}};
  if (!ReadSecretFile(path, kLargestRawFile, &file, error)) return false;
  if (file.bytes.size() < Needles::kWindow) {
    *error = Format("%zu bytes; less than %zu can't be told from chance", file.bytes.size(),
                    Needles::kWindow);
    return false;
  }
  if (HasConstantWindow(file.bytes)) {
    *error = "a byte repeated 24 times: that is in every process";
    return false;
  }
  needles->Add(needles->AddToken({path, "raw", "bytes"}), file.bytes);
  return true;
}

}  // namespace secure_alloc
