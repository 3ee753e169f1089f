// What lies around a block in mode=guard, and how it is written and held against what it should be.
//
//   block - 32  size_word, check_word: a BlockHeader as everywhere; bits 48..53 are log2 of the alignment
//   block - 16  meta: thread number (0..15), time (16..47), a keyed hash of both (48..63)
//   block - 8   the front canary;
//               once freed: the stack (36..63) and the call (32..35) of the free, a keyed hash (0..31)
//   block       what the program asked for, n bytes
//   block + n   the back canary, 8 to 23 bytes from the very first one behind
//   end - 8     the record: check_word again, under a key;
//               once freed: thread and time of the free, as in meta
//
// `end` is aligned to 16; what the parent gives beyond is not looked at. The canary is a word made from
// check_word, which is keyed by the address: the byte at address a is byte a % 8 of it, so it reads the same
// at any alignment, and a canary copied from another block is a damaged one. Its bytes are odd, from 0x81 to
// 0xbf: no text, no zero, no 0xff, no small number.
//
// A freed header keeps size_word and stack, so that a second free can be told from a wild one: check_word's
// hash is then under a mask. A block that has left the quarantine has another: who frees it twice is seen as
// long as nobody else has got the memory.
//
// The header costs one hash to make and one to verify; the canaries come from it by one multiplication.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "core/pages.hpp"
#include "shim/abi/incidents.hpp"
#include "shim/track/block_header.hpp"

namespace weir {

inline constexpr std::size_t kGuardHeaderBytes = 32;
inline constexpr std::size_t kRecordBytes = 8;
inline constexpr std::size_t kLeastCanary = 8;
// The most that a block of 16-byte alignment takes beside what was asked for.
inline constexpr std::size_t kMostGuardBytes = 64;

// The stages of a block's life, by the key under which its header authenticates.
enum class BlockStage : std::uint8_t { kNone = 0, kLive = 1, kFreed = 2, kGone = 3 };

inline std::uint64_t load_unaligned(const void* from) noexcept {
  std::uint64_t word;
  std::memcpy(&word, from, sizeof word);
  return word;
}
inline void store_unaligned(void* to, std::uint64_t word) noexcept {
  std::memcpy(to, &word, sizeof word);
}

struct GuardMeta {
  std::uint32_t thread;  // modulo 2^16
  std::uint32_t ticks;   // see guard_clock
};

struct GuardHeader {
  BlockHeader base;
  std::uint64_t meta;
  std::uint64_t canary;

  static GuardHeader* of(void* block) noexcept { return static_cast<GuardHeader*>(block) - 1; }
  static const GuardHeader* of(const void* block) noexcept {
    return static_cast<const GuardHeader*>(block) - 1;
  }
  static GuardHeader* from(BlockHeader* base) noexcept { return reinterpret_cast<GuardHeader*>(base); }

  char* block() noexcept { return reinterpret_cast<char*>(this + 1); }
  const char* block() const noexcept { return reinterpret_cast<const char*>(this + 1); }
  std::uint64_t bytes() const noexcept { return base.bytes(); }
  std::size_t alignment() const noexcept { return base.offset(); }
  Family family() const noexcept { return base.family(); }
  StackId stack() const noexcept { return base.stack(); }

  // From the block on, to where the record ends.
  static std::size_t span_of(std::uint64_t bytes) noexcept {
    return round_up(bytes + kLeastCanary + kRecordBytes, 16);
  }
  char* end() noexcept { return block() + span_of(bytes()); }
  const char* end() const noexcept { return block() + span_of(bytes()); }

  static std::size_t offset_of(std::size_t alignment) noexcept {
    return alignment > kGuardHeaderBytes ? alignment : kGuardHeaderBytes;
  }
  void* parent_block() noexcept { return block() - offset_of(alignment()); }

  // ---- the canary

  // The byte at address a is byte a % 8.
  static std::uint64_t canary_of(std::uint64_t check_word) noexcept {
    const std::uint64_t x = check_word * 0x9e3779b97f4a7c15u;
    return ((x ^ x >> 32) & 0x3e3e3e3e3e3e3e3eu) | 0x8181818181818181u;
  }
  std::uint64_t canary_word() const noexcept { return canary_of(base.check_word); }
  static std::uint64_t rotated(std::uint64_t word, const void* to) noexcept {
    const unsigned by = (reinterpret_cast<std::uintptr_t>(to) & 7) * 8;
    return word >> by | word << ((64 - by) & 63);
  }
  std::uint64_t record_word() const noexcept { return base.check_word ^ kRecordKey; }

  // Makes a live block of it. The header authenticates only when all else is written: a check may be under
  // way on another thread.
  void begin(std::uint64_t bytes, unsigned log2_alignment, Family family, StackId stack,
             GuardMeta made) noexcept {
    BlockHeader now;
    now.size_word = bytes | static_cast<std::uint64_t>(log2_alignment) << 48 |
                    static_cast<std::uint64_t>(family) << 54 |
                    static_cast<std::uint64_t>(process_generation & 63) << 58;
    now.check_word = base.check_word_for(now.size_word, stack);
    base.size_word = now.size_word;
    begin_change();
    write_around(now.check_word, made);
    __atomic_store_n(&base.check_word, now.check_word, __ATOMIC_RELEASE);
  }

  // While it is neither live nor freed; a check tells it from a header that was overwritten.
  void begin_change() noexcept { __atomic_store_n(&base.check_word, kChanging, __ATOMIC_RELEASE); }
  bool is_changing() const noexcept { return base.check_word == kChanging; }

  // Everything around a live block is as begin() left it.
  bool is_whole() const noexcept {
    const std::uint64_t word = canary_word();
    const char* at = block() + bytes();
    const char* const record = end() - kRecordBytes;
    const std::uint64_t back = rotated(word, at);
    const char* middle = at + 16 <= record ? at + 8 : at;
    return ((canary ^ word) | (load_unaligned(at) ^ back) | (load_unaligned(middle) ^ back) |
            (load_unaligned(record - 8) ^ word) | (load_unaligned(record) ^ record_word()) |
            (meta ^ meta_word(meta))) == 0;
  }

  GuardMeta made() const noexcept { return meta_of(meta); }
  static GuardMeta meta_of(std::uint64_t word) noexcept {
    return {static_cast<std::uint32_t>(word & 0xffff), static_cast<std::uint32_t>(word >> 16)};
  }
  bool meta_is_whole() const noexcept { return meta == meta_word(meta); }

  // ---- freed

  // Turns a live header into a freed one. The caller fills the block.
  void end_life(StackId by, IncidentCall call, GuardMeta when) noexcept {
    __atomic_store_n(&base.check_word, base.check_word ^ kFreedMask, __ATOMIC_RELEASE);
    const std::uint64_t word = static_cast<std::uint64_t>(by) << 4 | static_cast<std::uint64_t>(call);
    canary = word << 32 | freed_hash(word);
    store_unaligned(end() - kRecordBytes, word_of(when));
  }

  // Out of the quarantine: the parent may give the memory to somebody else.
  void leave() noexcept { base.check_word ^= kFreedMask ^ kGoneMask; }

  BlockStage stage() const noexcept {
    if (base.check_word == 0) return BlockStage::kNone;
    const std::uint64_t difference = base.check_word ^ base.check_word_for(base.size_word, stack());
    if (difference == 0) return BlockStage::kLive;
    if (difference == kFreedMask) return BlockStage::kFreed;
    return difference == kGoneMask ? BlockStage::kGone : BlockStage::kNone;
  }

  // Of a freed block; the canary's place still says what end_life wrote.
  bool freed_is_whole() const noexcept {
    const std::uint64_t change = base.check_word ^ base.check_word_for(base.size_word, stack());
    const std::uint32_t mark = static_cast<std::uint32_t>(canary) ^ freed_hash(canary >> 32);
    return ((change ^ kFreedMask) | mark) == 0;
  }
  StackId freed_by() const noexcept { return static_cast<StackId>(canary >> 36); }
  IncidentCall freed_call() const noexcept { return static_cast<IncidentCall>(canary >> 32 & 15); }
  GuardMeta freed_when() const noexcept { return meta_of(load_unaligned(end() - kRecordBytes)); }

  static constexpr std::uint64_t kRecordKey = 0xa5c3'96e1'5a3c'691eu;

 private:
  // Of the 36 bits that hold the hash, so the stack stays readable.
  static constexpr std::uint64_t kFreedMask = 0x6'6a09'e667u;
  static constexpr std::uint64_t kGoneMask = 0xb'b67a'e858u;
  static constexpr std::uint64_t kChanging = 1;
  static constexpr std::uint64_t kMetaMask = (std::uint64_t{1} << 48) - 1;

  static std::uint64_t word_of(GuardMeta m) noexcept {
    return (m.thread & 0xffff) | static_cast<std::uint64_t>(m.ticks) << 16;
  }
  // The low 48 bits with their hash above.
  std::uint64_t meta_word(std::uint64_t low) const noexcept {
    low &= kMetaMask;
    const std::uint64_t x =
        (low ^ reinterpret_cast<std::uint64_t>(this) << 16 ^ header_key) * 0xbf58476d1ce4e5b9u;
    return low | x >> 48 << 48;
  }
  std::uint32_t freed_hash(std::uint64_t word) const noexcept {
    const std::uint64_t x =
        reinterpret_cast<std::uint64_t>(this) ^ word << 32 ^ word ^ (meta << 17 | meta >> 47) ^ header_key;
    return static_cast<std::uint32_t>(x * 0x94d049bb133111ebu >> 32);
  }

  void write_around(std::uint64_t check_word, GuardMeta made) noexcept {
    const std::uint64_t word = canary_of(check_word);
    meta = meta_word(word_of(made));
    canary = word;
    char* const at = block() + bytes();
    char* const last = end() - kRecordBytes;
    const std::uint64_t back = rotated(word, at);
    char* const middle = at + 16 <= last ? at + 8 : at;
    store_unaligned(at, back);
    store_unaligned(middle, back);
    store_unaligned(last - 8, word);
    store_unaligned(last, check_word ^ kRecordKey);
  }
};
static_assert(sizeof(GuardHeader) == kGuardHeaderBytes);
static_assert(kIncidentCalls <= 16);  // four bits say which call freed a block

}  // namespace weir
