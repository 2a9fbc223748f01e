// Memory of the C library that fork(2) itself touches in the child of a threaded program, before
// any handler of pthread_atfork has run: libc_fork streams | users | keys | handlers.
// Prints the child's status, which must be 0.
#include <pthread.h>
#include <pwd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstring>
#include <initializer_list>

namespace {

// More than glibc keeps in the thread's own descriptor (32), and in static memory (48).
constexpr int kKeys = 64;
constexpr int kHandlers = 100;

pthread_key_t keys[kKeys];
std::atomic<bool> ready = false;

void* UseKeysAndWait(void* key_count) {
  for (int i = 0; i < *static_cast<int*>(key_count); ++i) pthread_setspecific(keys[i], keys);
  ready = true;
  pause();
  return nullptr;
}

void Nothing() {}

void OpenStreams() {
  for (const char* mode : {"r", "w", "a"}) {
    if (fopen("/dev/null", mode) == nullptr) _exit(2);
  }
  static char* text;
  static size_t size;
  if (open_memstream(&text, &size) == nullptr || popen("exit 0", "r") == nullptr) _exit(2);
}

}  // namespace

int main(int argc, char** argv) {
  const char* const what = argc == 2 ? argv[1] : "";
  int key_count = 0;
  if (std::strcmp(what, "streams") == 0) {
    OpenStreams();
  } else if (std::strcmp(what, "users") == 0) {
    if (getpwnam("root") == nullptr) return 2;
  } else if (std::strcmp(what, "keys") == 0) {
    key_count = kKeys;
    for (pthread_key_t& key : keys) {
      if (pthread_key_create(&key, nullptr) != 0) return 2;
    }
  } else if (std::strcmp(what, "handlers") == 0) {
    for (int i = 0; i < kHandlers; ++i) {
      if (pthread_atfork(Nothing, Nothing, Nothing) != 0) return 2;
    }
  } else {
    std::fprintf(stderr, "usage: libc_fork streams|users|keys|handlers\n");
    return 2;
  }
  pthread_t thread;
  if (pthread_create(&thread, nullptr, UseKeysAndWait, &key_count) != 0) return 2;
  while (!ready) usleep(1000);
  const pid_t child = fork();
  if (child == 0) _exit(0);
  int status = -1;
  waitpid(child, &status, 0);
  std::printf("%s: the child's status is %d\n", what, status);
  return status == 0 ? 0 : 1;
}
