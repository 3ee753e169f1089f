#include "tools/commands/route_sites.hpp"

#include <fmt/core.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "shim/abi/findings.hpp"
#include "tools/findings/read_file.hpp"
#include "tools/routes/module_sites.hpp"
#include "tools/routes/site_request.hpp"
#include "tools/say.hpp"

namespace weir {

namespace {

ModulePlace place_of(const SiteRequest& request, const SitesModule& module) {
  return {std::string(request.path_of(module)),
          {module.build_id, module.build_id_bytes},
          module.start,
          module.end,
          module.bias,
          request.pid()};
}

bool write_piece(int fd, const SiteRequest::Piece& piece) {
  std::span<const std::byte> left = piece.bytes;
  while (!left.empty()) {
    const ssize_t n = pwrite(fd, left.data(), left.size(),
                             static_cast<off_t>(piece.offset + (piece.bytes.size() - left.size())));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    left = left.subspan(static_cast<std::size_t>(n));
  }
  return true;
}

}  // namespace

int route_sites(int fd) {
  // The program stands still meanwhile: it waits for files, not for servers.
  unsetenv("DEBUGINFOD_URLS");
  std::vector<std::byte> bytes;
  SiteRequest request;
  std::string error;
  if (!read_descriptor(fd, bytes, error) || !request.open(bytes, error)) {
    say(fmt::format("cannot read the question about call sites: {}", error));
    return kReportFailed;
  }
  for (std::size_t i = 0; i < request.modules().size(); ++i) {
    const SitesModule& module = request.modules()[i];
    request.answer(i, sites_of_module(place_of(request, module), request.patterns_for(module)));
  }
  for (const SiteRequest::Piece& piece : request.finish(bytes.size())) {
    if (write_piece(fd, piece)) continue;
    say(fmt::format("cannot answer about call sites: {}", std::strerror(errno)));
    return kReportFailed;
  }
  return 0;
}

}  // namespace weir
