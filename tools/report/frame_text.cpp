#include "tools/report/frame_text.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <iterator>

#include "shim/abi/findings.hpp"
#include "tools/report/shown.hpp"

namespace weir {

namespace {

std::string_view without_prefix(std::string_view file, std::string_view prefix) {
  if (file.starts_with(prefix)) file.remove_prefix(prefix.size());
  return file;
}

void append_frame(std::string& out, unsigned number, const Frame& frame, const SourceFrame& source,
                  std::string_view prefix) {
  const auto to = std::back_inserter(out);
  fmt::format_to(to, "    #{} 0x{:012x}", number, frame.address);
  if (!source.function.empty()) fmt::format_to(to, " in {}", shown(source.function));
  if (!source.file.empty()) {
    fmt::format_to(to, " {}", shown(without_prefix(source.file, prefix)));
    if (source.line != 0) fmt::format_to(to, ":{}", source.line);
    if (source.line != 0 && source.column != 0) fmt::format_to(to, ":{}", source.column);
  } else if (frame.module->path.empty()) {
    out += " (<unknown module>)";
  } else {
    fmt::format_to(to, " ({}+0x{:x})", shown(frame.module->path), frame.offset);
    if (!frame.module->build_id.empty()) fmt::format_to(to, " (BuildId: {})", frame.module->build_id);
    if (frame.module->unloaded) out += " (unloaded)";
  }
  out += '\n';
}

bool is_own(const Frame& frame) {
  std::string_view name = frame.module->path;
  name.remove_prefix(name.rfind('/') + 1);
  return name == "libweir.so";
}

}  // namespace

void append_stack(std::string& out, const StackLines& stack) {
  unsigned number = 0;
  for (const Frame* frame : stack.frames) {
    for (const SourceFrame& source : frame->sources) {
      append_frame(out, number++, *frame, source, stack.strip_path_prefix);
    }
  }
  if (stack.frames.empty() && stack.flags == 0) out += "    (no stack was recorded)\n";
  if ((stack.flags & kStackCut) != 0) {
    fmt::format_to(std::back_inserter(out), "    ... (deeper than malloc_context_size={})\n",
                   stack.context_size);
  }
  if ((stack.flags & kStackUnknown) != 0) out += "    ... (code without unwind tables)\n";
}

std::string place_of(std::span<const Frame* const> frames, std::string_view strip_path_prefix) {
  if (frames.empty()) return {};
  const Frame& frame = *frames.front();
  const SourceFrame& source = frame.sources.front();
  std::string place = shown(source.function);
  if (!source.file.empty()) {
    if (!place.empty()) place += ' ';
    place += shown(without_prefix(source.file, strip_path_prefix));
    if (source.line != 0) place += fmt::format(":{}", source.line);
  } else if (!frame.module->path.empty()) {
    if (!place.empty()) place += ' ';
    place += fmt::format("({}+0x{:x})", shown(frame.module->path), frame.offset);
  } else if (place.empty()) {
    place = fmt::format("0x{:x}", frame.address);
  }
  return place;
}

void drop_own_frames(std::vector<const Frame*>& frames) {
  const auto first = std::ranges::find_if(frames, [](const Frame* frame) { return !is_own(*frame); });
  if (first != frames.end()) frames.erase(frames.begin(), first);
}

}  // namespace weir
