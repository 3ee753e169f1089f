// The language of option fail= and the choice by number.
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "shim/watch/fail_parser.hpp"

namespace weir {
namespace {

struct ReadFailures {
  FailRules rules;
  std::vector<std::string> mistakes;
};

ReadFailures read_failures(std::string_view text) {
  ReadFailures all;
  const unsigned count = parse_fail(text, all.rules, [&](const RouteMistake& mistake) {
    all.mistakes.emplace_back(mistake.message.view());
  });
  EXPECT_EQ(count, all.mistakes.size());
  return all;
}

FailRule only_rule(std::string_view text) {
  const ReadFailures all = read_failures(text);
  EXPECT_EQ(all.mistakes, std::vector<std::string>()) << text;
  EXPECT_EQ(all.rules.count(), 1u) << text;
  return all.rules.rule[0];
}

void expect_mistake(std::string_view text, std::string_view message) {
  const ReadFailures all = read_failures(text);
  ASSERT_EQ(all.mistakes.size(), 1u) << text;
  EXPECT_EQ(all.mistakes[0], message);
  EXPECT_EQ(all.rules.count(), 0u);
}

TEST(FailRules, HaveTermsInAnyOrder) {
  for (const char* text : {"nth=3 size>=4K", "size>=4K nth=3", "nth=3&&size>=4K", "nth=3, size>=4K",
                           " nth = 3 && size >= 4096 "}) {
    const ReadFailures all = read_failures(text);
    ASSERT_EQ(all.rules.count(), 1u) << text;
    EXPECT_EQ(all.rules.rule[0].choice, FailChoice::kNth);
    EXPECT_EQ(all.rules.rule[0].number, 3u);
    EXPECT_EQ(all.rules.when.rule[0].when.least_bytes, 4096u);
  }
}

TEST(FailRules, FailOnceByNumberAndElseAlways) {
  EXPECT_EQ(only_rule("nth=7").times, 1u);
  EXPECT_EQ(only_rule("nth=7 times=2").times, 2u);
  EXPECT_EQ(only_rule("nth=7 times=always").times, UINT64_MAX);
  EXPECT_EQ(only_rule("every=7").times, UINT64_MAX);
  EXPECT_EQ(only_rule("size<10").times, UINT64_MAX);
  EXPECT_EQ(only_rule("stack=ab times=1").times, 1u);
}

TEST(FailRules, JoinPatternsByTwoAmpersands) {
  const ReadFailures all = read_failures("module=libfoo*&&caller=\"operator&&\"&&nth=1");
  ASSERT_EQ(all.mistakes, std::vector<std::string>());
  EXPECT_EQ(all.rules.when.rule[0].when.module, "libfoo*");
  EXPECT_EQ(all.rules.when.rule[0].when.caller, "operator&&");
}

TEST(FailRules, ReadTimesAndChances) {
  EXPECT_EQ(only_rule("after=2s").after_ns, 2'000'000'000u);
  EXPECT_EQ(only_rule("after=500ms").after_ns, 500'000'000u);
  EXPECT_EQ(only_rule("chance=0.5").number, std::uint64_t{1} << 63);
  EXPECT_EQ(only_rule("chance=1/2").number, std::uint64_t{1} << 63);
  EXPECT_EQ(only_rule("chance=.25").number, std::uint64_t{1} << 62);
  EXPECT_EQ(only_rule("chance=1").number, UINT64_MAX);
  EXPECT_EQ(only_rule("chance=1/1000").number, only_rule("chance=0.001").number);
  EXPECT_EQ(only_rule("chance=0.000000000000000001").number, 18u);
  EXPECT_TRUE(only_rule("chance=1 seed=0").has_seed);
}

TEST(FailRules, ReadStacks) {
  const FailRule rule = only_rule("stack=0f3a6b1c22d4e587,AB,1,every=2");
  ASSERT_EQ(rule.stack_count, 3u);
  EXPECT_EQ(rule.stack[0], 0x0f3a6b1c22d4e587u);
  EXPECT_EQ(rule.stack[1], 0xabu);
  EXPECT_EQ(rule.number, 2u);
  std::string many = "stack=1";
  for (int i = 0; i < 15; ++i) many += ",1";
  EXPECT_EQ(only_rule(many).stack_count, kMostFailStacks);
  expect_mistake(many + ",1", "there are more than 16 stacks");
}

TEST(FailRules, AreSeparatedAndLeftOutAlone) {
  const ReadFailures all = read_failures("nth=1; nht=2; # a note\nevery=3");
  EXPECT_EQ(all.mistakes.size(), 1u);
  ASSERT_EQ(all.rules.count(), 2u);
  EXPECT_EQ(all.rules.rule[1].choice, FailChoice::kEvery);
  EXPECT_EQ(all.rules.rule[1].text, "every=3");
}

TEST(FailRules, TellTheMistake) {
  expect_mistake("nth=0", "'nth' cannot be '0', it takes a number from 1 on");
  expect_mistake("times=0", "'times' cannot be '0', it takes a number from 1 on, or always");
  expect_mistake("evry=2", "'evry' is no term of fail; the nearest is 'every'");
  expect_mistake("nth=1 nth=2", "'nth' stands here twice");
  expect_mistake("nth=1 every=2", "of 'nth', 'every' and 'chance' only one can stand in a rule");
  expect_mistake("chance=0",
                 "'chance' cannot be '0', it takes more than 0 and up to 1, as in 0.001 or 1/1000");
  expect_mistake("chance=3/2",
                 "'chance' cannot be '3/2', it takes more than 0 and up to 1, as in 0.001 or 1/1000");
  expect_mistake("chance=1/0",
                 "'chance' cannot be '1/0', it takes more than 0 and up to 1, as in 0.001 or 1/1000");
  expect_mistake("after=1h", "'after' cannot be '1h', it takes a time, as in 2s or 500ms");
  expect_mistake("after=s", "'after' cannot be 's', it takes a time, as in 2s or 500ms");
  expect_mistake("after=ms", "'after' cannot be 'ms', it takes a time, as in 2s or 500ms");
  expect_mistake("stack=", "'' is no stack; 'stack' takes hashes of stacks, as in 0f3a6b1c22d4e587");
  expect_mistake("nth=1|2", "terms are separated by a blank or '&&'");
  expect_mistake("&&", "a term is missing, as in nth=3 or size>=4K");
}

TEST(FailRules, HaveAnEnd) {
  std::string text;
  for (unsigned i = 0; i < kMostRules + 1; ++i) text += "nth=1;";
  const ReadFailures all = read_failures(text);
  EXPECT_EQ(all.rules.count(), kMostRules);
  EXPECT_EQ(all.mistakes, std::vector<std::string>{"there are more than 32 rules"});
}

TEST(FailChoice, IsByNumber) {
  const auto chosen = [](const char* text, std::uint64_t most) {
    const FailRule rule = only_rule(text);
    std::set<std::uint64_t> numbers;
    for (std::uint64_t n = 1; n <= most; ++n) {
      if (chooses(rule, n)) numbers.insert(n);
    }
    return numbers;
  };
  EXPECT_EQ(chosen("nth=3", 5), (std::set<std::uint64_t>{3, 4, 5}));  // `times` ends it
  EXPECT_EQ(chosen("every=3", 9), (std::set<std::uint64_t>{3, 6, 9}));
  EXPECT_EQ(chosen("size>0", 3), (std::set<std::uint64_t>{1, 2, 3}));
  EXPECT_EQ(chosen("chance=1 seed=4", 1000).size(), 1000u);
  const auto some = chosen("chance=0.01 seed=4", 100000);
  EXPECT_GT(some.size(), 850u);
  EXPECT_LT(some.size(), 1150u);
  EXPECT_NE(some, chosen("chance=0.01 seed=5", 100000));
  EXPECT_EQ(some, chosen("chance=1/100 seed=4", 100000));
}

}  // namespace
}  // namespace weir
