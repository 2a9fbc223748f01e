// A page heap whose pages lie under a protection key.
#include <errno.h>

#include "tests/unit/pages/page_heap_fixture.h"

namespace secure_alloc::test {
namespace {

constexpr unsigned kKey = 5;

class KeyedPageHeapTest : public PageHeapTest {
 protected:
  void SetUp() override {
    PageHeapTest::SetUp();
    heap_.SetKey(kKey);
  }
};

TEST_F(KeyedPageHeapTest, PutsAllPagesUnderIt) {
  bool guarded;
  Take(0);
  Take(8);
  TakeGuarded(10, kPageSize, &guarded);
  TakeGuarded(3000, kPageSize, &guarded);  // an arena of its own
  ASSERT_EQ(heap_.Reserve(100), 0);
  EXPECT_GT(first_.mapped_bytes(), 3000 * kPageSize);
  EXPECT_EQ(first_.KeyedBytes(kKey), first_.mapped_bytes());
}

TEST_F(KeyedPageHeapTest, PutsThoseOfTheSecondSourceUnderItToo) {
  first_.RefuseMaps(ENOSYS);
  const Run run = Take(3);
  EXPECT_GT(second_.mapped_bytes(), 0u);
  EXPECT_EQ(second_.KeyedBytes(kKey), second_.mapped_bytes());
  heap_.Give(run);
  heap_.Trim();  // The source sees that no key stays with the place.
  EXPECT_EQ(second_.mapped_bytes(), 0u);
}

TEST_F(KeyedPageHeapTest, GivesNoPageThatIsUnderNone) {
  for (FakeSource* const source : {&first_, &second_}) source->RefuseKeys(EPERM);
  EXPECT_EQ(ErrorOfTake(0), EPERM);
  EXPECT_EQ(heap_.Reserve(1), EPERM);
  EXPECT_EQ(first_.mapped_bytes() + second_.mapped_bytes(), 0u);
  EXPECT_EQ(budget_.used(), 0u);
}

TEST_F(PageHeapTest, WithoutAKeyAsksForNone) {
  for (FakeSource* const source : {&first_, &second_}) source->RefuseKeys(EPERM);
  heap_.Give(Take(4));
}

}  // namespace
}  // namespace secure_alloc::test
