#include <gtest/gtest.h>

#include "tests/unit/tools/scratch.hpp"
#include "tools/suppressions/builtin.hpp"
#include "tools/suppressions/file.hpp"
#include "tools/suppressions/matcher.hpp"
#include "tools/suppressions/pattern.hpp"

namespace weir {
namespace {

bool matches(std::string_view pattern, std::string_view text) {
  return Pattern(pattern).matches(text);
}

TEST(Pattern, MatchesAsLeakSanitizers) {
  EXPECT_TRUE(matches("oo", "foobar"));
  EXPECT_FALSE(matches("oo", "bar"));
  EXPECT_TRUE(matches("^foo", "foobar"));
  EXPECT_FALSE(matches("^bar", "foobar"));
  EXPECT_TRUE(matches("bar$", "foobar"));
  EXPECT_FALSE(matches("foo$", "foobar"));
  EXPECT_TRUE(matches("^foobar$", "foobar"));
  EXPECT_FALSE(matches("^foo$", "foofoo"));
  EXPECT_TRUE(matches("f*b*r", "xfoobarx"));
  EXPECT_TRUE(matches("^f*r$", "foobar"));
  EXPECT_FALSE(matches("^f*r$", "foobarx"));
  EXPECT_FALSE(matches("a*b", "ba"));
  EXPECT_TRUE(matches("^*bar", "foobar"));
  EXPECT_TRUE(matches("foo*$", "foobar"));
  EXPECT_TRUE(matches("*", "x"));
  EXPECT_FALSE(matches("*", ""));
  EXPECT_FALSE(matches("^ab*ba$", "aba"));
}

TEST(SuppressionFile, TakesLeakLines) {
  const SuppressionFile file = parse_suppressions(
      "# comment\n\n  leak:one \r\nleak:two words\nrace:other\nleak:\nleak:one\nnonsense", "f");
  EXPECT_EQ(file.patterns, (std::vector<std::string>{"one", "two words"}));
  ASSERT_EQ(file.complaints.size(), 3u);
  EXPECT_EQ(file.complaints[0], "f:5: ignored 'race:other': weir knows leak:PATTERN only");
  EXPECT_EQ(file.complaints[1], "f:6: ignored 'leak:': weir knows leak:PATTERN only");
  EXPECT_EQ(file.complaints[2], "f:8: ignored 'nonsense': weir knows leak:PATTERN only");
}

TEST(SuppressionFile, MissingIsOneComplaint) {
  const Scratch scratch;
  const std::string path = scratch / "none";
  const SuppressionFile file = read_suppressions(path);
  EXPECT_TRUE(file.patterns.empty());
  ASSERT_EQ(file.complaints.size(), 1u);
  EXPECT_EQ(file.complaints[0], "no suppressions: cannot read " + path + ": No such file or directory");
}

struct Stack {
  Frame& add(const ModuleName& module, std::string function, std::string file = {}) {
    Frame frame;
    frame.module = &module;
    frame.sources.push_back({.function = std::move(function), .file = std::move(file)});
    frames.push_back(std::move(frame));
    return frames.back();
  }
  std::vector<const Frame*> pointers() const {
    std::vector<const Frame*> all;
    for (const Frame& frame : frames) all.push_back(&frame);
    return all;
  }
  std::vector<Frame> frames;
};

const ModuleName kWeir{.path = "/x/libweir.so"};
const ModuleName kLibc{.path = "/lib/x86_64-linux-gnu/libc.so.6"};
const ModuleName kProgram{.path = "/usr/bin/app"};

TEST(SuppressionMatcher, LooksAtModuleFunctionAndFileOfEveryFrame) {
  Stack stack;
  stack.add(kProgram, "make", "/src/make.c");
  Frame& outer = stack.add(kProgram, "outer", "/src/outer.c");
  outer.sources.insert(outer.sources.begin(),
                       {.function = "inlined", .file = "/src/inline.h", .inlined = true});
  for (const std::string pattern : {"bin/app", "^make$", "outer.c", "^inlined$", "inline.h"}) {
    SuppressionMatcher matcher(std::vector{pattern}, false);
    EXPECT_TRUE(matcher.suppresses(stack.pointers(), 2, 20)) << pattern;
    ASSERT_EQ(matcher.used().size(), 1u);
    EXPECT_EQ(matcher.used()[0].pattern, pattern);
    EXPECT_EQ(matcher.used()[0].count, 2u);
    EXPECT_EQ(matcher.used()[0].bytes, 20u);
    EXPECT_TRUE(matcher.unused().empty());
  }
  SuppressionMatcher other(std::vector<std::string>{"elsewhere"}, true);
  EXPECT_FALSE(other.suppresses(stack.pointers(), 1, 1));
  EXPECT_EQ(other.unused(), std::vector<std::string>{"elsewhere"});
}

TEST(SuppressionMatcher, CreditsTheFirstOfTheFile) {
  Stack stack;
  stack.add(kProgram, "inner");
  stack.add(kProgram, "outer");
  SuppressionMatcher matcher(std::vector<std::string>{"outer", "inner"}, false);
  EXPECT_TRUE(matcher.suppresses(stack.pointers(), 1, 1));
  EXPECT_EQ(matcher.unused(), std::vector<std::string>{"inner"});
}

TEST(BuiltinSuppressions, TakeWhatLibcItselfAllocates) {
  Stack stack;
  stack.add(kWeir, "malloc");
  stack.add(kLibc, "");
  stack.add(kLibc, "setlocale");
  stack.add(kProgram, "main");
  ASSERT_NE(find_builtin(stack.pointers()), nullptr);
  EXPECT_EQ(find_builtin(stack.pointers())->function, "setlocale");
  SuppressionMatcher with(std::vector<std::string>{}, true);
  EXPECT_TRUE(with.suppresses(stack.pointers(), 1, 8));
  EXPECT_TRUE(with.used()[0].builtin);
  SuppressionMatcher without(std::vector<std::string>{}, false);
  EXPECT_FALSE(without.suppresses(stack.pointers(), 1, 8));
}

TEST(BuiltinSuppressions, LeaveCallbacksOfLibcAlone) {
  Stack stack;
  stack.add(kWeir, "malloc");
  stack.add(kProgram, "handler");
  stack.add(kLibc, "__cxa_atexit");
  EXPECT_EQ(find_builtin(stack.pointers()), nullptr);
  Stack duplicate;
  duplicate.add(kLibc, "strdup");
  duplicate.add(kProgram, "setlocale");
  EXPECT_EQ(find_builtin(duplicate.pointers()), nullptr);
  EXPECT_EQ(find_builtin({}), nullptr);
}

TEST(BuiltinSuppressions, KnowLibcsInnerNames) {
  const ModuleName loader{.path = "/lib64/ld-linux-x86-64.so.2"};
  for (const char* function : {"__GI__dl_allocate_tls", "__pthread_create_2_1", "__GI___setenv"}) {
    Stack stack;
    stack.add(kLibc, "__GI___libc_malloc");
    stack.add(kLibc, function);
    EXPECT_NE(find_builtin(stack.pointers()), nullptr) << function;
  }
  Stack nameless;
  nameless.add(loader, "");
  EXPECT_NE(find_builtin(nameless.pointers()), nullptr);
  // What these return belongs to their caller.
  for (const char* function :
       {"backtrace_symbols", "__GI___strdup", "newlocale", "iconv_open", "getaddrinfo"}) {
    Stack stack;
    stack.add(kLibc, function);
    EXPECT_EQ(find_builtin(stack.pointers()), nullptr) << function;
  }
}

TEST(BuiltinSuppressions, GiveTheirReasons) {
  for (const BuiltinSuppression& row : builtin_suppressions())
    EXPECT_GE(row.reason.size(), 8u) << row.function;
}

}  // namespace
}  // namespace weir
