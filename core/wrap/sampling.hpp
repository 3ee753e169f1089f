// Tells a sink of one allocation in so many bytes: a picture of who allocates, at a price for production.
//
// Bytes are counted down; the allocation that reaches zero is told, with its layout, address and caller, and
// stands for `interval` bytes. The distance to the next is drawn from an exponential distribution, so that
// every byte is as likely as every other and no rhythm of the program is followed (the way of tcmalloc's and
// Go's heap profiles). Subtract and branch a call, no memory. Not thread-safe.
#pragma once

#include "logging.hpp"
#include "random.hpp"

namespace weir {

template <Allocator A>
class Sampling : public Wrapper<A> {
 public:
  Sampling(A& below, std::size_t interval, OperationSink sink, std::uint64_t seed = 1) noexcept
      : Wrapper<A>(below), sink_(sink), interval_(interval), random_(seed), left_(next_distance()) {}

  void* allocate(Layout layout, CallerAddress caller = nullptr) noexcept {
    void* block = this->below_.allocate(layout, caller);
    if (block != nullptr && layout.bytes >= left_) {
      ++samples_;
      left_ = next_distance();
      sink_({Operation::Kind::allocate, nullptr, layout, 0, block, caller});
    } else if (block != nullptr) {
      left_ -= layout.bytes;
    }
    return block;
  }

  std::size_t samples() const noexcept { return samples_; }
  std::size_t interval() const noexcept { return interval_; }

 private:
  // -log2(u) * interval * ln 2 for u in (0, 1]. log2 is read from the position of the highest bit and a
  // second-order polynomial between powers of two, off by 0.01 at most: no libm.
  std::size_t next_distance() noexcept {
    const std::uint64_t u = (random_.next() >> 32) + 1;  // 1 to 2^32
    const auto power = static_cast<unsigned>(std::bit_width(u)) - 1;
    const double mantissa = static_cast<double>(u) / static_cast<double>(std::uint64_t{1} << power) - 1;
    const double log2 = static_cast<double>(power) + mantissa * (1.3465553 - 0.3465553 * mantissa);
    return static_cast<std::size_t>((32 - log2) * 0.6931471805599453 * static_cast<double>(interval_)) + 1;
  }

  OperationSink sink_;
  std::size_t interval_;
  SplitMix64 random_;
  std::size_t left_;
  std::size_t samples_ = 0;
};

}  // namespace weir
