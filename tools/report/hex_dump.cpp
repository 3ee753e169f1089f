#include "tools/report/hex_dump.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <iterator>

namespace weir {

namespace {

constexpr std::uint64_t kRow = 16;
constexpr std::uint64_t kMostRows = 48;
constexpr std::string_view kIndent = "             ";  // under the bytes

class DumpWriter {
 public:
  DumpWriter(std::string& out, const HexDump& dump, bool color)
      : out_(out), dump_(dump), end_(dump.address + dump.bytes.size()), color_(color) {}

  void write() {
    std::uint64_t printed = 0;
    std::uint64_t alike = 0;
    std::uint64_t row = dump_.address / kRow * kRow;
    for (; row < end_ && printed < kMostRows; row += kRow) {
      if (printed != 0 && is_like_the_one_before(row)) {
        ++alike;
        continue;
      }
      note_alike(row, alike);
      alike = 0;
      write_row(row);
      ++printed;
    }
    note_alike(row, alike);
    if (row < end_) add("{}... ({} more line(s))\n", kIndent, (end_ - row + kRow - 1) / kRow);
    write_legend();
  }

 private:
  template <typename... Args>
  void add(fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(std::back_inserter(out_), format, std::forward<Args>(args)...);
  }

  bool has(std::uint64_t at) const { return at >= dump_.address && at < end_; }
  std::uint8_t byte(std::uint64_t at) const { return dump_.bytes[at - dump_.address]; }
  DumpMark mark(std::uint64_t at) const { return dump_.marks[at - dump_.address]; }
  bool is_damaged(std::uint64_t at) const { return has(at) && mark(at) == DumpMark::kDamaged; }
  bool begins_block(std::uint64_t at) const { return dump_.block_address != 0 && at == dump_.block_address; }
  bool ends_block(std::uint64_t at) const {
    return dump_.block_address != 0 && at == dump_.block_address + dump_.block_bytes;
  }

  bool is_like_the_one_before(std::uint64_t row) const {
    if (!has(row) || !has(row - kRow) || !has(row + kRow - 1)) return false;
    for (std::uint64_t at = row; at < row + kRow; ++at) {
      if (mark(at) != mark(at - kRow) || begins_block(at) || ends_block(at)) return false;
      const bool shown = mark(at) != DumpMark::kCanary && mark(at) != DumpMark::kUnreadable;
      if (shown && byte(at) != byte(at - kRow)) return false;
    }
    return !begins_block(row - kRow) && !ends_block(row + kRow);
  }

  // In front of `row`.
  void note_alike(std::uint64_t row, std::uint64_t lines) {
    if (lines == 1) write_row(row - kRow);
    if (lines > 1) add("{}... ({} line(s) like the one above)\n", kIndent, lines);
  }

  // What stands between two bytes of a line, and at its ends.
  char separator(std::uint64_t row, std::uint64_t at) const {
    const bool damage_before = at != row && is_damaged(at - 1);
    const bool damage_behind = at != row + kRow && is_damaged(at);
    if (damage_before != damage_behind) return damage_before ? ']' : '[';
    if (damage_before) return ' ';
    // A block that ends with a line ends there, and one that begins with the next begins there.
    const bool begins = begins_block(at) && at != row + kRow;
    const bool ends = ends_block(at) && at != row && dump_.block_bytes != 0;
    return begins || ends ? '|' : ' ';
  }

  void write_row(std::uint64_t row) {
    add("{:012x} ", row);
    std::string letters;
    for (std::uint64_t at = row; at < row + kRow; ++at) {
      out_ += separator(row, at);
      if (!has(at)) {
        out_ += "  ";
        letters += ' ';
        continue;
      }
      write_byte(at, letters);
    }
    out_ += separator(row, row + kRow);
    out_ += ' ';
    out_ += letters;
    while (out_.back() == ' ') out_.pop_back();
    out_ += '\n';
  }

  void write_byte(std::uint64_t at, std::string& letters) {
    const DumpMark kind = mark(at);
    marks_[static_cast<std::size_t>(kind)] = true;
    if (kind == DumpMark::kCanary || kind == DumpMark::kUnreadable) {
      out_ += kind == DumpMark::kCanary ? "--" : "??";
      letters += ' ';
      return;
    }
    const std::uint8_t value = byte(at);
    const bool red = color_ && kind == DumpMark::kDamaged;
    add("{}{:02x}{}", red ? "\x1b[1;31m" : "", value, red ? "\x1b[0m" : "");
    letters += value >= ' ' && value < 0x7f ? static_cast<char>(value) : '.';
  }

  void write_legend() {
    out_ += kIndent;
    std::string_view comma;
    const auto explain = [&](bool is_there, std::string_view text) {
      if (!is_there) return;
      out_.append(comma).append(text);
      comma = "  ";
    };
    explain(dump_.block_address != 0, "|the block|");
    explain(marks_[static_cast<std::size_t>(DumpMark::kDamaged)], "[damaged]");
    explain(marks_[static_cast<std::size_t>(DumpMark::kCanary)], "-- intact guard byte");
    explain(marks_[static_cast<std::size_t>(DumpMark::kUnreadable)], "?? no access");
    if (comma.empty()) {
      out_.resize(out_.size() - kIndent.size());
    } else {
      out_ += '\n';
    }
  }

  std::string& out_;
  const HexDump& dump_;
  std::uint64_t end_;
  bool color_;
  bool marks_[kDumpMarks] = {};  // those that were printed
};

}  // namespace

void append_hex_dump(std::string& out, const HexDump& dump, bool color) {
  DumpWriter(out, dump, color).write();
}

}  // namespace weir
