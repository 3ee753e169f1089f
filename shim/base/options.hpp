// The options in force, read once before the first allocation from WEIR_OPTIONS and never changed after.
//
// Struct and parser come from abi/options.def. No malloc, no libc state: parsing happens inside the first
// malloc of the process, possibly before libc's own initialisation.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace weir {

inline constexpr std::size_t kOptionTextRoom = 1024;

struct Options {
#define WEIR_FLAG(name, initial, sentence) bool name = initial;
#define WEIR_NUMBER(name, initial, lowest, highest, sentence) std::uint64_t name = initial;
#define WEIR_CHOICE(name, initial, words, sentence) unsigned name = 0;
#define WEIR_TEXT(name, initial, sentence) char name[kOptionTextRoom] = initial;
#include "shim/abi/options.def"
#undef WEIR_FLAG
#undef WEIR_NUMBER
#undef WEIR_CHOICE
#undef WEIR_TEXT
};

enum ModeChoice : unsigned { kModeLeak = 0, kModePass = 1, kModeGuard = 2 };
enum GuardChoice : unsigned { kGuardCanary = 0, kGuardPage = 1, kGuardPageFront = 2 };
enum GuardOthersChoice : unsigned { kGuardOthersCanary = 0, kGuardOthersNone = 1 };
enum OnErrorChoice : unsigned { kOnErrorAbort = 0, kOnErrorExit = 1, kOnErrorContinue = 2 };
enum StacksChoice : unsigned { kStacksBoth = 0, kStacksAlloc = 1, kStacksNone = 2 };
enum ClearFreedChoice : unsigned { kClearFreedSome = 0, kClearFreedAll = 1, kClearFreedNone = 2 };
enum SummaryChoice : unsigned { kSummaryLeaks = 0, kSummaryAlways = 1, kSummaryNever = 2 };

extern Options options;

// Parses "key=value:key=value"; a value with a colon stands in single or double quotes. Each mistake is one
// line on the message descriptor, and the option stays as it was. Returns the number of mistakes.
unsigned parse_options(std::string_view text, Options& into) noexcept;

// "key=value\n" for every option in force, into `to`; the number of bytes that it takes, however much fits.
std::size_t print_options(const Options& from, char* to, std::size_t room) noexcept;

}  // namespace weir
