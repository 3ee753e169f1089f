// new calls the handler again and again, then throws what can be caught; the nothrow forms return null.
//: modes native leak pass
//: flags -Wno-alloc-size-larger-than
#include <new>
#include <stdexcept>

#include "../check.h"

static int calls;

static void handler() {
  if (++calls % 3 == 0) std::set_new_handler(nullptr);
}

struct Mine : std::bad_alloc {};
static void throwing_handler() {
  throw Mine();
}

template <typename Call>
static bool throws_bad_alloc(Call call) {
  try {
    ::operator delete(opaque(call()));
  } catch (const std::bad_alloc& error) {
    return strcmp(error.what(), "std::bad_alloc") == 0;
  }
  return false;
}

int main() {
  const std::size_t much = opaque_size(std::size_t{1} << 62);
  const auto wide = std::align_val_t{64};
  CHECK(throws_bad_alloc([=] { return ::operator new(much); }));
  CHECK(throws_bad_alloc([=] { return ::operator new[](much); }));
  CHECK(throws_bad_alloc([=] { return ::operator new(much, wide); }));
  CHECK(throws_bad_alloc([=] { return ::operator new[](much, wide); }));
  CHECK(::operator new(much, std::nothrow) == nullptr);
  CHECK(::operator new[](much, std::nothrow) == nullptr);
  CHECK(::operator new(much, wide, std::nothrow) == nullptr);
  CHECK(::operator new[](much, wide, std::nothrow) == nullptr);

  std::set_new_handler(handler);
  CHECK(throws_bad_alloc([=] { return ::operator new(much); }));
  CHECK(calls == 3);
  std::set_new_handler(handler);
  CHECK(::operator new(much, std::nothrow) == nullptr);
  CHECK(calls == 6);
  std::set_new_handler(handler);
  CHECK(::operator new[](much, wide, std::nothrow) == nullptr);
  CHECK(calls == 9);

  std::set_new_handler(throwing_handler);
  bool caught = false;
  try {
    ::operator delete(opaque(::operator new(much)));
  } catch (const Mine&) {
    caught = true;
  }
  CHECK(caught);
  CHECK(::operator new(much, std::nothrow) == nullptr);
  std::set_new_handler(nullptr);

  caught = false;
  try {
    const long count = static_cast<long>(opaque_size(SIZE_MAX));
    delete[] static_cast<int*>(opaque(new int[static_cast<std::size_t>(count)]));
  } catch (const std::bad_array_new_length&) {
    caught = true;
  }
  CHECK(caught);
  return check_result();
}
