// What the call log's file is called, and how one tells whose it is: its first line.
//
// Async-signal-safe, no malloc, no state.
#pragma once

#include <cstddef>
#include <cstdint>

namespace weir::call_log {

inline constexpr std::size_t kHeaderRoom = 128;            // the first line, with its newline
inline constexpr std::size_t kForkMark = kHeaderRoom - 2;  // '+': a child may write when this process is over
inline constexpr std::size_t kPathRoom = 1100;             // an option's text, a number and ".1"

void write_header(char (&header)[kHeaderRoom], std::uint64_t start_ns, bool forked) noexcept;

// Of a file that exists.
struct Writer {
  std::uint32_t pid;       // that the log's first line names; 0: it is no log
  std::uint64_t start_ns;  // from which its times count
  bool forked;
  bool is_this_process;  // the pid, and it began before the log
};
Writer writer_of(int fd) noexcept;

// Bytes; 0 where that is not known.
std::uint64_t size_of(int fd) noexcept;

// Behind the last line, where the image that this one replaced has stopped.
std::uint64_t end_of_text(int fd) noexcept;

struct FileIdentity {
  std::uint64_t device, inode;
  bool operator==(const FileIdentity&) const = default;
};

// False where the descriptor is none of a regular file.
bool identify(int fd, FileIdentity& identity) noexcept;

// An absolute path with %p and %e filled in: the program may change its directory.
void expand(const char* pattern, char (&path)[kPathRoom]) noexcept;

// path.PID, for a process whose file is in use.
void add_process_id(char (&path)[kPathRoom]) noexcept;

// A new file's descriptor, or -errno: -EEXIST where something is there.
int create_file(const char* path) noexcept;

// FILE.1 of FILE.
struct OldPath {
  char text[kPathRoom + 2];
};
OldPath old_path(const char* path) noexcept;

// FILE becomes FILE.1. False where that is not possible.
bool rename_to_old(const char* path) noexcept;

}  // namespace weir::call_log
