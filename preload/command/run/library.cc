#include "preload/command/run/library.h"

#include <limits.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <unistd.h>

#include <algorithm>

namespace secure_alloc {
namespace {

std::string RealPath(const std::string& path) {
  char* real = realpath(path.c_str(), nullptr);
  if (real == nullptr) return "";
  std::string text = real;
  free(real);
  return text;
}

// Without /proc, as in a bare chroot(2), by what execve(2) was given.
std::string OwnFolder() {
  std::string self = RealPath("/proc/self/exe");
  if (self.empty()) self = RealPath(reinterpret_cast<const char*>(getauxval(AT_EXECFN)));
  return self.substr(0, self.rfind('/') + 1);
}

// The dynamic linker takes both as separators and knows no quoting.
bool Preloadable(const std::string& path, std::string* error) {
  if (path.find_first_of(" :") == std::string::npos) return true;
  *error = path + ": LD_PRELOAD can't hold a path with a blank or colon; move it elsewhere";
  return false;
}

std::string FirstIn(const std::vector<std::string>& folders, const std::string& name) {
  for (const std::string& folder : folders) {
    const std::string path = RealPath(folder + name);
    if (!path.empty()) return path;
  }
  return "";
}

}  // namespace

std::string FindLibrary(const std::string& given, std::string* error) {
  const char* variable = getenv("SECALLOC_LIBRARY");
  const std::string named = !given.empty() ? given : variable == nullptr ? "" : variable;
  const std::string own = OwnFolder();
  const std::string path =
      named.empty()
          ? FirstIn({own, own + "../", own + "../lib/", own + "../lib/secure_alloc/"}, kLibraryName)
          : RealPath(named);
  if (path.empty()) {
    *error = named.empty() ? std::string(kLibraryName) + " is not beside " + own +
                                 " nor in ../lib; build it (bazel build "
                                 "//preload:libsecure_alloc_preload.so) or name it "
                                 "by --library or SECALLOC_LIBRARY"
                           : named + ": there is no such library";
    return "";
  }
  return Preloadable(path, error) ? path : "";
}

std::string FindJemalloc(std::string* error) {
  const std::string path = FirstIn({"/usr/lib/x86_64-linux-gnu/", "/usr/lib/aarch64-linux-gnu/",
                                    "/usr/lib64/", "/usr/lib/", "/usr/local/lib/"},
                                   "libjemalloc.so.2");
  if (path.empty()) {
    *error = "ordinary=jemalloc needs libjemalloc.so.2; install it: apt install libjemalloc2";
  }
  return path;
}

std::string PreloadList(const std::vector<std::string>& first, std::string_view present) {
  std::vector<std::string> all = first;
  while (!present.empty()) {
    const std::string_view item = present.substr(0, present.find_first_of(" :"));
    present.remove_prefix(std::min(item.size() + 1, present.size()));
    const bool fresh = std::find(all.begin(), all.end(), item) == all.end();
    if (!item.empty() && fresh) all.emplace_back(item);
  }
  std::string text;
  for (const std::string& item : all) text += (text.empty() ? "" : ":") + item;
  return text;
}

}  // namespace secure_alloc
