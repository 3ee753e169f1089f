// JSON for the reports, without what nlohmann's header costs each file that includes it (five seconds of a compiler):
// json.cpp alone knows the library.
//
// Members keep the order in which they were set. Paths and arguments are bytes, JSON is UTF-8: what is none becomes
// U+FFFD when the text is made.
#pragma once

#include <concepts>
#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace weir {

using JsonTree = nlohmann::ordered_json;

// A value that is being made.
class Json {
 public:
  static Json object();
  static Json array();

  Json(bool value);
  Json(double value);
  Json(std::string_view value);
  Json(const std::string& value) : Json(std::string_view(value)) {}
  Json(const char* value) : Json(std::string_view(value)) {}
  Json(const std::vector<std::string>& values);
  template <std::signed_integral T>
  Json(T value) : Json(Signed{value}) {}
  template <std::unsigned_integral T>
  Json(T value) : Json(Unsigned{value}) {}

  Json(Json&& other) noexcept;
  Json& operator=(Json&& other) noexcept;
  ~Json();

  // Of an object: adds the member, or gives it another value. The reference is this object, for the next one.
  Json& set(std::string_view name, Json value) &;
  Json&& set(std::string_view name, Json value) &&;
  // Takes over the other object's members.
  Json& set_all(Json other);
  // Of an array.
  void push(Json value);

  // On one line, or indented by one column a level; no newline at the end.
  std::string line() const;
  std::string lines() const;

 private:
  struct Signed {
    std::int64_t value;
  };
  struct Unsigned {
    std::uint64_t value;
  };
  Json(Signed number);
  Json(Unsigned number);
  explicit Json(JsonTree&& tree);
  std::string text(int indentation) const;

  std::unique_ptr<JsonTree> tree_;  // null when it was moved from
};

// The text is no JSON, or lacks what was asked for.
struct JsonError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// A value that was read; it points into its document. Everything but has() throws JsonError where the value is not
// of that kind.
class JsonView {
 public:
  bool is_object() const;
  bool has(std::string_view name) const;

  JsonView operator[](std::string_view name) const;
  std::vector<JsonView> elements() const;
  const std::string& string() const;
  bool flag() const;
  std::int64_t integer() const;
  std::uint64_t number() const;  // not negative

  // Of an object: the member, or what it is when there is none.
  std::string string_or(std::string_view name, const char* otherwise) const;
  bool flag_or(std::string_view name, bool otherwise) const;
  std::uint64_t number_or(std::string_view name, std::uint64_t otherwise) const;

  // The member as a number that `into` can hold.
  template <std::integral T>
  void get(std::string_view name, T& into) const {
    const JsonView member = (*this)[name];
    if constexpr (std::unsigned_integral<T>) {
      into = narrow<T>(member.number());
    } else {
      into = narrow<T>(member.integer());
    }
  }

 private:
  friend class JsonDocument;

  template <typename T>
  static T narrow(auto value) {
    const auto number = static_cast<T>(value);
    if (number != value) throw JsonError("a number is too large");
    return number;
  }

  explicit JsonView(const JsonTree& value) : value_(&value) {}

  const JsonTree* value_;
};

class JsonDocument {
 public:
  // Throws JsonError when the text is no JSON.
  explicit JsonDocument(std::string_view text);
  ~JsonDocument();
  JsonDocument(const JsonDocument&) = delete;
  JsonDocument& operator=(const JsonDocument&) = delete;

  JsonView root() const;

 private:
  std::unique_ptr<JsonTree> value_;
};

}  // namespace weir
