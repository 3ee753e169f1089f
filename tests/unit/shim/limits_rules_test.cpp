#include "shim/watch/limits_rules.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "shim/abi/route_matches.hpp"
#include "shim/watch/call_log_rules.hpp"

namespace weir {
namespace {

struct ReadLimits {
  explicit ReadLimits(std::string_view text) : source(text) {
    mistakes = parse_limits(source, rules, [&](const RouteMistake& mistake) noexcept {
      messages.emplace_back(mistake.message.view());
      places.push_back(source.substr(mistake.offset, mistake.length));
    });
  }
  const LimitRule& rule(unsigned i = 0) const { return rules.rule[i]; }
  const RouteConditions& when(unsigned i = 0) const { return rules.when.rule[i].when; }

  std::string source;
  LimitRules rules;
  unsigned mistakes = 0;
  std::vector<std::string> messages, places;
};

TEST(LimitRules, OneOfEachKind) {
  const ReadLimits read("live<=1M; request<=4096 -> report; rss <= 2G->abort");
  ASSERT_EQ(read.rules.count(), 3u);
  EXPECT_EQ(read.rule(0).kind, LimitKind::kLive);
  EXPECT_EQ(read.rule(0).bytes, std::uint64_t{1} << 20);
  EXPECT_EQ(read.rule(0).action, LimitAction::kFail);
  EXPECT_EQ(read.rule(0).text, "live<=1M");
  EXPECT_EQ(read.rule(1).kind, LimitKind::kRequest);
  EXPECT_EQ(read.rule(1).action, LimitAction::kReport);
  EXPECT_EQ(read.rule(2).kind, LimitKind::kRss);
  EXPECT_EQ(read.rule(2).action, LimitAction::kAbort);
  EXPECT_EQ(read.rule(2).text, "rss <= 2G->abort");
  EXPECT_EQ(read.mistakes, 0u);
}

TEST(LimitRules, Conditions) {
  for (const char* text : {"size>=4K module=libx* thread=w|v call=new* route=a|b live<=5",
                           "size>=4K&&module=libx*&&thread=w|v && call=new*, route=a|b && live<=5",
                           "live<=5, route=a|b call=new* thread=w|v module=\"libx*\" size>=4K"}) {
    const ReadLimits read(text);
    ASSERT_EQ(read.rules.count(), 1u) << text;
    EXPECT_EQ(read.when().least_bytes, 4096u);
    EXPECT_EQ(read.when().module, "libx*");
    EXPECT_EQ(read.when().thread, "w|v");
    EXPECT_EQ(read.when().calls, 1u << 4 | 1u << 5);
    EXPECT_EQ(read.rule().route, "a|b");
    EXPECT_EQ(read.rule().bytes, 5u);
  }
  EXPECT_EQ(ReadLimits("* live<=5").rules.count(), 1u);
  EXPECT_EQ(ReadLimits("caller=\"a;b\" live<=5").when().caller, "a;b");
}

TEST(LimitRules, NothingIsNoLimit) {
  for (const char* text : {"", " ", ";;", " ; \n ", "# live<=5"}) {
    const ReadLimits read(text);
    EXPECT_EQ(read.rules.count(), 0u) << text;
    EXPECT_EQ(read.mistakes, 0u) << text;
  }
}

TEST(LimitRules, MistakesNameThePlace) {
  const struct {
    const char* text;
    const char* message;
    const char* place;
  } cases[] = {
      {"liv<=3", "'liv' is no limit or condition; the nearest is 'live'", "liv"},
      {"live<=3 -> repot", "'repot' is no action; the nearest is 'report'", "repot"},
      {"live<=3 -> stopping", "'stopping' is no action: fail, report, abort", "stopping"},
      {"live=3", "'live' needs <= and a size, as in live<=64M", "live"},
      {"live<=", "a size is missing: 0 to 131072G, as in 100, 4K or 64M", ""},
      {"live<=200000G", "'200000G' is no size that fits: 0 to 131072G, as in 100, 4K or 64M", "200000G"},
      {"live<=1 request<=1", "a limit has one of live, request and rss; ';' begins another limit", "request"},
      {"live<=1 route=", "'route' needs the name of a rule of WEIR_ROUTES", "route="},
      {"route<=a live<=1", "'route' needs '=' and the name of a rule of WEIR_ROUTES", "route"},
      {"route=a route=b live<=1", "'route' stands here twice; '|' separates alternatives", "route"},
      {"live<=1 -> fail now", "nothing more can stand behind the action; ';' ends a limit", "now"},
      {"size>4", "what is limited is missing: live<=SIZE, request<=SIZE or rss<=SIZE", ""},
  };
  for (const auto& c : cases) {
    const ReadLimits read(c.text);
    ASSERT_EQ(read.messages.size(), 1u) << c.text;
    EXPECT_EQ(read.messages[0], c.message) << c.text;
    EXPECT_EQ(read.places[0], c.place) << c.text;
    EXPECT_EQ(read.rules.count(), 0u) << c.text;
  }
}

TEST(LimitRules, OthersStay) {
  const ReadLimits read("live<=1; nonsense; rss<=2");
  EXPECT_EQ(read.mistakes, 1u);
  ASSERT_EQ(read.rules.count(), 2u);
  EXPECT_EQ(read.rule(1).kind, LimitKind::kRss);
}

TEST(LimitRules, AtMostSixteen) {
  std::string text;
  for (unsigned i = 0; i < 17; ++i) text += "live<=" + std::to_string(i) + ";";
  const ReadLimits read(text);
  EXPECT_EQ(read.rules.count(), kMostLimits);
  EXPECT_EQ(read.messages, std::vector<std::string>{"there are more than 16 limits"});
}

TEST(LimitRules, AnyTextEnds) {
  std::mt19937 random(4);
  const std::string_view pieces[] = {"live", "request", "rss", "<=",   "<",      "=", "1M",    "->",
                                     "fail", "report",  ";",   "\n",   " ",      ",", "&&",    "&",
                                     "\"",   "route",   "*",   "size", ">=",     "-", "size=", "call",
                                     "new*", "#",       "..",  "(",    "module", "|", "abort"};
  for (int i = 0; i < 20000; ++i) {
    std::string text;
    for (auto n = random() % 12; n != 0; --n) text += pieces[random() % std::size(pieces)];
    const ReadLimits read(text);
    for (const std::string& message : read.messages) EXPECT_FALSE(message.empty()) << text;
    EXPECT_LE(read.rules.count() + read.mistakes, text.size() + 1) << text;
  }
}

RouteRules log_rules(std::string_view text, std::vector<std::string>& messages) {
  RouteRules rules;
  parse_log_rules(text, rules, [&](const RouteMistake& mistake) noexcept {
    messages.emplace_back(mistake.message.view());
  });
  return rules;
}

TEST(LogRules, Conditions) {
  std::vector<std::string> messages;
  const RouteRules rules = log_rules("*; size>=1M && module=a; thread=w", messages);
  EXPECT_TRUE(messages.empty());
  ASSERT_EQ(rules.count, 3u);
  EXPECT_TRUE(takes_all_of(rules.rule[0].when, RouteConditions{}));
  EXPECT_FALSE(takes_all_of(rules.rule[1].when, RouteConditions{}));
  EXPECT_EQ(rules.rule[1].when.least_bytes, std::uint64_t{1} << 20);
  EXPECT_EQ(rules.rule[1].when.module, "a");
  EXPECT_EQ(rules.rule[2].when.thread, "w");
}

TEST(LogRules, Mistakes) {
  std::vector<std::string> messages;
  const RouteRules rules = log_rules("siz=4; size=4 -> pool; *x; size=5", messages);
  EXPECT_EQ(messages, (std::vector<std::string>{"'siz' is no condition; the nearest is 'size'",
                                                "conditions of log= lead nowhere: '->' is for rules",
                                                "'*' is every call, and stands alone"}));
  ASSERT_EQ(rules.count, 1u);
  EXPECT_EQ(rules.rule[0].when.least_bytes, 5u);
}

}  // namespace
}  // namespace weir
