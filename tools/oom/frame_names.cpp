#include "tools/oom/frame_names.hpp"

#include <charconv>
#include <limits>

namespace weir {

namespace {

std::vector<std::uint8_t> bytes_of(const std::string& hex) {
  std::vector<std::uint8_t> bytes(hex.size() / 2);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    std::from_chars(hex.data() + 2 * i, hex.data() + 2 * i + 2, bytes[i], 16);
  }
  return bytes;
}

}  // namespace

const Frame& FrameNames::frame(const LoggedModule& module, std::uint64_t offset) {
  KnownModule& known = modules_[{module.path, module.build_id}];
  if (!known.symbols && !module.path.empty()) {
    known.name = {module.path, module.build_id};
    known.build_id = bytes_of(module.build_id);
    known.symbols = std::make_unique<ModuleSymbols>(
        ModulePlace{module.path, known.build_id, 0, std::numeric_limits<std::uint64_t>::max(), 0, 0});
  }
  const auto [entry, is_new] = known.frames.try_emplace(offset);
  Frame& frame = entry->second;
  if (is_new) {
    frame.address = frame.offset = offset;
    frame.module = &known.name;
    if (known.symbols) frame.sources = known.symbols->sources_at(offset);
    if (frame.sources.empty()) frame.sources.emplace_back();
  }
  return frame;
}

const Frame& FrameNames::frame(const StackLog& log, const LoggedFrame& frame) {
  const bool is_return = !frame.exact && frame.offset != 0;
  return this->frame(log.modules[frame.module], frame.offset - (is_return ? 1 : 0));
}

std::vector<const Frame*> FrameNames::frames(const StackLog& log, const std::vector<LoggedFrame>& frames) {
  std::vector<const Frame*> named;
  named.reserve(frames.size());
  for (const LoggedFrame& each : frames) named.push_back(&frame(log, each));
  return named;
}

}  // namespace weir
