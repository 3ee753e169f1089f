#include "shim/leak/findings_file.hpp"

#include <cstring>

#include "core/pages.hpp"
#include "shim/abi/route_matches.hpp"
#include "shim/base/options.hpp"
#include "shim/base/sys.hpp"
#include "shim/leak/memory_map.hpp"
#include "shim/life/program_name.hpp"
#include "shim/route/routed_heap.hpp"
#include "shim/track/tags.hpp"
#include "shim/unwind/modules.hpp"
#include "shim/unwind/stack_depot.hpp"

namespace weir {
namespace {

constexpr std::uint64_t kLongestPath = 4096;

FindingsSection write_modules(FindingsFile& file, FindingsSection& text) noexcept {
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
      add_text(program_file().data(), program_file().size());
    }
    o.path_bytes = static_cast<std::uint32_t>(text.count - o.path_offset);
  }
  file.take(text.count);
  return section;
}

FindingsSection write_options(FindingsFile& file) noexcept {
  constexpr std::uint64_t kRoom = std::uint64_t{64} << 10;
  const std::uint64_t offset = file.take(kRoom);
  return {offset, print_options(options, file.at(offset), kRoom)};
}

FindingsSection write_routes(FindingsFile& file) noexcept {
  const std::uint64_t offset = file.take(route_rules.count * sizeof(RouteName));
  std::uint64_t bytes = 0;
  for (unsigned i = 0; i < route_rules.count; ++i) {
    const RouteName name = route_name(route_rules, i);
    bytes += name.view().copy(file.at(offset + bytes), name.view().size());
    *file.at(offset + bytes++) = '\0';
  }
  return {offset, bytes};
}

FindingsSection write_tags(FindingsFile& file) noexcept {
  const unsigned count = tag_count();
  const std::uint64_t offset = file.take(count * (kMostTagBytes + 1));
  std::uint64_t bytes = 0;
  for (unsigned tag = 1; tag < count; ++tag) {
    const std::string_view name = name_of_tag(static_cast<BlockTag>(tag));
    bytes += name.copy(file.at(offset + bytes), name.size());
    *file.at(offset + bytes++) = '\0';
  }
  return {offset, bytes};
}

FindingsSection write_command(FindingsFile& file) noexcept {
  constexpr std::uint64_t kRoom = std::uint64_t{256} << 10;
  const std::uint64_t offset = file.take(kRoom);
  const int fd = open_own("cmdline");
  std::uint64_t have = 0;
  for (long got; fd >= 0 && (got = sys::read(fd, file.at(offset + have), kRoom - have)) > 0;) {
    have += static_cast<std::uint64_t>(got);
  }
  if (fd >= 0) sys::close(fd);
  return {offset, have};
}

}  // namespace

std::uint64_t FindingsFile::take(std::uint64_t bytes) noexcept {
  const std::uint64_t offset = round_up(end_, 8);
  end_ = offset + bytes <= most_ ? offset + bytes : end_;
  return offset;
}

std::uint64_t room_for_common_sections() noexcept {
  return modules.count() * (sizeof(FindingsModule) + 2 * kLongestPath) + (std::uint64_t{1} << 20) +
         tag_count() * (kMostTagBytes + 1 + kLeakKinds * sizeof(LeakTotals));
}

void write_common_sections(FindingsFile& file, FindingsHeader& header) noexcept {
  header.modules = write_modules(file, header.text);
  header.options = write_options(file);
  header.command = write_command(file);
  header.routes = write_routes(file);
  header.tags = write_tags(file);
  header.program = {file.take(program_name().size()), program_name().size()};
  program_name().copy(file.at(header.program.offset), program_name().size());
}

WrittenStack write_stack(FindingsFile& file, FindingsHeader& header, StackId stack) noexcept {
  auto* frames = reinterpret_cast<FrameToken*>(file.at(header.frames.offset));
  bool cut = false;
  WrittenStack written{header.frames.count, 0, 0, stack_depot.tag_of_stack(stack)};
  written.frame_count = stack_depot.read(stack, frames + header.frames.count,
                                         static_cast<std::uint32_t>(options.malloc_context_size), &cut);
  header.frames.count += written.frame_count;
  const bool unknown = written.frame_count != 0 && frames[header.frames.count - 1] >> kFrameModuleShift == 0;
  written.flags = (cut ? kStackCut : 0) | (unknown && !cut ? kStackUnknown : 0);
  return written;
}

std::uint32_t rule_number_of(const void* block) noexcept {
  if (!routing) return 0;
  const unsigned rule = routed::rule_of_block(block);
  return rule == kNoRule ? 0 : rule + 1;
}

}  // namespace weir
