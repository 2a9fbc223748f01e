#include "preload/command/run/explain.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "preload/command/common/elf_file.h"
#include "preload/command/common/file_io.h"
#include "preload/command/common/json.h"
#include "preload/command/common/message.h"
#include "preload/command/run/library.h"
#include "preload/modules.h"

namespace secure_alloc {
namespace {

constexpr char kLibc[] = "libc.so.6";

// Everything that the program prints; false if it failed.
bool OutputOf(const std::vector<std::string>& command, std::string* output) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return false;
  const Descriptor from(ends[0]);
  const pid_t child = fork();
  if (child == 0) {
    std::vector<char*> words;
    for (const std::string& word : command) words.push_back(const_cast<char*>(word.c_str()));
    words.push_back(nullptr);
    if (dup2(ends[1], STDOUT_FILENO) >= 0) execv(words[0], words.data());
    _exit(kExitNotFound);
  }
  close(ends[1]);
  if (child < 0) return false;
  char text[4096];
  for (ssize_t n; (n = ReadFully(from.get(), text, sizeof text)) > 0;) {
    output->append(text, static_cast<size_t>(n));
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

// Does the program bring OpenSSL's functions along? Then it names them for its plug-ins, but
// loads no library for them.
bool HasOpenSslInside(const std::string& path, const std::vector<ModuleRule>& rules) {
  const bool loads_crypto =
      std::any_of(rules.begin(), rules.end(), [](const ModuleRule& rule) {
        return rules::IsListed(rule.path.c_str(), rules::kDefaultModules);
      });
  return !loads_crypto && NamesSymbol(path, "EVP_PKEY_free");
}

std::string JsonOf(const ModuleRule& rule) {
  return JsonObject()
      .Text("module", rule.path)
      .Text("domain", rule.secret ? "secret" : "ordinary")
      .Text("why", rule.why)
      .str();
}

void PrintJson(const std::string& program, const std::vector<ModuleRule>& all) {
  std::vector<std::string> rows;
  for (const ModuleRule& rule : all) rows.push_back(JsonOf(rule));
  puts(JsonObject().Text("program", program).Raw("modules", JsonArray(rows)).str().c_str());
}

void PrintText(const std::vector<ModuleRule>& all) {
  size_t width = 0;
  for (const ModuleRule& rule : all) width = std::max(width, rule.path.size());
  for (const ModuleRule& rule : all) {
    const std::string domain = Format("%-8s", rule.secret ? "secret" : "ordinary");
    printf("%s  %-*s  %s\n",
           rule.secret ? Paint(STDOUT_FILENO, Color::kGreen, domain).c_str() : domain.c_str(),
           static_cast<int>(width), rule.path.c_str(), rule.why.c_str());
  }
  puts("What the program opens while it runs is not here: secalloc run --trace tells at its end.");
}

}  // namespace

ModuleRule RuleFor(const std::string& path, const Settings& settings) {
  const std::string scope = settings.Get("scope"), modules = settings.Get("modules");
  const bool is_libc = rules::IsListed(path.c_str(), kLibc);
  if (scope == "api") return {path, false, "scope=api: secret is what secalloc_malloc returns"};
  if (scope == "all") {
    return {path, true,
            is_libc ? "scope=all: what it allocates for its callers; its own is ordinary"
                    : "scope=all"};
  }
  const std::string globs = modules.empty() ? rules::kDefaultModules : modules;
  const char* const list = modules.empty() ? "the default list" : "modules";
  const rules::Glob glob = rules::ListedBy(path.c_str(), globs.c_str());
  if (glob.size > 0) {
    return {path, true, Format("%.*s in %s", static_cast<int>(glob.size), glob.text, list)};
  }
  return {path, false, Format("not in %s", list)};
}

std::vector<std::string> ParseModuleList(const std::string& text, std::string* missing) {
  constexpr std::string_view kArrow = " => ", kAddress = " (0x";
  std::vector<std::string> paths;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    std::string line = text.substr(at, end - at);
    at = end + 1;
    line.erase(0, line.find_first_not_of('\t'));
    const size_t arrow = line.find(kArrow);
    if (line.ends_with(" => not found")) *missing = line.substr(0, arrow);
    std::string path = arrow == std::string::npos ? line : line.substr(arrow + kArrow.size());
    const size_t address = path.rfind(kAddress);
    if (address == std::string::npos || path[0] != '/') continue;  // The kernel's own has no file.
    paths.push_back(path.substr(0, address));
  }
  return paths;
}

int Explain(const ProgramCheck& program, const Settings& settings, bool json) {
  std::string text, missing;
  if (!OutputOf({program.linker, "--list", program.binary}, &text)) {
    Complain("run: %s can't list what %s loads: its message is above", program.linker.c_str(),
             program.binary.c_str());
    return kExitRefused;
  }
  std::vector<ModuleRule> all;
  for (const std::string& path : ParseModuleList(text, &missing)) {
    if (!rules::IsListed(path.c_str(), kLibraryName)) all.push_back(RuleFor(path, settings));
  }
  if (!missing.empty()) {
    Complain("run: %s needs %s, which isn't found; install it", program.binary.c_str(),
             missing.c_str());
    return kExitNotFound;
  }
  ModuleRule own = RuleFor(program.binary, settings);
  if (!own.secret && HasOpenSslInside(program.binary, all)) {
    own.why +=
        "; but has OpenSSL inside: --modules=" + std::string(rules::FileName(own.path.c_str()));
  }
  all.insert(all.begin(), own);
  std::stable_sort(all.begin(), all.end(),
                   [](const ModuleRule& a, const ModuleRule& b) { return a.secret > b.secret; });
  if (json) {
    PrintJson(program.binary, all);
  } else {
    PrintText(all);
  }
  return 0;
}

}  // namespace secure_alloc
