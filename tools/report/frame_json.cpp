#include "tools/report/frame_json.hpp"

#include <fmt/format.h>

namespace weir {

using Json = nlohmann::ordered_json;

Json frame_json(const Frame& frame, const SourceFrame& source, const std::string& strip_path_prefix) {
  Json json;
  // As text: JSON's numbers lose bits beyond 53 in many readers.
  json["address"] = fmt::format("0x{:x}", frame.address);
  if (!source.function.empty()) json["function"] = source.function;
  if (!source.file.empty()) {
    const bool cut = source.file.starts_with(strip_path_prefix);
    json["file"] = cut ? source.file.substr(strip_path_prefix.size()) : source.file;
  }
  if (source.line != 0) json["line"] = source.line;
  if (source.column != 0) json["column"] = source.column;
  if (!frame.module->path.empty()) {
    json["module"] = frame.module->path;
    json["offset"] = fmt::format("0x{:x}", frame.offset);
    if (!frame.module->build_id.empty()) json["build_id"] = frame.module->build_id;
    json["unloaded"] = frame.module->unloaded;
  }
  json["inlined"] = source.inlined;
  return json;
}

std::string json_line(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace weir
