// A function made at run time, `void* f(void* (*callback)(size_t), size_t bytes)`, which returns what the callback
// returns, and the unwind tables for it, as JIT compilers make them.
#pragma once
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

typedef void* (*MadeCode)(void* (*callback)(size_t), size_t bytes);

// What libgcc_s exports.
extern void __register_frame(void* begin);
extern void __deregister_frame(void* begin);
extern void __register_frame_info(const void* begin, void* object);
extern void* __deregister_frame_info(const void* begin);

enum Tables { kRelative, kAbsolute, kExpression };  // addresses in the tables; or the CFA as an expression

// A page for code and tables.
static inline unsigned char* made_page(void) {
  void* page = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) abort();
  return page;
}

// Code whose frame has `room` bytes, below 64, and the return address.
static inline MadeCode make_code(unsigned char* page, unsigned char room) {
  const unsigned char code[] = {0x48, 0x83, 0xec, room,  // sub $room, %rsp
                                0x48, 0x89, 0xf8,        // mov %rdi, %rax
                                0x48, 0x89, 0xf7,        // mov %rsi, %rdi
                                0xff, 0xd0,              // call *%rax
                                0x48, 0x83, 0xc4, room,  // add $room, %rsp
                                0xc3};                   // ret
  memcpy(page, code, sizeof code);
  return (MadeCode)(uintptr_t)page;
}

// The tables for make_code(page, room), behind the code.
static inline unsigned char* make_tables(unsigned char* page, unsigned char room, enum Tables kind) {
  unsigned char* const begin = page + 1024;
  const unsigned char cie[] = {0,    0,   0,   0,  // CIE
                               1,    'z', 'R', 0, 1, 0x78, 16, 1, kind == kRelative ? 0x1b : 0x00,
                               0x0c, 7,   8,  // CFA = RSP + 8
                               0x90, 1,       // return address at CFA - 8
                               0,    0};
  uint32_t length = sizeof cie;
  memcpy(begin, &length, 4);
  memcpy(begin + 4, cie, sizeof cie);
  unsigned char* const fde = begin + 4 + sizeof cie;
  unsigned char* at = fde + 4;
  const uint32_t to_cie = (uint32_t)(at - begin);
  memcpy(at, &to_cie, 4);
  at += 4;
  if (kind == kRelative) {
    const int32_t range[] = {(int32_t)(page - at), 17};
    memcpy(at, range, sizeof range);
    at += sizeof range;
  } else {
    const uint64_t range[] = {(uintptr_t)page, 17};
    memcpy(at, range, sizeof range);
    at += sizeof range;
  }
  *at++ = 0;
  *at++ = 0x44;  // from the fourth byte on
  if (kind == kExpression) {
    const unsigned char expression[] = {0x0f, 3, 0x77, (unsigned char)((room + 8) | 0x80),
                                        0};  // breg7, two bytes
    memcpy(at, expression, sizeof expression);
    at += sizeof expression;
  } else {
    *at++ = 0x0e;
    *at++ = (unsigned char)(room + 8);
  }
  while ((at - fde) % 4 != 0) *at++ = 0;
  length = (uint32_t)(at - fde - 4);
  memcpy(fde, &length, 4);
  memset(at, 0, 4);  // the end
  return begin;
}
