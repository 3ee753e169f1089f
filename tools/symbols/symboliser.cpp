#include "tools/symbols/symboliser.hpp"

#include <fmt/core.h>

namespace weir {

Symboliser::Symboliser(const Findings& findings, bool names)
    : findings_(findings),
      names_(names),
      module_names_(std::max<std::size_t>(findings.modules().size(), 1)),
      modules_(module_names_.size()) {
  for (std::size_t i = 1; i < module_names_.size(); ++i) {
    const FindingsModule& module = findings.modules()[i];
    ModuleName& name = module_names_[i];
    name.path = findings.path_of(module);
    for (unsigned byte = 0; byte < module.build_id_bytes; ++byte) {
      name.build_id += fmt::format("{:02x}", module.build_id[byte]);
    }
    name.unloaded = (module.flags & kModuleUnloaded) != 0;
  }
}

const Frame& Symboliser::frame(FrameToken token) {
  const auto [entry, is_new] = frames_.try_emplace(token);
  if (is_new) entry->second = look_up(token);
  return entry->second;
}

Frame Symboliser::look_up(FrameToken token) {
  const std::size_t index = token >> kFrameModuleShift;
  Frame frame;
  frame.address = token & kFrameAddressMask;
  // A return address is that of the next instruction, which may belong to another line or function.
  if ((token & kFrameExactBit) == 0 && frame.address != 0) --frame.address;
  frame.module = &module_names_[index];
  if (index == 0) {
    frame.sources.emplace_back();
    return frame;
  }
  const FindingsModule& module = findings_.modules()[index];
  frame.offset = frame.address - module.bias;
  if (!names_) {
    frame.sources.emplace_back();
    return frame;
  }
  if (!modules_[index]) {
    modules_[index] = std::make_unique<ModuleSymbols>(ModulePlace{frame.module->path,
                                                                  {module.build_id, module.build_id_bytes},
                                                                  module.start,
                                                                  module.end,
                                                                  module.bias,
                                                                  findings_.header().pid});
  }
  frame.sources = modules_[index]->sources_at(frame.address);
  return frame;
}

}  // namespace weir
