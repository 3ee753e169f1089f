#include "shim/leak/findings_writer.hpp"

#include <cstring>

#include "core/pages.hpp"
#include "shim/abi/route_matches.hpp"
#include "shim/base/options.hpp"
#include "shim/base/sys.hpp"
#include "shim/base/zones.hpp"
#include "shim/route/routed_heap.hpp"
#include "shim/unwind/modules.hpp"
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

// One file in memory, sections appended behind each other.
class File {
 public:
  explicit File(std::uint64_t most) noexcept
      : start_(static_cast<char*>(table_zone.map(most))), most_(most) {}

  bool ok() const noexcept { return start_ != nullptr; }
  char* at(std::uint64_t offset) const noexcept { return start_ + offset; }
  std::uint64_t end() const noexcept { return end_; }

  // Room for `bytes`, aligned; the offset.
  std::uint64_t take(std::uint64_t bytes) noexcept {
    const std::uint64_t offset = round_up(end_, 8);
    end_ = offset + bytes <= most_ ? offset + bytes : end_;
    return offset;
  }

 private:
  char* start_;
  std::uint64_t most_;
  std::uint64_t end_ = 0;
};

constexpr std::uint64_t kPathRoom = 4096;

FindingsSection write_modules(File& file, FindingsSection& text) noexcept {
  const unsigned count = modules.count();
  const FindingsSection section{file.take(count * sizeof(FindingsModule)), count};
  text.offset = file.take(0);
  auto* out = reinterpret_cast<FindingsModule*>(file.at(section.offset));
  const auto add_text = [&](const char* from, std::uint64_t bytes) {
    std::memcpy(file.at(text.offset + text.count), from, bytes);
    text.count += bytes;
  };
  for (unsigned i = 1; i < count; ++i) {
    const Module& m = modules[i];
    FindingsModule& o = out[i];
    o.start = m.start;
    o.end = m.end;
    o.bias = m.bias;
    o.path_offset = text.count;
    o.flags = m.unloaded ? kModuleUnloaded : 0;
    o.build_id_bytes = m.build_id_bytes;
    std::memcpy(o.build_id, m.build_id, sizeof o.build_id);
    if (m.path_bytes != 0) {
      add_text(m.path, m.path_bytes);
    } else {
      char exe[kPathRoom];
      const long n =
          sys::call(SYS_readlink, sys::as_word("/proc/thread-self/exe"), sys::as_word(exe), sizeof exe);
      if (n > 0) add_text(exe, static_cast<std::uint64_t>(n));
    }
    o.path_bytes = static_cast<std::uint32_t>(text.count - o.path_offset);
  }
  file.take(text.count);
  return section;
}

FindingsSection write_options(File& file) noexcept {
  constexpr std::uint64_t kRoom = std::uint64_t{64} << 10;
  const std::uint64_t offset = file.take(kRoom);
  return {offset, print_options(options, file.at(offset), kRoom)};
}

FindingsSection write_routes(File& file) noexcept {
  const std::uint64_t offset = file.take(route_rules.count * sizeof(RouteName));
  std::uint64_t bytes = 0;
  for (unsigned i = 0; i < route_rules.count; ++i) {
    const RouteName name = route_name(route_rules, i);
    bytes += name.view().copy(file.at(offset + bytes), name.view().size());
    *file.at(offset + bytes++) = '\0';
  }
  return {offset, bytes};
}

// Which rule's route gave the block, from 1 on; 0 for the parent's.
std::uint32_t rule_number(const LiveBlock& block) noexcept {
  if (!routing) return 0;
  const unsigned rule = routed::rule_of_block(reinterpret_cast<const void*>(block.start()));
  return rule == kNoRule ? 0 : rule + 1;
}

FindingsSection write_command(File& file) noexcept {
  constexpr std::uint64_t kRoom = std::uint64_t{256} << 10;
  const std::uint64_t offset = file.take(kRoom);
  const int fd = sys::open("/proc/thread-self/cmdline", O_RDONLY | O_CLOEXEC);
  std::uint64_t have = 0;
  for (long got; fd >= 0 && (got = sys::read(fd, file.at(offset + have), kRoom - have)) > 0;) {
    have += static_cast<std::uint64_t>(got);
  }
  if (fd >= 0) sys::close(fd);
  return {offset, have};
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
    group.route = rule_number(b);
    if (!grouping.add(group)) return {};
  }

  const std::uint64_t most_frames = grouping.count() * options.malloc_context_size;
  File file(sizeof header + grouping.count() * sizeof(FindingsGroup) + most_frames * sizeof(FrameToken) +
            modules.count() * (sizeof(FindingsModule) + 2 * kPathRoom) + (std::uint64_t{1} << 20));
  if (!file.ok()) return {};
  file.take(sizeof header);
  header.modules = write_modules(file, header.text);
  header.options = write_options(file);
  header.command = write_command(file);
  header.routes = write_routes(file);
  header.groups = {file.take(grouping.count() * sizeof(FindingsGroup)), grouping.count()};
  header.frames.offset = file.take(0);
  auto* group = reinterpret_cast<FindingsGroup*>(file.at(header.groups.offset));
  auto* frames = reinterpret_cast<FrameToken*>(file.at(header.frames.offset));
  for (std::uint64_t i = 0; i < grouping.slots(); ++i) {
    if (grouping.slot(i).blocks == 0) continue;
    *group = grouping.slot(i);
    bool cut = false;
    group->first_frame = header.frames.count;
    group->frame_count = stack_depot.read(group->stack_id, frames + header.frames.count,
                                          static_cast<std::uint32_t>(options.malloc_context_size), &cut);
    header.frames.count += group->frame_count;
    const bool unknown = group->frame_count != 0 && frames[header.frames.count - 1] >> kFrameModuleShift == 0;
    group->flags = (cut ? kStackCut : 0) | (unknown && !cut ? kStackUnknown : 0);
    ++group;
  }
  file.take(header.frames.count * sizeof(FrameToken));
  header.file_bytes = file.end();
  std::memcpy(file.at(0), &header, sizeof header);
  return {reinterpret_cast<const FindingsHeader*>(file.at(0)),
          reinterpret_cast<const FindingsGroup*>(file.at(header.groups.offset)), frames};
}

}  // namespace weir
