// A file of stacks that several processes append to and that is whole whenever one of them is killed: the
// options alloc_stacks and fail_report, read by `weir oom`. docs/FAILURES.md has the format.
//
//   PID process EXE                               modules are numbered anew from here on
//   PID module N BUILD-ID|- PATH
//   PID stack HASH CALL BYTES ALIGNMENT FRAME…    a distinct stack, when it is first seen
//   PID count HASH REQUESTS                       at the process's end
//   PID failed HASH CALL BYTES ALIGNMENT FRAME…   this request found no memory
//   PID crash SIGNAL FRAME…                       the process ends by this signal
//
// FRAME is MODULE+OFFSET in hexadecimal, innermost first, as the unwinder saw it (a return address; with '='
// for '+' where it is exact), 0 for no module. Each line is one write; nothing stays open, so programs that
// close all descriptors do no harm. Not thread-safe: the caller's lock. Never calls malloc.
#pragma once

#include <cstdint>
#include <string_view>

#include "shim/abi/findings.hpp"
#include "shim/abi/route_words.hpp"
#include "shim/watch/watch.hpp"

namespace weir {

class StackFile {
 public:
  constexpr explicit StackFile(const char* option) : option_(option) {}

  // At set-up; an empty pattern is no file.
  void set_pattern(std::string_view pattern) noexcept;
  bool wanted() const noexcept { return pattern_[0] != '\0'; }

  // In a new process (start, fork): the file of this one. Nothing is written yet.
  void begin_process() noexcept;
  // A fork's child has a file of its own.
  bool is_one_for_each() const noexcept;

  // `word` is "stack" or "failed".
  void put_request(std::string_view word, std::uint64_t hash, WatchedCall call, const FrameToken* frames,
                   std::uint32_t count) noexcept;
  void put_count(std::uint64_t hash, std::uint64_t requests) noexcept;
  void put_crash(int signal, const FrameToken* frames, std::uint32_t count) noexcept;

 private:
  void put_frames_modules(const FrameToken* frames, std::uint32_t count) noexcept;
  void put_line() noexcept;

  const char* const option_;
  char pattern_[4096]{};
  char path_[4096]{};
  bool begun_ = false;
  bool broken_ = false;
  std::uint64_t named_[65536 / 64]{};  // bit i: module i has a line
};

}  // namespace weir
