// Large objects that gather the pages of freed ones, at random: in threads, in children, and where
// the kernel refuses to move pages.
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <random>
#include <thread>
#include <vector>

#include "allocator/heap/live_object.h"
#include "allocator/heap/standard_heaps.h"
#include "tests/unit/child.h"
#include "tests/unit/heap/objects.h"
#include "tests/unit/seed.h"

#if defined(__x86_64__)
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>
#endif

namespace secure_alloc {
namespace {

using test::AreZero;
using test::kPublic;
using test::Object;

class Gather : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(entry::Start());
    entry::Trim();
  }
};

// Objects that come and go, each with contents of its own.
class Population {
 public:
  Population(uint64_t seed, size_t longest) : random_(seed), longest_(longest), number_(seed) {}

  void Step() {
    const size_t what = Below(100);
    if (objects_.size() > kMost) {
      while (objects_.size() > kMost / 4) Free(objects_.size() - 1);
    } else if (what < 45 || objects_.empty()) {
      Add(what % 5 == 0 ? size_t{kPageSize} << Below(10) : kPageSize);
    } else if (what < 60) {
      Resize(objects_[Below(objects_.size())]);
    } else if (what < 65) {
      CloseAndOpen(objects_[Below(objects_.size())]);
    } else {
      Free(Below(objects_.size()));
    }
  }
  void FreeAll() {
    while (!objects_.empty()) Free(objects_.size() - 1);
  }

 private:
  static constexpr size_t kMost = 14;

  size_t Below(size_t limit) { return random_() % limit; }
  // Above the sizes of slots; often just what fits into its pages.
  size_t DrawSize() {
    const size_t size = 40000 + Below(longest_);
    return Below(3) == 0 ? RoundUp(size, kPageSize) - 1 : size;
  }
  void Add(size_t alignment) {
    const size_t size = DrawSize();
    void* const bytes = entry::AllocateAligned(alignment, size, kPublic);
    ASSERT_NE(bytes, nullptr);
    ASSERT_EQ(Address(bytes) % alignment, 0u);
    objects_.push_back({static_cast<unsigned char*>(bytes), size, ++number_});
    ASSERT_TRUE(AreZero(objects_.back().bytes, size));
    objects_.back().Fill();
  }
  void Resize(Object& object) {
    ASSERT_TRUE(object.IsIntact());
    const size_t size = 2 * DrawSize(), kept = std::min(size, object.size);
    object.bytes = static_cast<unsigned char*>(entry::Resize(object.bytes, size, kPublic));
    ASSERT_NE(object.bytes, nullptr);
    ASSERT_TRUE(object.IsIntact(kept));
    ASSERT_TRUE(AreZero(object.bytes + kept, size - kept));
    object.size = size;
    object.Fill();
  }
  void CloseAndOpen(const Object& object) {
    ASSERT_EQ(SetAccess(object.bytes, Access::kNone, nullptr), 0);
    ASSERT_EQ(SetAccess(object.bytes, Access::kReadWrite, nullptr), 0);
    ASSERT_TRUE(object.IsIntact());
  }
  void Free(size_t i) {
    EXPECT_TRUE(objects_[i].IsIntact());
    entry::Free(objects_[i].bytes, kPublic);
    objects_[i] = objects_.back();
    objects_.pop_back();
  }

  std::mt19937_64 random_;
  const size_t longest_;
  uint64_t number_;
  std::vector<Object> objects_;
};

void Live(uint64_t seed, int steps, size_t longest) {
  Population population(seed, longest);
  for (int i = 0; i < steps && !testing::Test::HasFailure(); ++i) population.Step();
  population.FreeAll();
}

int Verdict() { return testing::Test::HasFailure() ? 1 : 0; }

TEST_F(Gather, KeepsContentsAndLeavesNoSeams) {
  Live(test::Seed(), 1000, 3 * kMiB);
  entry::Trim();
  EXPECT_EQ(ordinary_heap.large().seams(), 0u);
}

TEST_F(Gather, InThreadsAndInChildren) {
  std::thread one([] { Live(test::Seed() + 1, 400, 2 * kMiB); });
  std::thread other([] { Live(test::Seed() + 2, 400, 2 * kMiB); });
  for (uint64_t i = 0; i < 20; ++i) {
    EXPECT_EQ(test::InChild([i] {
                Live(test::Seed() + 3 + i, 15, 2 * kMiB);
                return Verdict();
              }),
              0);
  }
  one.join();
  other.join();
  entry::Trim();
  EXPECT_EQ(ordinary_heap.large().seams(), 0u);
}

#if defined(__x86_64__)

// mremap(2) as this process sees it from TrapMoves() on. Its sixth argument has no meaning: with
// kGenuine there it goes to the kernel.
constexpr long kGenuine = 0x7ead5eed;
bool (*refuses)(size_t length, size_t new_length, long flags);
size_t refused;

void OnMove(int, siginfo_t*, void* context) {
  greg_t* const at = static_cast<ucontext_t*>(context)->uc_mcontext.gregs;
  const size_t length = static_cast<size_t>(at[REG_RSI]);
  const size_t new_length = static_cast<size_t>(at[REG_RDX]);
  const long flags = at[REG_R10];
  if (refuses(length, new_length, flags)) {
    ++refused;
    // So Linux up to 6.16 leaves the place where it may not go.
    if ((flags & MREMAP_FIXED) != 0) munmap(reinterpret_cast<void*>(at[REG_R8]), new_length);
    at[REG_RAX] = -EAGAIN;
    return;
  }
  const long result = syscall(SYS_mremap, at[REG_RDI], length, new_length, flags, at[REG_R8],
                              kGenuine);
  at[REG_RAX] = result == -1 ? -errno : result;
}

void TrapMoves(bool (*refuse)(size_t, size_t, long)) {
  refuses = refuse;
  struct sigaction action = {};
  action.sa_sigaction = OnMove;
  action.sa_flags = SA_SIGINFO | SA_NODEFER;
  ASSERT_EQ(sigaction(SIGSYS, &action, nullptr), 0);
  sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mremap, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args[5])),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<unsigned>(kGenuine), 1, 0),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
  const sock_fprog program = {std::size(code), code};
  ASSERT_EQ(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
  ASSERT_EQ(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
}

// In a child, as a filter stays.
void ExpectUnharmedBy(bool (*refuse)(size_t, size_t, long)) {
  EXPECT_EQ(test::InChild([refuse] {
              TrapMoves(refuse);
              Live(test::Seed(), 500, 3 * kMiB);
              EXPECT_GT(refused, 0u);
              entry::Trim();
              EXPECT_EQ(ordinary_heap.large().seams(), 0u);
              return Verdict();
            }),
            0);
}

TEST_F(Gather, LeavesNoHoleWhereAllGrowthIsRefused) {
  ExpectUnharmedBy([](size_t length, size_t new_length, long) { return new_length > length; });
}

TEST_F(Gather, LeavesNoHoleWhereKernelMemoryIsShort) {
  ExpectUnharmedBy([](size_t, size_t, long flags) {
    static unsigned calls = 0;
    return (flags & MREMAP_FIXED) != 0 && ++calls % 5 == 0;
  });
}

TEST_F(Gather, DoesWithoutMovesThatAreRefused) {
  ExpectUnharmedBy([](size_t, size_t, long flags) {
    static unsigned calls = 0;
    return (flags & MREMAP_FIXED) == 0 && ++calls % 4 == 0;
  });
}

#endif

}  // namespace
}  // namespace secure_alloc
