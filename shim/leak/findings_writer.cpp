#include "shim/leak/findings_writer.hpp"

#include <cstring>

#include "shim/base/options.hpp"
#include "shim/base/zones.hpp"
#include "shim/leak/findings_file.hpp"
#include "shim/track/tags.hpp"
#include "shim/unwind/stack_depot.hpp"

namespace weir {
namespace {

// Groups under construction, by (stack, kind, lost_through, route); open addressing, at most half full.
class Grouping {
 public:
  // False when there is no memory.
  bool add(const FindingsGroup& what) noexcept {
    if (2 * count_ >= slots() && !grow()) return false;
    FindingsGroup& g = place_of(groups_, mask_, what);
    if (g.blocks == 0) {
      g = what;
      ++count_;
    } else {
      g.bytes += what.bytes;
      g.blocks += what.blocks;
    }
    return true;
  }

  std::uint64_t count() const noexcept { return count_; }
  std::uint64_t slots() const noexcept { return groups_ != nullptr ? mask_ + 1 : 0; }
  const FindingsGroup& slot(std::uint64_t i) const noexcept { return groups_[i]; }

 private:
  static FindingsGroup& place_of(FindingsGroup* groups, std::uint64_t mask,
                                 const FindingsGroup& of) noexcept {
    const std::uint64_t key = (std::uint64_t{of.lost_through} << 32) + of.stack_id * 4ull +
                              static_cast<unsigned>(of.kind) + (std::uint64_t{of.route} << 58);
    for (std::uint64_t i = key * 0x9e3779b97f4a7c15u >> 20;; ++i) {
      FindingsGroup& g = groups[i & mask];
      const bool same = g.stack_id == of.stack_id && g.kind == of.kind && g.lost_through == of.lost_through &&
                        g.route == of.route;
      if (g.blocks == 0 || same) return g;
    }
  }

  bool grow() noexcept {
    const std::uint64_t size = groups_ != nullptr ? 4 * slots() : 4096;
    auto* bigger = static_cast<FindingsGroup*>(table_zone.map(size * sizeof(FindingsGroup)));
    if (bigger == nullptr) return false;
    for (std::uint64_t i = 0; i < slots(); ++i) {
      if (groups_[i].blocks != 0) place_of(bigger, size - 1, groups_[i]) = groups_[i];
    }
    groups_ = bigger;
    mask_ = size - 1;
    return true;
  }

  FindingsGroup* groups_ = nullptr;
  std::uint64_t mask_ = 0;
  std::uint64_t count_ = 0;
};

LeakKind kind_of(BlockState state) noexcept {
  if (state == BlockState::kDirect) return LeakKind::kDirect;
  return state == BlockState::kIndirect ? LeakKind::kIndirect : LeakKind::kReachable;
}

// What lies under each tag.
void write_tag_totals(FindingsFile& file, FindingsHeader& header, LiveBlocks& blocks) noexcept {
  const std::uint64_t count = std::uint64_t{tag_count() - 1} * kLeakKinds;
  header.tag_totals = {file.take(count * sizeof(LeakTotals)), count};
  auto* const totals = reinterpret_cast<LeakTotals*>(file.at(header.tag_totals.offset));
  for (std::uint32_t i = 0; count != 0 && i < blocks.count(); ++i) {
    const LiveBlock& b = blocks[i];
    const BlockTag tag = stack_depot.tag_of_stack(b.header().stack());
    if (tag == kNoTag || b.header().family() == Family::kOwn) continue;
    LeakTotals& total = totals[(tag - 1u) * kLeakKinds + static_cast<unsigned>(kind_of(b.state()))];
    total.bytes += b.bytes();
    ++total.blocks;
  }
}

}  // namespace

Findings write_findings(LiveBlocks& blocks, Reachability& reachability, FindingsHeader header) noexcept {
  Grouping grouping;
  for (std::uint32_t i = 0; i < blocks.count(); ++i) {
    const LiveBlock& b = blocks[i];
    const LeakKind kind = kind_of(b.state());
    if (b.header().family() == Family::kOwn) continue;
    LeakTotals& total = header.totals[static_cast<unsigned>(kind)];
    total.bytes += b.bytes();
    ++total.blocks;
    if (kind == LeakKind::kReachable && !options.show_reachable) continue;
    const StackId through =
        kind == LeakKind::kIndirect ? blocks[reachability.leader_of(i)].header().stack() : kNoStack;
    FindingsGroup group{};
    group.kind = kind;
    group.stack_id = b.header().stack();
    group.lost_through = through;
    group.bytes = b.bytes();
    group.blocks = 1;
    group.route = rule_number_of(reinterpret_cast<const void*>(b.start()));
    if (!grouping.add(group)) return {};
  }

  const std::uint64_t most_frames = grouping.count() * options.malloc_context_size;
  FindingsFile file(sizeof header + grouping.count() * sizeof(FindingsGroup) +
                    most_frames * sizeof(FrameToken) + room_for_common_sections());
  if (!file.ok()) return {};
  file.take(sizeof header);
  write_common_sections(file, header);
  write_tag_totals(file, header, blocks);
  header.groups = {file.take(grouping.count() * sizeof(FindingsGroup)), grouping.count()};
  header.frames.offset = file.take(0);
  auto* group = reinterpret_cast<FindingsGroup*>(file.at(header.groups.offset));
  for (std::uint64_t i = 0; i < grouping.slots(); ++i) {
    if (grouping.slot(i).blocks == 0) continue;
    *group = grouping.slot(i);
    const WrittenStack stack = write_stack(file, header, group->stack_id);
    group->first_frame = stack.first_frame;
    group->frame_count = stack.frame_count;
    group->flags = stack.flags;
    group->tag = stack.tag;
    ++group;
  }
  file.take(header.frames.count * sizeof(FrameToken));
  header.file_bytes = file.end();
  std::memcpy(file.at(0), &header, sizeof header);
  return {reinterpret_cast<const FindingsHeader*>(file.at(0)),
          reinterpret_cast<const FindingsGroup*>(file.at(header.groups.offset)),
          reinterpret_cast<const FrameToken*>(file.at(header.frames.offset))};
}

}  // namespace weir
