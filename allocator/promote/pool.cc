#include "allocator/promote/pool.h"

#include <errno.h>

#include <algorithm>

#include "allocator/os/live.h"
#include "allocator/promote/steps.h"

namespace secure_alloc {
namespace {

size_t BytesOfOrder(unsigned order) { return kPageSize << order; }

// What demotions may leave here, of the budget, unless Fill() asked for more.
constexpr size_t kBudgetShare = 8;

}  // namespace

size_t Pool::Limit() const { return std::max(asked_, budget_.limit() / kBudgetShare); }

int Pool::Make(unsigned order, PoolFile* file) {
  const size_t bytes = BytesOfOrder(order);
  if (!budget_.TryCharge(bytes)) return EAGAIN;
  void* pages = nullptr;
  int error =
      Refused(Step::kMakeFile) ?: os::MapSecretFile(bytes, /*inherit=*/false, &pages, &file->inode);
  if (error == 0) {
    error = os::FaultIn(pages, bytes);
    // memlock, where it is charged at the fault.
    if (error == EFAULT) error = EAGAIN;
    if (error != 0) os::Unmap(pages, bytes);
  }
  if (error != 0) {
    budget_.Release(bytes);
    return error;
  }
  file->address = static_cast<char*>(pages);
  file->order = order;
  return 0;
}

int Pool::Take(unsigned order, PoolFile* file) {
  Table<PoolFile>& files = files_[order];
  if (files.size() > 0) {
    *file = files[files.size() - 1];
    files.Truncate(files.size() - 1);
    bytes_ -= BytesOfOrder(order);
    return 0;
  }
  const int error = Make(order, file);
  if (error != EAGAIN || bytes_ == 0) return error;
  // Files of other sizes have what is missing.
  Drop();
  return Make(order, file);
}

void Pool::Give(const PoolFile& file) {
  const size_t bytes = BytesOfOrder(file.order);
  Table<PoolFile>& files = files_[file.order];
  if (bytes_ + bytes > Limit() || !files.Reserve(1)) return Release(file);
  files.Insert(files.size(), file);
  bytes_ += bytes;
}

int Pool::Fill(size_t bytes) {
  asked_ = std::max(asked_, bytes_ + bytes);
  while (bytes > 0) {
    const unsigned order = OrderFor(bytes);
    PoolFile file;
    if (const int error = Make(order, &file); error != 0) return error;
    Give(file);
    bytes -= BytesOfOrder(order);
  }
  return 0;
}

void Pool::Release(const PoolFile& file) {
  os::Unmap(file.address, BytesOfOrder(file.order));
  budget_.Release(BytesOfOrder(file.order));
}

void Pool::Drop() {
  for (Table<PoolFile>& files : files_) {
    for (size_t i = 0; i < files.size(); ++i) Release(files[i]);
    files.Truncate(0);
  }
  bytes_ = 0;
}

void Pool::Forget() {
  for (Table<PoolFile>& files : files_) files.Truncate(0);
  budget_.Release(bytes_);
  bytes_ = 0;
}

}  // namespace secure_alloc
