// Compiled once for all files of a test program: what each of them includes. `scripts/test --all` builds without this.

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <string>
#include <vector>
