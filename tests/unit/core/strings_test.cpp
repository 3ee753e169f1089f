// Texts and arrays in memory of an allocator: duplicate and format_to_new.
#include "core/strings.hpp"

#include <fmt/core.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <map>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "core/arena.hpp"
#include "core/debug_allocator.hpp"
#include "core/fixed_buffer.hpp"
#include "core/format.hpp"
#include "core/std_allocator.hpp"
#include "core/typed.hpp"
#include "core/wrap/counting.hpp"

namespace {

using weir::Arena;
using weir::duplicate;
using weir::format_to_new;

TEST(Strings, DuplicatesTextsAndArrays) {
  weir::DebugAllocator<> checked;
  std::string original = "a text";
  const std::string_view copy = duplicate(checked, original);
  original[0] = 'X';
  EXPECT_EQ(copy, "a text");
  EXPECT_TRUE(checked.owns(copy.data()));
  weir::deallocate_text(checked, copy);

  std::array<std::uint64_t, 3> numbers{1, 2, 3};
  const std::span<std::uint64_t> array = duplicate(checked, std::span(numbers));
  const std::span<std::uint64_t> of_constants = duplicate(checked, std::span<const std::uint64_t>(numbers));
  numbers[1] = 7;
  EXPECT_EQ(array[1], 2U);
  EXPECT_EQ(of_constants[2], 3U);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(array.data()) % alignof(std::uint64_t), 0U);
  weir::deallocate_array(checked, array);
  weir::deallocate_array(checked, of_constants);

  char* const c_string = weir::duplicate_c_string(checked, std::string_view("cut here").substr(0, 3));
  EXPECT_STREQ(c_string, "cut");
  weir::deallocate_c_string(checked, c_string);
  EXPECT_EQ(checked.finish(), 0U) << "each was given back with its layout";
}

TEST(Strings, EmptyIsNotNoMemory) {
  weir::FixedBufferOf<8> buffer;
  const std::string_view empty = duplicate(buffer, std::string_view());
  EXPECT_TRUE(empty.empty());
  EXPECT_NE(empty.data(), nullptr);
  weir::deallocate_text(buffer, empty);
  EXPECT_EQ(buffer.end_index(), 0U);
  EXPECT_NE(format_to_new(buffer, "{}", "").data(), nullptr);
  buffer.reset();

  EXPECT_EQ(duplicate(buffer, "nine char").data(), nullptr);
  EXPECT_EQ(duplicate(buffer, std::span<const int>(std::array{1, 2, 3})).data(), nullptr);
  EXPECT_EQ(weir::duplicate_c_string(buffer, "12345678"), nullptr) << "the zero has no room";
  EXPECT_EQ(format_to_new(buffer, "{:9}", 1).data(), nullptr);
  EXPECT_EQ(buffer.end_index(), 0U) << "nothing has changed";
  weir::deallocate_text(buffer, {});
  weir::deallocate_c_string(buffer, nullptr);
  EXPECT_STREQ(weir::duplicate_c_string(buffer, "1234567"), "1234567");
}

TEST(Strings, FormatsIntoExactlyItsSize) {
  weir::DebugAllocator<> checked;
  weir::Counting counting(checked);
  for (const std::size_t size : {0U, 1U, 511U, 512U, 513U, 5000U}) {
    const std::string wanted(size, 'x');
    const std::string_view text = format_to_new(counting, "{}", wanted);
    EXPECT_EQ(text, wanted);
    EXPECT_EQ(counting.counts().live_bytes, size);
    weir::deallocate_text(counting, text);
  }
  EXPECT_EQ(counting.counts().allocations, 6U);
  EXPECT_EQ(checked.finish(), 0U);
}

struct Thrower {
  int* formats;
  int throws_at;
};

}  // namespace

template <>
struct fmt::formatter<Thrower> {
  template <typename Context>
  constexpr auto parse(Context& context) const {
    return context.begin();
  }
  template <typename Context>
  auto format(const Thrower& thrower, Context& context) const {
    if (++*thrower.formats == thrower.throws_at) throw std::runtime_error("no");
    auto out = context.out();
    for (int i = 0; i < 600; ++i) *out++ = 'x';
    return out;
  }
};

namespace {

TEST(Strings, WhatAFormatterThrowsGivesTheMemoryBack) {
  weir::DebugAllocator<> checked;
  for (const int throws_at : {1, 2}) {
    int formats = 0;
    EXPECT_THROW(static_cast<void>(format_to_new(checked, "{}", Thrower{&formats, throws_at})),
                 std::runtime_error);
    EXPECT_EQ(formats, throws_at);
  }
  EXPECT_THROW(static_cast<void>(format_to_new(checked, "{:{}}", 1, -1)), std::runtime_error);
  EXPECT_EQ(checked.finish(), 0U);
}

// A request and its answer live in one arena; neither gives anything back itself.
using HeaderMap = std::map<std::string_view, std::string_view, std::less<>,
                           weir::StdAllocator<std::pair<const std::string_view, std::string_view>, Arena<>>>;

struct HttpRequest {
  HttpRequest(Arena<>& in, unsigned number, std::string_view where)
      : arena(in), id(number), path(duplicate(in, where)), headers(in) {}
  void add_header(std::string_view key, std::string_view value) {
    headers.insert_or_assign(duplicate(arena, key), duplicate(arena, value));
  }
  void set_body(std::string_view text) { body = duplicate(arena, text); }

  Arena<>& arena;
  unsigned id;
  std::string_view path;
  HeaderMap headers;
  std::string_view body;
};

struct HttpResponse {
  explicit HttpResponse(Arena<>& in) : headers(in) {}
  int status = 200;
  HeaderMap headers;
  std::string_view body;
};

HttpResponse answer(Arena<>& arena, const HttpRequest& request) {
  HttpResponse response(arena);
  response.headers["Content-Type"] = "application/json";
  response.headers["X-Request-ID"] = format_to_new(arena, "{}", request.id);
  response.body =
      format_to_new(arena, R"({{"path": "{}", "headers": {}}})", request.path, request.headers.size());
  return response;
}

TEST(Arena, RequestResponseLifecycle) {
  Arena arena;
  for (unsigned id = 1; id <= 3; ++id) {
    arena.reset();  // what stood on it is gone
    std::string received = "/api/users";
    HttpRequest request(arena, id, received);
    request.add_header("Authorization", "Bearer token123");
    request.add_header("Accept", "application/json");
    request.set_body(R"({"name": "Alice"})");
    received.assign(received.size(), '?');  // the input's buffer is used for the next one

    const HttpResponse response = answer(arena, request);
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.headers.at("X-Request-ID"), std::to_string(id));
    EXPECT_EQ(response.body, R"({"path": "/api/users", "headers": 2})");
    EXPECT_TRUE(arena.owns(response.body.data()) && arena.owns(request.body.data()));
  }
}

TEST(Arena, BatchProcessing) {
  struct Record {
    unsigned id;
    std::string_view data;
  };
  weir::PageAllocator pages;
  weir::Counting counted(pages);
  Arena arena(counted);
  std::size_t chunks = 0;
  for (unsigned batch = 0; batch < 5; ++batch) {
    arena.reset();  // what stood on it is gone
    if (batch == 1) chunks = counted.counts().allocations;
    std::vector<Record, weir::StdAllocator<Record, decltype(arena)>> records(arena);
    records.reserve(1000);
    for (unsigned id = 0; id < 1000; ++id) {
      records.push_back({id, format_to_new(arena, "Record-{}-{}", batch, id)});
    }
    EXPECT_EQ(records[999].data, "Record-" + std::to_string(batch) + "-999");
    if (batch != 0) {
      EXPECT_EQ(counted.counts().allocations, chunks) << "the memory of the first batch serves all";
    }
  }
}

TEST(FixedBuffer, StringBuilding) {
  weir::FixedBufferOf<64> buffer;
  const auto build = [&](std::string_view name, int count) {
    return format_to_new(buffer, "Hello, {}! Count: {}", name, count);
  };
  EXPECT_EQ(build("Alice", 10), "Hello, Alice! Count: 10");
  EXPECT_NE(build("somebody with a name", 10).data(), nullptr);
  EXPECT_EQ(build("nobody else", 20).data(), nullptr) << "full";
  buffer.reset();
  EXPECT_EQ(build("Bob", 20), "Hello, Bob! Count: 20");
}

}  // namespace
