#include "tests/limits/policy_secrets.h"

#include <stdlib.h>
#include <string.h>

namespace secure_alloc::test {
namespace {

std::vector<Place> places;

}  // namespace

void MakePlaces(secalloc_fork standard) {
  places.push_back({nullptr, standard});
  for (const secalloc_fork fork : {SECALLOC_FORK_COPY, SECALLOC_FORK_DENY, SECALLOC_FORK_SHARE}) {
    const secalloc_domain_config config = {.name = "threads", .quota = 0,
                                           .fallback = SECALLOC_FALLBACK_NONE, .fork = fork,
                                           .flags = 0, .reserved = {}};
    places.push_back({secalloc_domain_create(&config), fork});
  }
}

bool Secret::Holds(char value) const {
  for (size_t i = 0; i < size; ++i) {
    if (bytes[i] != value) return false;
  }
  return true;
}

Secrets::Secrets(unsigned seed) : random_(seed) {
  for (const Place& place : places) {
    for (int i = 0; i < 2; ++i) secrets_.push_back(Allocate(place));
  }
}

Secrets::~Secrets() {
  for (const Secret& secret : secrets_) secalloc_free(secret.bytes);
}

void Secrets::Change() {
  for (int i = 0; i < 3; ++i) {
    Secret& secret = secrets_[Random() % secrets_.size()];
    secalloc_free(secret.bytes);
    secret = Allocate(*secret.place);
  }
  Write(static_cast<char>(value_ + 1));
}

void Secrets::Write(char value) {
  value_ = value;
  for (const Secret& secret : secrets_) memset(secret.bytes, value, secret.size);
}

bool Secrets::Hold(secalloc_fork except) const {
  for (const Secret& secret : secrets_) {
    if (secret.place->fork != except && !secret.Holds(value_)) return false;
  }
  return true;
}

bool Secrets::Hold(secalloc_fork only, char value) const {
  for (const Secret& secret : secrets_) {
    if (secret.place->fork == only && !secret.Holds(value)) return false;
  }
  return true;
}

const Secret& Secrets::OfPolicy(secalloc_fork fork) const {
  for (const Secret& secret : secrets_) {
    if (secret.place->fork == fork) return secret;
  }
  abort();
}

void Secrets::WriteInChild(char value) {
  for (const Secret& secret : secrets_) {
    if (secret.place->fork != SECALLOC_FORK_DENY) memset(secret.bytes, value, secret.size);
  }
}

void Secrets::FreeInChild() {
  for (const Secret& secret : secrets_) {
    if (secret.place->fork != SECALLOC_FORK_SHARE) secalloc_free(secret.bytes);
  }
  secrets_.clear();
}

Secret Secrets::Allocate(const Place& place) {
  const size_t size = 1 + Random() % (Random() % 64 == 0 ? 40000 : 1500);
  char* const bytes = static_cast<char*>(secalloc_domain_malloc(place.domain, size));
  if (bytes == nullptr) abort();
  memset(bytes, value_, size);
  return {bytes, size, &place};
}

}  // namespace secure_alloc::test
