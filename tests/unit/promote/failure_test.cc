// Every step of a conversion is refused once: what it returns is an errno value, contents and
// protection are as before, nothing is left behind, and other threads never notice.
#include <errno.h>
#include <gtest/gtest.h>
#include <string.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "allocator/promote/steps.h"
#include "tests/unit/promote/range.h"
#include "tests/unit/promote/refusal.h"

namespace secure_alloc {
namespace {

using test::kPage;
using test::Range;
using test::Refusal;

// Adds to words of the range until it ends; counts as well.
class Writer {
 public:
  explicit Writer(char* word) : word_(reinterpret_cast<std::atomic<uint64_t>*>(word)) {
    *word_ = 0;
    thread_ = std::thread([this] {
      while (!stop_) {
        ++*word_;
        ++count_;
      }
    });
  }
  ~Writer() {
    stop_ = true;
    thread_.join();
    EXPECT_EQ(*word_, count_);
  }

 private:
  std::atomic<uint64_t>* const word_;
  std::atomic<bool> stop_ = false;
  uint64_t count_ = 0;
  std::thread thread_;
};

struct Case {
  Step step;
  int method;
  int protection;
};

void PrintTo(const Case& c, std::ostream* out) {
  *out << "step " << static_cast<int>(c.step) << " method " << std::hex << c.method;
}

class EachStep : public testing::TestWithParam<Case> {};

constexpr size_t kPages = 7;  // Runs of 4, 2 and 1.

void CheckUntouched(const Range& range, int protection, bool secret, const Writer*) {
  for (size_t page = 0; page < kPages; ++page) {
    EXPECT_EQ(test::IsSecretToKernel(range.at(page)), secret);
    EXPECT_EQ(test::ProtectionOf(range.at(page)), protection);
  }
}

bool ContentsHold(const Range& range, bool has_writer) {
  const size_t begin = has_writer ? 64 : 0;
  return Range::IsIntact(range.begin() + begin, range.bytes() - begin);
}

TEST_P(EachStep, OfAPromotionIsRolledBack) {
  const auto [step, method, protection] = GetParam();
  for (int after = 0; after < 4; ++after) {
    const Range range(kPages);
    ASSERT_EQ(mprotect(range.begin(), range.bytes(), protection), 0);
    {
      std::unique_ptr<Writer> writer;
      if ((protection & PROT_WRITE) != 0) writer = std::make_unique<Writer>(range.begin());
      const size_t descriptors = test::Descriptors(), mappings = test::Mappings();
      const Refusal refusal(step, after);
      const int error = range.Advise(SECALLOC_MADV_SECRET | method);
      step_hook = nullptr;
      EXPECT_EQ(error, refusal.happened() ? ENOMEM : 0);
      CheckUntouched(range, protection, !refusal.happened(), writer.get());
      EXPECT_EQ(test::Descriptors(), descriptors);
      EXPECT_TRUE(test::ReadPool().zero);
      if (refusal.happened()) {
        secalloc_trim();
        EXPECT_EQ(test::Stats().arena_bytes, 0u);
        EXPECT_LE(test::Mappings(), mappings + 12);  // Cut, and the registry's tables.
      }
    }
    ASSERT_EQ(mprotect(range.begin(), range.bytes(), PROT_READ | PROT_WRITE), 0);
    EXPECT_TRUE(ContentsHold(range, (protection & PROT_WRITE) != 0));
    ASSERT_EQ(range.Advise(SECALLOC_MADV_NORMAL), 0);
  }
}

TEST_P(EachStep, OfADemotionLeavesTheRestSecret) {
  const auto [step, method, protection] = GetParam();
  for (int after = 0; after < 4; ++after) {
    const Range range(kPages);
    ASSERT_EQ(range.Advise(SECALLOC_MADV_SECRET), 0);
    ASSERT_EQ(mprotect(range.begin(), range.bytes(), protection), 0);
    {
      std::unique_ptr<Writer> writer;
      if ((protection & PROT_WRITE) != 0) writer = std::make_unique<Writer>(range.begin());
      const size_t descriptors = test::Descriptors();
      const Refusal refusal(step, after);
      const int error = range.Advise(SECALLOC_MADV_NORMAL | method);
      step_hook = nullptr;
      EXPECT_EQ(error, refusal.happened() ? ENOMEM : 0);
      EXPECT_EQ(test::Descriptors(), descriptors);
      EXPECT_TRUE(test::ReadPool().zero);
      bool secret_before = true;
      for (size_t page = 0; page < kPages; ++page) {
        EXPECT_EQ(test::ProtectionOf(range.at(page)), protection);
        const bool secret = test::IsSecretToKernel(range.at(page));
        EXPECT_EQ(secret, test::IsSecret(range.at(page)));
        EXPECT_TRUE(page == 0 || secret || !secret_before);  // Done in order.
        secret_before = secret;
      }
      EXPECT_EQ(secret_before, refusal.happened());
    }
    ASSERT_EQ(range.Advise(SECALLOC_MADV_NORMAL), 0);
    ASSERT_EQ(mprotect(range.begin(), range.bytes(), PROT_READ | PROT_WRITE), 0);
    EXPECT_TRUE(ContentsHold(range, (protection & PROT_WRITE) != 0));
    EXPECT_FALSE(test::IsSecretToKernel(range.at(kPages - 1)));
  }
}

std::vector<Case> AllCases() {
  std::vector<Case> cases;
  for (int step = 0; step < static_cast<int>(Step::kSteps); ++step) {
    for (const int method : test::kMethods) {
      for (const int protection : {PROT_READ | PROT_WRITE, PROT_READ}) {
        cases.push_back({static_cast<Step>(step), method, protection});
      }
    }
  }
  return cases;
}

INSTANTIATE_TEST_SUITE_P(Steps, EachStep, testing::ValuesIn(AllCases()));

// Each step is one that some conversion asks about.
TEST(Steps, AreAllTaken) {
  static bool asked[static_cast<int>(Step::kSteps)];
  step_hook = [](Step step) {
    asked[static_cast<int>(step)] = true;
    return 0;
  };
  for (const int method : test::kMethods) {
    const Range range(1);
    ASSERT_EQ(mprotect(range.begin(), kPage, PROT_READ), 0);
    ASSERT_EQ(range.Advise(SECALLOC_MADV_SECRET | method), 0);
    ASSERT_EQ(range.Advise(SECALLOC_MADV_NORMAL | method), 0);
    secalloc_trim();
  }
  step_hook = nullptr;
  for (int step = 0; step < static_cast<int>(Step::kSteps); ++step)
    EXPECT_TRUE(asked[step]) << step;
}

// A sealed page behind runs that are promoted already: these are demoted again.
TEST(Undo, OfWhatWasPromotedBeforeTheRefusal) {
  const Range range(kPages);
  {
    const Writer writer(range.begin());
    const Refusal refusal(Step::kPlace, 2);
    EXPECT_EQ(range.Advise(SECALLOC_MADV_SECRET), ENOMEM);
    EXPECT_TRUE(refusal.happened());
    step_hook = nullptr;
    for (size_t page = 0; page < kPages; ++page)
      EXPECT_FALSE(test::IsSecretToKernel(range.at(page)));
    EXPECT_EQ(test::Stats().promoted_bytes, 0u);
  }
  EXPECT_TRUE(ContentsHold(range, true));
}

// The refusal goes on: what can't be undone is secret, and said to be.
TEST(Undo, MayBeRefusedToo) {
  const Range range(kPages);
  {
    const Writer writer(range.begin());
    const Refusal refusal(Step::kTable, 2, 100);
    EXPECT_EQ(range.Advise(SECALLOC_MADV_SECRET), ENOMEM);
    step_hook = nullptr;
    for (size_t page = 0; page < kPages; ++page) {
      EXPECT_EQ(test::IsSecret(range.at(page)), page < 6);
      EXPECT_EQ(test::IsSecretToKernel(range.at(page)), page < 6);
    }
  }
  EXPECT_TRUE(ContentsHold(range, true));
  EXPECT_EQ(range.Advise(SECALLOC_MADV_NORMAL), 0);
}

// What was secret before the call is not the call's to undo.
TEST(Undo, NotOfEarlierCalls) {
  const Range range(kPages);
  ASSERT_EQ(Range::Advise(range.at(0), 2 * kPage, SECALLOC_MADV_SECRET), 0);
  {
    const Refusal refusal(Step::kPlace, 1);
    EXPECT_EQ(range.Advise(SECALLOC_MADV_SECRET), ENOMEM);
  }
  for (size_t page = 0; page < kPages; ++page) {
    EXPECT_EQ(test::IsSecretToKernel(range.at(page)), page < 2);
  }
  EXPECT_TRUE(range.IsIntact());
}

}  // namespace
}  // namespace secure_alloc
