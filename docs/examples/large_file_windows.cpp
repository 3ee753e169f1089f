// A log that is larger than what one wants in memory at once: made by growing a mapping, read by windows,
// searched, and read as records.
//
// Windows overlap by a line's greatest length, so that each line lies whole in one of them.
//
// prints:
//   100 errors
//   the last error is at byte 3200067 of 3200100
//   1000 samples, 3 bytes are none, sum 249750.0
#include <algorithm>
#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>

#include "core/mapped_file.hpp"

namespace {

constexpr std::size_t kWindow = 64 << 10;  // some hundred megabytes in earnest
constexpr std::size_t kLongestLine = 80;
constexpr int kLines = 100'000;

int failed(const char* what, int error) {
  std::fprintf(stderr, "%s: %s\n", what, std::generic_category().message(error).c_str());
  return 1;
}

// Appends through the mapping, which grows by doubling; the file is cut to what was written.
int write_log(const char* path) {
  weir::MappedFile file;
  if (const int error = file.open(path, weir::FileAccess::kCreate)) return failed(path, error);
  std::size_t used = 0;
  for (int i = 0; i < kLines; ++i) {
    if (file.size() - used < kLongestLine) {
      // Reserved, because writing to a page that the disk has no room for is a signal and not an error.
      const auto larger = std::max<std::uint64_t>(kWindow, file.size() * 2);
      if (const int error = file.resize(larger, weir::Space::kReserved)) return failed("growing", error);
    }
    auto* at = reinterpret_cast<char*>(file.writable().data() + used);
    const char* level = i % 1000 == 999 ? "error" : "info";
    used +=
        static_cast<std::size_t>(std::snprintf(at, kLongestLine, "%06d %s: something happened\n", i, level));
  }
  if (const int error = file.resize(used)) return failed("cutting", error);
  if (const int error = file.flush()) return failed("flushing", error);
  return 0;
}

// A line that the end of a window has cut begins again in the next one, because of the overlap: each line is
// counted in the window in which it first lies whole.
int count_errors(const char* path, int& errors) {
  weir::MappedFile file;
  if (const int error = file.open(path, weir::FileAccess::kRead, weir::Mapping::kNone))
    return failed(path, error);
  std::uint64_t next_line = 0;
  auto windows = file.windows(kWindow, kLongestLine);
  while (windows.next()) {
    const auto bytes = windows.window().bytes();
    std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    text.remove_prefix(next_line - windows.window().offset());
    for (std::size_t end = text.find('\n'); end != text.npos; end = text.find('\n')) {
      errors += text.substr(0, end).find(" error:") != text.npos ? 1 : 0;
      text.remove_prefix(end + 1);
      next_line += end + 1;
    }
  }
  return windows.error() != 0 ? failed("a window", windows.error()) : 0;
}

// Fixed-size records behind a header.
struct Sample {
  std::uint64_t time;
  double value;
};

int records(const char* path) {
  constexpr std::size_t kHeader = 16;
  weir::MappedFile file;
  if (const int error = file.open(path, weir::FileAccess::kCreate)) return failed(path, error);
  if (const int error = file.resize(kHeader + 1000 * sizeof(Sample) + 3)) return failed("growing", error);
  std::uint64_t time = 0;
  for (Sample& sample : file.writable_records<Sample>(kHeader).whole) {
    sample = {time, static_cast<double>(time) / 2};
    ++time;
  }
  double sum = 0;
  const auto samples = file.records<Sample>(kHeader);
  for (const Sample& sample : samples.whole) sum += sample.value;
  std::printf("%zu samples, %zu bytes are none, sum %.1f\n", samples.whole.size(), samples.trailing, sum);
  return samples.whole.size() == 1000 && samples.trailing == 3 && sum == 249750.0 ? 0 : 1;
}

int search(const char* path) {
  weir::MappedFile file;
  if (const int error = file.open(path)) return failed(path, error);
  file.advise(weir::Advice::kSequential);
  const auto place = file.find("099999 error");
  if (!place) return failed("searching", place.error);
  const auto next = file.find("099999 error", place.value + 1);
  std::printf("the last error is at byte %" PRIu64 " of %" PRIu64 "\n", place.value, file.size());
  return place.value < file.size() && next.value == weir::MappedFile::kNotFound ? 0 : 1;
}

}  // namespace

int main() {
  std::string folder = (std::filesystem::temp_directory_path() / "weir_example_XXXXXX").string();
  if (::mkdtemp(folder.data()) == nullptr) return failed("a folder", errno);
  const std::string path = folder + "/log";

  int errors = 0;
  int result = write_log(path.c_str());
  if (result == 0) result = count_errors(path.c_str(), errors);
  std::printf("%d errors\n", errors);
  if (result == 0) result = search(path.c_str());
  if (result == 0) result = records((folder + "/samples").c_str());
  std::filesystem::remove_all(folder);
  return result != 0 || errors != kLines / 1000 ? 1 : 0;
}
