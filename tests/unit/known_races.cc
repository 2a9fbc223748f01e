// What the thread sanitizer finds in a fork with threads, and need not tell:
// * the copy for a child is made while other threads go on with their objects; the child
//   repairs what it finds half done (allocator/heap/repair.h);
// * which pages are in use is asked without the lock of the bin that makes a slab of them:
//   they are in use before and after.
extern "C" const char* __tsan_default_suppressions() {
  return "race:secure_alloc::PageHeap::FillCopies\n"
         "race:secure_alloc::PageHeap::MakeCop\n";
}
