// Compiled once for all files of the library: what most of them include, and nothing else. A file includes all the
// same what it uses: `scripts/test --all` builds without this.

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
