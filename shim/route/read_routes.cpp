#include "shim/route/read_routes.hpp"

#include <errno.h>
#include <sys/auxv.h>

#include <string_view>

#include "shim/abi/route_parser.hpp"
#include "shim/base/options.hpp"
#include "shim/base/say.hpp"
#include "shim/base/sys.hpp"
#include "shim/life/mode.hpp"

namespace weir {
namespace {

constexpr std::size_t kRoom = std::size_t{64} << 10;
char rules_text[kRoom];  // the rules point into it: the program may write over its environment

// The file's bytes into rules_text; how many, kRoom and more when it does not fit, or -errno.
long read_file(const char* path) noexcept {
  const int fd = sys::open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  if (fd < 0) return fd;
  long filled = 0;
  long n = 1;
  while (n > 0 && filled < static_cast<long>(kRoom)) {
    n = sys::read(fd, rules_text + filled, kRoom - static_cast<std::size_t>(filled));
    if (n == -EINTR)
      n = 1;
    else if (n > 0)
      filled += n;
  }
  sys::close(fd);
  return n < 0 ? n : filled;
}

long copy_text(std::string_view text) noexcept {
  return static_cast<long>(text.copy(rules_text, sizeof rules_text));
}

unsigned say_unreadable(std::string_view path, long bytes) noexcept {
  Line line;
  line.text("weir: WEIR_ROUTES: ");
  if (!path.empty()) line.text("cannot use ").text(path.substr(0, 500)).text(": ");
  if (bytes < 0) {
    line.text("error ").signed_number(-bytes);
  } else {
    line.text("more than 65535 bytes of rules");
  }
  line.text("; no rules").say();
  return 1;
}

unsigned read_rules(const char* text, RouteRules& rules) noexcept {
  const bool is_file = text[0] == '@';
  const long bytes = is_file ? read_file(text + 1) : copy_text(text);
  if (bytes < 0 || bytes >= static_cast<long>(kRoom)) return say_unreadable(is_file ? text + 1 : "", bytes);
  const std::string_view all(rules_text, static_cast<std::size_t>(bytes));
  return parse_routes(all, rules, [&](const RouteMistake& mistake) noexcept {
    Line().text("weir: WEIR_ROUTES: ").text(mistake.message.view()).text("; this rule is left out").say();
    show_mistake(all, mistake, [](std::string_view line) noexcept { Line().text(line).say(); });
  });
}

}  // namespace

bool read_routes(RouteRules& rules) noexcept {
  rules.count = 0;
  if (getauxval(AT_SECURE) != 0) return false;  // more rights than the caller: its wishes do not count
  const char* text = initial_environment("WEIR_ROUTES");
  if (text == nullptr || text[0] == '\0') return false;
  const unsigned mistakes = read_rules(text, rules);
  if (mistakes != 0 && options.strict) {
    Line().text("weir: WEIR_ROUTES has errors and strict=1: not started").say();
    sys::exit_group(2);
  }
  return rules.count != 0;
}

}  // namespace weir
