#include "tools/symbols/symboliser.hpp"

#include <dlfcn.h>
#include <elf.h>
#include <execinfo.h>
#include <gnu/libc-version.h>
#include <gtest/gtest.h>
#include <link.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "tests/unit/tools/findings_builder.hpp"
#include "tests/unit/tools/scratch.hpp"
#include "tools/symbols/demangle.hpp"
#include "tools/symbols/range_index.hpp"
#include "tools/symbols/source_path.hpp"

namespace weir {
namespace {

TEST(Demangle, LeavesOtherNamesAlone) {
  EXPECT_EQ(demangle("_ZN2ns3fooEi"), "ns::foo(int)");
  EXPECT_EQ(demangle("_Z3fooi.part.0"), "foo(int) [clone .part.0]");
  EXPECT_EQ(demangle("malloc"), "malloc");
  EXPECT_EQ(demangle("_Z?"), "_Z?");
  EXPECT_EQ(demangle(""), "");
}

TEST(SourcePath, IsMadeWhole) {
  EXPECT_EQ(source_path("/a/b.c", "/x"), "/a/b.c");
  EXPECT_EQ(source_path("b.c", "/x"), "/x/b.c");
  EXPECT_EQ(source_path("../tests/./b.c", "/x/build"), "/x/tests/b.c");
  EXPECT_EQ(source_path("b.c", nullptr), "b.c");
  EXPECT_EQ(source_path(nullptr, "/x"), "");
}

TEST(RangeIndex, FindsTheRangeThatBeginsLast) {
  RangeIndex index;
  index.add(100, 200, 1);
  index.add(10, 20, 2);
  index.add(150, 160, 3);
  index.add(120, 120, 4);
  EXPECT_EQ(index.find(9), std::nullopt);
  EXPECT_EQ(index.find(10), 2u);
  EXPECT_EQ(index.find(20), std::nullopt);
  EXPECT_EQ(index.find(120), 1u);
  EXPECT_EQ(index.find(155), 3u);
  EXPECT_EQ(index.find(160), 1u);
  EXPECT_EQ(index.find(199), 1u);
  EXPECT_EQ(index.find(200), std::nullopt);
}

// A module of this process as the library would tell it.
struct Module {
  std::string path;
  std::uint64_t start = ~std::uint64_t{0};
  std::uint64_t end = 0;
  std::uint64_t bias = 0;
  std::vector<std::uint8_t> build_id;
};

void read_notes(const char* notes, std::size_t size, std::vector<std::uint8_t>& build_id) {
  while (size >= sizeof(ElfW(Nhdr))) {
    ElfW(Nhdr) note;
    std::memcpy(&note, notes, sizeof note);
    const std::size_t name = (note.n_namesz + 3u) & ~3u;
    const std::size_t whole = sizeof note + name + ((note.n_descsz + 3u) & ~3u);
    if (note.n_type == NT_GNU_BUILD_ID) {
      const char* bits = notes + sizeof note + name;
      build_id.assign(bits, bits + note.n_descsz);
    }
    if (whole > size) break;
    notes += whole;
    size -= whole;
  }
}

int find_module(dl_phdr_info* info, std::size_t, void* data) {
  auto& module = *static_cast<Module*>(data);
  if (module.path != info->dlpi_name) return 0;
  module.bias = info->dlpi_addr;
  for (std::size_t i = 0; i < info->dlpi_phnum; ++i) {
    const auto& segment = info->dlpi_phdr[i];
    const std::uint64_t at = info->dlpi_addr + segment.p_vaddr;
    if (segment.p_type == PT_NOTE) {
      read_notes(reinterpret_cast<const char*>(at), segment.p_memsz, module.build_id);
    }
    if (segment.p_type != PT_LOAD) continue;
    module.start = std::min(module.start, at);
    module.end = std::max(module.end, at + segment.p_memsz);
  }
  return 1;
}

struct Collected {
  std::array<void*, 32> addresses;
  int count = 0;
};

int collect(void* data) {
  auto& collected = *static_cast<Collected*>(data);
  collected.count = backtrace(collected.addresses.data(), static_cast<int>(collected.addresses.size()));
  return 0;
}

// Loads the library, calls through it, and unloads it. The tokens are of its frames.
struct Trace {
  Trace() = default;
  explicit Trace(const std::string& library) {
    void* handle = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
    EXPECT_NE(handle, nullptr) << dlerror();
    if (handle == nullptr) return;
    const auto call = reinterpret_cast<int (*)(int (*)(void*), void*)>(dlsym(handle, "traced_call"));
    Collected collected;
    call(collect, &collected);
    module.path = library;
    dl_iterate_phdr(find_module, &module);
    dlclose(handle);
    for (int i = 0; i < collected.count; ++i) {
      const auto address = reinterpret_cast<std::uint64_t>(collected.addresses[static_cast<std::size_t>(i)]);
      if (address >= module.start && address < module.end) addresses.push_back(address);
    }
  }

  std::vector<SourceFrame> symbolise(std::string_view path = {}, bool names = true) const {
    FindingsBuilder builder;
    builder.header.pid = 0;
    const std::size_t index = builder.module(path.empty() ? module.path : path, module.start, module.end,
                                             module.bias, module.build_id, kModuleUnloaded);
    const std::vector<std::byte> bytes = builder.build();
    Findings findings;
    std::string error;
    EXPECT_TRUE(findings.open(bytes, error)) << error;
    Symboliser symboliser(findings, names);
    std::vector<SourceFrame> sources;
    for (const std::uint64_t address : addresses) {
      const Frame& frame = symboliser.frame(FindingsBuilder::token(index, address));
      EXPECT_EQ(frame.address, address - 1);
      EXPECT_EQ(frame.offset, address - 1 - module.bias);
      EXPECT_TRUE(frame.module->unloaded);
      sources.insert(sources.end(), frame.sources.begin(), frame.sources.end());
    }
    return sources;
  }

  Module module;
  std::vector<std::uint64_t> addresses;
};

// The line of the source that has the comment.
unsigned line_of(std::string_view name) {
  std::ifstream file(TRACED_SOURCE);
  std::string line;
  for (unsigned number = 1; std::getline(file, line); ++number) {
    if (line.ends_with("// line: " + std::string(name))) return number;
  }
  return 0;
}

struct Expected {
  const char* function;
  const char* line;
  bool inlined;
};
constexpr Expected kWhole[] = {
    {"traced::Maker<void>::make(int (*)(void*), void*)", "make", true},
    {"traced::middle", "middle", true},
    {"traced::(anonymous namespace)::hidden(int (*)(void*), void*, int)", "hidden", false},
    {"traced_call", "traced_call", false}};

void expect_whole(const std::vector<SourceFrame>& sources) {
  ASSERT_EQ(sources.size(), std::size(kWhole));
  for (std::size_t i = 0; i < sources.size(); ++i) {
    // Of inlined functions with internal linkage gcc tells the bare name.
    if (sources[i].function != "middle") {
      EXPECT_TRUE(sources[i].function.starts_with(kWhole[i].function)) << sources[i].function;
    }
    EXPECT_EQ(sources[i].file, TRACED_SOURCE);
    EXPECT_EQ(sources[i].line, line_of(kWhole[i].line));
    EXPECT_NE(sources[i].column, 0u);
    EXPECT_EQ(sources[i].inlined, kWhole[i].inlined);
  }
}

void shell(const std::string& command) {
  ASSERT_EQ(std::system(command.c_str()), 0) << command;
}

TEST(Symboliser, ExpandsInlinedCallsOfAnUnloadedLibrary) {
  expect_whole(Trace(TRACED_LIBRARY).symbolise());
}

TEST(Symboliser, WorksWithoutAranges) {
  const Scratch scratch;
  const std::string copy = scratch / "copy.so";
  shell("objcopy --remove-section=.debug_aranges " TRACED_LIBRARY " " + copy);
  expect_whole(Trace(copy).symbolise());
}

#ifdef TRACED_LIBRARY_CLANG
TEST(Symboliser, ReadsClangsDebugInformation) {
  expect_whole(Trace(TRACED_LIBRARY_CLANG).symbolise());
}
#endif

TEST(Symboliser, FindsSeparateDebugInformation) {
  const Scratch scratch;
  const std::string copy = scratch / "copy.so";
  shell("objcopy --only-keep-debug " TRACED_LIBRARY " " + copy + ".debug");
  shell("strip -o " + copy + " " TRACED_LIBRARY);
  shell("objcopy --add-gnu-debuglink=" + copy + ".debug " + copy);
  expect_whole(Trace(copy).symbolise());
}

TEST(Symboliser, TakesTheSymbolTableWhereLinesAreMissing) {
  const Scratch scratch;
  const std::string copy = scratch / "copy.so";
  shell("strip --strip-debug -o " + copy + " " TRACED_LIBRARY);
  const std::vector<SourceFrame> sources = Trace(copy).symbolise();
  ASSERT_EQ(sources.size(), 2u);
  EXPECT_TRUE(
      sources[0].function.starts_with("traced::(anonymous namespace)::hidden(int (*)(void*), void*, int)"))
      << sources[0].function;
  EXPECT_EQ(sources[0].file, "");
  EXPECT_EQ(sources[1].function, "traced_call");
}

TEST(Symboliser, StrippedCodeHasOnlyExportedNames) {
  const Scratch scratch;
  const std::string copy = scratch / "copy.so";
  shell("strip -o " + copy + " " TRACED_LIBRARY);
  const std::vector<SourceFrame> sources = Trace(copy).symbolise();
  ASSERT_EQ(sources.size(), 2u);
  EXPECT_EQ(sources[0].function, "");
  EXPECT_EQ(sources[1].function, "traced_call");
}

// The same file but for one bit of its build-id: were it believed, every name would be found.
TEST(Symboliser, FileWithAnotherBuildIdIsNotBelieved) {
  const Scratch scratch;
  const std::string copy = scratch / "copy.so";
  std::filesystem::copy(TRACED_LIBRARY, copy);
  const Trace trace(copy);
  expect_whole(trace.symbolise());
  std::string content = Scratch::read(copy);
  const std::string build_id(trace.module.build_id.begin(), trace.module.build_id.end());
  const std::size_t at = content.find(build_id);
  ASSERT_NE(at, std::string::npos);
  content[at] = static_cast<char>(content[at] ^ 1);
  scratch.write("copy.so", content);
  for (const SourceFrame& source : trace.symbolise()) EXPECT_EQ(source.function + source.file, "");
}

TEST(Symboliser, FileThatIsGoneLeavesOffsets) {
  const Scratch scratch;
  const std::string copy = scratch / "copy.so";
  std::filesystem::copy(TRACED_LIBRARY, copy);
  const Trace trace(copy);
  std::filesystem::remove(copy);
  const std::vector<SourceFrame> sources = trace.symbolise();
  ASSERT_EQ(sources.size(), 2u);
  EXPECT_EQ(sources[0].function + sources[0].file, "");
}

// libc6-dbg, where it is installed, is found by libc's build-id although libc "is gone".
TEST(Symboliser, FileThatIsGoneIsFoundByItsBuildId) {
  Dl_info libc = {};
  ASSERT_NE(dladdr(reinterpret_cast<void*>(&::gnu_get_libc_version), &libc), 0);
  Trace trace;
  trace.module.path = libc.dli_fname;
  dl_iterate_phdr(find_module, &trace.module);
  ASSERT_FALSE(trace.module.build_id.empty());
  std::string id;
  for (const std::uint8_t byte : trace.module.build_id) {
    char digits[3];
    std::snprintf(digits, sizeof digits, "%02x", byte);
    id += digits;
  }
  const std::string debug = "/usr/lib/debug/.build-id/" + id.substr(0, 2) + "/" + id.substr(2) + ".debug";
  if (!std::filesystem::exists(debug)) GTEST_SKIP() << "no " << debug;
  trace.addresses = {reinterpret_cast<std::uint64_t>(&::gnu_get_libc_version) + 1};
  const std::vector<SourceFrame> sources = trace.symbolise("/gone/libc.so.6");
  ASSERT_FALSE(sources.empty());
  EXPECT_NE(sources.back().function.find("gnu_get_libc_version"), std::string::npos)
      << sources.back().function;
  EXPECT_NE(sources.back().line, 0u);
}

TEST(Symboliser, PathsThatAreNoFilesAreHarmless) {
  const Trace trace(TRACED_LIBRARY);
  for (const char* path : {"[vdso]", "/dev/null", "/", "relative", "/dev/zero"}) {
    EXPECT_EQ(trace.symbolise(path).size(), 2u) << path;
  }
}

TEST(Symboliser, OpensNothingWhenNamesAreNotWanted) {
  for (const SourceFrame& source : Trace(TRACED_LIBRARY).symbolise({}, false)) {
    EXPECT_EQ(source.function + source.file, "");
  }
}

TEST(Symboliser, ExactAddressesStayAsTheyAre) {
  FindingsBuilder builder;
  const std::size_t index = builder.module("/nowhere", 0x1000, 0x2000, 0x1000);
  const std::vector<std::byte> bytes = builder.build();
  Findings findings;
  std::string error;
  ASSERT_TRUE(findings.open(bytes, error));
  Symboliser symboliser(findings, true);
  EXPECT_EQ(symboliser.frame(FindingsBuilder::token(index, 0x1800, true)).address, 0x1800u);
  EXPECT_EQ(symboliser.frame(FindingsBuilder::token(index, 0x1800)).address, 0x17ffu);
  EXPECT_EQ(symboliser.frame(FindingsBuilder::token(0, 0)).address, 0u);
}

}  // namespace
}  // namespace weir
