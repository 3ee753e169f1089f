// The language of the routing rules and what `weir routes` says about them.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "shim/abi/route_matches.hpp"
#include "shim/abi/route_mistake.hpp"
#include "tests/unit/tools/scratch.hpp"
#include "tools/routes/describe.hpp"
#include "tools/routes/explain.hpp"
#include "tools/routes/function_names.hpp"
#include "tools/routes/rule_set.hpp"

namespace weir {
namespace {

const RouteRule& only_rule(const RuleSet& set) {
  EXPECT_EQ(set.mistakes(), std::vector<std::string>());
  EXPECT_EQ(set.rules().count, 1u);
  return set.rules().rule[0];
}

// The message without the program's name in front, the caret's column, and how wide the mark is.
struct Complaint {
  std::string message;
  std::size_t column = 0;
  std::size_t width = 0;
};

Complaint complaint(const std::string& text) {
  const RuleSet set(text, "RULES");
  EXPECT_EQ(set.mistakes().size(), 1u) << text;
  if (set.mistakes().empty()) return {};
  const std::string& shown = set.mistakes().front();
  const std::size_t first = shown.find('\n');
  const std::size_t second = shown.find('\n', first + 1);
  constexpr std::string_view kFront = "weir: RULES: ";
  EXPECT_TRUE(shown.starts_with(kFront)) << shown;
  const std::string under = shown.substr(second + 1);
  const std::size_t caret = under.find('^');
  EXPECT_NE(caret, std::string::npos) << shown;
  return {shown.substr(kFront.size(), first - kFront.size()), caret - 2, under.size() - 1 - caret};
}

void expect_complaint(const std::string& text, std::string_view message, std::string_view marked) {
  const Complaint c = complaint(text);
  EXPECT_EQ(c.message, message);
  EXPECT_EQ(text.substr(c.column, std::max<std::size_t>(marked.size(), 1)),
            marked.empty() ? text.substr(c.column, 1) : marked)
      << text << "\n"
      << std::string(c.column, ' ') << "^";
  if (!marked.empty()) {
    EXPECT_EQ(c.width, marked.size()) << text;
  }
}

TEST(Glob, MatchesWholeTexts) {
  const auto expect = [](std::string_view pattern, std::string_view text, bool matches) {
    EXPECT_EQ(glob_matches(pattern, text), matches) << pattern << " and " << text;
  };
  expect("parse_*", "parse_x", true);
  expect("parse_*", "xparse_x", false);
  expect("*parse*", "xparse_x", true);
  expect("a?c", "abc", true);
  expect("a?c", "ac", false);
  expect("a|b", "b", true);
  expect("a|b", "a|b", false);
  expect("*", "", true);
  expect("a*b*c", "aXbYbZc", true);
  expect("a*b*c", "aXbYbZ", false);
  expect("**a", "ba", true);
  expect("", "", false);
  EXPECT_TRUE(path_matches("libxml2*", "/usr/lib/libxml2.so.2"));
  EXPECT_FALSE(path_matches("libxml2*", "/usr/libxml2/other.so"));
  EXPECT_TRUE(path_matches("*/libxml2/*", "/usr/libxml2/other.so"));
  EXPECT_TRUE(path_matches("none|*/src/a.c", "/code/src/a.c"));
}

TEST(Glob, TakesNoTimeForManyStars) {
  const std::string text(3000, 'a');
  EXPECT_FALSE(glob_matches("*a*a*a*a*a*a*a*a*b", text));
}

TEST(Rules, ReadTheIssuesExample) {
  const RuleSet set(
      "size<=256 -> pool; thread=worker* -> arena(retain=64M); module=libxml2* -> arena; "
      "caller=parse_* -> fixed(capacity=1M, full=parent); * -> parent",
      "RULES");
  EXPECT_TRUE(set.mistakes().empty());
  EXPECT_TRUE(set.warnings().empty());
  ASSERT_EQ(set.rules().count, 5u);
  const RouteRule* rule = set.rules().rule;
  EXPECT_EQ(rule[0].target, RouteTarget::kPool);
  EXPECT_EQ(rule[0].when.most_bytes, 256u);
  EXPECT_EQ(rule[1].when.thread, "worker*");
  EXPECT_EQ(rule[1].with.retain, 64u << 20);
  EXPECT_TRUE(rule[1].with.has_retain);
  EXPECT_EQ(rule[2].when.module, "libxml2*");
  EXPECT_FALSE(rule[2].with.has_retain);
  EXPECT_EQ(rule[3].when.caller, "parse_*");
  EXPECT_EQ(rule[3].with.capacity, 1u << 20);
  EXPECT_EQ(rule[3].text, "caller=parse_* -> fixed(capacity=1M, full=parent)");
  EXPECT_EQ(rule[4].target, RouteTarget::kParent);
}

TEST(Rules, ReadEveryComparison) {
  const auto range = [](const std::string& condition) {
    const RuleSet set(condition + " -> pool", "RULES");
    const RouteConditions& when = only_rule(set).when;
    return std::pair(when.least_bytes, when.most_bytes);
  };
  using Range = std::pair<std::uint64_t, std::uint64_t>;
  EXPECT_EQ(range("size<=256"), Range(0, 256));
  EXPECT_EQ(range("size<256"), Range(0, 255));
  EXPECT_EQ(range("size>=256"), Range(256, UINT64_MAX));
  EXPECT_EQ(range("size>256"), Range(257, UINT64_MAX));
  EXPECT_EQ(range("size=256"), Range(256, 256));
  EXPECT_EQ(range("size=1K..4M"), Range(1024, 4u << 20));
  EXPECT_EQ(range("size > 16, size <= 2G"), Range(17, std::uint64_t{2} << 30));
  EXPECT_EQ(range("size=0"), Range(0, 0));
  const RuleSet set("align>=64 -> page", "RULES");
  EXPECT_EQ(only_rule(set).when.least_alignment, 64u);
  EXPECT_EQ(only_rule(set).when.least_bytes, 0u);
}

TEST(Rules, ReadCallsAndQuotes) {
  const RuleSet calls("call=new* -> pool", "RULES");
  EXPECT_EQ(only_rule(calls).when.calls, 0b110000);
  const RuleSet two("call=malloc|realloc -> pool", "RULES");
  EXPECT_EQ(only_rule(two).when.calls, 0b000101);
  const RuleSet quoted(R"(caller="operator()(int, a) -> x;#" -> arena)", "RULES");
  EXPECT_EQ(only_rule(quoted).when.caller, "operator()(int, a) -> x;#");
  const RuleSet tight("thread=a-b#1->pool", "RULES");
  EXPECT_EQ(only_rule(tight).when.thread, "a-b#1");
  const RuleSet colons("caller=ns::f* -> pool", "RULES");
  EXPECT_EQ(only_rule(colons).when.caller, "ns::f*");
  EXPECT_EQ(only_rule(colons).name, "");
}

TEST(Rules, ReadEveryParameter) {
  const RuleSet arena(
      "a.b-c: * -> arena(capacity=2M,chunk=64K , retain=0, shared, full=null, prefault=1, huge=no)", "RULES");
  const RouteRule& rule = only_rule(arena);
  EXPECT_EQ(rule.name, "a.b-c");
  EXPECT_EQ(rule.with.capacity, 2u << 20);
  EXPECT_EQ(rule.with.chunk, 64u << 10);
  EXPECT_TRUE(rule.with.has_retain);
  EXPECT_EQ(rule.with.retain, 0u);
  EXPECT_TRUE(rule.with.shared);
  EXPECT_EQ(rule.with.full, WhenFull::kNull);
  EXPECT_TRUE(rule.with.prefault);
  EXPECT_FALSE(rule.with.huge);
  const RuleSet fixed(R"(*->fixed(capacity=2G,full=abort,shared=1,file="/a (1), b"))", "RULES");
  EXPECT_EQ(only_rule(fixed).with.file, "/a (1), b");
  EXPECT_EQ(only_rule(fixed).with.full, WhenFull::kAbort);
  const RuleSet tagged("size<9 -> parent(tag=\"old code\"); * -> pool(tag=ui)", "RULES");
  EXPECT_EQ(tagged.rules().rule[0].with.tag, "old code");
  EXPECT_EQ(tagged.rules().rule[1].with.tag, "ui");
  EXPECT_EQ(describe_target(tagged.rules().rule[0]), "parent(tag=old code)");
  const RuleSet nothing("* -> page()", "RULES");
  EXPECT_EQ(only_rule(nothing).target, RouteTarget::kPage);
}

TEST(Rules, AreSeparatedBySemicolonsAndLines) {
  const RuleSet set("# first\n\n size<9 -> pool # small; not a rule\r\n;; * -> parent;\n", "RULES");
  EXPECT_TRUE(set.mistakes().empty());
  ASSERT_EQ(set.rules().count, 2u);
  EXPECT_EQ(set.rules().rule[0].text, "size<9 -> pool");
}

TEST(Mistakes, NameThePlaceAndTheNearestWord) {
  expect_complaint("siz<5 -> pool", "'siz' is no condition; the nearest is 'size'", "siz");
  expect_complaint("size<5 -> pol", "'pol' is no target; the nearest is 'pool'", "pol");
  expect_complaint("size<5 -> pool(capcity=3)", "'capcity' is no parameter; the nearest is 'capacity'",
                   "capcity");
  expect_complaint("* -> heap", "'heap' is no target: parent, pool, arena, fixed, page", "heap");
  expect_complaint("call=mallok -> pool", "'mallok' is no call, or one twice; the nearest is 'malloc'",
                   "mallok");
  expect_complaint("* -> fixed(capacity=2049M)", "a fixed buffer has at most 2G", "fixed(capacity=2049M)");
  expect_complaint("* -> fixed", "fixed needs a capacity, as in fixed(capacity=1M)", "fixed");
  expect_complaint("* -> page(chunk=64K)", "'chunk' is not for page, which takes huge, tag", "chunk");
  expect_complaint("* -> parent(full=null)", "'full' is not for parent, which takes tag", "full");
  expect_complaint("* -> arena(chunk=100K)",
                   "'chunk' cannot be '100K', it takes a power of two from 64K to 1G", "chunk=100K");
  expect_complaint("* -> arena(chunk=32K)", "'chunk' cannot be '32K', it takes a power of two from 64K to 1G",
                   "chunk=32K");
  expect_complaint("* -> pool(capacity=1025G)", "'capacity' cannot be '1025G', it takes 1 to 1024G",
                   "capacity=1025G");
  expect_complaint("* -> pool(full=never)", "'full' cannot be 'never', it takes parent, null or abort",
                   "full=never");
  expect_complaint("* -> pool(tag=)", "'tag' cannot be '', it takes a name of at most 63 bytes", "tag=");
  expect_complaint("* -> pool(huge,huge)", "'huge' stands here twice", "huge");
  expect_complaint("* -> fixed(capacity=1M, file=/x)",
                   "a buffer on a file is one for all threads: add 'shared'", "fixed(capacity=1M, file=/x)");
  expect_complaint("size=x -> pool", "'x' is no number that fits: 0 to 131072G, as in 100, 4K or 64M", "x");
  expect_complaint("size=5..3 -> pool", "no request can have such a size", "size=5..3");
  expect_complaint("size>9 size<5 -> pool", "no request can have such a size", "size<5");
  expect_complaint("size<0 -> pool", "nothing is less than 0", "size<0");
  expect_complaint("size!=5 -> pool", "'size' needs <=, <, >=, > or =, as in size<=256", "size!=");
  expect_complaint("thread<5 -> pool", "'thread' needs '=' and a pattern, as in thread=parse_*", "thread<");
  expect_complaint("thread=a thread=b -> pool", "'thread' stands here twice; '|' separates alternatives",
                   "thread=b");
  expect_complaint("caller= -> pool", "'caller' needs a pattern; '*' is any text, '?' one letter", "");
  expect_complaint("caller=f(int) -> pool", "a pattern with ( in it stands in quotes", "f(");
  expect_complaint("caller=\"f -> pool", "the quote is not closed", "\"f -> pool");
  expect_complaint("size<5 pool", "'pool' is no condition: size, align, thread, module, caller, source, call",
                   "pool");
  expect_complaint("size<5", "'->' and a target are missing", "");
  expect_complaint("size<5 ->", "a target is missing: pool, arena, fixed, page or parent", "");
  expect_complaint("-> pool", "no condition before '->'; '*' takes everything", "-");
  expect_complaint("* size<5 -> pool", "'*' takes everything, so it stands alone", "*");
  expect_complaint("* -> pool(huge", "')' is missing", "(");
  expect_complaint("* -> pool pool", "nothing more can stand behind the target; ';' ends a rule", "pool");
  expect_complaint(std::string(32, 'a') + ": * -> pool", "a name has at most 31 letters",
                   std::string(32, 'a'));
}

TEST(Mistakes, LeaveTheOtherRules) {
  const RuleSet set("a: size<9 -> pool; a: * -> page; size -> pool; * -> parent", "RULES");
  EXPECT_EQ(set.mistakes().size(), 2u);
  ASSERT_EQ(set.rules().count, 2u);
  EXPECT_EQ(set.rules().rule[1].target, RouteTarget::kParent);
  EXPECT_NE(set.mistakes()[0].find("the name 'a' is another rule's already"), std::string::npos);
}

TEST(Mistakes, TellTheLineOfAFile) {
  const Scratch scratch;
  std::string text = '@' + scratch.write("rules", "* -> pool\n\n* -> pol\n");
  std::string place;
  std::string error;
  ASSERT_TRUE(read_rules_text(text, place, error)) << error;
  const RuleSet set(text, place);
  ASSERT_EQ(set.mistakes().size(), 1u);
  EXPECT_TRUE(set.mistakes()[0].starts_with("weir: " + (scratch / "rules") + ":3: 'pol'"))
      << set.mistakes()[0];
  text = '@' + (scratch / "none");
  EXPECT_FALSE(read_rules_text(text, place, error));
  EXPECT_NE(error.find("none"), std::string::npos);
  text = std::string(kMostRulesText + 1, ' ');
  EXPECT_FALSE(read_rules_text(text, place, error));
}

TEST(Mistakes, AreShownInEightyColumns) {
  const std::string text = "caller=" + std::string(500, 'a') + " -> pul; * -> pool";
  const RuleSet set(text, "RULES");
  ASSERT_EQ(set.mistakes().size(), 1u);
  const std::string& shown = set.mistakes()[0];
  const std::size_t second = shown.find('\n', shown.find('\n') + 1);
  const std::string rule = shown.substr(shown.find('\n') + 1, second - shown.find('\n') - 1);
  const std::string under = shown.substr(second + 1);
  EXPECT_LE(rule.size(), 80u);
  EXPECT_EQ(rule.substr(under.find('^'), 3), "pul");
  EXPECT_TRUE(rule.starts_with("  ...aaa"));
}

TEST(Mistakes, CountLettersNotBytes) {
  const RuleSet set("thread=\"größe\" -> pul", "RULES");
  ASSERT_EQ(set.mistakes().size(), 1u);
  const std::string& shown = set.mistakes()[0];
  EXPECT_NE(shown.find("\n                    ^~~\n"), std::string::npos) << shown;
}

TEST(Rules, AreAtMost32) {
  std::string text;
  for (int i = 0; i < 33; ++i) text += "size=" + std::to_string(i) + " -> pool\n";
  const RuleSet set(text, "RULES");
  EXPECT_EQ(set.rules().count, 32u);
  ASSERT_EQ(set.mistakes().size(), 1u);
  EXPECT_NE(set.mistakes()[0].find("more than 32 rules"), std::string::npos);
}

TEST(Rules, HaveNamesInReports) {
  const RuleSet set("size<9 -> pool; b: size<99 -> pool; size<10 -> arena; thread=x -> pool; pool: * -> page",
                    "R");
  const auto name = [&](unsigned i) { return std::string(route_name(set.rules(), i).view()); };
  EXPECT_EQ(name(0), "pool#1");
  EXPECT_EQ(name(1), "b");
  EXPECT_EQ(name(2), "arena");
  EXPECT_EQ(name(3), "pool#2");
  EXPECT_EQ(name(4), "pool");
}

TEST(Rules, BehindOneThatTakesAllAreTold) {
  const RuleSet all("size<9 -> pool; * -> parent; size<5 -> page", "R");
  ASSERT_EQ(all.warnings().size(), 1u);
  EXPECT_EQ(all.warnings()[0], "rule 3 (page) never takes anything: rule 1 (pool) takes it first");
  EXPECT_TRUE(
      RuleSet("thread=a -> pool; thread=b -> page; size<9 thread=b -> arena", "R").warnings().size() == 1);
  EXPECT_TRUE(RuleSet("size<9 call=new -> pool; size<9 -> page", "R").warnings().empty());
  EXPECT_TRUE(RuleSet("caller=a -> pool; source=a -> page; size<5 -> arena", "R").warnings().empty());
}

// Whatever is read again from what the table prints is the same rule.
TEST(Table, IsTheRulesLanguage) {
  const RuleSet set(
      "size=1K..2K align>=64 call=new thread=\"a b\" -> arena(retain=3); size<9 -> fixed(capacity=5K)", "R");
  for (unsigned i = 0; i < set.rules().count; ++i) {
    std::string text;
    for (const ConditionText& condition : conditions_of(set.rules().rule[i].when))
      text += condition.text + ' ';
    const RuleSet again(text + "-> pool", "R");
    const RouteConditions& when = only_rule(again).when;
    const RouteConditions& before = set.rules().rule[i].when;
    EXPECT_TRUE(takes_all_of(when, before) && takes_all_of(before, when)) << text;
  }
  EXPECT_EQ(describe_target(set.rules().rule[1]),
            "fixed(capacity=5K, shared=0, full=parent, prefault=0, huge=0, file=none)");
  std::string table = rules_as_table(set.rules(), 80);
  EXPECT_NE(table.find(" 1  arena  size=1K..2K align>=64 call=new"), std::string::npos) << table;
  for (std::size_t at = 0; at < table.size(); at = table.find('\n', at) + 1) {
    EXPECT_LE(table.find('\n', at) - at, 80u) << table;
  }
}

TEST(Explain, FollowsARequestThroughTheRules) {
  const RuleSet set(
      "size<=256 -> pool; thread=worker* -> arena; caller=\"parse|ns::*\" -> page; big: size>1M -> page",
      "R");
  EXPECT_EQ(explain_route(set.rules(), {.size = 100}),
            "rule 1 (pool): takes it\nIt goes to pool by rule 1 (pool).\n");
  EXPECT_EQ(explain_route(set.rules(), {.size = 2 << 20, .caller = "other"}),
            "rule 1 (pool): no: size<=256 does not hold\n"
            "rule 2 (arena): depends on thread=worker*\n"
            "rule 3 (page): no: caller=parse|ns::* does not hold\n"
            "rule 4 (big): takes it\n"
            "It goes to page by rule 4 (big), unless rule 2 (arena) takes it.\n");
  const std::string named =
      explain_route(set.rules(), {.size = 300, .thread = "main", .caller = "ns::f(int)"});
  EXPECT_NE(named.find("It goes to page by rule 3 (page).\n"), std::string::npos) << named;
  const std::string none = explain_route(set.rules(), {.size = 300, .thread = "main", .caller = "x"});
  EXPECT_NE(none.find("It goes to the parent, because no rule takes it.\n"), std::string::npos) << none;
  const RuleSet aligned("align>=64 -> page", "R");
  EXPECT_NE(explain_route(aligned.rules(), {.size = 1}).find("no: align>=64"), std::string::npos);
}

TEST(FunctionNames, AreThoseThatPeopleWrite) {
  using Names = std::vector<std::string>;
  EXPECT_EQ(function_names("parse_x"), Names({"parse_x"}));
  EXPECT_EQ(function_names("_ZN2ns3fooEi"), Names({"_ZN2ns3fooEi", "ns::foo(int)", "ns::foo"}));
  EXPECT_EQ(function_names("parse_x.cold"), Names({"parse_x.cold", "parse_x"}));
  EXPECT_EQ(function_names("main.parse"), Names({"main.parse"}));
  EXPECT_EQ(function_names("_Z3fooi.part.0"), Names({"_Z3fooi.part.0", "_Z3fooi", "foo(int)", "foo"}));
  const Names push = function_names("_ZNSt6vectorIiSaIiEE9push_backEOi");
  EXPECT_NE(std::ranges::find(push, "std::vector::push_back"), push.end());
  EXPECT_NE(std::ranges::find(push, "std::vector<int, std::allocator<int> >::push_back"), push.end());
}

TEST(FunctionNames, LoseParametersAndReturnTypes) {
  EXPECT_EQ(without_parameters("ns::foo(int)"), "ns::foo");
  EXPECT_EQ(without_parameters("ns::S::foo(void (*)(int)) const"), "ns::S::foo");
  EXPECT_EQ(without_parameters("int ns::get<int>(std::pair<int, int>)"), "ns::get<int>");
  EXPECT_EQ(without_parameters("(anonymous namespace)::f(int)"), "(anonymous namespace)::f");
  EXPECT_EQ(without_parameters("S::operator()(int) const"), "S::operator()");
  EXPECT_EQ(without_parameters("operator new(unsigned long)"), "operator new");
  EXPECT_EQ(without_parameters("S::operator bool() const"), "S::operator bool");
  EXPECT_EQ(without_parameters("bool operator< <int>(S<int>, S<int>)"), "operator< <int>");
  EXPECT_EQ(without_parameters("f(int)::{lambda(char)#1}::operator()(char) const"),
            "f(int)::{lambda(char)#1}::operator()");
  EXPECT_EQ(without_template_arguments("std::vector<int, A<char> >::push_back"), "std::vector::push_back");
  EXPECT_EQ(without_template_arguments("S::operator<<"), "S::operator<<");
  EXPECT_EQ(without_template_arguments("S::operator->"), "S::operator->");
}

// Nothing that is typed may crash the parser, lie outside of the text, or be shown wider than a terminal.
TEST(Parser, SurvivesAnything) {
  const std::string pieces[] = {"size", "<=",   "256", "->", "pool",   "(",        ")",      ";",
                                "\n",   "#",    "*",   "\"", "name",   ":",        "caller", "=",
                                "|",    "a::b", ",",   " ",  "call",   "new[]",    "fixed",  "capacity",
                                "1M",   "..",   "-",   ">",  "thread", "\xc3\xa4", "\0x",    "arena"};
  std::mt19937 random(1);
  for (int round = 0; round < 20000; ++round) {
    std::string text;
    for (auto n = random() % 24; n != 0; --n) text += pieces[random() % std::size(pieces)];
    const RuleSet set(text, "R");
    for (const std::string& mistake : set.mistakes()) {
      std::size_t line = mistake.find('\n') + 1;
      EXPECT_GT(line, std::string_view("weir: R: ").size() + 1) << text;
      for (std::size_t end = 0; line < mistake.size(); line = end + 1) {
        end = mistake.find('\n', line);
        EXPECT_LE(std::ranges::count_if(mistake.substr(line, end - line), starts_character), 80) << text;
      }
    }
    for (unsigned i = 0; i < set.rules().count; ++i) {
      EXPECT_NE(text.find(set.rules().rule[i].text), std::string::npos) << text;
    }
  }
}

}  // namespace
}  // namespace weir
