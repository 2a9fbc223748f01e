#include "allocator/base/probe.h"

// A nop, and a note that tells tracers where it is and where its two arguments are then: of type 3,
// by "stapsdt", as SystemTap's wiki has it under UserSpaceProbeImplementation. The note is not
// loaded. The section .stapsdt.base, which the relocation of no effect keeps in the file, tells how
// far prelinking moved it. It lies in the segment of the text: perf takes its offset in the file
// for its address, and in other segments the two are not the same.
#define SA_PROBE(name, first, second)                                             \
  __asm__ volatile(                                                               \
      "1: nop\n"                                                                  \
      ".reloc 1b, BFD_RELOC_NONE, _.stapsdt.base\n"                               \
      ".pushsection .note.stapsdt, \"\", \"note\"\n"                              \
      ".balign 4\n"                                                               \
      ".4byte 3f - 2f, 5f - 4f, 3\n"                                              \
      "2: .asciz \"stapsdt\"\n"                                                   \
      "3: .balign 4\n"                                                            \
      "4: .8byte 1b, _.stapsdt.base, 0\n"                                         \
      ".asciz \"secure_alloc\"\n"                                                 \
      ".asciz \"" #name "\"\n"                                                    \
      ".asciz \"8@%0 8@%1\"\n"                                                \
      "5: .balign 4\n"                                                            \
      ".popsection\n"                                                             \
      :                                                                           \
      : "r"(first), "r"(second))

// All in one section: a linker that drops a function keeps the note on it, and complains.
#define SA_PROBED [[gnu::section(".text.probes")]] void

__asm__(
    ".pushsection .stapsdt.base, \"ax\"\n"
    ".hidden _.stapsdt.base\n"
    ".globl _.stapsdt.base\n"
    "_.stapsdt.base: .space 1\n"
    ".size _.stapsdt.base, 1\n"
    ".popsection\n");

namespace secure_alloc::probe {
namespace {

// As tracers take them: 64 bits.
using Number = unsigned long;

}  // namespace

SA_PROBED ArenaCreated(size_t bytes, unsigned protection) {
  SA_PROBE(arena_created, bytes, Number{protection});
}
SA_PROBED ArenaReleased(size_t bytes, unsigned protection) {
  SA_PROBE(arena_released, bytes, Number{protection});
}
SA_PROBED ArenaDegraded(unsigned protection, int error) {
  SA_PROBE(arena_degraded, Number{protection}, static_cast<Number>(error));
}
SA_PROBED AllocationDegraded(size_t bytes, int error) {
  SA_PROBE(allocation_degraded, bytes, static_cast<Number>(error));
}
SA_PROBED AllocationRefused(size_t bytes, int error) {
  SA_PROBE(allocation_refused, bytes, static_cast<Number>(error));
}
SA_PROBED Promotion(size_t bytes, int error) {
  SA_PROBE(promotion, bytes, static_cast<Number>(error));
}
SA_PROBED Demotion(size_t bytes, int error) {
  SA_PROBE(demotion, bytes, static_cast<Number>(error));
}
SA_PROBED Faulted(const char* kind, const void* caller) { SA_PROBE(fault, kind, caller); }

}  // namespace secure_alloc::probe
