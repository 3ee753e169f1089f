#include "shim/base/options.hpp"

#include "shim/abi/near_word.hpp"
#include "shim/abi/option_values.hpp"
#include "shim/base/say.hpp"

namespace weir {

constinit Options options;

namespace {

enum class Kind { kFlag, kNumber, kChoice, kText };

// One row of the table as data: where its value lives and what it may be.
struct OptionField {
  std::string_view name;
  Kind kind;
  std::size_t offset;
  std::uint64_t lowest, highest;
  std::string_view words;
};

constexpr OptionField kOptionFields[] = {
#define WEIR_FLAG(name, initial, sentence) {#name, Kind::kFlag, offsetof(Options, name), 0, 1, {}},
#define WEIR_NUMBER(name, initial, lowest, highest, sentence) \
  {#name, Kind::kNumber, offsetof(Options, name), lowest, highest, {}},
#define WEIR_CHOICE(name, initial, words, sentence) \
  {#name, Kind::kChoice, offsetof(Options, name), 0, 0, words},
#define WEIR_TEXT(name, initial, sentence) {#name, Kind::kText, offsetof(Options, name), 0, 0, {}},
#include "shim/abi/options.def"
#undef WEIR_FLAG
#undef WEIR_NUMBER
#undef WEIR_CHOICE
#undef WEIR_TEXT
};

template <typename T>
T& field(Options& o, const OptionField& row) noexcept {
  return *reinterpret_cast<T*>(reinterpret_cast<char*>(&o) + row.offset);
}

const OptionField& nearest_row(std::string_view name) noexcept {
  const OptionField* best = kOptionFields;
  for (const OptionField& row : kOptionFields) {
    if (word_distance(name, row.name) < word_distance(name, best->name)) best = &row;
  }
  return *best;
}

bool read_choice(std::string_view words, std::string_view text, unsigned& out) noexcept {
  for (unsigned index = 0; !words.empty(); ++index) {
    const std::size_t bar = words.find('|');
    if (words.substr(0, bar) == text) return out = index, true;
    words = bar == std::string_view::npos ? std::string_view{} : words.substr(bar + 1);
  }
  return false;
}

void say_allowed(Line& line, const OptionField& row) noexcept {
  switch (row.kind) {
    case Kind::kFlag:
      line.text("0 or 1");
      break;
    case Kind::kNumber:
      line.number(row.lowest).text(" to ").number(row.highest);
      break;
    case Kind::kChoice:
      line.text(row.words);
      break;
    case Kind::kText:
      line.text("at most 1023 bytes");
      break;
  }
}

bool assign(Options& into, const OptionField& row, std::string_view value) noexcept {
  switch (row.kind) {
    case Kind::kFlag:
      return read_flag(value, field<bool>(into, row));
    case Kind::kChoice:
      return read_choice(row.words, value, field<unsigned>(into, row));
    case Kind::kNumber: {
      std::uint64_t n;
      if (!read_number(value, n) || n < row.lowest || n > row.highest) return false;
      field<std::uint64_t>(into, row) = n;
      return true;
    }
    case Kind::kText: {
      if (value.size() >= kOptionTextRoom) return false;
      char* to = &field<char>(into, row);
      value.copy(to, value.size());
      to[value.size()] = '\0';
      return true;
    }
  }
  return false;
}

// One "key=value" pair. True when it was taken.
bool take(std::string_view pair, Options& into) noexcept {
  Line line;
  const std::size_t equals = pair.find('=');
  const std::string_view key = pair.substr(0, equals);
  const OptionField& row = nearest_row(key);
  if (row.name != key) {
    line.text("weir: WEIR_OPTIONS: unknown option '").text(key).text("', the nearest is '").text(row.name);
    line.text("'; ignored").say();
    return false;
  }
  if (equals == std::string_view::npos) {
    line.text("weir: WEIR_OPTIONS: option '").text(key).text("' needs a value (");
    say_allowed(line, row);
    line.text("); ignored").say();
    return false;
  }
  const std::string_view value = pair.substr(equals + 1);
  if (assign(into, row, value)) return true;
  line.text("weir: WEIR_OPTIONS: option '").text(key).text("' cannot be '").text(value.substr(0, 200));
  line.text("', it takes ");
  say_allowed(line, row);
  line.text("; ignored").say();
  return false;
}

}  // namespace

unsigned parse_options(std::string_view text, Options& into) noexcept {
  unsigned mistakes = 0;
  while (!text.empty()) {
    // Up to the next colon or blank outside quotes; quotes around a value are taken off.
    char pair[kOptionTextRoom + 64];
    std::size_t used = 0;
    std::size_t at = 0;
    char quote = '\0';
    for (; at < text.size(); ++at) {
      const char c = text[at];
      if (quote != '\0' ? c == quote : c == '\'' || c == '"') {
        quote = quote != '\0' ? '\0' : c;
        continue;
      }
      if (quote == '\0' && (c == ':' || c == ' ' || c == ',' || c == '\n' || c == '\t')) {
        // a comma only separates where a new key follows: only=a,b is one value
        if (c != ',' || text.substr(at + 1).find('=') < text.substr(at + 1).find_first_of(",: \n\t")) break;
      }
      if (used < sizeof pair) pair[used++] = c;
    }
    if (used != 0 && !take({pair, used}, into)) ++mistakes;
    text.remove_prefix(at < text.size() ? at + 1 : at);
  }
  return mistakes;
}

std::size_t print_options(const Options& from, char* to, std::size_t room) noexcept {
  std::size_t used = 0;
  const auto put = [&](std::string_view s) {
    for (const char c : s) {
      if (used < room) to[used] = c;
      ++used;
    }
  };
  Options& o = const_cast<Options&>(from);
  for (const OptionField& row : kOptionFields) {
    put(row.name);
    put("=");
    Line value;
    switch (row.kind) {
      case Kind::kFlag:
        put(field<bool>(o, row) ? "1" : "0");
        break;
      case Kind::kNumber:
        put(value.number(field<std::uint64_t>(o, row)).view());
        break;
      case Kind::kText:
        put(&field<char>(o, row));
        break;
      case Kind::kChoice: {
        std::string_view words = row.words;
        for (unsigned i = field<unsigned>(o, row); i != 0; --i) words.remove_prefix(words.find('|') + 1);
        put(words.substr(0, words.find('|')));
        break;
      }
    }
    put("\n");
  }
  return used;
}

}  // namespace weir
