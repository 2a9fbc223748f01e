// What the thread sanitizer finds in a fork with threads, and need not tell: the copy for a child
// is made while other threads go on with their objects. The child repairs what it finds half done
// (allocator/heap/repair.h).
extern "C" const char* __tsan_default_suppressions() {
  return "race:secure_alloc::PageHeap::FillCopies\n";
}
