#include "tools/report/frame_json.hpp"

#include <fmt/core.h>

namespace weir {

Json frame_json(const Frame& frame, const SourceFrame& source, const std::string& strip_path_prefix) {
  Json json = Json::object();
  // As text: JSON's numbers lose bits beyond 53 in many readers.
  json.set("address", fmt::format("0x{:x}", frame.address));
  if (!source.function.empty()) json.set("function", source.function);
  if (!source.file.empty()) {
    const bool cut = source.file.starts_with(strip_path_prefix);
    json.set("file", cut ? source.file.substr(strip_path_prefix.size()) : source.file);
  }
  if (source.line != 0) json.set("line", source.line);
  if (source.column != 0) json.set("column", source.column);
  if (!frame.module->path.empty()) {
    json.set("module", frame.module->path).set("offset", fmt::format("0x{:x}", frame.offset));
    if (!frame.module->build_id.empty()) json.set("build_id", frame.module->build_id);
    json.set("unloaded", frame.module->unloaded);
  }
  json.set("inlined", source.inlined);
  return json;
}

}  // namespace weir
