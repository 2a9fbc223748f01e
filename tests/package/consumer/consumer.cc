// A program that uses the installed C++ types.
#include <secure_alloc/secret.h>

#include <array>
#include <cstdio>

int main() {
  const auto key = secure_alloc::make_secret<std::array<unsigned char, 32>>();
  const int protection = key.access([](const auto& bytes) {
    struct secalloc_info info;
    secalloc_query(&bytes, &info);
    return static_cast<int>(info.protection);
  });
  std::printf("C++: protection %d, 32 bytes\n", protection);
}
