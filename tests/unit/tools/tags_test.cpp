// The tags of blocks, from findings to text and JSON.
#include <gtest/gtest.h>

#include "tests/unit/tools/findings_builder.hpp"
#include "tools/json/json.hpp"
#include "tools/report/json.hpp"
#include "tools/report/leaks.hpp"
#include "tools/report/text.hpp"

namespace weir {
namespace {

struct TaggedReport {
  explicit TaggedReport(FindingsBuilder& builder) : bytes(builder.build()), findings(open(bytes)) {}

  static Findings open(const std::vector<std::byte>& bytes) {
    Findings findings;
    std::string error;
    EXPECT_TRUE(findings.open(bytes, error)) << error;
    return findings;
  }

  std::vector<std::byte> bytes;
  Findings findings;
  Symboliser symboliser{findings, false};
  SuppressionMatcher suppressions{std::vector<std::string>{}, false};
  LeakReport report = build_report(findings, {}, symboliser, suppressions);
};

FindingsBuilder two_tags() {
  FindingsBuilder builder;
  builder.tag("ui", 0, 7);
  const std::uint32_t sound = builder.tag("sound\n", 64, 1000);
  builder.tag("freed", 0, 0);
  builder.group(LeakKind::kDirect, 64, 1, {}, 0, sound);
  builder.group(LeakKind::kDirect, 8, 1, {});
  return builder;
}

TEST(Tags, AreNamedWithTheirBlocksAndSummedUp) {
  FindingsBuilder builder = two_tags();
  const TaggedReport of(builder);
  const std::string text = report_text(of.report, {}, false);
  EXPECT_NE(text.find("\nDirect leak of 64 byte(s) in 1 object(s) allocated with tag 'sound\\n' from:\n"),
            text.npos)
      << text;
  EXPECT_NE(text.find("\nDirect leak of 8 byte(s) in 1 object(s) allocated from:\n"), text.npos) << text;
  EXPECT_NE(text.find(R"(
Live by tag:
   lost bytes  in blocks   reachable  in blocks  tag
           64          1        1000          1  sound\n
            0          0           7          1  ui

)"),
            text.npos)
      << text;
}

TEST(Tags, AreInJson) {
  FindingsBuilder builder = two_tags();
  const TaggedReport of(builder);
  const std::string json = report_json(of.report, {});
  EXPECT_NE(json.find(R"("tag":"sound\n")"), json.npos) << json;
  EXPECT_NE(json.find(R"({"tag":"ui","direct":{"bytes":0,"blocks":0},)"), json.npos) << json;
}

TEST(Tags, ThatAreNotThereMakeNoFindings) {
  const auto refused = [](FindingsBuilder& builder) {
    const std::vector<std::byte> bytes = builder.build();
    Findings findings;
    std::string error;
    EXPECT_FALSE(findings.open(bytes, error));
    return error;
  };
  FindingsBuilder unknown = two_tags();
  unknown.group(LeakKind::kDirect, 1, 1, {}, 0, 4);
  EXPECT_EQ(refused(unknown), "group 2 has tag 4 of 3");
}

}  // namespace
}  // namespace weir
