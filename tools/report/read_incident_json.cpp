// The way back from incident_json.cpp's objects. What is wrong in them ends as a JsonError, which
// read_incident_json turns into nothing.
#include <charconv>

#include "tools/report/incident_json.hpp"
#include "tools/report/incident_words.hpp"

namespace weir {

namespace {

std::uint64_t from_hex(std::string_view text) {
  std::uint64_t number = 0;
  if (!text.starts_with("0x")) throw JsonError("no hexadecimal number");
  text.remove_prefix(2);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, 16);
  if (error != std::errc() || end != text.data() + text.size()) throw JsonError("no number");
  return number;
}

std::uint64_t address_in(const JsonView& json, const char* name) {
  return from_hex(json[name].string());
}

template <typename Enum>
Enum enum_in(const JsonView& json, const char* name, std::span<const std::string_view> words) {
  const auto found = from_word<Enum>(words, json[name].string());
  if (!found) throw JsonError(name);
  return *found;
}

template <typename Enum>
void take_enum(const JsonView& json, const char* name, std::span<const std::string_view> words, Enum& into) {
  if (json.has(name)) into = enum_in<Enum>(json, name, words);
}

const Frame* read_frame(const JsonView& json, FramePool& pool) {
  const ModuleName module{json.string_or("module", ""), json.string_or("build_id", ""),
                          json.flag_or("unloaded", false)};
  SourceFrame source{json.string_or("function", ""), json.string_or("file", ""),
                     static_cast<unsigned>(json.number_or("line", 0)),
                     static_cast<unsigned>(json.number_or("column", 0)), json.flag_or("inlined", false)};
  const std::uint64_t offset = json.has("offset") ? address_in(json, "offset") : 0;
  return pool.add({address_in(json, "address"), offset, pool.module(module), {std::move(source)}});
}

Trace read_trace(const JsonView& stacks, const char* name, FramePool& pool) {
  if (!stacks.has(name)) return {};
  const JsonView json = stacks[name];
  Trace trace;
  for (const JsonView& frame : json["frames"].elements()) trace.frames.push_back(read_frame(frame, pool));
  trace.flags =
      (json["stack_cut"].flag() ? kStackCut : 0) | (json["stack_unknown"].flag() ? kStackUnknown : 0);
  json.get("thread", trace.thread);
  json.get("tid", trace.tid);
  trace.thread_name = json["name"].string();
  json.get("age_ns", trace.age_ns);
  trace.tag = json.string_or("tag", "");
  return trace;
}

void read_block(const JsonView& json, Incident& incident) {
  FindingsIncident& facts = incident.facts;
  facts.block_address = address_in(json, "address");
  json.get("bytes", facts.block_bytes);
  json.get("alignment", facts.block_alignment);
  json.get("generation", facts.generation);
  facts.block_is_freed = json["freed"].flag() ? 1 : 0;
  take_enum(json, "made_by", kHeapCallWords, facts.made_by);
  take_enum(json, "freed_by", kHeapCallWords, facts.freed_by);
  incident.route = json.string_or("route", "");
}

void read_dump(const JsonView& json, Incident& incident) {
  const std::string& bytes = json["bytes"].string();
  const std::string& marks = json["marks"].string();
  if (bytes.size() != 2 * marks.size()) throw JsonError("dump");
  incident.facts.dump_address = address_in(json, "address");
  incident.facts.dump_bytes = marks.size();
  for (std::size_t i = 0; i < marks.size(); ++i) {
    incident.dump.push_back(static_cast<std::uint8_t>(from_hex("0x" + bytes.substr(2 * i, 2))));
    const std::size_t mark = kMarkLetters.find(marks[i]);
    if (mark == kMarkLetters.npos) throw JsonError("marks");
    incident.marks.push_back(static_cast<DumpMark>(mark));
  }
}

void read_facts(const JsonView& json, Incident& incident) {
  FindingsIncident& facts = incident.facts;
  facts.kind = enum_in<IncidentKind>(json, "kind", kKindWords);
  if (json.string_or("detail", "") == "alignment") facts.kind = IncidentKind::kAlignMismatch;
  facts.occasion = enum_in<IncidentOccasion>(json, "occasion", kOccasionWords);
  take_enum(json, "access", kAccessWords, facts.access);
  take_enum(json, "call", kHeapCallWords, facts.call);
  take_enum(json, "place", kPlaceWords, facts.place);
  facts.address = address_in(json, "address");
  if (json.has("block")) read_block(json["block"], incident);
  if (json.has("damage")) {
    const JsonView damage = json["damage"];
    damage.get("offset", facts.damage_offset);
    damage.get("bytes", facts.damage_bytes);
    damage.get("count", facts.damaged_count);
  }
  facts.given_size = json.number_or("given_size", 0);
  facts.given_alignment = json.number_or("given_alignment", 0);
  facts.given_count = json.number_or("given_count", 0);
  if (json.has("neighbour")) {
    facts.neighbour_address = address_in(json["neighbour"], "address");
    json["neighbour"].get("bytes", facts.neighbour_bytes);
  }
  if (json.has("dump")) read_dump(json["dump"], incident);
}

}  // namespace

std::optional<Incident> read_incident_json(std::string_view text, FramePool& pool) {
  try {
    const JsonDocument document(text);
    const JsonView json = document.root();
    Incident incident;
    json.get("pid", incident.pid);
    json.get("context_size", incident.context_size);
    incident.signal = static_cast<std::uint32_t>(json.number_or("signal", 0));
    incident.place_module = json.string_or("place_module", "");
    read_facts(json, incident);
    const JsonView stacks = json["stacks"];
    incident.now = read_trace(stacks, "now", pool);
    incident.freed = read_trace(stacks, "freed", pool);
    incident.allocated = read_trace(stacks, "allocated", pool);
    incident.neighbour = read_trace(stacks, "neighbour", pool);
    return incident;
  } catch (const JsonError&) {
    return std::nullopt;
  }
}

}  // namespace weir
