// One thread makes messages, the other reads and frees them: every free is one of the other's blocks. They
// pass on batches, so that the queue's lock costs little. Usage: pipeline BATCHES
#include <condition_variable>
#include <mutex>
#include <thread>

#include "pick.hpp"

namespace {

constexpr std::size_t kQueue = 64;
constexpr int kBatch = 200;

class Queue {
 public:
  void push(Block* batch) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return last_ - first_ < kQueue; });
    batches_[last_++ % kQueue] = batch;
    if (last_ - first_ == 1) changed_.notify_one();
  }
  Block* pop() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return first_ != last_; });
    Block* const batch = batches_[first_++ % kQueue];
    // A sleeper is woken when there is room for many.
    if (last_ - first_ == kQueue / 2) changed_.notify_one();
    return batch;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  Block* batches_[kQueue] = {};
  std::size_t first_ = 0, last_ = 0;
};

Queue queue;

void consume(long batches) {
  for (long i = 0; i < batches; ++i) {
    for (Block *block = queue.pop(), *next; block != nullptr; block = next) {
      next = block->next;
      drop(block);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  const long batches = argument(argc, argv, 1);
  std::thread consumer(consume, batches);
  Pick pick(5);
  for (long i = 0; i < batches; ++i) {
    Block* batch = nullptr;
    for (int k = 0; k < kBatch; ++k) {
      Block* const block = make(pick.small_size());
      block->next = batch;
      batch = block;
    }
    queue.push(batch);
  }
  consumer.join();
}
