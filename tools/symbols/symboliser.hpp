// From frame tokens to names and lines. Each distinct token is looked up once, and only the modules of tokens
// that are asked for are opened.
//
// One thread. Frames and names live as long as the symboliser; the findings must outlive it.
#pragma once

#include <memory>
#include <unordered_map>
#include <vector>

#include "tools/findings/findings.hpp"
#include "tools/symbols/frame.hpp"
#include "tools/symbols/module_symbols.hpp"

namespace weir {

class Symboliser {
 public:
  // Without `names`, frames have a module and an offset only, and no file is opened.
  Symboliser(const Findings& findings, bool names);

  const Frame& frame(FrameToken token);

 private:
  Frame look_up(FrameToken token);

  const Findings& findings_;
  bool names_;
  std::vector<ModuleName> module_names_;
  std::vector<std::unique_ptr<ModuleSymbols>> modules_;  // by module index, made when needed
  std::unordered_map<FrameToken, Frame> frames_;
};

}  // namespace weir
