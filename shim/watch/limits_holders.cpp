#include "shim/watch/limits_holders.hpp"

#include <algorithm>
#include <cstring>

#include "shim/base/options.hpp"
#include "shim/base/zones.hpp"
#include "shim/leak/findings_file.hpp"
#include "shim/leak/live_blocks.hpp"
#include "shim/leak/memory_map.hpp"
#include "shim/life/process.hpp"
#include "shim/life/thread_names.hpp"
#include "shim/life/thread_state.hpp"
#include "shim/watch/block_words.hpp"
#include "shim/watch/limits.hpp"

namespace weir::limits {
namespace {

constexpr std::uint64_t kMostHolders = 64;

struct Holder {
  StackId stack;
  std::uint32_t route;
  std::uint64_t bytes, blocks;
};

struct Holders {
  Holder* first;
  std::uint64_t count;
};

bool is_counted(const Excess& excess, const LiveBlock& block) noexcept {
  if (block.header().family() == Family::kOwn) return false;
  if (excess.rule.kind != LimitKind::kLive) return true;
  const std::uint64_t word = block_words::peek(reinterpret_cast<const void*>(block.start()));
  return (word >> (kBytesBits + excess.number) & 1) != 0;
}

// Largest first; `first` is nullptr when there is no memory.
Holders find_holders(const Excess& excess, LiveBlocks& blocks) noexcept {
  auto* holders = static_cast<Holder*>(table_zone.map((std::uint64_t{blocks.count()} + 1) * sizeof(Holder)));
  if (holders == nullptr) return {nullptr, 0};
  std::uint64_t found = 0;
  for (std::uint32_t i = 0; i < blocks.count(); ++i) {
    const LiveBlock& b = blocks[i];
    if (!is_counted(excess, b)) continue;
    holders[found++] = {b.header().stack(), rule_number_of(reinterpret_cast<const void*>(b.start())),
                        b.bytes(), 1};
  }
  const auto place = [](const Holder& h) { return std::uint64_t{h.stack} << 8 | h.route; };
  std::sort(holders, holders + found, [&](const Holder& a, const Holder& b) { return place(a) < place(b); });
  std::uint64_t count = 0;
  for (std::uint64_t i = 0; i < found; ++i) {
    if (count != 0 && place(holders[count - 1]) == place(holders[i])) {
      holders[count - 1].bytes += holders[i].bytes;
      ++holders[count - 1].blocks;
    } else {
      holders[count++] = holders[i];
    }
  }
  std::sort(holders, holders + count, [](const Holder& a, const Holder& b) { return a.bytes > b.bytes; });
  return {holders, count};
}

FindingsHeader begin_header(const Holders& holders) noexcept {
  FindingsHeader h{};
  std::memcpy(h.magic, kFindingsMagic, sizeof h.magic);
  h.version = kFindingsVersion;
  h.header_bytes = sizeof h;
  h.pid = static_cast<std::uint32_t>(this_process());
  h.reason = CheckReason::kLimit;
  h.context_size = static_cast<std::uint32_t>(options.malloc_context_size);
  LeakTotals& total = h.totals[static_cast<unsigned>(LeakKind::kReachable)];
  for (std::uint64_t i = 0; i < holders.count; ++i) {
    total.bytes += holders.first[i].bytes;
    total.blocks += holders.first[i].blocks;
  }
  return h;
}

void describe_request(FindingsFile& file, FindingsHeader& header, IncidentStack& to, StackId stack) noexcept {
  const WrittenStack written = write_stack(file, header, stack);
  to.first_frame = written.first_frame;
  to.frame_count = written.frame_count;
  to.flags = written.flags;
  if (this_thread == nullptr) return;
  const ThreadIdentity who = thread_identity(this_thread->number);
  to.thread = this_thread->number;
  to.tid = static_cast<std::uint32_t>(who.tid);
  std::memcpy(to.thread_name, who.name, sizeof to.thread_name);
  to.thread_name[sizeof to.thread_name - 1] = '\0';
}

const FindingsHeader* write_file(const Excess& excess, const Holders& holders, StackId stack) noexcept {
  const std::uint64_t groups = holders.count < kMostHolders ? holders.count : kMostHolders;
  FindingsFile file(sizeof(FindingsHeader) + sizeof(FindingsLimit) + groups * sizeof(FindingsGroup) +
                    (groups + 1) * options.malloc_context_size * sizeof(FrameToken) +
                    room_for_common_sections());
  if (!file.ok()) return nullptr;
  FindingsHeader header = begin_header(holders);
  file.take(sizeof header);
  write_common_sections(file, header);
  const std::uint64_t words = file.take(excess.rule.text.size());
  excess.rule.text.copy(file.at(words), excess.rule.text.size());
  header.limits = {file.take(sizeof(FindingsLimit)), 1};
  header.groups = {file.take(groups * sizeof(FindingsGroup)), groups};
  header.frames.offset = file.take(0);
  auto& limit = *reinterpret_cast<FindingsLimit*>(file.at(header.limits.offset));
  limit.kind = static_cast<std::uint32_t>(excess.rule.kind);
  limit.aborts = excess.rule.action == LimitAction::kAbort ? 1 : 0;
  limit.limit_bytes = excess.rule.bytes;
  limit.now_bytes = excess.now;
  limit.request_bytes = excess.bytes;
  limit.rule_offset = words;
  limit.rule_bytes = static_cast<std::uint32_t>(excess.rule.text.size());
  limit.call = excess.call;
  limit.stacks = holders.count;
  describe_request(file, header, limit.now, stack);
  auto* group = reinterpret_cast<FindingsGroup*>(file.at(header.groups.offset));
  for (std::uint64_t i = 0; i < groups; ++i) {
    const Holder& holder = holders.first[i];
    const WrittenStack written = write_stack(file, header, holder.stack);
    group[i] = {LeakKind::kReachable,
                holder.stack,
                holder.bytes,
                holder.blocks,
                written.first_frame,
                written.frame_count,
                written.flags,
                0,
                holder.route,
                written.tag,
                0};
  }
  file.take(header.frames.count * sizeof(FrameToken));
  header.file_bytes = file.end();
  std::memcpy(file.at(0), &header, sizeof header);
  return reinterpret_cast<const FindingsHeader*>(file.at(0));
}

}  // namespace

const FindingsHeader* write_holders(const Excess& excess, StackId stack) noexcept {
  LiveBlocks blocks;
  PageMap pages;
  const MemoryMap map = read_memory_map();
  if (!blocks.collect(map, pages)) return nullptr;
  const Holders holders = find_holders(excess, blocks);
  return holders.first != nullptr ? write_file(excess, holders, stack) : nullptr;
}

}  // namespace weir::limits
