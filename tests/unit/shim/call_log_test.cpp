#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <fstream>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "shim/watch/block_words.hpp"
#include "shim/watch/call_log_clock.hpp"
#include "shim/watch/call_log_file.hpp"
#include "shim/watch/call_log_line.hpp"

namespace weir {
namespace {

template <typename F>
std::string line_of(F&& put) {
  LogLine line;
  put(line);
  return std::string(line.view());
}

std::string printed(const char* format, std::uint64_t n) {
  char text[32];
  std::snprintf(text, sizeof text, format, n);
  return text;
}

TEST(LogLine, Numbers) {
  std::vector<std::uint64_t> numbers = {0, 1, 9, 10, 15, 16, 99, 100, 101, 255, 256, 999, 1000, UINT64_MAX};
  for (std::uint64_t power = 1; power < UINT64_MAX / 10; power *= 10) {
    for (const std::uint64_t n : {power * 10 - 1, power * 10, power * 10 + 1}) numbers.push_back(n);
  }
  std::mt19937_64 random(7);
  for (int i = 0; i < 1000; ++i) numbers.push_back(random() >> random() % 64);
  for (const std::uint64_t n : numbers) {
    EXPECT_EQ(line_of([&](LogLine& line) { line.decimal(n); }), printed("%" PRIu64, n));
    EXPECT_EQ(line_of([&](LogLine& line) { line.hexadecimal(n); }), printed("0x%" PRIx64, n));
  }
}

TEST(LogLine, Seconds) {
  const auto seconds = [](std::uint64_t ns) { return line_of([&](LogLine& line) { line.seconds(ns); }); };
  EXPECT_EQ(seconds(0), "0.000000");
  EXPECT_EQ(seconds(999), "0.000000");
  EXPECT_EQ(seconds(1'000), "0.000001");
  EXPECT_EQ(seconds(12'345'678'901), "12.345678");
  EXPECT_EQ(seconds(999'999'999), "0.999999");
  EXPECT_EQ(seconds(86'400'000'000'000), "86400.000000");
}

TEST(LogClock, KeepsToTheSystemsClock) {
  const auto system_now = [] {
    return static_cast<std::uint64_t>(
        std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count());
  };
  constexpr std::uint64_t kOff = 100'000;  // ns; a reading holds for a millisecond at most
  call_log::Clock clock;
  std::uint64_t last = 0;
  for (int round = 0; round < 5; ++round) {
    const std::uint64_t until = system_now() + 20'000'000;
    for (std::uint64_t before = system_now(); before < until; before = system_now()) {
      const std::uint64_t now = clock.now();
      ASSERT_GE(now + kOff, before);
      ASSERT_LE(now, system_now() + kOff);
      ASSERT_GE(now, last);
      last = now;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(round));
  }
}

TEST(LogLine, WhatDoesNotFitIsCut) {
  EXPECT_EQ(line_of([](LogLine& line) { line.text(std::string(1000, 'x')); }).size(), kMostLine);
}

TEST(BlockWords, PutTakePeek) {
  ASSERT_TRUE(block_words::start());
  const auto* block = reinterpret_cast<const char*>(0x3000'1234'5670);
  EXPECT_EQ(block_words::peek(block), 0u);
  EXPECT_EQ(block_words::take(block), 0u);
  EXPECT_TRUE(block_words::put(block, 17));
  EXPECT_EQ(block_words::peek(block), 17u);
  EXPECT_EQ(block_words::peek(block + 16), 0u);
  EXPECT_EQ(block_words::peek(block - 16), 0u);
  block_words::mark(block, 32);
  EXPECT_EQ(block_words::take(block), 49u);
  EXPECT_EQ(block_words::take(block), 0u);
}

TEST(BlockWords, EveryPartOfTheHeapAndNothingElse) {
  ASSERT_TRUE(block_words::start());
  const std::uint64_t inside[] = {0x2c00'0000'0000, 0x2fff'ffff'fff0, 0x3000'0000'0000, 0x3400'0000'0000,
                                  0x37ff'ffff'fff0};
  for (const std::uint64_t address : inside) {
    EXPECT_TRUE(block_words::put(reinterpret_cast<const void*>(address), address));
  }
  for (const std::uint64_t address : inside) {
    EXPECT_EQ(block_words::take(reinterpret_cast<const void*>(address)), address);
  }
  for (const std::uint64_t address : {std::uint64_t{0x1000}, std::uint64_t{0x2bff'ffff'fff0},
                                      std::uint64_t{0x3800'0000'0000}, std::uint64_t{0x7fff'0000'0000}}) {
    EXPECT_FALSE(block_words::put(reinterpret_cast<const void*>(address), 1));
    EXPECT_EQ(block_words::peek(reinterpret_cast<const void*>(address)), 0u);
  }
}

TEST(BlockWords, Ranges) {
  ASSERT_TRUE(block_words::start());
  const auto* start = reinterpret_cast<const char*>(0x3400'0100'0000);
  for (int i = 0; i < 10; ++i) block_words::put(start + 48 * i, static_cast<std::uint64_t>(i) + 1);
  std::vector<std::uint64_t> taken;
  block_words::take_range(start + 48, start + 48 * 9, [&](std::uint64_t word) { taken.push_back(word); });
  EXPECT_EQ(taken, (std::vector<std::uint64_t>{2, 3, 4, 5, 6, 7, 8, 9}));
  EXPECT_EQ(block_words::peek(start), 1u);
  EXPECT_EQ(block_words::peek(start + 48 * 9), 10u);
}

TEST(BlockWords, OneOfSeveralThreadsTakes) {
  ASSERT_TRUE(block_words::start());
  constexpr int kBlocks = 20000;
  const auto block = [](int i) { return reinterpret_cast<const void*>(0x3012'0000'0000 + 64l * i); };
  for (int i = 0; i < kBlocks; ++i) block_words::put(block(i), 1);
  std::atomic<std::uint64_t> sum{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < kBlocks; ++i) sum += block_words::take(block(i));
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(sum, std::uint64_t{kBlocks});
}

std::vector<std::string> lines_of(const std::string& path) {
  std::vector<std::string> lines;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

bool is_header(const std::string& line) {
  return line.size() == 127 && line.starts_with("# weir call log of " + std::to_string(getpid()));
}

// One test, as a process has one file: a line that just fills one, and lines of several threads over many
// turns of the file.
TEST(CallLogFile, LinesStayWholeAndInOrder) {
  char directory[] = "/tmp/weir_call_log_XXXXXX";
  ASSERT_NE(mkdtemp(directory), nullptr);
  const std::string path = std::string(directory) + "/log";
  constexpr std::uint64_t kBytes = std::uint64_t{1} << 20;
  call_log::open_file(path.c_str(), kBytes);
  const std::string even(63, 'e');
  for (std::uint64_t at = 128; at < kBytes; at += 64) call_log::append(even + "\n");
  call_log::append("behind\n");
  const std::vector<std::string> full = lines_of(path + ".1");
  ASSERT_EQ(full.size(), 1 + (kBytes - 128) / 64);
  EXPECT_TRUE(is_header(full[0])) << full[0];
  EXPECT_EQ(full.back(), even);
  const std::vector<std::string> begun = lines_of(path);
  ASSERT_GE(begun.size(), 2u);
  EXPECT_TRUE(is_header(begun[0])) << begun[0];
  EXPECT_EQ(begun[1], "behind");

  constexpr int kThreads = 4;
  constexpr int kLines = 20000;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([t] {
      for (int i = 0; i < kLines; ++i) {
        const std::string text = std::to_string(t) + " " + std::to_string(i) + " " +
                                 std::string(static_cast<std::size_t>(i % 90), static_cast<char>('a' + t)) +
                                 ".\n";
        call_log::append(text);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  call_log::trim_file();
  call_log::append("after\n");
  int last[kThreads] = {-1, -1, -1, -1};
  for (const std::string& name : {path + ".1", path}) {
    const std::vector<std::string> lines = lines_of(name);
    ASSERT_FALSE(lines.empty()) << name;
    EXPECT_TRUE(is_header(lines[0])) << lines[0];
    for (std::size_t n = 1; n < lines.size(); ++n) {
      const std::string& line = lines[n];
      if (line.empty() || line == "after") continue;
      int t = 0;
      int i = 0;
      ASSERT_EQ(std::sscanf(line.c_str(), "%d %d", &t, &i), 2) << line;
      ASSERT_TRUE(last[t] == -1 || i == last[t] + 1) << line << " behind " << last[t];
      ASSERT_EQ(line, std::to_string(t) + " " + std::to_string(i) + " " +
                          std::string(static_cast<std::size_t>(i % 90), static_cast<char>('a' + t)) + ".");
      last[t] = i;
    }
    EXPECT_LE(std::ifstream(name, std::ios::ate).tellg(), static_cast<std::streamoff>(kBytes));
  }
  EXPECT_EQ(*std::max_element(last, last + kThreads),
            kLines - 1);  // others may have been done before the turn
  unlink(path.c_str());
  unlink((path + ".1").c_str());
  rmdir(directory);
}

}  // namespace
}  // namespace weir
