#include "tools/findings/findings.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>

#include "tests/unit/tools/findings_builder.hpp"
#include "tests/unit/tools/scratch.hpp"
#include "tools/commands/leak_report.hpp"
#include "tools/findings/read_file.hpp"

namespace weir {
namespace {

FindingsBuilder sample_findings() {
  FindingsBuilder builder;
  const std::uint8_t build_id[] = {1, 2, 3, 4};
  const std::size_t app = builder.module("/nowhere/app", 0x10000, 0x20000, 0x10000, build_id);
  builder.group(LeakKind::kDirect, 100, 2, {builder.token(app, 0x11000), builder.token(0, 0x99)});
  builder.group(LeakKind::kIndirect, 7, 1, {builder.token(app, 0x12000, true)}, kStackCut);
  builder.group(LeakKind::kReachable, 1, 1, {});
  builder.option("log_path=/dev/null");
  builder.argument("./app");
  builder.argument("");
  builder.argument("x y");
  return builder;
}

TEST(Findings, OpensWhatTheLibraryWrites) {
  const std::vector<std::byte> bytes = sample_findings().build();
  Findings findings;
  std::string error;
  ASSERT_TRUE(findings.open(bytes, error)) << error;
  EXPECT_EQ(findings.header().pid, 4711u);
  ASSERT_EQ(findings.modules().size(), 2u);
  EXPECT_EQ(findings.path_of(findings.modules()[1]), "/nowhere/app");
  ASSERT_EQ(findings.groups().size(), 3u);
  EXPECT_EQ(findings.frames_of(findings.groups()[0]).size(), 2u);
  EXPECT_EQ(findings.frames_of(findings.groups()[1])[0], FindingsBuilder::token(1, 0x12000, true));
  EXPECT_EQ(findings.options(), "log_path=/dev/null\n");
  EXPECT_EQ(findings.command(), (std::vector<std::string>{"./app", "", "x y"}));
}

std::string error_of(std::span<const std::byte> bytes) {
  Findings findings;
  std::string error;
  const bool good = findings.open(bytes, error);
  EXPECT_EQ(good, error.empty());
  return error;
}

template <typename T>
std::vector<std::byte> with(std::size_t offset, T value) {
  std::vector<std::byte> bytes = sample_findings().build();
  std::memcpy(bytes.data() + offset, &value, sizeof value);
  return bytes;
}

TEST(Findings, NamesWhatIsWrong) {
  using H = FindingsHeader;
  EXPECT_EQ(error_of(with(0, 'X')), "they do not begin as findings do");
  EXPECT_EQ(error_of(with(offsetof(H, version), 9u)), "they have version 9, this weir reads 6");
  EXPECT_NE(error_of(with(offsetof(H, header_bytes), 8u)), "");
  EXPECT_NE(error_of(with(offsetof(H, file_bytes), std::uint64_t{1} << 60)), "");
  EXPECT_EQ(error_of(with(offsetof(H, reason), 4u)), "the reason 4 is unknown");
  const std::pair<std::size_t, const char*> sections[] = {
      {offsetof(H, modules), "modules"}, {offsetof(H, groups), "groups"},
      {offsetof(H, frames), "frames"},   {offsetof(H, text), "text"},
      {offsetof(H, options), "options"}, {offsetof(H, command), "command"}};
  for (const auto& [section, name] : sections) {
    const std::string expected = std::string("the section of ") + name + " does not lie in the file";
    EXPECT_EQ(error_of(with(section, std::uint64_t{0})), expected);
    EXPECT_EQ(error_of(with(section, ~std::uint64_t{0})), expected);
    EXPECT_EQ(error_of(with(section + 8, ~std::uint64_t{0})), expected);
    EXPECT_EQ(error_of(with(section + 8, std::uint64_t{1} << 61)), expected);  // times 8 it is 0
  }
  // In the file, but not where an integer of eight bytes may stand.
  EXPECT_EQ(error_of(with(offsetof(H, frames), std::uint64_t{sizeof(H) + 4})),
            "the section of frames does not lie in the file");
}

TEST(Findings, ChecksModulesGroupsAndFrames) {
  std::vector<std::byte> bytes = sample_findings().build();
  const auto header = [](std::vector<std::byte>& of) { return reinterpret_cast<FindingsHeader*>(of.data()); };
  const auto broken = [&](auto&& change) {
    std::vector<std::byte> copy = bytes;
    change(copy);
    return error_of(copy);
  };
  const auto modules = [&](std::vector<std::byte>& of) {
    return reinterpret_cast<FindingsModule*>(of.data() + header(of)->modules.offset);
  };
  const auto groups = [&](std::vector<std::byte>& of) {
    return reinterpret_cast<FindingsGroup*>(of.data() + header(of)->groups.offset);
  };
  const auto frames = [&](std::vector<std::byte>& of) {
    return reinterpret_cast<FrameToken*>(of.data() + header(of)->frames.offset);
  };
  EXPECT_EQ(broken([&](auto& b) { modules(b)[1].path_offset = ~0ull; }),
            "the path of module 1 does not lie in the text");
  EXPECT_EQ(broken([&](auto& b) { modules(b)[1].path_bytes = ~0u; }),
            "the path of module 1 does not lie in the text");
  EXPECT_EQ(broken([&](auto& b) { modules(b)[1].build_id_bytes = 37; }),
            "the build-id of module 1 has 37 bytes");
  EXPECT_EQ(broken([&](auto& b) { modules(b)[1].end = 1; }), "module 1 ends before it starts");
  EXPECT_EQ(broken([&](auto& b) { groups(b)[0].kind = LeakKind{3}; }), "the kind 3 of group 0 is unknown");
  EXPECT_EQ(broken([&](auto& b) { groups(b)[1].first_frame = ~0ull; }),
            "the frames of group 1 are not there");
  EXPECT_EQ(broken([&](auto& b) { groups(b)[1].frame_count = 2; }), "the frames of group 1 are not there");
  EXPECT_EQ(broken([&](auto& b) { frames(b)[0] = ~0ull; }), "frame 0 is of a module that is not there");
}

FindingsBuilder incidents() {
  FindingsBuilder builder;
  const std::size_t app = builder.module("/nowhere/app", 0x10000, 0x20000, 0x10000);
  FindingsIncident incident = {};
  incident.route = builder.route("strings");
  incident.place_module = 1;
  incident.now = builder.stack({builder.token(app, 0x11000)});
  incident.allocated = builder.stack({builder.token(app, 0x12000), builder.token(app, 0x13000)}, 2, "worker");
  const std::uint8_t bytes[] = {1, 2, 3};
  const DumpMark marks[] = {DumpMark::kBlock, DumpMark::kDamaged, DumpMark::kUnreadable};
  builder.incident({}, 0, {}, {});
  builder.incident(incident, 0x7000, bytes, marks);
  builder.option("log_path=/dev/null");
  return builder;
}

TEST(Findings, OpensIncidents) {
  const std::vector<std::byte> bytes = incidents().build();
  Findings findings;
  std::string error;
  ASSERT_TRUE(findings.open(bytes, error)) << error;
  ASSERT_EQ(findings.incidents().size(), 2u);
  const FindingsIncident& first = findings.incidents()[0];
  EXPECT_EQ(findings.route_of(first), "");
  EXPECT_TRUE(findings.dump_of(first).empty());
  const FindingsIncident& second = findings.incidents()[1];
  EXPECT_EQ(findings.route_of(second), "strings");
  EXPECT_EQ(findings.frames_of(second.allocated)[1], FindingsBuilder::token(1, 0x13000));
  EXPECT_TRUE(findings.frames_of(second.freed).empty());
  EXPECT_STREQ(second.allocated.thread_name, "worker");
  EXPECT_EQ(findings.dump_of(second)[2], 3);
  EXPECT_EQ(findings.marks_of(second)[1], DumpMark::kDamaged);
}

TEST(Findings, ChecksIncidents) {
  const std::vector<std::byte> bytes = incidents().build();
  const auto broken = [&](auto&& change) {
    std::vector<std::byte> copy = bytes;
    auto* header = reinterpret_cast<FindingsHeader*>(copy.data());
    change(*header, reinterpret_cast<FindingsIncident*>(copy.data() + header->incidents.offset)[1], copy);
    return error_of(copy);
  };
  using H = FindingsHeader;
  using I = FindingsIncident;
  using B = std::vector<std::byte>;
  EXPECT_EQ(broken([](H&, I&, B&) {}), "");
  EXPECT_EQ(broken([](H&, I& i, B&) { i.kind = IncidentKind{12}; }), "incident 1: its kind 12 is unknown");
  EXPECT_EQ(broken([](H&, I& i, B&) { i.occasion = IncidentOccasion{kIncidentOccasions}; }),
            "incident 1: its occasion 9 is unknown");
  EXPECT_EQ(broken([](H&, I& i, B&) { i.access = IncidentAccess{3}; }),
            "incident 1: its access 3 is unknown");
  EXPECT_EQ(broken([](H&, I& i, B&) { i.place = IncidentPlace{8}; }), "incident 1: its place 8 is unknown");
  EXPECT_EQ(broken([](H&, I& i, B&) { i.made_by = IncidentCall{14}; }),
            "incident 1: its making call 14 is unknown");
  EXPECT_EQ(broken([](H&, I& i, B&) { i.freed_by = IncidentCall{14}; }),
            "incident 1: its freeing call 14 is unknown");
  EXPECT_EQ(broken([](H&, I& i, B&) { i.call = IncidentCall{14}; }), "incident 1: its call 14 is unknown");
  EXPECT_EQ(broken([](H&, I& i, B&) { i.block_is_freed = 2; }), "incident 1: its state 2 is unknown");
  EXPECT_EQ(broken([](H&, I& i, B&) { i.route = 2; }), "incident 1: its route 2 is unknown");
  EXPECT_EQ(broken([](H&, I& i, B&) { i.place_module = 2; }), "incident 1: its module 2 is unknown");
  IncidentStack I::*const stacks[] = {&I::now, &I::allocated, &I::freed, &I::neighbour};
  const char* const names[] = {"now", "allocated", "freed", "neighbour"};
  for (std::size_t s = 0; s < 4; ++s) {
    const std::string no_frames =
        std::string("incident 1: the frames of its stack '") + names[s] + "' are not there";
    EXPECT_EQ(broken([&](H&, I& i, B&) { (i.*stacks[s]).first_frame = ~0ull; }), no_frames);
    EXPECT_EQ(broken([&](H&, I& i, B&) { (i.*stacks[s]).frame_count = 4; }), no_frames);
    EXPECT_EQ(broken([&](H&, I& i, B&) { std::ranges::fill((i.*stacks[s]).thread_name, 'x'); }),
              std::string("incident 1: the thread's name of its stack '") + names[s] + "' does not end");
  }
  const std::string no_dump = "incident 1: its dump is not there";
  EXPECT_EQ(broken([](H&, I& i, B&) { i.dump_offset = 1; }), no_dump);
  EXPECT_EQ(broken([](H&, I& i, B&) { i.dump_offset = ~0ull; }), no_dump);
  EXPECT_EQ(broken([](H&, I& i, B&) { i.dump_bytes = 4; }), no_dump);
  EXPECT_EQ(broken([](H&, I& i, B&) { i.dump_bytes = std::uint64_t{1} << 63; }), no_dump);
  EXPECT_EQ(broken([](H&, I& i, B&) { i.dump_address = ~0ull; }), "incident 1: its dump has no address");
  EXPECT_EQ(broken([](H& h, I&, B& b) { b[h.dumps.offset + 4] = std::byte{5}; }),
            "incident 1: its dump has the unknown mark 5");
  EXPECT_EQ(broken([](H& h, I&, B&) { h.reason = CheckReason::kExit; }), "a leak check has incidents");
  EXPECT_EQ(broken([](H& h, I&, B&) { h.incidents.count = 0; }), "there is no incident");
  EXPECT_EQ(broken([](H& h, I&, B&) { h.incidents.count = 3; }),
            "the section of incidents does not lie in the file");
  EXPECT_EQ(broken([](H& h, I&, B&) { h.dumps.offset = 0; }),
            "the section of dumps does not lie in the file");
  EXPECT_EQ(error_of(with(offsetof(H, reason), 2u)), "incidents have leaks");
}

TEST(Findings, EveryCutIsRefused) {
  const std::vector<std::byte> bytes = sample_findings().build();
  for (std::size_t size = 0; size < bytes.size(); size += 8) {
    const std::vector<std::byte> cut(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
    EXPECT_NE(error_of(cut), "") << size;
  }
}

// Whatever the header says, the reader either refuses or prints, and never reads beyond the bytes (which the
// sanitizers' build of this test would see).
TEST(Findings, NoHeaderMakesTheReportCrash) {
  const Scratch scratch;
  const std::size_t size = sample_findings().build().size();
  for (std::size_t field = 0; field < sizeof(FindingsHeader); field += 4) {
    for (const std::uint32_t value : {0u, 1u, 0x7fffffffu, 0xffffffffu, static_cast<std::uint32_t>(size)}) {
      const std::vector<std::byte> bytes = with(field, value);
      const std::string path =
          scratch.write("findings", {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
      testing::internal::CaptureStderr();
      const int status = leak_report(-1, path);
      const std::string said = testing::internal::GetCapturedStderr();
      const std::string error = error_of(bytes);
      if (!error.empty()) {
        EXPECT_EQ(status, kReportFailed);
        EXPECT_EQ(said, "weir: cannot read the findings: " + error + "\n");
      } else {
        EXPECT_NE(status, kReportFailed);
      }
    }
  }
}

TEST(Findings, ComeFromADescriptorWhateverItsPosition) {
  const std::vector<std::byte> bytes = sample_findings().build();
  const int fd = memfd_create("findings", MFD_CLOEXEC);
  ASSERT_EQ(write(fd, bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  std::vector<std::byte> read;
  std::string error;
  ASSERT_TRUE(read_descriptor(fd, read, error));
  EXPECT_EQ(read, bytes);
  EXPECT_EQ(leak_report(fd, {}), kReportLeaks);
  close(fd);
}

TEST(Findings, ComeFromAPipe) {
  const std::vector<std::byte> bytes = sample_findings().build();
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  ASSERT_EQ(write(ends[1], bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  close(ends[1]);
  EXPECT_EQ(leak_report(ends[0], {}), kReportLeaks);
  close(ends[0]);
}

TEST(Findings, WhatIsNoFileIsOneLine) {
  const Scratch scratch;
  testing::internal::CaptureStderr();
  EXPECT_EQ(leak_report(-1, scratch / "none"), kReportFailed);
  EXPECT_EQ(testing::internal::GetCapturedStderr(),
            "weir: cannot read the findings: No such file or directory\n");
}

}  // namespace
}  // namespace weir
