#include "tools/hunt/merge.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <tuple>

#include "tools/report/incident_text.hpp"

namespace weir {

namespace {

using Occasion = IncidentOccasion;

// The addresses of two runs differ, what they mean does not. Code that no module has, a JIT's, is one place.
std::string key_of(const Trace& trace) {
  std::string key;
  for (const Frame* frame : trace.frames) {
    if (frame->module->path.empty()) {
      key += "?\n";
    } else {
      fmt::format_to(std::back_inserter(key), "{}+{:x}\n", frame->module->path, frame->offset);
    }
  }
  return key;
}

bool is_found_at_once(const Incident& incident) {
  return incident.facts.occasion == Occasion::kAccess || incident.facts.occasion == Occasion::kCall;
}

// Which stack found it: for a check that runs sometime, none.
const Trace& finding_trace(const Incident& incident) {
  const Occasion occasion = incident.facts.occasion;
  const bool by_a_call =
      is_found_at_once(incident) || occasion == Occasion::kFree || occasion == Occasion::kRealloc;
  return by_a_call ? incident.now : incident.freed;
}

using Key = std::tuple<IncidentKind, bool, std::string, std::string>;

Key key_of(const Incident& incident) {
  return {incident.facts.kind, is_found_at_once(incident), key_of(incident.allocated),
          key_of(finding_trace(incident))};
}

void add_seen(std::vector<SeenBy>& to, const SeenBy& more) {
  const auto at = std::ranges::lower_bound(to, more.layout, {}, &SeenBy::layout);
  if (at != to.end() && at->layout == more.layout) {
    at->times += more.times;
  } else {
    to.insert(at, more);
  }
}

// Whether `access` may be what did the damage that was found later.
bool explains(const Incident& access, const Incident& damage) {
  const FindingsIncident& a = access.facts;
  const FindingsIncident& d = damage.facts;
  if (a.occasion != Occasion::kAccess || a.access == IncidentAccess::kRead || is_found_at_once(damage))
    return false;
  const auto offset = static_cast<std::int64_t>(a.address - a.block_address);
  const auto end = static_cast<std::int64_t>(static_cast<std::uint64_t>(d.damage_offset) + d.damage_bytes);
  return a.kind == d.kind && offset >= d.damage_offset && offset < end &&
         key_of(access.allocated) == key_of(damage.allocated);
}

}  // namespace

std::vector<Bug> merge_sightings(std::span<const Sighting> sightings) {
  std::map<Key, Bug> by_key;
  for (const Sighting& sighting : sightings) {
    const auto [entry, is_new] = by_key.try_emplace(key_of(sighting.incident));
    if (is_new) entry->second.incident = sighting.incident;
    add_seen(entry->second.seen, {sighting.layout, 1});
  }
  std::vector<Bug> bugs;
  for (const bool at_once : {true, false}) {
    for (auto& entry : by_key) {
      Bug& bug = entry.second;
      if (is_found_at_once(bug.incident) != at_once) continue;
      const auto cause = std::ranges::find_if(
          bugs, [&](const Bug& other) { return explains(other.incident, bug.incident); });
      if (cause == bugs.end()) {
        bugs.push_back(std::move(bug));
      } else {
        for (const SeenBy& seen : bug.seen) add_seen(cause->seen, seen);
      }
    }
  }
  std::ranges::stable_sort(bugs, {}, [](const Bug& bug) {
    return std::pair(bug.incident.facts.kind, incident_summary(bug.incident, {}));
  });
  return bugs;
}

}  // namespace weir
