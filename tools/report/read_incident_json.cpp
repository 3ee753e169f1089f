// The way back from incident_json.cpp's objects. What is wrong in them ends as nlohmann's exception or ours,
// which read_incident_json turns into nothing.
#include <charconv>
#include <stdexcept>

#include "tools/report/incident_json.hpp"
#include "tools/report/incident_words.hpp"

namespace weir {

namespace {

using Json = nlohmann::json;

constexpr std::string_view kMarkLetters = ".bcd?";  // by the number of the DumpMark

std::uint64_t from_hex(std::string_view text) {
  std::uint64_t number = 0;
  if (!text.starts_with("0x")) throw std::invalid_argument("no hexadecimal number");
  text.remove_prefix(2);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, 16);
  if (error != std::errc() || end != text.data() + text.size()) throw std::invalid_argument("no number");
  return number;
}

std::uint64_t address_in(const Json& json, const char* name) {
  return from_hex(json.at(name).get_ref<const std::string&>());
}

template <typename Enum>
Enum enum_in(const Json& json, const char* name, std::span<const std::string_view> words) {
  const auto found = from_word<Enum>(words, json.at(name).get_ref<const std::string&>());
  if (!found) throw std::invalid_argument(name);
  return *found;
}

template <typename Enum>
void take_enum(const Json& json, const char* name, std::span<const std::string_view> words, Enum& into) {
  if (json.contains(name)) into = enum_in<Enum>(json, name, words);
}

const Frame* read_frame(const Json& json, FramePool& pool) {
  const ModuleName module{json.value("module", ""), json.value("build_id", ""),
                          json.value("unloaded", false)};
  SourceFrame source{json.value("function", ""), json.value("file", ""), json.value("line", 0u),
                     json.value("column", 0u), json.value("inlined", false)};
  const std::uint64_t offset = json.contains("offset") ? address_in(json, "offset") : 0;
  return pool.add({address_in(json, "address"), offset, pool.module(module), {std::move(source)}});
}

Trace read_trace(const Json& stacks, const char* name, FramePool& pool) {
  if (!stacks.contains(name)) return {};
  const Json& json = stacks.at(name);
  Trace trace;
  for (const Json& frame : json.at("frames")) trace.frames.push_back(read_frame(frame, pool));
  trace.flags = (json.at("stack_cut").get<bool>() ? kStackCut : 0) |
                (json.at("stack_unknown").get<bool>() ? kStackUnknown : 0);
  json.at("thread").get_to(trace.thread);
  json.at("tid").get_to(trace.tid);
  json.at("name").get_to(trace.thread_name);
  json.at("age_ns").get_to(trace.age_ns);
  return trace;
}

void read_block(const Json& json, Incident& incident) {
  FindingsIncident& facts = incident.facts;
  facts.block_address = address_in(json, "address");
  json.at("bytes").get_to(facts.block_bytes);
  json.at("alignment").get_to(facts.block_alignment);
  json.at("generation").get_to(facts.generation);
  facts.block_is_freed = json.at("freed").get<bool>() ? 1 : 0;
  take_enum(json, "made_by", kHeapCallWords, facts.made_by);
  take_enum(json, "freed_by", kHeapCallWords, facts.freed_by);
  incident.route = json.value("route", "");
}

void read_dump(const Json& json, Incident& incident) {
  const auto& bytes = json.at("bytes").get_ref<const std::string&>();
  const auto& marks = json.at("marks").get_ref<const std::string&>();
  if (bytes.size() != 2 * marks.size()) throw std::invalid_argument("dump");
  incident.facts.dump_address = address_in(json, "address");
  incident.facts.dump_bytes = marks.size();
  for (std::size_t i = 0; i < marks.size(); ++i) {
    incident.dump.push_back(static_cast<std::uint8_t>(from_hex("0x" + bytes.substr(2 * i, 2))));
    const std::size_t mark = kMarkLetters.find(marks[i]);
    if (mark == kMarkLetters.npos) throw std::invalid_argument("marks");
    incident.marks.push_back(static_cast<DumpMark>(mark));
  }
}

void read_facts(const Json& json, Incident& incident) {
  FindingsIncident& facts = incident.facts;
  facts.kind = enum_in<IncidentKind>(json, "kind", kKindWords);
  if (json.value("detail", "") == "alignment") facts.kind = IncidentKind::kAlignMismatch;
  facts.occasion = enum_in<IncidentOccasion>(json, "occasion", kOccasionWords);
  take_enum(json, "access", kAccessWords, facts.access);
  take_enum(json, "call", kHeapCallWords, facts.call);
  take_enum(json, "place", kPlaceWords, facts.place);
  facts.address = address_in(json, "address");
  if (json.contains("block")) read_block(json.at("block"), incident);
  if (json.contains("damage")) {
    const Json& damage = json.at("damage");
    damage.at("offset").get_to(facts.damage_offset);
    damage.at("bytes").get_to(facts.damage_bytes);
    damage.at("count").get_to(facts.damaged_count);
  }
  facts.given_size = json.value("given_size", std::uint64_t{0});
  facts.given_alignment = json.value("given_alignment", std::uint64_t{0});
  facts.given_count = json.value("given_count", std::uint64_t{0});
  if (json.contains("neighbour")) {
    facts.neighbour_address = address_in(json.at("neighbour"), "address");
    json.at("neighbour").at("bytes").get_to(facts.neighbour_bytes);
  }
  if (json.contains("dump")) read_dump(json.at("dump"), incident);
}

}  // namespace

std::optional<Incident> read_incident_json(std::string_view text, FramePool& pool) {
  try {
    const Json json = Json::parse(text);
    Incident incident;
    json.at("pid").get_to(incident.pid);
    json.at("context_size").get_to(incident.context_size);
    incident.signal = json.value("signal", 0u);
    incident.place_module = json.value("place_module", "");
    read_facts(json, incident);
    const Json& stacks = json.at("stacks");
    incident.now = read_trace(stacks, "now", pool);
    incident.freed = read_trace(stacks, "freed", pool);
    incident.allocated = read_trace(stacks, "allocated", pool);
    incident.neighbour = read_trace(stacks, "neighbour", pool);
    return incident;
  } catch (const Json::exception&) {
    return std::nullopt;
  } catch (const std::invalid_argument&) {
    return std::nullopt;
  }
}

}  // namespace weir
