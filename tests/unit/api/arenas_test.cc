// The list of arenas: what it says of one domain is what its figures say.
#include "allocator/api/arenas.h"

#include <gtest/gtest.h>

#include <cstring>

#include "allocator/base/bits.h"
#include "secure_alloc/secure_alloc.h"

namespace secure_alloc {
namespace {

secalloc_domain* Create(const char* name) {
  const secalloc_domain_config config = {
      .name = name, .quota = 0, .fallback = SECALLOC_FALLBACK_DEFAULT,
      .fork = SECALLOC_FORK_DEFAULT, .flags = 0, .reserved = {}};
  return secalloc_domain_create(&config);
}

TEST(ArenaList, AgreesWithTheFiguresOfADomain) {
  secalloc_domain* const domain = Create("listed");
  for (size_t size = 16; size < 100000; size += size / 3) {
    ASSERT_NE(secalloc_domain_malloc(domain, size), nullptr);
  }
  ASSERT_NE(secalloc_domain_malloc(domain, 3 << 20), nullptr);  // An arena of its own.
  ASSERT_EQ(secalloc_reserve(domain, 100000), 0);
  struct secalloc_stats stats;
  ASSERT_EQ(secalloc_domain_stats(domain, &stats), 0);
  size_t arenas = 0, pages = 0, free_pages = 0, reserved = 0;
  for (const ArenaFigures& arena : ArenaList()) {
    if (strcmp(arena.domain, "listed") != 0) continue;
    ++arenas;
    pages += arena.pages;
    free_pages += arena.free_pages;
    reserved += arena.reserved;
    size_t in_runs = 0;
    for (unsigned order = 0; order < Buddy::kOrders; ++order) {
      in_runs += size_t{arena.free_runs[order]} << order;
    }
    EXPECT_EQ(in_runs, arena.free_pages);
  }
  EXPECT_GT(arenas, 3u);
  EXPECT_EQ(reserved, 1u);
  EXPECT_EQ(arenas, stats.secret_arenas + stats.locked_arenas);
  EXPECT_EQ(pages << kPageShift, stats.arena_bytes);
  EXPECT_EQ((pages - free_pages) << kPageShift, stats.secret_used_bytes + stats.locked_used_bytes);
  secalloc_domain_destroy(domain);
  for (const ArenaFigures& arena : ArenaList()) EXPECT_STRNE(arena.domain, "listed");
}

TEST(ArenaList, HasNamesThatNeedNoQuotes) {
  secalloc_domain* const domain = Create("a<\"&\n\\b");
  ASSERT_NE(secalloc_domain_malloc(domain, 1), nullptr);
  bool found = false;
  for (const ArenaFigures& arena : ArenaList()) found |= strcmp(arena.domain, "a?????b") == 0;
  EXPECT_TRUE(found);
  secalloc_domain_destroy(domain);
}

}  // namespace
}  // namespace secure_alloc
