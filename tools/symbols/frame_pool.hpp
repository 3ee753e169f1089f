// Frames that no symboliser owns, for as long as the pool lives. One thread.
#pragma once

#include <deque>
#include <map>
#include <string>
#include <tuple>
#include <utility>

#include "tools/symbols/frame.hpp"

namespace weir {

class FramePool {
 public:
  const ModuleName* module(const ModuleName& name) {
    auto key = std::tuple(name.path, name.build_id, name.unloaded);
    return &modules_.try_emplace(std::move(key), name).first->second;
  }

  const Frame* add(Frame frame) { return &frames_.emplace_back(std::move(frame)); }

 private:
  std::map<std::tuple<std::string, std::string, bool>, ModuleName> modules_;
  std::deque<Frame> frames_;
};

}  // namespace weir
