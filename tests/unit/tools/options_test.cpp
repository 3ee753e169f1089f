#include <gtest/gtest.h>

#include <algorithm>

#include "tools/options/edit_distance.hpp"
#include "tools/options/listing.hpp"
#include "tools/options/settings.hpp"
#include "tools/options/split.hpp"
#include "tools/options/table.hpp"

namespace weir {
namespace {

TEST(EditDistance, CountsEdits) {
  EXPECT_EQ(edit_distance("", ""), 0u);
  EXPECT_EQ(edit_distance("", "abc"), 3u);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3u);
  EXPECT_EQ(edit_distance("log_path", "log_pth"), 1u);
}

TEST(OptionTable, FindsTheNearestName) {
  EXPECT_EQ(nearest_option("exit_code").name, "exitcode");
  EXPECT_EQ(nearest_option("supressions").name, "suppressions");
  EXPECT_EQ(find_option("exit_code"), nullptr);
  EXPECT_EQ(find_option("exitcode")->highest, 255u);
}

TEST(OptionTable, EveryDefaultIsAllowed) {
  for (const OptionRow& row : option_rows()) EXPECT_TRUE(is_allowed(row, row.initial)) << row.name;
}

TEST(OptionTable, TellsMistakes) {
  EXPECT_EQ(option_mistake("exitcode", "23"), "");
  EXPECT_EQ(option_mistake("exitcode", "256"), "option 'exitcode' cannot be '256', it takes 0 to 255");
  EXPECT_EQ(option_mistake("exitcode", "-1"), "option 'exitcode' cannot be '-1', it takes 0 to 255");
  EXPECT_EQ(option_mistake("summary", "some"),
            "option 'summary' cannot be 'some', it takes leaks|always|never");
  EXPECT_EQ(option_mistake("show_reachable", "2"), "option 'show_reachable' cannot be '2', it takes 0 or 1");
  EXPECT_EQ(option_mistake("exit_code", "1"),
            "unknown option 'exit_code', the nearest is 'exitcode' (weir options lists them)");
  EXPECT_NE(option_mistake("log_path", std::string(1024, 'a')), "");
  EXPECT_EQ(option_mistake("log_path", std::string(1023, 'a')), "");
  EXPECT_NE(option_mistake("log_path", "two\nlines"), "");
}

TEST(OptionTable, ReadsNumbers) {
  std::uint64_t number = 0;
  EXPECT_TRUE(read_number("16K", number));
  EXPECT_EQ(number, 16384u);
  EXPECT_TRUE(read_number("2g", number));
  EXPECT_EQ(number, 2147483648u);
  for (const char* wrong : {"", "K", "1x", "0x10", "-1", " 1", "99999999999999999999", "17179869184G"}) {
    EXPECT_FALSE(read_number(wrong, number)) << wrong;
  }
}

std::vector<std::pair<std::string, std::string>> pairs(std::string_view text) {
  std::vector<std::pair<std::string, std::string>> found;
  for (const OptionPair& pair : split_options(text)) found.emplace_back(pair.key, pair.value);
  return found;
}

TEST(SplitOptions, SeparatesAsTheLibraryDoes) {
  using Pairs = std::vector<std::pair<std::string, std::string>>;
  EXPECT_EQ(pairs("a=1:b=2"), (Pairs{{"a", "1"}, {"b", "2"}}));
  EXPECT_EQ(pairs("a=1,b=2 c=3"), (Pairs{{"a", "1"}, {"b", "2"}, {"c", "3"}}));
  EXPECT_EQ(pairs("only=x,y:b=2"), (Pairs{{"only", "x,y"}, {"b", "2"}}));
  EXPECT_EQ(pairs("a='x:y':b=\"it's\""), (Pairs{{"a", "x:y"}, {"b", "it's"}}));
  EXPECT_EQ(pairs("::a=1::"), (Pairs{{"a", "1"}}));
  EXPECT_FALSE(split_options("alone")[0].has_value);
}

TEST(SplitOptions, UndoesJoining) {
  for (const std::string value : {"plain", "a:b", "a b,c=d", "it's", "say \"no\"", "'\"'", "", "tab\there"}) {
    const auto found =
        split_options(join_option_texts("mode=pass:only='open", join_option("log_path", value)));
    ASSERT_EQ(found.size(), 3u) << value;
    EXPECT_EQ(found[1].value, "open");
    EXPECT_EQ(found[2].key, "log_path");
    EXPECT_EQ(found[2].value, value);
  }
}

TEST(Settings, ComeFromTheTable) {
  std::vector<std::string> mistakes;
  const Settings settings =
      read_settings("exitcode=7\nsummary=always\nlog_path=a b:c\nshow_reachable=1\nnew=1\n", mistakes);
  EXPECT_EQ(settings.exitcode, 7u);
  EXPECT_EQ(settings.summary, "always");
  EXPECT_EQ(settings.log_path, "a b:c");
  EXPECT_TRUE(settings.show_reachable);
  EXPECT_EQ(settings.malloc_context_size, 64u);
  EXPECT_EQ(settings.mode, "leak");
  ASSERT_EQ(mistakes.size(), 1u);
  EXPECT_NE(mistakes[0].find("'new'"), std::string::npos);
}

TEST(Settings, TheLaterOptionWins) {
  EXPECT_EQ(settings_of_environment("exitcode=1:exitcode=2:exitcode=999").exitcode, 2u);
}

TEST(Listing, FitsTheTerminal) {
  const std::string text = options_for_terminal(80);
  std::size_t begin = 0;
  for (std::size_t end = 0; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1) {
    EXPECT_LE(end - begin, 80u) << text.substr(begin, end - begin);
  }
  for (const OptionRow& row : option_rows()) {
    EXPECT_NE(text.find("  " + std::string(row.name) + "="), std::string::npos) << row.name;
  }
}

TEST(Listing, HasARowAnOption) {
  const std::string table = options_as_markdown();
  EXPECT_EQ(static_cast<std::size_t>(std::ranges::count(table, '\n')), option_rows().size() + 2);
  EXPECT_NE(table.find("| `mode` | leak\\|pass\\|guard | `leak` | "), std::string::npos);
  EXPECT_NE(table.find("| `exitcode` | 0 to 255 | `23` | "), std::string::npos);
}

}  // namespace
}  // namespace weir
