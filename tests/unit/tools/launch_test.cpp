#include <elf.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <vector>

#include "tests/unit/tools/scratch.hpp"
#include "tools/launch/environment.hpp"
#include "tools/launch/find_library.hpp"
#include "tools/launch/inspect.hpp"
#include "tools/launch/resolve.hpp"

namespace weir {
namespace {

TEST(Preload, PutsTheLibraryFirstAndKeepsTheRest) {
  EXPECT_EQ(preload_with("", "/w.so"), "/w.so");
  EXPECT_EQ(preload_with("/a.so:/b.so", "/w.so"), "/w.so:/a.so:/b.so");
  EXPECT_EQ(preload_with("/a.so /b.so", "/w.so"), "/w.so:/a.so:/b.so");
  EXPECT_EQ(preload_with("/a.so:/w.so::/b.so", "/w.so"), "/w.so:/a.so:/b.so");
}

TEST(Audit, KeepsRoomBesideTheTunablesThatAreThere) {
  EXPECT_EQ(tunables_for_audit(""), "glibc.rtld.optional_static_tls=4096");
  EXPECT_EQ(tunables_for_audit("glibc.malloc.check=1"),
            "glibc.malloc.check=1:glibc.rtld.optional_static_tls=4096");
  EXPECT_EQ(tunables_for_audit("glibc.rtld.optional_static_tls=9000"), "glibc.rtld.optional_static_tls=9000");
}

TEST(FindLibrary, LooksBesideTheBuildTree) {
  const Scratch scratch;
  std::filesystem::create_directories(scratch / "shim");
  std::filesystem::create_directories(scratch / "tools");
  const std::string library = scratch.write("shim/libweir.so", "x");
  EXPECT_EQ(find_library(scratch / "tools", "").path, library);
  EXPECT_EQ(find_library(scratch / "tools", library).path, library);
}

TEST(FindLibrary, FindsTheInstalledOneRelativeToTheTool) {
  const Scratch scratch;
  const std::filesystem::path libdir(WEIR_LIBDIR);
  const std::filesystem::path bin = std::filesystem::path(scratch / "moved") / "bin";
  const std::filesystem::path lib = (bin / libdir.lexically_relative(WEIR_BINDIR)).lexically_normal();
  std::filesystem::create_directories(bin);
  std::filesystem::create_directories(lib);
  std::ofstream(lib / "libweir.so") << "x";
  EXPECT_EQ(find_library(bin.string(), "").path, (lib / "libweir.so").string());
}

TEST(FindLibrary, SaysWhatIsWrongWithTheWish) {
  const Scratch scratch;
  EXPECT_EQ(find_library("/nowhere", scratch / "none.so").complaint,
            "WEIR_LIBRARY: cannot read " + (scratch / "none.so") + ": No such file or directory");
  const std::string blank = scratch.write("a b.so", "x");
  EXPECT_EQ(find_library("/nowhere", blank).complaint,
            "WEIR_LIBRARY: '" + blank + "' has a blank or a colon, which LD_PRELOAD cannot carry");
}

TEST(Resolve, WalksThePathAsExecvpDoes) {
  const Scratch scratch;
  for (const char* folder : {"a", "b", "c"}) std::filesystem::create_directories(scratch / folder);
  std::filesystem::create_directories(scratch / "a/tool");
  scratch.write("b/tool", "x", 0644);
  const std::string tool = scratch.write("c/tool", "x", 0755);
  const std::string path = (scratch / "a") + ":" + (scratch / "b") + ":" + (scratch / "c");
  EXPECT_EQ(resolve_program("tool", path).path, tool);
  EXPECT_EQ(resolve_program(tool, "").path, tool);
  EXPECT_EQ(resolve_program("tool", scratch / "b").error, EACCES);
  EXPECT_EQ(resolve_program("tool", scratch / "a").error, ENOENT);
  EXPECT_EQ(resolve_program("", path).error, ENOENT);
  EXPECT_EQ(resolve_program(scratch / "none", path).complaint, "No such file or directory");
  EXPECT_EQ(resolve_program(scratch / "a", path).complaint, "Is a directory");
  EXPECT_EQ(resolve_program(scratch / "b/tool", path).complaint, "Permission denied");
}

TEST(Script, NamesItsInterpreter) {
  EXPECT_EQ(script_interpreter("#!/bin/sh\nx"), "/bin/sh");
  EXPECT_EQ(script_interpreter("#! \t/usr/bin/python3 -E\n"), "/usr/bin/python3");
  EXPECT_EQ(script_interpreter("#!/usr/bin/env python3\n"), "python3");
  EXPECT_EQ(script_interpreter("#!/usr/bin/env -S A=b python3 -E\n"), "python3");
  EXPECT_EQ(script_interpreter("#!/usr/bin/env -Sperl -w\n"), "perl");
  EXPECT_EQ(script_interpreter("#!/usr/bin/env\n"), "/usr/bin/env");
  EXPECT_EQ(script_interpreter("#!/bin/sh"), "/bin/sh");
  EXPECT_EQ(script_interpreter("echo"), "");
  EXPECT_EQ(script_interpreter(""), "");
}

TEST(Inspect, FollowsScripts) {
  const Scratch scratch;
  const Inspection shell = inspect_program("/bin/sh");
  EXPECT_EQ(shell.obstacle, Obstacle::kNone);
  EXPECT_EQ(inspect_program(scratch.write("direct", "#!" STATIC_PROGRAM "\n", 0755)).obstacle,
            Obstacle::kStatic);
  EXPECT_EQ(inspect_program(scratch.write("none", "echo no first line\n", 0755)).path, shell.path);
  const std::string inner = scratch.write("inner", "#!" STATIC_PROGRAM "\n", 0755);
  EXPECT_EQ(inspect_program(scratch.write("outer", "#!" + inner + "\n", 0755)).obstacle, Obstacle::kStatic);
  const std::string loop = scratch / "loop";
  EXPECT_EQ(inspect_program(scratch.write("loop", "#!" + loop + "\n", 0755)).obstacle, Obstacle::kNone);
}

TEST(Inspect, KnowsStaticPrograms) {
  EXPECT_EQ(inspect_program(STATIC_PROGRAM).obstacle, Obstacle::kStatic);
  EXPECT_EQ(inspect_program(STATIC_PIE_PROGRAM).obstacle, Obstacle::kStatic);
  EXPECT_EQ(describe(inspect_program(STATIC_PROGRAM)), "is statically linked");
}

#ifdef MUSL_PROGRAM
TEST(Inspect, KnowsMusl) {
  const Inspection inspection = inspect_program(MUSL_PROGRAM);
  EXPECT_EQ(inspection.obstacle, Obstacle::kMusl);
  EXPECT_TRUE(describe(inspection).starts_with("uses musl's loader /lib/ld-musl-")) << describe(inspection);
}
#endif

std::vector<std::byte> elf(unsigned char elf_class, unsigned char order, std::uint16_t machine) {
  Elf64_Ehdr header = {};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = elf_class;
  header.e_ident[EI_DATA] = order;
  header.e_machine = machine;
  const auto* begin = reinterpret_cast<const std::byte*>(&header);
  return {begin, begin + sizeof header};
}

#ifdef __x86_64__
TEST(Inspect, KnowsOtherClassesAndMachines) {
  EXPECT_EQ(inspect_elf(elf(ELFCLASS32, ELFDATA2LSB, EM_386)).obstacle, Obstacle::kClass);
  EXPECT_EQ(inspect_elf(elf(ELFCLASS32, ELFDATA2LSB, EM_X86_64)).obstacle, Obstacle::kClass);  // x32
  EXPECT_EQ(inspect_elf(elf(ELFCLASS64, ELFDATA2LSB, EM_AARCH64)).obstacle, Obstacle::kMachine);
  EXPECT_EQ(inspect_elf(elf(ELFCLASS64, ELFDATA2MSB, EM_S390)).obstacle, Obstacle::kMachine);
  EXPECT_EQ(inspect_elf(elf(ELFCLASS64, ELFDATA2LSB, EM_X86_64)).obstacle, Obstacle::kStatic);
}

TEST(Inspect, BrokenHeadersAreHarmless) {
  std::vector<std::byte> file = elf(ELFCLASS64, ELFDATA2LSB, EM_X86_64);
  for (std::size_t size = 0; size < file.size(); size += 8) inspect_elf(std::span(file).first(size));
  auto* header = reinterpret_cast<Elf64_Ehdr*>(file.data());
  header->e_phnum = 0xffff;
  header->e_phentsize = 0xffff;
  header->e_phoff = ~0ull;
  EXPECT_EQ(inspect_elf(file).obstacle, Obstacle::kNone);
}
#endif

TEST(Inspect, RightsCountOnlyWhenTheyAreGained) {
  const Scratch scratch;
  const std::string copy = scratch / "copy";
  std::filesystem::copy("/bin/sh", copy);
  ASSERT_EQ(chmod(copy.c_str(), 04755), 0);
  EXPECT_EQ(inspect_program(copy).obstacle, Obstacle::kNone);  // its owner runs it
  if (getuid() != 0 || chown(copy.c_str(), 65534, 65534) != 0)
    GTEST_SKIP() << "needs root to give a file away";
  ASSERT_EQ(chmod(copy.c_str(), 04755), 0);
  EXPECT_EQ(inspect_program(copy).obstacle, Obstacle::kSetuid);
  ASSERT_EQ(chmod(copy.c_str(), 02755), 0);
  EXPECT_EQ(inspect_program(copy).obstacle, Obstacle::kSetgid);
  ASSERT_EQ(chmod(copy.c_str(), 02745), 0);  // without the group's x it means something else
  EXPECT_EQ(inspect_program(copy).obstacle, Obstacle::kNone);
}

}  // namespace
}  // namespace weir
