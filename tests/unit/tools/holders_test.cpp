#include "tools/report/holders.hpp"

#include <gtest/gtest.h>

#include <optional>

#include "tests/unit/tools/findings_builder.hpp"

namespace weir {
namespace {

// From findings to the report; without names, so that no file is opened.
struct BuiltLimits {
  explicit BuiltLimits(FindingsBuilder& builder) : bytes(builder.build()) {
    EXPECT_TRUE(findings.open(bytes, error)) << error;
    if (!error.empty()) return;
    symboliser.emplace(findings, false);
    report = build_limit_report(findings, *symboliser);
  }
  std::string text(const Settings& settings = {}) const { return limit_report_text(report, settings, false); }

  std::vector<std::byte> bytes;
  Findings findings;
  std::string error;
  std::optional<Symboliser> symboliser;
  LimitReport report;
};

FindingsLimit limit_of(FindingsBuilder& builder, std::size_t app) {
  FindingsLimit limit = {};
  limit.limit_bytes = 1000;
  limit.now_bytes = 990;
  limit.request_bytes = 20;
  limit.call = IncidentCall::kNewArray;
  limit.stacks = 2;
  limit.now = builder.stack({FindingsBuilder::token(app, 0x11001)});
  return limit;
}

TEST(LimitReport, NamesTheRequestAndTheLargest) {
  FindingsBuilder builder;
  const std::size_t app = builder.module("/opt/app", 0x10000, 0x20000, 0x10000);
  const std::size_t weir = builder.module("/opt/libweir.so", 0x30000, 0x40000, 0x30000);
  builder.group(LeakKind::kReachable, 300, 3, {FindingsBuilder::token(app, 0x12001)});
  builder.group(LeakKind::kReachable, 690, 1,
                {FindingsBuilder::token(weir, 0x31001), FindingsBuilder::token(app, 0x13001)});
  builder.limit(limit_of(builder, app), "live<=1000 -> report");
  EXPECT_EQ(BuiltLimits(builder).text(), R"(
=================================================================
==4711==WARNING: weir: limit 'live<=1000 -> report' exceeded: operator new[] of 20 byte(s) with 990 byte(s) live
in thread T1 'main' (tid 101):
    #0 0x000000011000 (/opt/app+0x1000)

990 byte(s) in 4 block(s) are held, allocated from 2 place(s):

690 byte(s) in 1 block(s) allocated from:
    #0 0x000000013000 (/opt/app+0x3000)

300 byte(s) in 3 block(s) allocated from:
    #0 0x000000012000 (/opt/app+0x2000)

SUMMARY: weir: limit 'live<=1000 -> report' exceeded, 690 byte(s) are held by (/opt/app+0x3000)
)");
}

TEST(LimitReport, OtherKindsAndActions) {
  FindingsBuilder builder;
  const std::size_t app = builder.module("/opt/app", 0x10000, 0x20000, 0x10000);
  FindingsLimit limit = limit_of(builder, app);
  limit.stacks = 0;
  limit.aborts = 1;
  limit.kind = 1;
  builder.limit(limit, "request<=10 -> abort");
  const std::string text = BuiltLimits(builder).text();
  EXPECT_NE(text.find("==ERROR: weir: limit 'request<=10 -> abort' exceeded: operator new[] of 20 byte(s)\n"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("0 byte(s) in 0 block(s) are held, allocated from 0 place(s)\n\nSUMMARY"),
            std::string::npos)
      << text;
}

TEST(LimitReport, AsManyHoldersAsAskedFor) {
  FindingsBuilder builder;
  const std::size_t app = builder.module("/opt/app", 0x10000, 0x20000, 0x10000);
  for (unsigned i = 0; i < 20; ++i) {
    builder.group(LeakKind::kReachable, 100 + i, 1, {FindingsBuilder::token(app, 0x12001 + i)}, 0);
  }
  FindingsLimit limit = limit_of(builder, app);
  limit.stacks = 30;
  builder.limit(limit, "live<=1000 -> report");
  const BuiltLimits built(builder);
  const auto shown = [&](std::uint64_t most) {
    Settings settings;
    settings.max_leaks = most;
    const std::string text = built.text(settings);
    std::size_t n = 0;
    for (std::size_t at = 0; (at = text.find(" allocated from:", at)) != std::string::npos; ++at) ++n;
    return n;
  };
  EXPECT_EQ(shown(0), 10u);
  EXPECT_EQ(shown(3), 3u);
  EXPECT_EQ(shown(100), 20u);
  EXPECT_NE(built.text().find("from 30 place(s); the 10 that hold the most:"), std::string::npos);
}

TEST(LimitFindings, AreChecked) {
  const auto broken = [](auto&& breaks) {
    FindingsBuilder builder;
    const std::size_t app = builder.module("/opt/app", 0x10000, 0x20000, 0x10000);
    FindingsLimit limit = limit_of(builder, app);
    breaks(builder, limit);
    if (builder.header.reason != CheckReason::kSignal) builder.limit(limit, "live<=1");
    std::vector<std::byte> bytes = builder.build();
    Findings findings;
    std::string error;
    EXPECT_FALSE(findings.open(bytes, error));
    return error;
  };
  using B = FindingsBuilder;
  using L = FindingsLimit;
  EXPECT_EQ(broken([](B&, L& l) { l.kind = 3; }), "the kind 3 of the limit is unknown");
  EXPECT_EQ(broken([](B&, L& l) { l.call = static_cast<IncidentCall>(99); }),
            "the call 99 of the limit is unknown");
  EXPECT_EQ(broken([](B&, L& l) { l.now.frame_count = 2; }), "the frames of the limit are not there");
  EXPECT_EQ(broken([](B&, L& l) { std::memset(l.now.thread_name, 'x', sizeof l.now.thread_name); }),
            "the name of the limit's thread does not end");
  EXPECT_EQ(broken([](B& b, L& l) { b.limit(l, "live<=1"); }), "there are 2 limits");
  EXPECT_EQ(broken([](B& b, L& l) {
              b.limit(l, "live<=1");
              b.header.reason = CheckReason::kSignal;
            }),
            "there are 1 limits");
}

}  // namespace
}  // namespace weir
