// A batch program: parse a text, build a tree of small nodes and strings from it, read the tree, drop it node
// by node, repeat. Usage: batch ROUNDS KEPT
//
// KEPT names of each round outlive it in a table of twenty thousand, as in a program that interns strings or
// caches results. Prints the KiB that are resident after the tenth round and after the last.
#include <string>
#include <string_view>

#include "pick.hpp"

namespace {

struct Attribute {
  Attribute* next;
  char* key;
  char* value;
};

struct Node {
  Node* parent;
  Node* next;
  Node *first, *last;
  char* name;
  char* text;
  Attribute* attributes;
};

char* copy(std::string_view text) {
  char* const made = static_cast<char*>(std::malloc(text.size() + 1));
  std::memcpy(made, text.data(), text.size());
  made[text.size()] = '\0';
  return made;
}

template <typename T>
T* zeroed() {
  return static_cast<T*>(std::calloc(1, sizeof(T)));
}

// <name key="value" …>text<child>…</child></name>, without blanks where none are needed.
class Parser {
 public:
  explicit Parser(std::string_view text) : rest_(text) {}

  Node* document() {
    Node* const root = zeroed<Node>();
    Node* open = root;
    while (!rest_.empty()) {
      if (rest_.starts_with("</")) {
        until('>');
        open = open->parent;
      } else if (rest_.front() == '<') {
        rest_.remove_prefix(1);
        open = element(open);
      } else {
        open->text = copy(rest_.substr(0, rest_.find('<')));
        rest_.remove_prefix(std::strlen(open->text));
      }
    }
    return root;
  }

 private:
  // Takes what stands before the mark, and the mark.
  std::string_view until(char mark) {
    const std::size_t at = rest_.find(mark);
    const std::string_view taken = rest_.substr(0, at);
    rest_.remove_prefix(at + 1);
    return taken;
  }

  Node* element(Node* parent) {
    Node* const node = zeroed<Node>();
    node->parent = parent;
    (parent->last == nullptr ? parent->first : parent->last->next) = node;
    parent->last = node;
    const std::size_t end = rest_.find_first_of(" >");
    node->name = copy(rest_.substr(0, end));
    bool more = rest_[end] == ' ';
    rest_.remove_prefix(end + 1);
    while (more) {
      Attribute* const attribute = zeroed<Attribute>();
      attribute->key = copy(until('='));
      rest_.remove_prefix(1);
      attribute->value = copy(until('"'));
      attribute->next = node->attributes;
      node->attributes = attribute;
      more = rest_.front() == ' ';
      rest_.remove_prefix(1);
    }
    return node;
  }

  std::string_view rest_;
};

std::size_t letters(const Node* node) {
  std::size_t sum = node->text == nullptr ? 0 : std::strlen(node->text);
  for (const Attribute* a = node->attributes; a != nullptr; a = a->next) sum += std::strlen(a->value);
  for (const Node* child = node->first; child != nullptr; child = child->next) sum += letters(child);
  return sum;
}

void drop_tree(Node* node) {
  for (Node *child = node->first, *next; child != nullptr; child = next) {
    next = child->next;
    drop_tree(child);
  }
  for (Attribute *a = node->attributes, *next; a != nullptr; a = next) {
    next = a->next;
    std::free(a->key);
    std::free(a->value);
    std::free(a);
  }
  std::free(node->name);
  std::free(node->text);
  std::free(node);
}

void write(std::string& text, Pick& pick, int depth) {
  const std::string name = "element" + std::to_string(pick.below(40));
  text += "<" + name;
  for (std::size_t i = pick.below(4); i > 0; --i) {
    text += " key" + std::to_string(i) + "=\"" + std::string(4 + pick.below(40), 'v') + "\"";
  }
  text += ">" + std::string(1 + pick.below(100), 't');
  if (depth > 0) {
    for (int i = 0; i < 8; ++i) write(text, pick, depth - 1);
  }
  text += "</" + name + ">";
}

long resident() {
  long size = 0, pages = 0;
  FILE* const statm = std::fopen("/proc/self/statm", "re");
  if (statm == nullptr || std::fscanf(statm, "%ld %ld", &size, &pages) != 2) fail("no statm");
  std::fclose(statm);
  return pages * 4;
}

}  // namespace

int main(int argc, char** argv) {
  const long rounds = argument(argc, argv, 1), kept = argument(argc, argv, 2);
  Pick pick(11);
  std::string text;
  write(text, pick, 4);
  constexpr std::size_t kTable = 20000;
  static char* table[kTable];
  std::size_t expected = 0;
  long early = 0;
  for (long round = 1; round <= rounds; ++round) {
    Node* const root = Parser(text).document();
    const std::size_t sum = letters(root);
    if (expected == 0) expected = sum;
    if (sum != expected || sum == 0) fail("the tree is not what was built");
    const Node* node = root->first;
    for (long i = 0; i < kept; ++i) {
      char*& place = table[pick.below(kTable)];
      std::free(place);
      place = copy(node->name);
      node = node->next != nullptr ? node->next : node->first != nullptr ? node->first : root->first;
    }
    drop_tree(root);
    if (round == 10) early = resident();
  }
  std::printf("%ld %ld\n", early, resident());
}
