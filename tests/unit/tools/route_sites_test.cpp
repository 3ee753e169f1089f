// The library's question about call sites and the answer, without any module being looked at.
#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include "tools/routes/site_marks.hpp"
#include "tools/routes/site_patterns.hpp"
#include "tools/routes/site_request.hpp"

namespace weir {
namespace {

constexpr auto kCaller = SiteMarks::Kind::kCaller;
constexpr auto kSource = SiteMarks::Kind::kSource;

using Plain = std::tuple<std::uint64_t, std::uint64_t, RuleMask>;

std::vector<Plain> plain(const std::vector<SiteRange>& ranges) {
  std::vector<Plain> all;
  for (const SiteRange& range : ranges) all.emplace_back(range.start, range.end, range.rules);
  return all;
}

TEST(SiteMarks, AreLaidOverOneAnother) {
  SiteMarks marks;
  marks.add(kCaller, 100, 200, 1);
  marks.add(kCaller, 150, 160, 3);
  marks.add(kCaller, 300, 300, 1);
  marks.add(kCaller, 400, 500, 0);
  EXPECT_EQ(plain(marks.ranges(3, 0)), (std::vector<Plain>{{100, 150, 1}, {150, 160, 3}, {160, 200, 1}}));
}

TEST(SiteMarks, NeedEachConditionOfARule) {
  SiteMarks marks;
  marks.add(kCaller, 100, 200, 0b11);
  marks.add(kSource, 150, 250, 0b101);
  // Rule 0 has both conditions, rule 1 the function alone, rule 2 the file alone.
  EXPECT_EQ(plain(marks.ranges(0b011, 0b101)),
            (std::vector<Plain>{{100, 150, 0b010}, {150, 200, 0b111}, {200, 250, 0b100}}));
}

TEST(SiteMarks, JoinWhatFollowsWithoutAGap) {
  SiteMarks marks;
  marks.add(kSource, 10, 20, 1);
  marks.add(kSource, 20, 30, 1);
  marks.add(kSource, 40, 50, 1);
  marks.add(kSource, 30, 40, 1);
  EXPECT_EQ(plain(marks.ranges(0, 1)), (std::vector<Plain>{{10, 50, 1}}));
}

// Against the slow way: each address by itself.
TEST(SiteMarks, AgreeWithCountingAtEachAddress) {
  std::mt19937 random(7);
  for (int round = 0; round < 300; ++round) {
    SiteMarks marks;
    std::map<std::uint64_t, std::pair<RuleMask, RuleMask>> covered;
    for (int i = 0; i < 12; ++i) {
      const std::uint64_t start = random() % 60;
      const std::uint64_t end = start + random() % 20;
      const RuleMask rules = random() % 8;
      const bool caller = random() % 2 == 0;
      marks.add(caller ? kCaller : kSource, start, end, rules);
      for (std::uint64_t at = start; at < end; ++at) {
        (caller ? covered[at].first : covered[at].second) |= rules;
      }
    }
    const RuleMask with_caller = random() % 8;
    const RuleMask with_source = random() % 8;
    const std::vector<SiteRange> ranges = marks.ranges(with_caller, with_source);
    for (std::uint64_t at = 0; at < 90; ++at) {
      RuleMask wanted = 0;
      if (const auto found = covered.find(at); found != covered.end()) {
        wanted = (found->second.first | ~with_caller) & (found->second.second | ~with_source) &
                 (with_caller | with_source);
      }
      RuleMask got = 0;
      for (const SiteRange& range : ranges) {
        if (range.start <= at && at < range.end) got |= range.rules;
      }
      ASSERT_EQ(got, wanted) << "round " << round << ", address " << at;
    }
    for (std::size_t i = 1; i < ranges.size(); ++i) EXPECT_GE(ranges[i].start, ranges[i - 1].end);
  }
}

TEST(SitePatterns, SayWhichRulesANameFits) {
  SitePatterns patterns;
  patterns.add(0, "parse_*", "");
  patterns.add(3, "*::push_back", "");
  patterns.add(4, "", "parser.c|*/src/*");
  patterns.add(5, "main", "main.c");
  EXPECT_EQ(patterns.with_caller(), 0b101001u);
  EXPECT_EQ(patterns.with_source(), 0b110000u);
  EXPECT_EQ(patterns.callers({"_Zx", "parse_x(int)"}), 0b000001u);
  EXPECT_EQ(patterns.callers({"std::vector::push_back"}), 0b001000u);
  EXPECT_EQ(patterns.callers({"other"}), 0u);
  EXPECT_EQ(patterns.sources("/a/parser.c"), 0b010000u);
  EXPECT_EQ(patterns.sources("/a/src/main.c"), 0b110000u);
}

struct Question {
  SitesHeader header{};
  SitesModule module{};
  SitesPattern patterns[2]{};
  std::string text = "/lib/a.soparse_*x.c";

  Question() {
    std::memcpy(header.magic, kSitesMagic, sizeof header.magic);
    header.version = kSitesVersion;
    header.pid = 7;
    header.modules = {sizeof header, 1};
    header.patterns = {header.modules.offset + sizeof module, 2};
    header.text = {header.patterns.offset + sizeof patterns, text.size()};
    module.path_bytes = 9;
    module.rules = 0b0010;
    module.bias = 0x1000;
    patterns[0] = {9, 16, 7, 0, 1, 0};
    patterns[1] = {9, 16, 0, 3, 2, 0};
  }
  std::vector<std::byte> bytes() const {
    std::vector<std::byte> all;
    const auto put = [&](const void* from, std::size_t n) {
      const auto* p = static_cast<const std::byte*>(from);
      all.insert(all.end(), p, p + n);
    };
    put(&header, sizeof header);
    put(&module, sizeof module);
    put(patterns, sizeof patterns);
    put(text.data(), text.size());
    return all;
  }
};

TEST(SiteRequest, IsReadAndAnswered) {
  std::vector<std::byte> file = Question().bytes();
  SiteRequest request;
  std::string error;
  ASSERT_TRUE(request.open(file, error)) << error;
  ASSERT_EQ(request.modules().size(), 1u);
  EXPECT_EQ(request.pid(), 7u);
  EXPECT_EQ(request.path_of(request.modules()[0]), "/lib/a.so");
  const SitePatterns patterns = request.patterns_for(request.modules()[0]);
  EXPECT_EQ(patterns.with_caller(), 0b10u);  // rule 2 is not asked for in this module
  EXPECT_EQ(patterns.with_source(), 0u);
  EXPECT_EQ(patterns.callers({"parse_x"}), 0b10u);

  const SiteRange found[] = {{1, 2, 2, 0}, {5, 9, 2, 0}};
  request.answer(0, found);
  for (const SiteRequest::Piece& piece : request.finish(file.size())) {
    if (file.size() < piece.offset + piece.bytes.size()) file.resize(piece.offset + piece.bytes.size());
    std::memcpy(file.data() + piece.offset, piece.bytes.data(), piece.bytes.size());
  }
  SitesHeader header;
  SitesModule module;
  std::memcpy(&header, file.data(), sizeof header);
  std::memcpy(&module, file.data() + header.modules.offset, sizeof module);
  EXPECT_EQ(header.ranges.count, 2u);
  EXPECT_EQ(header.ranges.offset % alignof(SiteRange), 0u);
  EXPECT_EQ(module.first, 0u);
  EXPECT_EQ(module.count, 2u);
  SiteRange range;
  std::memcpy(&range, file.data() + header.ranges.offset + sizeof range, sizeof range);
  EXPECT_EQ(range.start, 5u);
}

TEST(SiteRequest, IsRefusedWhenDamaged) {
  SiteRequest request;
  std::string error;
  const auto refuses = [&](auto&& change) {
    Question question;
    change(question);
    return !request.open(question.bytes(), error) && !error.empty();
  };
  EXPECT_TRUE(refuses([](Question& q) { q.header.magic[0] = 'x'; }));
  EXPECT_TRUE(refuses([](Question& q) { ++q.header.version; }));
  EXPECT_TRUE(refuses([](Question& q) { q.header.modules.count = 1000; }));
  EXPECT_TRUE(refuses([](Question& q) { q.header.modules.count = ~std::uint64_t{0} / 8; }));
  EXPECT_TRUE(refuses([](Question& q) { q.header.patterns.offset = 1 << 20; }));
  EXPECT_TRUE(refuses([](Question& q) { q.header.text.count = 1 << 20; }));
  EXPECT_TRUE(refuses([](Question& q) { q.module.path_bytes = 1000; }));
  EXPECT_TRUE(refuses([](Question& q) { q.module.path_offset = ~std::uint64_t{0}; }));
  EXPECT_TRUE(refuses([](Question& q) { q.module.build_id_bytes = 37; }));
  EXPECT_TRUE(refuses([](Question& q) { q.patterns[1].rule = 32; }));
  EXPECT_TRUE(refuses([](Question& q) { q.patterns[0].caller_offset = 19; }));
  EXPECT_TRUE(refuses([](Question& q) { q.patterns[1].source_bytes = 4; }));
  EXPECT_FALSE(refuses([](Question&) {}));
  const std::vector<std::byte> file = Question().bytes();
  for (std::size_t bytes = 0; bytes < file.size(); ++bytes) {
    EXPECT_FALSE(request.open(std::span(file).first(bytes), error)) << bytes;
  }
}

}  // namespace
}  // namespace weir
