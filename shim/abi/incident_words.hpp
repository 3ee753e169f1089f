// The words that the library and the tool say the same things with, by the number of the enumerator.
#pragma once

#include <string_view>

#include "shim/abi/incidents.hpp"

namespace weir {

inline constexpr std::string_view kKindWords[kIncidentKinds] = {"heap-buffer-overflow",
                                                                "heap-buffer-underflow",
                                                                "heap-use-after-free",
                                                                "double-free",
                                                                "bad-free",
                                                                "alloc-dealloc-mismatch",
                                                                "new-delete-type-mismatch",
                                                                "new-delete-type-mismatch",
                                                                "allocation-size-too-big",
                                                                "calloc-overflow",
                                                                "zero-size-allocation",
                                                                "invalid-allocation-alignment"};
inline constexpr std::string_view kHeapCallWords[kIncidentCalls] = {"an unknown call",
                                                                    "malloc",
                                                                    "calloc",
                                                                    "realloc",
                                                                    "memalign",
                                                                    "posix_memalign",
                                                                    "operator new",
                                                                    "operator new[]",
                                                                    "free",
                                                                    "free_sized",
                                                                    "free_aligned_sized",
                                                                    "operator delete",
                                                                    "operator delete[]",
                                                                    "malloc_usable_size"};

}  // namespace weir
