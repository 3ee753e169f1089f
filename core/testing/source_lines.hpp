// Which function and line of the source an address is of, as binutils' addr2line tells: static functions too, which no
// dynamic table names.
//
// The program's own debug information is read by a process of its own, started for each module when it is first asked
// about, which ends with this one. So a test links nothing more; where addr2line isn't installed, or a module has neither
// symbols nor -g, the answer is false. It is for failures: the first answer takes as long as addr2line reads the module.
// Thread-safe; works in the child of a fork. Not for signal handlers.
#pragma once

#include <dlfcn.h>
#include <link.h>
#include <poll.h>
#include <spawn.h>
#include <sys/auxv.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "../allocator.hpp"
#include "../wrap/text.hpp"

namespace weir {

class SourceLines {
 public:
  // Adds "function at file:line", or "function" alone, for an address behind a call; behind it what is inlined there.
  // False, and nothing is added, where nothing is known.
  static bool describe(CallerAddress address, Line& line) noexcept {
    Dl_info info{};
    if (::dladdr(address, &info) == 0 || info.dli_fbase == nullptr) return false;
    static std::mutex mutex;
    const std::lock_guard held(mutex);
    Reader* reader = reader_of(info);
    std::vector<Place> places;
    // One less: the call, not what comes behind it.
    if (reader == nullptr || !reader->ask(address_in(info, address) - 1, places)) return false;
    if (places.empty() || places.back().function.starts_with("??")) return false;
    for (std::size_t i = places.size(); i-- != 0;) {
      std::string_view place = places[i].place;
      place = place.substr(0, place.find(" (discriminator"));
      line.text(i + 1 == places.size() ? "" : ", inlined ").text(places[i].function);
      if (!place.starts_with("??") && !place.ends_with(":?") && !place.ends_with(":0")) {
        line.text(" at ").text(place);
      }
    }
    return true;
  }

 private:
  static constexpr std::size_t kMostModules = 8;
  static constexpr int kPatience = 20'000;  // milliseconds that a large module may take

  struct Place {
    std::string function;
    std::string place;
  };

  struct Reader {
    const void* module = nullptr;
    pid_t owner = 0;  // a child of fork must not read what its parent asked for
    int channel = -1;

    // The answer has as many places as there are calls inlined, the innermost first. That it has ended is seen by
    // that of a second question.
    bool ask(std::uintptr_t address, std::vector<Place>& places) noexcept {
      Line question;
      const std::string_view text =
          question.address(reinterpret_cast<const void*>(address)).text("\n0\n").view();
      std::string first;
      if (channel >= 0 && ::send(channel, text.data(), text.size(), MSG_NOSIGNAL) == ssize_t(text.size()) &&
          read_line(first)) {
        for (Place place; read_line(place.function) && read_line(place.place); place = {}) {
          if (place.function.starts_with("0x")) return read_line(first);
          places.push_back(place);
        }
      }
      close();
      return false;
    }

    void close() noexcept {
      if (channel >= 0) ::close(channel);
      channel = -1;
    }

    bool read_line(std::string& into) noexcept {
      for (char c = 0;;) {
        pollfd wanted{channel, POLLIN, 0};
        if (::poll(&wanted, 1, kPatience) != 1 || ::read(channel, &c, 1) != 1) return false;
        if (c == '\n') return true;
        into.push_back(c);
      }
    }

    void start(const char* path) noexcept {
      std::array<int, 2> ends{};
      if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) return;
      posix_spawn_file_actions_t actions;
      ::posix_spawn_file_actions_init(&actions);
      ::posix_spawn_file_actions_adddup2(&actions, ends[1], STDIN_FILENO);
      ::posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
      ::posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", 1, 0);
      std::string arguments[] = {"addr2line", "-aCfie", path};
      char* const argv[] = {arguments[0].data(), arguments[1].data(), arguments[2].data(), nullptr};
      char language[] = "LC_ALL=C";
      char* const environment[] = {language, nullptr};  // and no LD_PRELOAD
      pid_t child = 0;
      if (::posix_spawnp(&child, argv[0], &actions, nullptr, argv, environment) == 0) {
        channel = ends[0];
      } else {
        ::close(ends[0]);
      }
      ::close(ends[1]);
      ::posix_spawn_file_actions_destroy(&actions);
    }
  };

  static Reader* reader_of(const Dl_info& info) noexcept {
    static std::array<Reader, kMostModules> readers;
    for (Reader& reader : readers) {
      if (reader.module == info.dli_fbase && reader.owner == ::getpid()) return &reader;
      if (reader.owner == ::getpid()) continue;
      reader.close();
      reader.module = info.dli_fbase;
      reader.owner = ::getpid();
      // The name of the program is what it was started by, perhaps from elsewhere.
      const std::string program = "/proc/" + std::to_string(::getpid()) + "/exe";
      reader.start(is_program(info) ? program.c_str() : info.dli_fname);
      return &reader;
    }
    return nullptr;
  }

  static bool is_program(const Dl_info& info) noexcept {
    Dl_info own{};
    const auto* headers = reinterpret_cast<const void*>(::getauxval(AT_PHDR));
    return ::dladdr(headers, &own) != 0 && own.dli_fbase == info.dli_fbase;
  }

  // As the file counts: from the module's beginning, unless it is bound to its addresses.
  static std::uintptr_t address_in(const Dl_info& info, CallerAddress address) noexcept {
    const auto* header = static_cast<const ElfW(Ehdr)*>(info.dli_fbase);
    return address_of(address) - (header->e_type == ET_EXEC ? 0 : address_of(info.dli_fbase));
  }
};

}  // namespace weir
