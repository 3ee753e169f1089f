#include "tools/routes/function_names.hpp"

#include <algorithm>

#include "tools/symbols/demangle.hpp"

namespace weir {

namespace {

constexpr std::string_view kOperator = "operator";

bool is_of_identifier(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// How long the sign of an operator is that is called so at `at` (behind "operator"); 0 when it is a word.
std::size_t operator_sign(std::string_view name, std::size_t at) {
  const std::string_view rest = name.substr(at);
  if (rest.starts_with("()") || rest.starts_with("[]")) return 2;
  constexpr std::string_view kSigns = "<>=!+-*/%^&|~,";
  return std::min(rest.find_first_not_of(kSigns), rest.size());
}

bool operator_at(std::string_view name, std::size_t at) {
  return name.substr(at).starts_with(kOperator) && (at == 0 || !is_of_identifier(name[at - 1])) &&
         !(at + kOperator.size() < name.size() && is_of_identifier(name[at + kOperator.size()]));
}

// Calls `at_depth_0(position)` for each character outside of (…) <…> {…} [...]; operators' signs are passed
// over. Ends when that is false.
template <typename F>
void walk(std::string_view name, F&& at_depth_0) {
  int depth = 0;
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (operator_at(name, i)) {
      const std::size_t sign = operator_sign(name, i + kOperator.size());
      if (depth == 0 && !at_depth_0(i)) return;
      i += kOperator.size() + sign - 1;
      continue;
    }
    const char c = name[i];
    if (depth == 0 && !at_depth_0(i)) return;
    if (c == '(' || c == '<' || c == '{' || c == '[') ++depth;
    if ((c == ')' || c == '>' || c == '}' || c == ']') && depth != 0) --depth;
  }
}

// NAME without what gcc and clang add for a part or a copy of a function.
std::string_view without_clone_suffix(std::string_view name) {
  constexpr std::string_view kSuffixes[] = {".cold",      ".part.", ".constprop.", ".isra.",
                                            ".lto_priv.", ".llvm.", ".localalias"};
  for (const std::string_view suffix : kSuffixes) name = name.substr(0, name.find(suffix));
  return name;
}

}  // namespace

std::string without_parameters(std::string_view readable) {
  // The parameters are the last "(…)" that no "::" follows: "(anonymous namespace)::f(int)::{lambda()#1}".
  std::size_t begin = 0;
  std::size_t open = std::string_view::npos;
  bool blank_may_cut = true;
  walk(readable, [&](std::size_t i) {
    if (operator_at(readable, i)) blank_may_cut = false;  // "operator new", "operator bool"
    if (readable[i] == '(') open = i;
    if (readable[i] == ':') open = std::string_view::npos;
    if (readable[i] == ' ' && blank_may_cut && open == std::string_view::npos) begin = i + 1;
    return true;
  });
  if (open == std::string_view::npos) return std::string(readable);
  return std::string(readable.substr(begin, open - begin));
}

std::string without_template_arguments(std::string_view readable) {
  std::string bare;
  int depth = 0;
  for (std::size_t i = 0; i < readable.size(); ++i) {
    if (depth == 0 && operator_at(readable, i)) {
      const std::size_t length = kOperator.size() + operator_sign(readable, i + kOperator.size());
      bare.append(readable.substr(i, length));
      i += length - 1;
      continue;
    }
    if (readable[i] == '<') ++depth;
    if (depth == 0) bare += readable[i];
    if (readable[i] == '>' && depth != 0) --depth;
  }
  return bare;
}

std::vector<std::string> function_names(std::string_view linkage_name) {
  std::vector<std::string> names{std::string(linkage_name)};
  const auto add = [&](std::string name) {
    if (!name.empty() && std::ranges::find(names, name) == names.end()) names.push_back(std::move(name));
  };
  const std::string whole(without_clone_suffix(linkage_name));
  const std::string readable = demangle(whole.c_str());
  add(whole);
  add(readable);
  // Names of C have no parameters to take off.
  if (readable.find_first_of("(<") != std::string::npos) {
    add(without_parameters(readable));
    add(without_template_arguments(without_parameters(readable)));
  }
  return names;
}

bool matches_any(std::string_view pattern, const std::vector<std::string>& names) {
  return std::ranges::any_of(names, [&](const std::string& name) { return glob_matches(pattern, name); });
}

}  // namespace weir
