// The copy for a child is made while other threads go on with their objects; the child
// repairs what it finds half done (allocator/heap/repair.h). Which pages are in use is
// asked without the locks of those who turn allocated pages into slabs, in use as well.
extern "C" const char* __tsan_default_suppressions() {
  return "race:secure_alloc::PageHeap::FillCopies\n"
         "race:secure_alloc::*InUse\n";
}
