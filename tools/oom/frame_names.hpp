// Names and lines for frames that are known by their module's file and the address in it.
//
// One thread. Frames live as long as this.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "tools/oom/stack_log.hpp"
#include "tools/symbols/frame.hpp"
#include "tools/symbols/module_symbols.hpp"

namespace weir {

class FrameNames {
 public:
  // `offset` is that of the call, or of the instruction where the frame is exact.
  const Frame& frame(const LoggedModule& module, std::uint64_t offset);
  const Frame& frame(const StackLog& log, const LoggedFrame& frame);

  std::vector<const Frame*> frames(const StackLog& log, const std::vector<LoggedFrame>& frames);

 private:
  struct KnownModule {
    ModuleName name;
    std::vector<std::uint8_t> build_id;
    std::unique_ptr<ModuleSymbols> symbols;
    std::map<std::uint64_t, Frame> frames;
  };
  std::map<std::pair<std::string, std::string>, KnownModule> modules_;
};

}  // namespace weir
