#include "shim/base/options.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "tests/unit/shim/capture.hpp"

namespace weir {
namespace {

struct Parsed {
  Options options;
  unsigned mistakes;
  std::string messages;
};

Parsed parse(std::string_view text) {
  Parsed parsed;
  Capture capture;
  parsed.mistakes = parse_options(text, parsed.options);
  parsed.messages = capture.text();
  return parsed;
}

std::string print(const Options& options) {
  std::string text(print_options(options, nullptr, 0), '\0');
  EXPECT_EQ(print_options(options, text.data(), text.size()), text.size());
  return text;
}

std::string refusal(const std::string& name, const std::string& value, const std::string& takes) {
  return "weir: WEIR_OPTIONS: option '" + name + "' cannot be '" + value + "', it takes " + takes +
         "; ignored\n";
}

// A row of options.def as text: what it is at first, what it may be and what not.
struct Row {
  std::string name, initial, takes;
  std::vector<std::string> good, bad;
};

Row flag(std::string name, bool initial) {
  return {name, initial ? "1" : "0", "0 or 1", {"0", "1"}, {"2", "", "on", "01", " 1x"}};
}

Row number(std::string name, std::uint64_t initial, std::uint64_t lowest, std::uint64_t highest) {
  Row row{name, std::to_string(initial), std::to_string(lowest) + " to " + std::to_string(highest), {}, {}};
  row.good = {std::to_string(lowest), std::to_string(highest)};
  row.bad = {std::to_string(highest + 1), "-1", "", "x", "1x", "0x1", "99999999999999999999"};
  if (lowest != 0) row.bad.push_back(std::to_string(lowest - 1));
  return row;
}

Row choice(std::string name, std::string initial, std::string words) {
  Row row{name, initial, words, {}, {"", "neither", words, initial + "x", initial.substr(1)}};
  for (std::size_t at = 0; at <= words.size();) {
    const std::size_t bar = std::min(words.find('|', at), words.size());
    row.good.push_back(words.substr(at, bar - at));
    at = bar + 1;
  }
  return row;
}

Row text(std::string name, std::string initial) {
  return {name,
          initial,
          "at most 1023 bytes",
          {"", "a", "/b=c%p", std::string(1023, 'z')},
          {std::string(1024, 'z')}};
}

std::vector<Row> rows() {
  return {
#define WEIR_FLAG(name, initial, sentence) flag(#name, initial),
#define WEIR_NUMBER(name, initial, lowest, highest, sentence) number(#name, initial, lowest, highest),
#define WEIR_CHOICE(name, initial, words, sentence) choice(#name, initial, words),
#define WEIR_TEXT(name, initial, sentence) text(#name, initial),
#include "shim/abi/options.def"
#undef WEIR_FLAG
#undef WEIR_NUMBER
#undef WEIR_CHOICE
#undef WEIR_TEXT
  };
}

// What print_options says when nothing but `name` was set.
std::string defaults_but(const std::string& name, const std::string& value) {
  std::string all;
  for (const Row& row : rows()) all += row.name + "=" + (row.name == name ? value : row.initial) + "\n";
  return all;
}

TEST(ShimOptions, StartWithTheTablesDefaults) {
  EXPECT_EQ(print(Options()), defaults_but("", ""));
}

TEST(ShimOptions, EveryRowTakesWhatItAllows) {
  for (const Row& row : rows()) {
    for (const std::string& value : row.good) {
      const Parsed parsed = parse(row.name + "=" + value);
      EXPECT_EQ(parsed.mistakes, 0u) << row.name << "=" << value;
      EXPECT_EQ(parsed.messages, "");
      EXPECT_EQ(print(parsed.options), defaults_but(row.name, value));
    }
  }
}

TEST(ShimOptions, EveryRowRefusesTheRestInOneLine) {
  for (const Row& row : rows()) {
    for (const std::string& value : row.bad) {
      const Parsed parsed = parse(row.name + "=\"" + value + "\"");
      EXPECT_EQ(parsed.mistakes, 1u) << row.name << "=" << value;
      EXPECT_EQ(parsed.messages, refusal(row.name, value.substr(0, 200), row.takes));
      EXPECT_EQ(print(parsed.options), defaults_but("", "")) << row.name << "=" << value;
    }
    const Parsed alone = parse(row.name);
    EXPECT_EQ(alone.mistakes, 1u);
    EXPECT_EQ(alone.messages,
              "weir: WEIR_OPTIONS: option '" + row.name + "' needs a value (" + row.takes + "); ignored\n");
  }
}

TEST(ShimOptions, NameTheNearestOfAnUnknownOne) {
  for (const auto& [wrong, nearest] :
       std::vector<std::pair<std::string, std::string>>{{"exit_code", "exitcode"},
                                                        {"supressions", "suppressions"},
                                                        {"malloc_context", "malloc_context_size"},
                                                        {"logpath", "log_path"},
                                                        {"Mode", "mode"}}) {
    const Parsed parsed = parse(wrong + "=1");
    EXPECT_EQ(parsed.mistakes, 1u);
    EXPECT_EQ(parsed.messages, "weir: WEIR_OPTIONS: unknown option '" + wrong + "', the nearest is '" +
                                   nearest + "'; ignored\n");
  }
  EXPECT_EQ(parse("=1").mistakes, 1u);
  EXPECT_EQ(parse(std::string(5000, 'k')).mistakes, 1u);
}

TEST(ShimOptions, CountEachMistakeAndTakeTheRest) {
  const Parsed parsed = parse("exitcode=7:nonsense=1:max_leaks=x:verbosity=2");
  EXPECT_EQ(parsed.mistakes, 2u);
  EXPECT_EQ(std::count(parsed.messages.begin(), parsed.messages.end(), '\n'), 2);
  EXPECT_EQ(parsed.options.exitcode, 7u);
  EXPECT_EQ(parsed.options.max_leaks, 0u);
  EXPECT_EQ(parsed.options.verbosity, 2u);
}

TEST(ShimOptions, AreSeparatedByColonsBlanksAndCommasBeforeKeys) {
  for (const char separator : {':', ' ', ',', '\t', '\n'}) {
    const Parsed parsed = parse(std::string("exitcode=7") + separator + "max_leaks=3");
    EXPECT_EQ(parsed.messages, "") << separator;
    EXPECT_EQ(parsed.options.exitcode, 7u);
    EXPECT_EQ(parsed.options.max_leaks, 3u);
  }
  EXPECT_EQ(parse("::exitcode=7: \n\t :max_leaks=3: ").mistakes, 0u);
  const Parsed list = parse("only=a,b*,c:exitcode=7");
  EXPECT_STREQ(list.options.only, "a,b*,c");
  EXPECT_EQ(list.options.exitcode, 7u);
  EXPECT_STREQ(parse("only=a,b,exitcode=7").options.only, "a,b");
  EXPECT_EQ(parse("only=a,b,exitcode=7").options.exitcode, 7u);
  EXPECT_STREQ(parse("only=a,").options.only, "a,");
}

TEST(ShimOptions, KeepWhatIsQuoted) {
  EXPECT_STREQ(parse("log_path='a:b c,d=e':exitcode=7").options.log_path, "a:b c,d=e");
  EXPECT_EQ(parse("log_path='a:b c,d=e':exitcode=7").options.exitcode, 7u);
  EXPECT_STREQ(parse("log_path=\"it's\"").options.log_path, "it's");
  EXPECT_STREQ(parse("log_path='say \"no\"'").options.log_path, "say \"no\"");
  EXPECT_STREQ(parse("log_path=a' 'b").options.log_path, "a b");
  EXPECT_STREQ(parse("log_path='open:exitcode=7").options.log_path, "open:exitcode=7");
  EXPECT_STREQ(parse("log_path=''").options.log_path, "");
}

TEST(ShimOptions, ReadSuffixesInBothCases) {
  EXPECT_EQ(parse("stack_memory=2M").options.stack_memory, 2u << 20);
  EXPECT_EQ(parse("stack_memory=1024k").options.stack_memory, 1u << 20);
  EXPECT_EQ(parse("min_leak_bytes=3g").options.min_leak_bytes, std::uint64_t{3} << 30);
  EXPECT_EQ(parse("stack_memory=1K").messages, refusal("stack_memory", "1K", "1048576 to 2147483648"));
  EXPECT_EQ(parse("min_leak_bytes=K").mistakes, 1u);
  EXPECT_EQ(parse("min_leak_bytes=18446744073709551615G").mistakes, 1u);
}

TEST(ShimOptions, ArePrintedAsTheyAreParsed) {
  Options options;
  EXPECT_EQ(parse_options("mode=pass:exitcode=0:only=x,y:summary=never:color=always:log_path=/tmp/%e.%p:"
                          "stack_memory=1M:follow=no:json_path=j",
                          options),
            0u);
  const std::string text = print(options);
  EXPECT_NE(text, print(Options()));
  const Parsed again = parse(text);
  EXPECT_EQ(again.messages, "");
  EXPECT_EQ(print(again.options), text);
  std::string small(40, '#');
  EXPECT_EQ(print_options(options, small.data(), 30), text.size());
  EXPECT_EQ(small, text.substr(0, 30) + std::string(10, '#'));
}

TEST(ShimOptions, StayWholeWhateverTheyAreGiven) {
  std::mt19937 random(7);
  constexpr std::string_view kPieces[] = {"=",        ":",        ",",    "'",   "\"",       " ",
                                          "\n",       "exitcode", "only", "9",   "log_path", "%p%e%",
                                          "\x01\xff", "mode",     "K",    "pass"};
  for (int round = 0; round < 2000; ++round) {
    std::string input;
    for (auto n = random() % 40; n != 0; --n) input += kPieces[random() % std::size(kPieces)];
    const Parsed parsed = parse(input);
    EXPECT_EQ(std::count(parsed.messages.begin(), parsed.messages.end(), '\n') >= parsed.mistakes, true)
        << input;
    EXPECT_EQ(parsed.mistakes == 0, parsed.messages.empty()) << input;
    EXPECT_LE(parsed.options.exitcode, 255u) << input;
    EXPECT_NE(std::memchr(parsed.options.only, 0, kOptionTextRoom), nullptr);
    EXPECT_NE(std::memchr(parsed.options.log_path, 0, kOptionTextRoom), nullptr);
  }
}

}  // namespace
}  // namespace weir
