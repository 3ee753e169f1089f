#include "tools/suppressions/pattern.hpp"

namespace weir {

Pattern::Pattern(std::string_view text) : text_(text) {
  if (text.starts_with('^')) {
    at_begin_ = true;
    text.remove_prefix(1);
  }
  if (const std::size_t dollar = text.find('$'); dollar != std::string_view::npos) {
    at_end_ = true;
    text = text.substr(0, dollar);
  }
  if (text.starts_with('*')) at_begin_ = false;
  if (text.ends_with('*')) at_end_ = false;
  while (!text.empty()) {
    const std::size_t star = text.find('*');
    if (star != 0) pieces_.emplace_back(text.substr(0, star));
    text.remove_prefix(star == std::string_view::npos ? text.size() : star + 1);
  }
  if (pieces_.empty()) at_begin_ = at_end_ = false;
}

bool Pattern::matches(std::string_view text) const {
  if (text.empty()) return false;
  std::size_t first = 0;
  std::size_t last = pieces_.size();
  if (at_begin_) {
    if (!text.starts_with(pieces_.front())) return false;
    if (at_end_ && last == 1) return text == pieces_.front();
    text.remove_prefix(pieces_.front().size());
    ++first;
  }
  if (at_end_) {
    if (!text.ends_with(pieces_.back())) return false;
    text.remove_suffix(pieces_.back().size());
    --last;
  }
  for (; first < last; ++first) {
    const std::size_t at = text.find(pieces_[first]);
    if (at == std::string_view::npos) return false;
    text.remove_prefix(at + pieces_[first].size());
  }
  return true;
}

}  // namespace weir
