#include "tests/unit/core/fuzz.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <random>
#include <thread>
#include <vector>

#include "tests/unit/how_much.hpp"

// A page that one thread unmaps another may get behind its own by mremap, which TSan does not see: for it the page is
// still as mmap left it for the first thread.
extern "C" const char* __tsan_default_suppressions() {
  return "race:^weir::(anonymous namespace)::map$";
}

namespace weir::test {

namespace {

struct FuzzRun {
  std::uint64_t seed;
  std::optional<std::uint64_t> steps;

  static std::optional<std::uint64_t> number_of(const char* variable) {
    const char* text = std::getenv(variable);
    if (text == nullptr || *text == '\0') return std::nullopt;
    return std::strtoull(text, nullptr, 0);
  }
  static FuzzRun from_environment() {
    const auto seed = number_of("WEIR_FUZZ_SEED");
    return {seed ? *seed : std::random_device{}(), number_of("WEIR_FUZZ_STEPS")};
  }
};

// One thread's operations.
class Fuzzer {
 public:
  Fuzzer(AnyAllocator allocator, Traits traits, std::uint64_t seed)
      : allocator_(allocator), traits_(traits), blocks_(allocator, traits), random_(seed) {}

  std::uint64_t steps() const { return steps_; }

  // Runs until `steps`, or as long as the clock allows; stops at the first failure.
  template <typename Reset>
  void run(std::optional<std::uint64_t> steps, Reset reset) {
    using Clock = std::chrono::steady_clock;
    const auto end = Clock::now() + std::chrono::milliseconds{times_to_repeat(40, 500)};
    while (steps ? steps_ < *steps : (steps_ % 16 != 0 || Clock::now() < end)) {
      ++steps_;
      step(reset);
      if (::testing::Test::HasFailure()) return;
    }
    blocks_.check_all();
    blocks_.deallocate_all();
  }

 private:
  std::size_t below(std::size_t n) { return n == 0 ? 0 : random_() % n; }

  // As many small ones as large ones: every power of two is as likely as every other.
  std::size_t random_size() {
    const std::size_t magnitude = below(static_cast<std::size_t>(std::bit_width(traits_.max_bytes)) + 1);
    return std::min(below((std::size_t{1} << magnitude) + 1), traits_.max_bytes);
  }
  std::size_t random_alignment() {
    const auto powers = static_cast<std::size_t>(std::bit_width(traits_.max_alignment));
    return std::size_t{1} << (below(4) == 0 ? below(powers) : below(std::min<std::size_t>(powers, 7)));
  }
  std::size_t impossible_size() { return SIZE_MAX - below(std::size_t{1} << below(62)); }

  template <typename Reset>
  void step(Reset reset) {
    constexpr std::size_t kLive = 200;
    constexpr std::size_t kLiveBytes = std::size_t{16} << 20;
    const std::size_t dice = below(1000);
    if (dice < 2) {
      blocks_.check_all();
      if (reset()) blocks_.forget_all();
    } else if (dice < 6) {
      blocks_.check_all();
      blocks_.deallocate_all();
    } else if (dice < 20) {
      refuse();
    } else if (dice < 400 || blocks_.empty()) {
      if (!blocks_.allocate({random_size(), random_alignment()}) && !blocks_.empty()) thin_out();
    } else if (dice < 550) {
      blocks_.resize(pick(), random_size());
    } else if (dice < 650) {
      blocks_.remap(pick(), random_size());
    } else if (dice < 700) {
      const auto& block = blocks_[pick()];
      EXPECT_TRUE(allocator_.owns(block.at + below(block.layout.bytes)));
      EXPECT_FALSE(allocator_.owns(nullptr));
    } else {
      blocks_.deallocate(pick());
    }
    while (blocks_.size() > kLive || blocks_.live_bytes() > kLiveBytes) blocks_.deallocate(pick());
  }

  // The youngest block is the one that many allocators treat better.
  std::size_t pick() { return below(3) == 0 ? blocks_.size() - 1 : below(blocks_.size()); }

  void refuse() {
    const std::size_t bytes = impossible_size();
    EXPECT_FALSE(blocks_.allocate({bytes, random_alignment()})) << bytes;
    if (blocks_.empty()) return;
    EXPECT_FALSE(blocks_.resize(pick(), bytes)) << bytes;
    EXPECT_FALSE(blocks_.remap(pick(), bytes)) << bytes;
  }

  // Full: what only takes back its last block has to give up many.
  void thin_out() {
    if (below(8) != 0) return;
    for (std::size_t n = below(blocks_.size()) + 1; n > 0; --n) blocks_.deallocate(blocks_.size() - 1);
    if (below(8) == 0) blocks_.deallocate_all();
  }

  AnyAllocator allocator_;
  Traits traits_;
  Blocks blocks_;
  std::mt19937_64 random_;
  std::uint64_t steps_ = 0;
};

void finish(Subject& subject) {
  if (!::testing::Test::HasFailure()) subject.finish();
}

}  // namespace

void fuzz(const SubjectMaker& maker) {
  const FuzzRun run = FuzzRun::from_environment();
  const std::unique_ptr<Subject> subject = maker.make();
  Fuzzer fuzzer(subject->allocator(), subject->traits(), run.seed);
  fuzzer.run(run.steps, [&] { return subject->reset(); });
  finish(*subject);
  if (::testing::Test::HasFailure()) {
    ADD_FAILURE() << "again with WEIR_FUZZ_SEED=" << run.seed << " WEIR_FUZZ_STEPS=" << fuzzer.steps();
  }
}

void fuzz_threads(const SubjectMaker& maker) {
  constexpr std::size_t kThreads = 4;
  const FuzzRun run = FuzzRun::from_environment();
  const std::unique_ptr<Subject> subject = maker.make();
  std::atomic<std::uint64_t> steps = 0;
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      Fuzzer fuzzer(subject->allocator(), subject->traits(), run.seed + i);
      fuzzer.run(run.steps, [] { return false; });
      std::uint64_t most = steps;
      while (most < fuzzer.steps() && !steps.compare_exchange_weak(most, fuzzer.steps())) {
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  finish(*subject);
  if (::testing::Test::HasFailure()) {
    ADD_FAILURE() << "perhaps again with WEIR_FUZZ_SEED=" << run.seed << " WEIR_FUZZ_STEPS=" << steps;
  }
}

}  // namespace weir::test
