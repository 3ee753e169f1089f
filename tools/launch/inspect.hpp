// Whether ld.so will load a preloaded library into a program, and if not, why.
//
// Only files are read; nothing is executed.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace weir {

enum class Obstacle {
  kNone,
  kStatic,  // no program interpreter: nothing that would load a library
  kSetuid,  // ld.so ignores preloads where the program gets other rights than its caller's
  kSetgid,
  kCapabilities,
  kMusl,       // another libc's loader: libweir.so is built for glibc
  kClass,      // 32-bit
  kMachine,    // for another processor
  kSanitizer,  // brings a sanitizer's runtime, which has a heap of its own and must come first
};

struct Inspection {
  Obstacle obstacle = Obstacle::kNone;
  std::string path;    // the file that was judged: of a script its interpreter
  std::string detail;  // kMusl: the loader; kMachine: ELF's number of the machine; kSanitizer: which
};

// Follows #! lines, /usr/bin/env in them included. A file that is no ELF file is taken for a shell script, as
// execvp does.
Inspection inspect_program(const std::string& path);

// The ELF part alone, of a file's first bytes (at least header and program headers).
Inspection inspect_elf(std::span<const std::byte> file);

// "is statically linked", …
std::string describe(const Inspection& inspection);

// What a script's first line leads to: the interpreter, or of `env` the program that it names (then to be
// looked for in PATH). Empty when it is no script.
std::string script_interpreter(std::string_view first_bytes);

}  // namespace weir
