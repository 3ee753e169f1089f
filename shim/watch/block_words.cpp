#include "shim/watch/block_words.hpp"

#include "shim/base/sys.hpp"

namespace weir::block_words {

constinit std::atomic<std::atomic<Word*>*> directory{nullptr};

bool start() noexcept {
  if (directory.load(std::memory_order_acquire) != nullptr) return true;
  auto* pieces = static_cast<std::atomic<Word*>*>(table_zone.map(kPieces * sizeof(void*)));
  if (pieces == nullptr) return false;
  std::atomic<Word*>* none = nullptr;
  directory.compare_exchange_strong(none, pieces, std::memory_order_acq_rel);
  return true;
}

__attribute__((noinline, cold)) Word* make_piece(std::uint64_t address) noexcept {
  auto* pieces = directory.load(std::memory_order_acquire);
  if (pieces == nullptr || address - kLow >= kSpan) return nullptr;
  std::atomic<Word*>& piece = pieces[(address - kLow) >> kPieceShift];
  constexpr std::uint64_t kBytes = sizeof(Word) << (kPieceShift - kGrainShift);
  auto* words = static_cast<Word*>(table_zone.map(kBytes));
  Word* found = nullptr;
  if (words == nullptr || piece.compare_exchange_strong(found, words, std::memory_order_acq_rel))
    return words;
  sys::call(SYS_munmap, sys::as_word(words), kBytes);
  return found;
}

}  // namespace weir::block_words
