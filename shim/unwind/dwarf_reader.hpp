// Reads the variable-length numbers and encoded pointers of DWARF, never past the end it was given.
//
// Allocates nothing, takes no lock; async-signal-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace weir {

// Reads forward inside [at, end); once it would pass the end it stays there and is bad().
class DwarfReader {
 public:
  DwarfReader(std::uint64_t at, std::uint64_t end) noexcept
      : at_(reinterpret_cast<const std::uint8_t*>(at)), end_(reinterpret_cast<const std::uint8_t*>(end)) {}

  template <typename T>
  T take() noexcept {
    T value{};
    if (at_ == nullptr || static_cast<std::size_t>(end_ - at_) < sizeof(T)) {
      bad_ = true;
      at_ = end_;
      return value;
    }
    std::memcpy(&value, at_, sizeof(T));
    at_ += sizeof(T);
    return value;
  }

  std::uint64_t uleb() noexcept {
    std::uint64_t value = 0;
    for (unsigned shift = 0;; shift += 7) {
      const auto byte = take<std::uint8_t>();
      if (shift < 64) value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
      if ((byte & 0x80) == 0) return value;
    }
  }

  std::int64_t sleb() noexcept {
    std::uint64_t value = 0;
    for (unsigned shift = 0;;) {
      const auto byte = take<std::uint8_t>();
      if (shift < 64) value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
      shift += 7;
      if ((byte & 0x80) != 0) continue;
      if (shift < 64 && (byte & 0x40) != 0) value |= ~std::uint64_t{0} << shift;
      return static_cast<std::int64_t>(value);
    }
  }

  void skip(std::uint64_t bytes) noexcept {
    if (bytes > static_cast<std::uint64_t>(end_ - at_)) {
      bad_ = true;
      at_ = end_;
    } else {
      at_ += bytes;
    }
  }

  // A pointer in one of the encodings of the LSB (DW_EH_PE_*); data_base is for the data-relative one.
  std::uint64_t pointer(std::uint8_t encoding, std::uint64_t data_base) noexcept {
    const std::uint64_t here = position();
    std::uint64_t value = 0;
    switch (encoding & 0x0f) {
      case 0x00:
      case 0x04:
      case 0x0c:
        value = take<std::uint64_t>();
        break;
      case 0x01:
        value = uleb();
        break;
      case 0x02:
        value = take<std::uint16_t>();
        break;
      case 0x03:
        value = take<std::uint32_t>();
        break;
      case 0x09:
        value = static_cast<std::uint64_t>(sleb());
        break;
      case 0x0a:
        value = static_cast<std::uint64_t>(std::int64_t{take<std::int16_t>()});
        break;
      case 0x0b:
        value = static_cast<std::uint64_t>(std::int64_t{take<std::int32_t>()});
        break;
      default:
        bad_ = true;
        return 0;
    }
    switch (encoding & 0x70) {
      case 0x00:
        break;
      case 0x10:
        value += here;
        break;
      case 0x30:
        value += data_base;
        break;
      default:
        bad_ = true;
        return 0;
    }
    return value;  // indirect ones (0x80) name personalities only, which are skipped
  }

  std::uint64_t position() const noexcept { return reinterpret_cast<std::uint64_t>(at_); }
  std::uint64_t end() const noexcept { return reinterpret_cast<std::uint64_t>(end_); }
  bool at_end() const noexcept { return at_ >= end_; }
  bool bad() const noexcept { return bad_; }

 private:
  const std::uint8_t* at_;
  const std::uint8_t* end_;
  bool bad_ = false;
};

}  // namespace weir
