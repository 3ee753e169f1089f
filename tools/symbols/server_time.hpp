// How long debuginfod servers may keep a report waiting: ten seconds in all, or what DEBUGINFOD_TIMEOUT says, however
// many modules are asked for and whatever a server does.
#pragma once

#include <chrono>

namespace weir {

// Around each look-up that may ask a server: it gets what is left of the time, and none is asked when nothing is.
class ServerTime {
 public:
  ServerTime();
  ~ServerTime();
  ServerTime(const ServerTime&) = delete;
  ServerTime& operator=(const ServerTime&) = delete;

 private:
  std::chrono::steady_clock::time_point began_;
};

}  // namespace weir
