#include "tools/json/json.hpp"

#include <nlohmann/json.hpp>

namespace weir {

Json::Json(JsonTree&& tree) : tree_(std::make_unique<JsonTree>(std::move(tree))) {}

Json Json::object() {
  return Json(JsonTree::object());
}

Json Json::array() {
  return Json(JsonTree::array());
}

Json::Json(bool value) : Json(JsonTree(value)) {}
Json::Json(double value) : Json(JsonTree(value)) {}
Json::Json(std::string_view value) : Json(JsonTree(value)) {}
Json::Json(const std::vector<std::string>& values) : Json(JsonTree(values)) {}
Json::Json(Signed number) : Json(JsonTree(number.value)) {}
Json::Json(Unsigned number) : Json(JsonTree(number.value)) {}

Json::Json(Json&& other) noexcept = default;
Json& Json::operator=(Json&& other) noexcept = default;
Json::~Json() = default;

Json& Json::set(std::string_view name, Json value) & {
  (*tree_)[std::string(name)] = std::move(*value.tree_);
  return *this;
}

Json&& Json::set(std::string_view name, Json value) && {
  return std::move(set(name, std::move(value)));
}

Json& Json::set_all(Json other) {
  for (auto& [name, value] : other.tree_->items()) (*tree_)[name] = std::move(value);
  return *this;
}

void Json::push(Json value) {
  tree_->push_back(std::move(*value.tree_));
}

std::string Json::text(int indentation) const {
  return tree_->dump(indentation, ' ', false, JsonTree::error_handler_t::replace);
}

std::string Json::line() const {
  return text(-1);
}

std::string Json::lines() const {
  return text(1);
}

bool JsonView::is_object() const {
  return value_->is_object();
}

bool JsonView::has(std::string_view name) const {
  return value_->contains(name);
}

JsonView JsonView::operator[](std::string_view name) const {
  const auto found = value_->is_object() ? value_->find(name) : value_->end();
  if (found == value_->end()) throw JsonError("there is no member " + std::string(name));
  return JsonView(*found);
}

std::vector<JsonView> JsonView::elements() const {
  if (!value_->is_array()) throw JsonError("no array");
  std::vector<JsonView> all;
  all.reserve(value_->size());
  for (const JsonTree& each : *value_) all.push_back(JsonView(each));
  return all;
}

const std::string& JsonView::string() const {
  const auto* text = value_->get_ptr<const std::string*>();
  if (text == nullptr) throw JsonError("no string");
  return *text;
}

bool JsonView::flag() const {
  if (!value_->is_boolean()) throw JsonError("neither true nor false");
  return value_->get<bool>();
}

std::int64_t JsonView::integer() const {
  if (!value_->is_number_integer()) throw JsonError("no whole number");
  return value_->get<std::int64_t>();
}

std::uint64_t JsonView::number() const {
  if (!value_->is_number_unsigned()) throw JsonError("no whole number");
  return value_->get<std::uint64_t>();
}

std::string JsonView::string_or(std::string_view name, const char* otherwise) const {
  return has(name) ? (*this)[name].string() : otherwise;
}

bool JsonView::flag_or(std::string_view name, bool otherwise) const {
  return has(name) ? (*this)[name].flag() : otherwise;
}

std::uint64_t JsonView::number_or(std::string_view name, std::uint64_t otherwise) const {
  return has(name) ? (*this)[name].number() : otherwise;
}

JsonDocument::JsonDocument(std::string_view text)
    : value_(std::make_unique<JsonTree>(JsonTree::parse(text, nullptr, false))) {
  if (value_->is_discarded()) throw JsonError("no JSON");
}

JsonDocument::~JsonDocument() = default;

JsonView JsonDocument::root() const {
  return JsonView(*value_);
}

}  // namespace weir
