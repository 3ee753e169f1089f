#include "tools/suppressions/builtin.hpp"

#include "tools/suppressions/pattern.hpp"

namespace weir {

namespace {

// Functions are named by parts of their names: libc's own debug information says __GI__dl_allocate_tls and
// __pthread_create_2_1 where the table of exported symbols has _dl_allocate_tls and pthread_create.
constexpr BuiltinSuppression kBuiltinRows[] = {
    {"ld-linux", "*",
     "ld.so keeps link maps, search paths and thread vectors, partly in memory that is no root"},
    {"libc.so", "_dl_",
     "the loader's part of libc keeps what dlopen and static TLS need until the process ends"},
    {"libc.so", "dlerror", "the text of the last error is kept for each thread"},
    {"libc.so", "pthread_create",
     "a thread's vector of TLS blocks stays with its stack, which libc keeps for reuse"},
    {"libc.so", "__cxa_atexit", "blocks of the list of exit handlers"},
    {"libc.so", "__cxa_thread_atexit_impl", "a thread's list of destructors, whose head is in its TLS"},
    {"libc.so", "on_exit", "as __cxa_atexit"},
    {"libc.so", "setlocale", "locale names and data are kept until the process ends"},
    {"libc.so", "textdomain", "message catalogues are kept until the process ends"},
    {"libc.so", "gettext", "message catalogues are kept until the process ends"},
    {"libc.so", "getpw", "the name service's configuration and buffers are kept until the process ends"},
    {"libc.so", "getgr", "as getpw"},
    {"libc.so", "gethostby", "as getpw, and the resolver's state"},
    {"libc.so", "getserv", "as getpw"},
    {"libc.so", "getproto", "as getpw"},
    {"libc.so", "tzset", "the time zone's name and rules are kept until the process ends"},
    {"libc.so", "backtrace$", "the unwinder is loaded once and kept"},
    {"libc.so", "putenv", "the environment's array is kept: the program may hold pointers into it"},
    {"libc.so", "setenv", "variables that were replaced are kept: the program may hold pointers to them"},
    {"libstdc++", "^_GLOBAL__sub_I_", "the pool from which exceptions are thrown when memory has run out"},
};

std::string_view file_name(std::string_view path) {
  return path.substr(path.rfind('/') + 1);
}

bool is_weirs_own(const Frame& frame) {
  return file_name(frame.module->path).starts_with("libweir.so");
}

bool names(const Pattern& pattern, const Frame& frame) {
  for (const SourceFrame& source : frame.sources) {
    if (pattern.matches(source.function)) return true;
  }
  return pattern.text() == "*";  // any code of the module, named or not
}

bool explains(const BuiltinSuppression& row, std::span<const Frame* const> stack) {
  const Pattern pattern(row.function);
  for (const Frame* frame : stack) {
    if (!file_name(frame->module->path).starts_with(row.module)) return false;
    if (names(pattern, *frame)) return true;
  }
  return false;
}

}  // namespace

std::span<const BuiltinSuppression> builtin_suppressions() {
  return kBuiltinRows;
}

const BuiltinSuppression* find_builtin(std::span<const Frame* const> stack) {
  while (!stack.empty() && is_weirs_own(*stack.front())) stack = stack.subspan(1);
  for (const BuiltinSuppression& row : kBuiltinRows) {
    if (explains(row, stack)) return &row;
  }
  return nullptr;
}

}  // namespace weir
