#include "preload/command/doctor/container.h"

namespace secure_alloc {
namespace {

// The environment of process 1, as systemd's container interface has it; root may read it.
std::string FirstProcessSays(const FileReader& read) {
  const std::string text = std::string(1, '\0') + read("/proc/1/environ").value_or("");
  const std::string name = std::string(1, '\0') + "container=";
  const size_t at = text.find(name);
  if (at == std::string::npos) return "";
  const size_t begin = at + name.size();
  return text.substr(begin, text.find('\0', begin) - begin);
}

}  // namespace

std::string FindContainer(const FileReader& read) {
  if (read("/var/run/secrets/kubernetes.io/serviceaccount/namespace")) return "kubernetes";
  if (read("/run/.containerenv")) return "podman";
  if (read("/.dockerenv")) return "docker";
  const std::string manager = Line(read, "/run/systemd/container", "");
  if (!manager.empty()) return manager;
  const std::string said = FirstProcessSays(read);
  if (!said.empty()) return said;
  static constexpr struct {
    const char *part, *name;
  } kPaths[] = {{"kubepods", "kubernetes"},
                {"docker", "docker"},
                {"libpod", "podman"},
                {"lxc", "lxc"},
                {"machine.slice", "systemd-nspawn"}};
  const std::string paths = read("/proc/self/cgroup").value_or("");
  for (const auto& each : kPaths) {
    if (paths.find(std::string("/") + each.part) != std::string::npos) return each.name;
  }
  return "";
}

}  // namespace secure_alloc
