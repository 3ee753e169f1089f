// The file of the call log: lines from all threads, one behind the other,
// that outlive whatever ends the process.
//
// The file is mapped shared, so a line is in it as soon as it is copied: nothing is buffered, and neither a
// crash nor SIGKILL loses any. Where the next line goes is one compare-and-swap on a word that a fork's
// children share with their parent; so they share the file, too, unless its name has %p. Room is written
// ahead, 256 KiB of empty lines at a time, by whoever needs it: a full disk is an error of that write and not
// a SIGBUS, and a process that was killed leaves nothing but empty lines behind its last one. An orderly end
// cuts them off.
//
// At log_bytes the file becomes FILE.1 and a new one begins. No descriptor stays open, as programs close all
// of theirs and get the number again; so the path is opened anew for each 256 KiB,
// and must still be the same file.
//
// Thread-safe, async-signal-safe: who adds room has all signals blocked meanwhile, others wait for that.
// Never calls malloc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace weir::call_log {

// Makes the file (an older one becomes FILE.1); lines go to stderr after a message when that can't be done,
// and where the name is stderr or stdout. `file_bytes` is the most that a file takes. Nanoseconds of the
// monotonic clock that the file's times count from.
std::uint64_t open_file(const char* pattern, std::uint64_t file_bytes) noexcept;

// In a fork's child: a file of its own, where the name has %p.
void go_on_file_in_child() noexcept;

// Adds a line, which ends with a newline.
void append(std::string_view line) noexcept;

// Cuts off the room behind the last line. Later lines still find some.
void trim_file() noexcept;

}  // namespace weir::call_log
