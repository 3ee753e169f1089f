// `weir routes`: checks routing rules, lists them, and tells which one a request takes.
#pragma once

#include <optional>
#include <string>

#include "tools/routes/explain.hpp"

namespace weir {

struct RoutesRequest {
  std::optional<std::string> rules;  // as WEIR_ROUTES has them
  std::string file;                  // or where they are; neither: the environment's
  RouteQuestion question;
};

// 0; kNotRun when there are no rules or one of them has a mistake.
int routes(const RoutesRequest& request);

}  // namespace weir
