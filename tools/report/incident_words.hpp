// The words of the guard's reports. A report's first line is an interface: people's scripts read it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "shim/abi/incident_words.hpp"
#include "tools/report/incidents.hpp"

namespace weir {

// By the number of the enumerator.
inline constexpr std::string_view kOccasionWords[kIncidentOccasions] = {
    "call", "free", "realloc", "quarantine", "exit", "signal", "periodic", "access", "crash"};
inline constexpr std::string_view kMarkLetters = ".bcd?";  // of a dump, by the number of the DumpMark
inline constexpr std::string_view kAccessWords[] = {"access", "read", "write"};
inline constexpr std::string_view kPlaceWords[kIncidentPlaces] = {
    "block", "stack", "static", "inside-block", "inside-freed-block", "heap", "other-mapping", "unmapped"};
template <typename Enum>
std::string_view word_of(std::span<const std::string_view> words, Enum value) {
  return words[static_cast<std::size_t>(value)];
}

// Nothing when it is none of them.
template <typename Enum>
std::optional<Enum> from_word(std::span<const std::string_view> words, std::string_view word) {
  const auto found = std::ranges::find(words, word);
  if (found == words.end()) return std::nullopt;
  return static_cast<Enum>(found - words.begin());
}

inline std::string_view kind_word(const Incident& incident) {
  return word_of(kKindWords, incident.facts.kind);
}

// The first line behind "weir: ": "double-free: free of a freed block of 16 byte(s)".
std::string incident_line(const Incident& incident);

// The stack that tells most about who did it: of the call or access where that is the fault, else of the free
// or the allocation of the block that was damaged some time before.
const Trace& telling_trace(const Incident& incident);

// "thread T1 'name' (tid 123)"
std::string thread_text(const Trace& trace);

// "1.2 ms"; ages are known to a tenth of a millisecond
std::string duration_text(std::uint64_t ns);

}  // namespace weir
