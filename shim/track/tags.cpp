#include "shim/track/tags.hpp"

#include <atomic>
#include <cstring>

#include "shim/base/spin_lock.hpp"

namespace weir {
namespace {

constinit SpinLock lock;
constinit std::atomic<unsigned> used{1};
constinit char names[kMostTags][kMostTagBytes + 1] = {};

// Open addressing by the name's hash, at most half full; a number is published when its name is whole.
constexpr unsigned kPlaces = 2 * kMostTags;
constinit std::atomic<BlockTag> places[kPlaces] = {};

// FNV-1a.
std::uint64_t hash_of(std::string_view name) noexcept {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash ^ hash >> 32;
}

// Its number, or the free place where it belongs.
BlockTag find(std::string_view name, unsigned& place) noexcept {
  for (place = hash_of(name) % kPlaces;; place = (place + 1) % kPlaces) {
    const BlockTag tag = places[place].load(std::memory_order_acquire);
    if (tag == kNoTag || name_of_tag(tag) == name) return tag;
  }
}

}  // namespace

void TagStack::push(BlockTag tag) noexcept {
  if (depth < kMostTagDepth) {
    before[depth] = current;
    current = tag;
  }
  ++depth;
}

bool TagStack::pop() noexcept {
  if (depth == 0) return false;
  --depth;
  if (depth < kMostTagDepth) current = before[depth];
  return true;
}

BlockTag tag_by_name(std::string_view name, bool nested) noexcept {
  name = name.substr(0, kMostTagBytes);
  if (name.empty()) return kNoTag;
  unsigned place;
  if (const BlockTag tag = find(name, place)) return tag;
  if (nested) return kNoTag;
  const SpinGuard guard(lock, false);
  if (const BlockTag tag = find(name, place)) return tag;
  const unsigned number = used.load(std::memory_order_relaxed);
  if (number == kMostTags) return kNoTag;
  name.copy(names[number], kMostTagBytes);
  used.store(number + 1, std::memory_order_release);
  places[place].store(static_cast<BlockTag>(number), std::memory_order_release);
  return static_cast<BlockTag>(number);
}

unsigned tag_count() noexcept {
  return used.load(std::memory_order_acquire);
}

std::string_view name_of_tag(BlockTag tag) noexcept {
  return names[tag];
}

void lock_tags_for_fork() noexcept {
  lock.lock();
}
void unlock_tags_after_fork() noexcept {
  lock.unlock();
}

}  // namespace weir
