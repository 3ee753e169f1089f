#include "tools/report/shown.hpp"

#include <fmt/core.h>

#include <cstddef>
#include <iterator>

namespace weir {

namespace {

constexpr std::size_t kMost = 400;
constexpr std::size_t kHead = 250;
constexpr std::size_t kTail = 100;

bool continues_character(char c) {
  return (static_cast<unsigned char>(c) & 0xc0) == 0x80;
}

void append_escaped(std::string& out, std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte == '\n') {
      out += "\\n";
    } else if (byte == '\t') {
      out += "\\t";
    } else if (byte < ' ' || byte == 0x7f) {
      fmt::format_to(std::back_inserter(out), "\\x{:02x}", byte);
    } else if (byte == 0xc2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xa0) {
      // UTF-8's form of the control characters from 0x80 on, which terminals obey as well.
      ++i;
      fmt::format_to(std::back_inserter(out), "\\x{:02x}", static_cast<unsigned char>(text[i]));
    } else {
      out += text[i];
    }
  }
}

}  // namespace

std::string shown(std::string_view name) {
  std::string out;
  if (name.size() <= kMost) {
    append_escaped(out, name);
    return out;
  }
  std::size_t head = kHead;
  while (head != 0 && continues_character(name[head])) --head;
  std::size_t tail = name.size() - kTail;
  while (tail < name.size() && continues_character(name[tail])) ++tail;
  append_escaped(out, name.substr(0, head));
  fmt::format_to(std::back_inserter(out), "...({} more bytes)...", tail - head);
  append_escaped(out, name.substr(tail));
  return out;
}

}  // namespace weir
