// Which calls of a real library a caller= or source= pattern is found to hold for.
#include "tools/routes/module_sites.hpp"

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <link.h>

#include <filesystem>
#include <string>
#include <string_view>

#include "tests/unit/tools/scratch.hpp"

namespace weir {
namespace {

// The address that the callback returns to lies in Maker::make, inlined into middle, inlined into hidden;
// that was called from traced_call.
struct Calls {
  std::uint64_t innermost = 0;
  std::uint64_t outer = 0;
  std::uint64_t bias = 0;
};

__attribute__((noinline)) int remember(void* data) {
  static_cast<Calls*>(data)->innermost = reinterpret_cast<std::uint64_t>(__builtin_return_address(0)) - 1;
  return 0;
}

Calls trace(const std::string& library) {
  Calls calls;
  void* handle = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  EXPECT_NE(handle, nullptr) << dlerror();
  if (handle == nullptr) return calls;
  void* function = dlsym(handle, "traced_call");
  reinterpret_cast<int (*)(int (*)(void*), void*)>(function)(remember, &calls);
  link_map* map = nullptr;
  EXPECT_EQ(dlinfo(handle, RTLD_DI_LINKMAP, &map), 0);
  calls.bias = map->l_addr;
  calls.innermost -= calls.bias;
  calls.outer = reinterpret_cast<std::uint64_t>(function) - calls.bias + 4;  // somewhere in it
  dlclose(handle);
  return calls;
}

bool holds(const std::vector<SiteRange>& ranges, std::uint64_t address) {
  for (const SiteRange& range : ranges) {
    if (range.start <= address && address < range.end) return (range.rules & 1) != 0;
  }
  return false;
}

class ModuleSites : public testing::TestWithParam<const char*> {
 protected:
  ModuleSites() : calls_(trace(GetParam())) {}

  std::vector<SiteRange> find(std::string_view caller, std::string_view source = {},
                              const std::string& library = GetParam()) const {
    SitePatterns patterns;
    patterns.add(0, caller, source);
    constexpr std::uint64_t kBias = 0x7000'0000'0000;
    return sites_of_module({library, {}, kBias, kBias + (1 << 20), kBias, 0}, patterns);
  }
  bool innermost(std::string_view caller, std::string_view source = {}) const {
    return holds(find(caller, source), calls_.innermost);
  }
  bool outer(std::string_view caller, std::string_view source = {}) const {
    return holds(find(caller, source), calls_.outer);
  }

  Calls calls_;
};

TEST_P(ModuleSites, AreThoseOfTheFunction) {
  EXPECT_TRUE(outer("traced_call"));
  EXPECT_FALSE(innermost("traced_call"));
  EXPECT_TRUE(innermost("traced::(anonymous namespace)::hidden"));
  EXPECT_TRUE(innermost("*::hidden(*)"));
  EXPECT_FALSE(outer("*hidden*"));
  EXPECT_FALSE(innermost("hid"));
}

TEST_P(ModuleSites, AreThoseOfInlinedFunctions) {
  EXPECT_TRUE(innermost("traced::middle"));
  EXPECT_TRUE(innermost("traced::Maker<void>::make"));
  EXPECT_TRUE(innermost("traced::Maker::make"));
  EXPECT_FALSE(outer("traced::middle"));
}

TEST_P(ModuleSites, AreThoseOfTheSourceFile) {
  EXPECT_TRUE(innermost({}, "traced.cpp"));
  EXPECT_TRUE(outer({}, "traced.cpp"));
  EXPECT_TRUE(innermost({}, "*/plugins/*"));
  EXPECT_FALSE(innermost({}, "traced.c"));
  EXPECT_FALSE(innermost({}, "plugins/traced.cpp"));
}

TEST_P(ModuleSites, NeedBothConditions) {
  EXPECT_TRUE(innermost("*hidden*", "traced.cpp"));
  EXPECT_FALSE(innermost("*hidden*", "other.cpp"));
  EXPECT_FALSE(outer("*hidden*", "traced.cpp"));
}

TEST_P(ModuleSites, ComeFromTheSymbolTableAlone) {
  const Scratch scratch;
  const std::string stripped = scratch / "stripped.so";
  ASSERT_EQ(std::system(("strip --strip-debug -o '" + stripped + "' '" + GetParam() + "'").c_str()), 0);
  EXPECT_TRUE(holds(find("traced_call", {}, stripped), calls_.outer));
  EXPECT_TRUE(holds(find("*hidden*", {}, stripped), calls_.innermost));
  EXPECT_FALSE(holds(find("traced::middle", {}, stripped), calls_.innermost));
  ASSERT_EQ(std::system(("strip -o '" + stripped + "' '" + GetParam() + "'").c_str()), 0);
  EXPECT_TRUE(holds(find("traced_call", {}, stripped), calls_.outer));
  EXPECT_FALSE(holds(find("*hidden*", {}, stripped), calls_.innermost));
}

TEST_P(ModuleSites, ComeFromASeparateDebugFile) {
  const Scratch scratch;
  const std::string stripped = scratch / "stripped.so";
  const std::string debug = scratch / "stripped.so.debug";
  const std::string from = std::string("'") + GetParam() + "' ";
  ASSERT_EQ(std::system(("objcopy --only-keep-debug " + from + debug).c_str()), 0);
  ASSERT_EQ(std::system(("strip -o " + stripped + " " + from).c_str()), 0);
  ASSERT_EQ(std::system(("objcopy --add-gnu-debuglink=" + debug + " " + stripped).c_str()), 0);
  EXPECT_TRUE(holds(find("traced::middle", "traced.cpp", stripped), calls_.innermost));
}

TEST(ModuleSitesOf, AMissingFileAreNone) {
  SitePatterns patterns;
  patterns.add(0, "*", "");
  EXPECT_TRUE(sites_of_module({"/nowhere/at.so", {}, 0, 1 << 20, 0, 0}, patterns).empty());
}

INSTANTIATE_TEST_SUITE_P(Gcc, ModuleSites, testing::Values(TRACED_LIBRARY));
#ifdef TRACED_LIBRARY_CLANG
INSTANTIATE_TEST_SUITE_P(Clang, ModuleSites, testing::Values(TRACED_LIBRARY_CLANG));
#endif

}  // namespace
}  // namespace weir
