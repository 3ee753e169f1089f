#include "shim/watch/stack_file.hpp"

#include <cstring>

#include "shim/abi/short_text.hpp"
#include "shim/base/say.hpp"
#include "shim/base/sys.hpp"
#include "shim/life/output_file.hpp"
#include "shim/life/process.hpp"
#include "shim/life/program_name.hpp"
#include "shim/route/site_names.hpp"
#include "shim/unwind/modules.hpp"
#include "shim/watch/stack_hash.hpp"

namespace weir {
namespace {

// The line under construction, of whichever file; the caller's lock covers it.
class LineBuffer {
 public:
  LineBuffer& begin() noexcept {
    used_ = 0;
    return number(static_cast<std::uint64_t>(this_process())).text(" ");
  }
  LineBuffer& text(std::string_view s) noexcept {
    if (s.size() > kRoom - used_) s = s.substr(0, kRoom - used_);
    std::memcpy(buffer_ + used_, s.data(), s.size());
    used_ += s.size();
    return *this;
  }
  LineBuffer& number(std::uint64_t n) noexcept { return text(ShortText<20>().number(n).view()); }
  LineBuffer& hex(std::uint64_t n, unsigned least_digits = 1) noexcept {
    char digits[16];
    unsigned used = 0;
    do {
      digits[sizeof digits - ++used] = "0123456789abcdef"[n & 15];
      n >>= 4;
    } while (n != 0 || used < least_digits);
    return text({digits + sizeof digits - used, used});
  }
  LineBuffer& bytes(const std::uint8_t* from, std::uint32_t count) noexcept {
    for (std::uint32_t i = 0; i < count; ++i) hex(from[i], 2);
    return *this;
  }
  LineBuffer& frames(const FrameToken* from, std::uint32_t count) noexcept {
    for (std::uint32_t i = 0; i < count; ++i) {
      const auto module = static_cast<unsigned>(from[i] >> kFrameModuleShift);
      const std::uint64_t address = from[i] & kFrameAddressMask;
      text(" ").number(module).text((from[i] & kFrameExactBit) != 0 ? "=" : "+");
      hex(module != 0 ? address - modules[module].bias : address);
    }
    return *this;
  }
  LineBuffer& request(WatchedCall call) noexcept {
    return text(word_of(call.call)).text(" ").number(call.bytes).text(" ").number(call.alignment);
  }
  std::string_view end() noexcept {
    buffer_[used_++] = '\n';
    return {buffer_, used_};
  }

 private:
  static constexpr std::size_t kRoom = 8190;
  char buffer_[kRoom + 2] = {};
  std::size_t used_ = 0;
};
constinit LineBuffer stack_line;

}  // namespace

void StackFile::set_pattern(std::string_view pattern) noexcept {
  if (pattern.empty()) return;
  std::size_t at = 0;
  if (!pattern.starts_with('/')) {  // the program may be elsewhere later
    const long here = sys::call(SYS_getcwd, sys::as_word(pattern_), sizeof pattern_);  // counts the NUL
    if (here > 0) {
      at = static_cast<std::size_t>(here);
      pattern_[at - 1] = '/';
    }
  }
  at += pattern.copy(pattern_ + at, sizeof pattern_ - 1 - at);
  pattern_[at] = '\0';
}

bool StackFile::is_one_for_each() const noexcept {
  return std::string_view(pattern_).find("%p") != std::string_view::npos;
}

void StackFile::begin_process() noexcept {
  if (!wanted()) return;
  begun_ = false;
  std::memset(named_, 0, sizeof named_);
  expand_output(pattern_, path_, sizeof path_);
}

void StackFile::put_line() noexcept {
  const std::string_view text = stack_line.end();
  const int fd = sys::open(path_, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (fd >= 0) {
    sys::write_all(fd, text.data(), text.size());
    sys::close(fd);
  } else if (!broken_) {
    broken_ = true;
    Line().text("weir: cannot open ").text(option_).text(" ").text(path_).say();
  }
}

void StackFile::put_frames_modules(const FrameToken* frames, std::uint32_t count) noexcept {
  if (!begun_) {
    begun_ = true;
    stack_line.begin().text("process ").text(program_file());
    put_line();
  }
  for (std::uint32_t i = 0; i < count; ++i) {
    const auto module = static_cast<unsigned>(frames[i] >> kFrameModuleShift);
    std::uint64_t& word = named_[module / 64];
    if (module == 0 || (word >> (module % 64) & 1) != 0) continue;
    word |= std::uint64_t{1} << (module % 64);
    const Module& m = modules[module];
    stack_line.begin().text("module ").number(module).text(" ");
    if (m.build_id_bytes != 0) {
      stack_line.bytes(m.build_id, m.build_id_bytes);
    } else {
      stack_line.text("-");
    }
    stack_line.text(" ").text(path_of_module(module));
    put_line();
  }
}

void StackFile::put_request(std::string_view word, std::uint64_t hash, WatchedCall call,
                            const FrameToken* frames, std::uint32_t count) noexcept {
  if (!wanted()) return;
  put_frames_modules(frames, count);
  stack_line.begin().text(word).text(" ").hex(hash, 16).text(" ").request(call).frames(frames, count);
  put_line();
}

void StackFile::put_count(std::uint64_t hash, std::uint64_t requests) noexcept {
  if (!wanted()) return;
  stack_line.begin().text("count ").hex(hash, 16).text(" ").number(requests);
  put_line();
}

void StackFile::put_crash(int signal, const FrameToken* frames, std::uint32_t count) noexcept {
  if (!wanted()) return;
  put_frames_modules(frames, count);
  stack_line.begin().text("crash ").number(static_cast<unsigned>(signal)).frames(frames, count);
  put_line();
}

}  // namespace weir
