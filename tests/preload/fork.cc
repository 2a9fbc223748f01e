// What must not stop a fork: fork streams | users | keys | handlers | idle.
//
// The first four: memory of the C library that fork(2) itself touches in the child of a threaded
// program before any handler of pthread_atfork has run. idle: the parent has freed all objects of
// an arena. Prints the status of the last child, which must be 0; a child that hangs is killed.
#include <pthread.h>
#include <pwd.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

// More than glibc keeps in the thread's own descriptor (32), and in static memory (48).
constexpr int kKeys = 64;
constexpr int kHandlers = 100;

constexpr int kMaxObjects = 512;
constexpr size_t kMostBytes = 32 << 20;
constexpr unsigned kHungSeconds = 20;

pthread_key_t keys[kKeys];
int keys_in_use = 0;
std::atomic<bool> ready = false;
volatile pid_t child;

void KillChild(int) { kill(child, SIGKILL); }

// The wait status of a child that does nothing.
int Fork() {
  child = fork();
  if (child == 0) _exit(0);
  if (child < 0) return -1;
  int status = -1;
  alarm(kHungSeconds);
  waitpid(child, &status, 0);
  alarm(0);
  return status;
}

void* UseKeysAndWait(void*) {
  for (int i = 0; i < keys_in_use; ++i) pthread_setspecific(keys[i], keys);
  ready = true;
  pause();
  return nullptr;
}

int ForkThreaded() {
  pthread_t thread;
  if (pthread_create(&thread, nullptr, UseKeysAndWait, nullptr) != 0) return -1;
  while (!ready) usleep(1000);
  return Fork();
}

int Streams() {
  static char* text;
  static size_t size;
  if (fopen("/dev/null", "r") == nullptr || open_memstream(&text, &size) == nullptr ||
      popen("exit 0", "r") == nullptr) {
    return -1;
  }
  return ForkThreaded();
}

int Users() { return getpwnam("root") == nullptr ? -1 : ForkThreaded(); }

int Keys() {
  for (pthread_key_t& key : keys) {
    if (pthread_key_create(&key, nullptr) != 0) return -1;
  }
  keys_in_use = kKeys;
  return ForkThreaded();
}

void Nothing() {}

int Handlers() {
  for (int i = 0; i < kHandlers; ++i) {
    if (pthread_atfork(Nothing, Nothing, Nothing) != 0) return -1;
  }
  return ForkThreaded();
}

int Idle() {
  static void* volatile objects[kMaxObjects];
  for (const size_t size : {8000, 20000, 40000, 100000, 1000000}) {
    for (int count = 1; count <= kMaxObjects && size * count <= kMostBytes; count *= 2) {
      for (int i = 0; i < count; ++i) objects[i] = std::malloc(size);
      for (int i = 0; i < count; ++i) std::free(objects[i]);
      if (const int status = Fork(); status != 0) return status;
    }
  }
  return 0;
}

struct Case {
  const char* name;
  int (*run)();
};
constexpr Case kCases[] = {{"streams", Streams},
                           {"users", Users},
                           {"keys", Keys},
                           {"handlers", Handlers},
                           {"idle", Idle}};

}  // namespace

int main(int argc, char** argv) {
  signal(SIGALRM, KillChild);
  for (const Case& one : kCases) {
    if (argc != 2 || std::strcmp(argv[1], one.name) != 0) continue;
    const int status = one.run();
    std::printf("%s: the child's status is %d\n", one.name, status);
    return status == 0 ? 0 : 1;
  }
  std::fprintf(stderr, "usage: fork streams|users|keys|handlers|idle\n");
  return 2;
}
