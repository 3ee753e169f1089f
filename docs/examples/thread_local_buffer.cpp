// Scratch memory of each thread's own: no lock, no heap, and empty again after each use; uses may nest.
//
// prints:
//   <b>one</b>
//   <b><i>two</i></b>
//   in use afterwards: 0
//   another thread's peak: 0
#include <cstdio>
#include <cstring>
#include <string_view>
#include <thread>

#include "core/fixed_buffer.hpp"
#include "core/typed.hpp"

static constinit thread_local weir::FixedBufferOf<4096> scratch;

// Text in scratch memory; given back in the opposite order, so that the buffer's end goes back as well.
class Text {
 public:
  explicit Text(std::size_t bytes) : text_(weir::allocate_array<char>(scratch, bytes)) {}
  ~Text() { weir::deallocate_array(scratch, text_); }
  Text(const Text&) = delete;
  Text& operator=(const Text&) = delete;

  const char* tagged(char tag, std::string_view inside) {
    if (text_.size() < inside.size() + 8) {
      return "";
    }
    std::snprintf(text_.data(), text_.size(), "<%c>%.*s</%c>", tag, static_cast<int>(inside.size()),
                  inside.data(), tag);
    return text_.data();
  }

 private:
  std::span<char> text_;
};

int main() {
  std::puts(Text(100).tagged('b', "one"));
  {
    Text inner(100);
    Text outer(100);
    std::puts(outer.tagged('b', inner.tagged('i', "two")));
  }
  std::printf("in use afterwards: %zu\n", scratch.end_index());
  std::thread([] { std::printf("another thread's peak: %zu\n", scratch.peak()); }).join();
}
