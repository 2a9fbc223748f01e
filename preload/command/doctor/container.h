// Whether this process lives in a container, and in whose.
#pragma once

#include "preload/command/doctor/files.h"

namespace secure_alloc {

// "docker", "podman", "kubernetes", "lxc", "systemd-nspawn", ... or "" for none.
std::string FindContainer(const FileReader& read);

}  // namespace secure_alloc
