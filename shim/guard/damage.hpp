// What a damaged block looks like: which bytes are not what the guard wrote, and the report of it.
//
// All cold. Reading stays inside readable memory. Whatever on_error says, the block is to stay out of use.
#pragma once

#include <cstdint>

#include "shim/guard/guard_header.hpp"
#include "shim/guard/incident.hpp"

namespace weir {

// Header, fill and all of a block in the quarantine.
bool freed_block_is_whole(const GuardHeader& header) noexcept;

// Each of these says what there is to say about one kind of damage; report_incident is the caller's.

// Bytes that were written to a freed block.
void describe_freed_block(Incident& incident, const GuardHeader& header, IncidentOccasion occasion) noexcept;

// Bytes around a live block, whose header authenticates. `now` is the call that found it, or kNoStack.
void describe_live_block(Incident& incident, const GuardHeader& header, IncidentOccasion occasion,
                         IncidentCall call, StackId now) noexcept;

// A block whose header is overwritten: `block` is where it begins, `rest` what its header was. Where a block
// in front was written past its end, it is that block's overflow.
void describe_lost_header(Incident& incident, const char* block, const BlockHeader& rest,
                          IncidentOccasion occasion, IncidentCall call, StackId now) noexcept;

// The word behind a canary is the record of a block: what its check_word was; 0 for any other words.
std::uint64_t check_word_behind(const std::uint64_t* canary) noexcept;

// What the header of a block was, by the record behind it: from the block's start on, and from the record
// back. False when there is none.
bool recover_header(const char* block, BlockHeader& rest) noexcept;
const char* recover_block(const std::uint64_t* record, BlockHeader& rest) noexcept;

// For all reports: the block's facts, and the memory around `from`.
void describe_block(Incident& incident, const GuardHeader& header) noexcept;
void dump_around(Incident& incident, const GuardHeader* header, const char* from) noexcept;

IncidentCall call_of(Family family) noexcept;

// The nearest header at or before `at`, of a live or freed block, not further away than `reach`; or nullptr.
const GuardHeader* header_before(const char* at, std::uint64_t reach) noexcept;

}  // namespace weir
