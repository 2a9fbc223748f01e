// Many buffers that grow by realloc, as of connections or parsers: at random one of them gets a
// piece more; a full one is used up, and its place starts over.
#include <cstring>

#include "bench/workloads/workload.h"

using namespace secure_alloc::bench;

int main(int argc, char** argv) {
  const Parameters p(argc, argv, {"PIECES", "BUFFERS", "LARGEST_PIECE", "LARGEST_BUFFER"});
  Random random(1);
  Work work;
  std::vector<Object> buffers(p[1]);
  for (size_t i = 0; i < p[0]; ++i) {
    Object& buffer = buffers[random.Below(buffers.size())];
    const size_t piece = random.Between(1, p[2]);
    const Object longer =
        Own(realloc(buffer.bytes, buffer.size + piece), buffer.size + piece, work);
    memset(longer.bytes + buffer.size, static_cast<int>(piece), piece);
    buffer = longer;
    if (buffer.size < p[3]) continue;
    Free(buffer, work);
    buffer = {};
  }
  for (const Object& buffer : buffers) Free(buffer, work);
  return Report(work);
}
