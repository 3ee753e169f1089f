// Arenas in constant expressions: the compiler runs these, and the same templates run on Arena<> in the program.
#include "core/constexpr_arena.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <string_view>
#include <utility>

#include "core/arena.hpp"
#include "core/bump_allocator.hpp"
#include "core/fixed_buffer.hpp"
#include "core/typed.hpp"

namespace {

using weir::ConstexprArena;
using weir::ConstexprBuffer;

// A parser of sums and products, whose tree lies in whatever arena it gets.
struct Term {
  char sign = '#';
  int number = 0;
  const Term* left = nullptr;
  const Term* right = nullptr;

  constexpr Term() = default;
  constexpr explicit Term(int n) : number(n) {}
  constexpr Term(char s, const Term* l, const Term* r) : sign(s), left(l), right(r) {}
};

template <typename A>
struct Parser {
  A& arena;
  std::string_view rest;

  constexpr bool takes(char sign) {
    if (rest.empty() || rest.front() != sign) return false;
    rest.remove_prefix(1);
    return true;
  }
  constexpr const Term* sum() {
    const Term* term = product();
    while (term != nullptr && takes('+')) term = joined('+', term, product());
    return term;
  }
  constexpr const Term* product() {
    const Term* term = factor();
    while (term != nullptr && takes('*')) term = joined('*', term, factor());
    return term;
  }
  constexpr const Term* factor() {
    if (takes('(')) {
      const Term* const term = sum();
      return takes(')') ? term : nullptr;
    }
    int number = 0;
    for (; !rest.empty() && rest.front() >= '0' && rest.front() <= '9'; rest.remove_prefix(1)) {
      number = number * 10 + (rest.front() - '0');
    }
    return weir::create<Term>(arena, number);
  }
  constexpr const Term* joined(char sign, const Term* left, const Term* right) {
    return right == nullptr ? nullptr : weir::create<Term>(arena, sign, left, right);
  }
};

constexpr int evaluate(const Term* term) {
  if (term == nullptr) return -1;
  if (term->sign == '+') return evaluate(term->left) + evaluate(term->right);
  return term->sign == '*' ? evaluate(term->left) * evaluate(term->right) : term->number;
}

template <typename A>
constexpr int value_of(A& arena, std::string_view text) {
  return evaluate(Parser<A>{arena, text}.sum());
}
constexpr int value_of(std::string_view text, std::size_t limit = 100'000) {
  ConstexprArena arena(limit);
  return value_of(arena, text);
}
static_assert(value_of("2*(3+4)") == 14);
static_assert(value_of("(1+2)*(3+4)*(5+6)+0*7") == 231);
static_assert(value_of("1+(2") == -1);
static_assert(value_of("1+2+3", 5 * sizeof(Term)) == 6);
static_assert(value_of("1+2+3", 4 * sizeof(Term)) == -1, "no memory is told in time");

TEST(ConstexprArena, TheSameTemplateRunsInTheProgram) {
  weir::Arena<> arena;
  EXPECT_EQ(value_of(arena, "2*(3+4)"), 14);
  weir::FixedBufferOf<4 * sizeof(Term)> small;
  EXPECT_EQ(value_of(small, "1+2+3"), -1);
  ConstexprArena of_the_compiler;
  EXPECT_EQ(value_of(of_the_compiler, "2*(3+4)"), 14);
}

// Ends are counted: all that was made is destroyed, the last first.
struct Counter {
  int* order;
  int value = 0;
  constexpr Counter(int* o, int v) : order(o), value(v) {}
  Counter(const Counter&) = delete;
  Counter& operator=(const Counter&) = delete;
  constexpr ~Counter() { *order = *order * 10 + value; }
};

constexpr int ends() {
  int order = 0;
  {
    ConstexprArena arena;
    arena.create<Counter>(&order, 1);
    const auto mark = arena.mark();
    arena.create<Counter>(&order, 2);
    arena.allocate_array<int>(100)[99] = 5;
    arena.create<Counter>(&order, 3);
    arena.rewind(mark);  // 32
    arena.create<Counter>(&order, 4);
  }  // 41
  return order;
}
static_assert(ends() == 3241);

constexpr bool nested_scopes() {
  ConstexprArena arena(1000);
  const std::span<int> outer = weir::allocate_array<int>(arena, 10);
  for (int round = 0; round < 50; ++round) {
    const auto mark = arena.mark();
    const std::span<long> inner = weir::allocate_array<long>(arena, 100);
    if (inner.size() != 100 || inner[0] != 0) return false;
    inner[0] = round;
    outer[static_cast<std::size_t>(round) % 10] += static_cast<int>(inner[0]);
    arena.rewind(mark);
  }
  const bool full = weir::allocate_array<long>(arena, 1000).data() == nullptr;
  const std::size_t used = arena.used();
  arena.reset();
  return full && used == 10 * sizeof(int) && arena.used() == 0 &&
         arena.peak() == 10 * sizeof(int) + 100 * sizeof(long);
}
static_assert(nested_scopes());

// What the compiler works out, the program finds in its read-only data.
constexpr auto kPrimes = [] {
  ConstexprArena scratch;
  const std::span<bool> composite = weir::allocate_array<bool>(scratch, 200);
  ConstexprBuffer<int, 46> primes;
  for (int n = 2; n < 200; ++n) {
    if (composite[static_cast<std::size_t>(n)]) continue;
    primes.create(n);
    for (int m = 2 * n; m < 200; m += n) composite[static_cast<std::size_t>(m)] = true;
  }
  return primes;
}();
static_assert(kPrimes.end_index() == 46 && kPrimes.available() == 0);

TEST(ConstexprBuffer, KeepsWhatTheCompilerPutThere) {
  EXPECT_EQ(kPrimes.contents().front(), 2);
  EXPECT_EQ(kPrimes.contents().back(), 199);
}

constexpr bool buffer_keeps_the_rules() {
  ConstexprBuffer<int, 8> buffer;
  std::span<int> first = buffer.allocate(3);
  first[2] = 7;
  std::span<int> second = buffer.allocate(2);
  bool good = !buffer.resize(first, 4) && buffer.resize(second, 5) && second.size() == 5 &&
              buffer.available() == 0 && buffer.create(1) == nullptr && buffer.allocate(1).data() == nullptr;
  good = good && !buffer.resize(second, 6) && second.size() == 5 && buffer.resize(first, 2);
  buffer.deallocate(first);  // not the last one
  good = good && buffer.end_index() == 8;
  buffer.deallocate(second);
  good = good && buffer.end_index() == 3 && buffer.contents()[2] == 7;
  const std::size_t mark = buffer.mark();
  *buffer.create(0) = 9;
  buffer.rewind(mark);
  good = good && *buffer.allocate(1).data() == 0;  // made anew
  buffer.reset();
  return good && buffer.available() == 8 && buffer.peak() == 8 && buffer.capacity() == 8;
}
static_assert(buffer_keeps_the_rules());

TEST(ConstexprBuffer, KeepsTheSameRulesInTheProgram) {
  EXPECT_TRUE(buffer_keeps_the_rules());
  static constinit ConstexprBuffer<std::pair<int, const char*>, 4> registered;
  ASSERT_NE(registered.create(1, "one"), nullptr);
  EXPECT_STREQ(registered.contents()[0].second, "one");
}

// The others may be constant-initialised, which is all that C++20 lets them.
constinit weir::FixedBufferOf<64> constant_buffer;
constinit weir::BumpAllocator constant_bump;
alignas(16) constinit std::byte constant_memory[64]{};
constinit weir::FixedBuffer buffer_over_constant_memory{constant_memory};

TEST(ConstexprArena, TheOthersAreConstinit) {
  EXPECT_NE(constant_buffer.allocate({64, 1}), nullptr);
  EXPECT_EQ(constant_bump.allocate({1, 1}), nullptr);
  EXPECT_EQ(buffer_over_constant_memory.allocate({64, 16}), constant_memory);
}

}  // namespace
