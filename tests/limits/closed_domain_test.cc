// Domains that are closed and opened for one thread, by protection keys: what is closed faults, for
// this thread only, and the library itself is not kept out. Where there are no keys the API says
// so; tests/vm runs it on an emulated processor that has them.
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <string>
#include <thread>
#include <vector>

#include "tests/limits/support.h"
#include "tests/unit/api/sandbox.h"

using namespace secure_alloc::test;

namespace {

constexpr int kOpen = PROT_READ | PROT_WRITE;
constexpr int kPkuerr = 10, kOtherFault = 11;  // how a child ends that faults
constexpr size_t kLarge = 300000;
constexpr char kText[] = "a secret";

secalloc_domain* Create(unsigned flags = SECALLOC_DOMAIN_PKEY,
                        secalloc_fork fork = SECALLOC_FORK_COPY) {
  secalloc_domain_config config = {};
  config.name = "closed";
  config.fork = fork;
  config.flags = flags;
  return secalloc_domain_create(&config);
}

char* TextIn(secalloc_domain* domain, size_t size = sizeof kText) {
  char* const text = static_cast<char*>(secalloc_domain_malloc(domain, size));
  if (text != nullptr) strcpy(text, kText);
  return text;
}

void OnFault(int, siginfo_t* info, void*) {
  _exit(info->si_code == SEGV_PKUERR ? kPkuerr : kOtherFault);
}

// How a child ends that does this; 0: as it should.
template <typename Act>
int EndOfChild(Act act) {
  return InChild([&] {
    struct sigaction action = {};
    action.sa_sigaction = OnFault;
    action.sa_flags = SA_SIGINFO;
    sigaction(SIGSEGV, &action, nullptr);
    act();
    return 0;
  });
}

int EndOfReading(const char* text) {
  return EndOfChild([=] { _exit(strcmp(const_cast<const char*>(text), kText) == 0 ? 0 : 1); });
}
int EndOfWriting(char* text) {
  return EndOfChild([=] { *const_cast<volatile char*>(text) = 'A'; });
}

uint64_t Keys() {
  struct secalloc_stats stats;
  return secalloc_stats(&stats) == 0 ? stats.protection_keys : 1000;
}

int AccessTo(const void* object) {
  secalloc_info info;
  return secalloc_query(object, &info) == 0 ? info.access : -2;
}

// --- What each thread may do ------------------------------------------------------------------

void TestWindows() {
  secalloc_domain* const domain = Create();
  char* const text = TextIn(domain);
  Fact("its maker may read and write", EndOfReading(text) == 0 && EndOfWriting(text) == 0);
  Fact("... and that is told",
       secalloc_domain_get_access(domain) == kOpen && AccessTo(text) == kOpen);
  Fact("closed", secalloc_domain_access(domain, PROT_NONE) == 0);
  Fact("... reading is SEGV_PKUERR", EndOfReading(text) == kPkuerr);
  Fact("... writing, too", EndOfWriting(text) == kPkuerr);
  int ends[2];
  errno = 0;
  Fact("... write(2) from it is EFAULT",
       pipe(ends) == 0 && write(ends[1], text, 1) < 0 && errno == EFAULT);
  Fact("... and that is told",
       secalloc_domain_get_access(domain) == PROT_NONE && AccessTo(text) == PROT_NONE);
  Fact("for reading only: reading", secalloc_domain_access(domain, PROT_READ) == 0 &&
                                        EndOfReading(text) == 0 && AccessTo(text) == PROT_READ);
  Fact("... writing is SEGV_PKUERR", EndOfWriting(text) == kPkuerr);
  Fact("an object closed by secalloc_protect stays so in an open domain", [&] {
    char* const pages = static_cast<char*>(secalloc_domain_alloc_pages(domain, 16, 100, 0));
    return secalloc_domain_access(domain, kOpen) == 0 && secalloc_protect(pages, PROT_NONE) == 0 &&
           EndOfReading(pages) == kOtherFault && AccessTo(pages) == PROT_NONE &&
           secalloc_protect(pages, kOpen) == 0 && secalloc_domain_access(domain, PROT_NONE) == 0 &&
           EndOfReading(pages) == kPkuerr;
  }());
  Fact("opening and closing make no system call", EndOfChild([=] {
                                                    ForbidSystemCalls();
                                                    for (int i = 0; i < 1000; ++i) {
                                                      secalloc_domain_access(domain, kOpen);
                                                      *text = 'b';
                                                      secalloc_domain_access(domain, PROT_NONE);
                                                    }
                                                  }) == 0);
  Fact("destroyed while it is closed", secalloc_domain_destroy(domain) == 0);
}

void TestThreads() {
  int told[2], asked[2];
  if (!Fact("two pipes can be had", pipe(told) == 0 && pipe(asked) == 0)) return;
  secalloc_domain* domain = nullptr;
  char* text = nullptr;
  int before = -1, opened = -1, faulted = -1;
  std::thread other([&] {  // older than the domain
    char byte;
    if (read(asked[0], &byte, 1) != 1) return;
    before = secalloc_domain_get_access(domain);
    faulted = EndOfReading(text);
    secalloc_domain_access(domain, PROT_READ);
    opened = EndOfReading(text);
    if (write(told[1], "x", 1) != 1) return;
  });
  domain = Create();
  text = TextIn(domain);
  secalloc_domain_access(domain, PROT_NONE);
  char byte;
  const bool answered = write(asked[1], "x", 1) == 1 && read(told[0], &byte, 1) == 1;
  Fact("to a thread that is older it is closed",
       answered && before == PROT_NONE && faulted == kPkuerr);
  Fact("... it can open it for itself", opened == 0);
  Fact("... which opens it for nobody else", EndOfReading(text) == kPkuerr);
  other.join();
  int inherited = -1;
  secalloc_domain_access(domain, PROT_READ);
  std::thread([&] { inherited = secalloc_domain_get_access(domain); }).join();
  Fact("a new thread begins with its maker's access", inherited == PROT_READ);
  secalloc_domain_destroy(domain);
}

secalloc_domain* signalled;
int in_handler, opened_in_handler;

void OnSignal(int) {
  in_handler = secalloc_domain_get_access(signalled);
  secalloc_domain_access(signalled, PROT_READ);
  opened_in_handler = secalloc_domain_get_access(signalled);
}

void TestSignals() {
  signalled = Create();
  signal(SIGUSR1, OnSignal);
  raise(SIGUSR1);
  Fact("a signal handler begins with none", in_handler == PROT_NONE);
  Fact("... and can open it", opened_in_handler == PROT_READ);
  Fact("... what was before is back when it returns",
       secalloc_domain_get_access(signalled) == kOpen);
  secalloc_domain_destroy(signalled);
}

// --- The library itself -----------------------------------------------------------------------

bool IsZero(const char* bytes, size_t size) {
  return std::string(bytes, size).find_first_not_of('\0') == std::string::npos;
}

void TestTheLibraryIsNotKeptOut() {
  secalloc_domain* const domain = Create();
  std::vector<void*> old = {TextIn(domain), TextIn(domain, kLarge),
                            secalloc_domain_alloc_pages(domain, 16, 100, SECALLOC_AT_END)};
  secalloc_domain_access(domain, PROT_NONE);
  Fact("closed: reserve", secalloc_reserve(domain, 100000) == 0);
  std::vector<char*> made;
  for (int i = 0; i < 1000; ++i) {
    made.push_back(static_cast<char*>(secalloc_domain_calloc(domain, 1, 1000)));
  }
  made.push_back(static_cast<char*>(secalloc_domain_aligned_alloc(domain, 8192, kLarge)));
  Fact("closed: allocate, as the domain grows", made[999] != nullptr && made[1000] != nullptr);
  Fact("closed: size and query", secalloc_usable_size(made[0]) == 1000);
  old[0] = secalloc_domain_realloc(domain, old[0], 5000);
  old[1] = secalloc_realloc(old[1], 2 * kLarge);
  Fact("closed: resize", old[0] != nullptr && old[1] != nullptr);
  char* const moved = static_cast<char*>(secalloc_domain_realloc(nullptr, TextIn(nullptr), 50));
  char* const inside = static_cast<char*>(secalloc_domain_realloc(domain, moved, 60));
  Fact("closed: move in", inside != nullptr);
  Fact("it stays closed", secalloc_domain_get_access(domain) == PROT_NONE);
  secalloc_domain_access(domain, PROT_READ);
  Fact("what was resized has its contents", strcmp(static_cast<char*>(old[0]), kText) == 0 &&
                                                strcmp(static_cast<char*>(old[1]), kText) == 0);
  Fact("... what was moved in, too", strcmp(inside, kText) == 0);
  Fact("what was allocated is zero", IsZero(made[0], 1000) && IsZero(made[1000], kLarge));
  secalloc_domain_access(domain, PROT_NONE);
  for (void* const object : old) secalloc_free(object);
  for (void* const object : made) secalloc_domain_free(domain, object);
  Fact("closed: free, and trim", secalloc_trim() == 0);
  Fact("closed: a double free is still found",
       EndOfChild([&] { secalloc_free(made[0]); }) == -SIGABRT);
  secalloc_domain_destroy(domain);
}

void TestForks() {
  constexpr struct {
    secalloc_fork policy;
    const char* name;
  } kPolicies[] = {{SECALLOC_FORK_COPY, "fork=copy: "},
                   {SECALLOC_FORK_DENY, "fork=deny: "},
                   {SECALLOC_FORK_SHARE, "fork=share: "}};
  for (const auto& [policy, prefix] : kPolicies) {
    const std::string name = prefix;
    secalloc_domain* const domain = Create(SECALLOC_DOMAIN_PKEY, policy);
    char* const text = TextIn(domain);
    const bool shared = policy == SECALLOC_FORK_SHARE && ProtectionOf(text) == SECALLOC_SECRET;
    secalloc_domain_access(domain, PROT_NONE);
    const int closed = EndOfReading(text);
    const int opened = EndOfChild([=] {
      secalloc_domain_access(domain, kOpen);
      if (strcmp(text, kText) != 0) _exit(1);
      *text = 'A';
      secalloc_domain_access(domain, PROT_NONE);
      _exit(EndOfReading(text) == kPkuerr ? 0 : 2);  // a child's child
    });
    secalloc_domain_access(domain, PROT_READ);
    if (shared || policy == SECALLOC_FORK_COPY) {
      Fact(name + "a child of a closed thread is closed", closed == kPkuerr);
      Fact(name + "... opens it, and its child is closed", opened == 0);
    } else {  // Locked memory can't be shared.
      Fact(name + "a child has nothing, closed or open",
           closed == kOtherFault && opened == kOtherFault);
    }
    Fact(name +
             (shared ? "... the parent sees its writes" : "... the parent doesn't see its writes"),
         text[0] == (shared ? 'A' : 'a'));
    secalloc_domain_destroy(domain);
  }
}

void TestKeysRunOut() {
  const uint64_t before = Keys();
  std::vector<secalloc_domain*> domains;
  while (secalloc_domain* const domain = Create()) {
    domains.push_back(domain);
    if (domains.size() > 15) break;
  }
  Fact("keys run out: ENOSPC, after " + std::to_string(domains.size()) + " domains",
       errno == ENOSPC && !domains.empty() && domains.size() <= 15);
  Fact("... stats count them", Keys() == before + domains.size());
  char* const text = TextIn(domains[0]);
  secalloc_domain_access(domains[0], PROT_NONE);
  Fact("... one domain's key is not another's",
       secalloc_domain_get_access(domains.back()) == kOpen && EndOfReading(text) == kPkuerr);
  secalloc_domain_destroy(domains.back());
  domains.back() = Create();
  Fact("... a destroyed domain's key can be had again", domains.back() != nullptr);
  for (secalloc_domain* const domain : domains) secalloc_domain_destroy(domain);
  Fact("... and all of them come back", Keys() == before);
}

void TestLockdown() {
  Fact("after lockdown a domain still opens, closes and grows",
       EndOfChild([] {
         secalloc_domain* const domain = Create();
         char* const text = TextIn(domain);
         secalloc_domain_access(domain, PROT_NONE);
         if (secalloc_lockdown(SECALLOC_LOCKDOWN_MAPS) != 0 && errno != EOPNOTSUPP) _exit(1);
         if (secalloc_lockdown(SECALLOC_LOCKDOWN_ONLY_WORK) != 0) _exit(2);
         if (secalloc_domain_malloc(domain, kLarge) == nullptr) _exit(3);
         if (secalloc_domain_access(domain, PROT_READ) != 0 || strcmp(text, kText) != 0) _exit(4);
       }) == 0);
}

// --- Without keys -----------------------------------------------------------------------------

void TestWithoutTheFlag() {
  secalloc_domain* const domain = Create(0);
  for (secalloc_domain* const plain : {domain, static_cast<secalloc_domain*>(nullptr)}) {
    errno = 0;
    Fact("a domain made without the flag can't be closed",
         secalloc_domain_access(plain, PROT_NONE) == -1 && errno == EOPNOTSUPP);
    Fact("... and is open", secalloc_domain_get_access(plain) == kOpen);
  }
  errno = 0;
  Fact("PROT_WRITE alone is none",
       secalloc_domain_access(domain, PROT_WRITE) == -1 && errno == EINVAL);
  Fact("an object's access is told", AccessTo(TextIn(domain)) == kOpen);
  Fact("... of none there is none", AccessTo(&domain) == -1);
  secalloc_domain_destroy(domain);
}

}  // namespace

int main() {
  TestWithoutTheFlag();
  const uint64_t before = Keys();
  secalloc_domain* const domain = Create();
  if (domain == nullptr) {
    Fact("without protection keys: EOPNOTSUPP", errno == EOPNOTSUPP);
    Fact("... and nothing is left", Keys() == before);
    printf("SKIP: machine: this processor, or the kernel, has no protection keys\n");
    return Summary();
  }
  secalloc_domain_destroy(domain);
  TestWindows();
  TestThreads();
  TestSignals();
  TestTheLibraryIsNotKeptOut();
  TestForks();
  TestKeysRunOut();
  TestLockdown();
  // Closed and in use when the process ends and looks at what is live.
  secalloc_domain* const last = Create();
  TextIn(last);
  secalloc_domain_access(last, PROT_NONE);
  return Summary();
}
