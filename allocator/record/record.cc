#include "allocator/record/record.h"

namespace secure_alloc {

[[gnu::used]] constinit Record process_record = {};

asm(R"(
    .pushsection .note.secure_alloc, "a", %note
    .balign 4
    .long 2f - 1f
    .long 8
    .long 1
1:  .asciz "secure_alloc"
2:  .balign 4
    .quad secure_alloc_process_record - .
    .popsection
)");

}  // namespace secure_alloc
