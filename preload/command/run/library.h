// Where the libraries are that `secalloc run` preloads.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace secure_alloc {

inline constexpr char kLibraryName[] = "libsecure_alloc_preload.so";

// The library as an absolute path: `given` if not empty, else $SECALLOC_LIBRARY, else beside
// the command or in the folders that belong to it. Empty, with the places tried, if there is
// none. A path that LD_PRELOAD can't express is refused.
std::string FindLibrary(const std::string& given, std::string* error);

// libjemalloc.so.2 in the distribution's library folders; empty with the fix.
std::string FindJemalloc(std::string* error);

// `first`, then what is in LD_PRELOAD already, nothing twice.
std::string PreloadList(const std::vector<std::string>& first, std::string_view present);

}  // namespace secure_alloc
