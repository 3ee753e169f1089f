// LeakSanitizer's patterns: `*` is any text, `^` in front binds to the beginning, `$` behind to the end;
// without them the pattern may stand anywhere in the text.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace weir {

class Pattern {
 public:
  explicit Pattern(std::string_view text);

  // Empty text matches nothing: what is not known can't be suppressed by name.
  bool matches(std::string_view text) const;

  const std::string& text() const { return text_; }

 private:
  std::string text_;
  std::vector<std::string> pieces_;  // between the stars, none empty
  bool at_begin_ = false;            // the first piece begins the text
  bool at_end_ = false;              // the last piece ends it
};

}  // namespace weir
