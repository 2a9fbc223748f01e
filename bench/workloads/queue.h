// A bounded queue of objects between threads, which sleep while they wait: moved in batches, so
// that what is measured is the allocator and not the queue.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>

#include "bench/workloads/workload.h"

namespace secure_alloc::bench {

using Batch = std::vector<Object>;

class Queue {
 public:
  explicit Queue(size_t limit) : limit_(limit) {}

  void Put(Batch batch) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return batches_.size() < limit_; });
    batches_.push_back(std::move(batch));
    changed_.notify_all();
  }

  Batch Take() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !batches_.empty(); });
    Batch batch = std::move(batches_.front());
    batches_.pop_front();
    changed_.notify_all();
    return batch;
  }

 private:
  const size_t limit_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Batch> batches_;
};

}  // namespace secure_alloc::bench
