#include "tools/options/split.hpp"

namespace weir {

namespace {

constexpr std::string_view kSeparators = ": \n\t";
constexpr std::string_view kNeedQuotes = ":, \n\t'\"";

bool is_quote(char c) {
  return c == '\'' || c == '"';
}

bool separates(std::string_view text, std::size_t at) {
  if (kSeparators.find(text[at]) != std::string_view::npos) return true;
  if (text[at] != ',') return false;
  const std::string_view rest = text.substr(at + 1);
  return rest.find('=') < rest.find_first_of(",: \n\t");
}

// The quote that is open at the end of the text, or 0.
char open_quote(std::string_view text) {
  char quote = '\0';
  for (const char c : text) {
    if (quote == '\0' ? is_quote(c) : c == quote) quote = quote == '\0' ? c : '\0';
  }
  return quote;
}

}  // namespace

OptionPair split_pair(std::string_view pair) {
  const std::size_t equals = pair.find('=');
  if (equals == std::string_view::npos) return {std::string(pair), {}, false};
  return {std::string(pair.substr(0, equals)), std::string(pair.substr(equals + 1)), true};
}

std::vector<OptionPair> split_options(std::string_view text) {
  std::vector<OptionPair> pairs;
  std::string pair;
  char quote = '\0';
  for (std::size_t at = 0; at <= text.size(); ++at) {
    if (at == text.size() || (quote == '\0' && separates(text, at))) {
      if (!pair.empty()) pairs.push_back(split_pair(pair));
      pair.clear();
      continue;
    }
    const char c = text[at];
    if (quote == '\0' ? is_quote(c) : c == quote) {
      quote = quote == '\0' ? c : '\0';
    } else {
      pair += c;
    }
  }
  return pairs;
}

std::string join_option(std::string_view key, std::string_view value) {
  std::string text(key);
  text += '=';
  if (value.find_first_of(kNeedQuotes) == std::string_view::npos) return text.append(value);
  // Stretches without a single quote stand in single quotes, single quotes in double ones.
  char open = '\0';
  for (const char c : value) {
    const char wanted = c == '\'' ? '"' : '\'';
    if (open != wanted) {
      if (open != '\0') text += open;
      text += wanted;
      open = wanted;
    }
    text += c;
  }
  text += open;
  return text;
}

std::string join_option_texts(std::string_view before, std::string_view after) {
  std::string text(before);
  if (after.empty()) return text;
  if (const char quote = open_quote(before); quote != '\0') text += quote;
  if (!text.empty()) text += ':';
  return text.append(after);
}

}  // namespace weir
