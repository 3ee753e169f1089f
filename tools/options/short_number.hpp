// Numbers as people write them: 65536 is 64K. Only where nothing is lost, so that the option parser and the
// parser of rules read the same number back.
#pragma once

#include <cstdint>
#include <string>

namespace weir {

std::string short_number(std::uint64_t number);

}  // namespace weir
