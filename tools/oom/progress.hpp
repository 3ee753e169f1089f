// How far a long command is: one line on the terminal that is written over. Nothing where stderr is none.
#pragma once

#include <chrono>
#include <cstddef>
#include <string_view>

namespace weir {

class Progress {
 public:
  explicit Progress(std::size_t total);
  ~Progress();  // takes the line away
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void show(std::size_t done, std::string_view note);

 private:
  std::size_t total_;
  bool terminal_;
  std::chrono::steady_clock::time_point began_;
  std::chrono::steady_clock::time_point shown_;
};

}  // namespace weir
