// libc's own function, from its symbol table: what a module gets that neither interposition nor dlsym reaches.
#pragma once
#include <elf.h>
#include <link.h>
#include <stdint.h>
#include <string.h>

static int find_libc(struct dl_phdr_info* info, size_t size, void* to) {
  (void)size;
  if (strstr(info->dlpi_name, "/libc.so.6") == NULL) return 0;
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    if (info->dlpi_phdr[i].p_type != PT_DYNAMIC) continue;
    ((uintptr_t*)to)[0] = info->dlpi_addr;
    ((uintptr_t*)to)[1] = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
  }
  return 1;
}

static void* libc_own(const char* name) {
  uintptr_t libc[2] = {0, 0};
  dl_iterate_phdr(find_libc, libc);
  const Elf64_Sym* symbols = NULL;
  const char* names = NULL;
  for (const Elf64_Dyn* d = (const Elf64_Dyn*)libc[1]; d != NULL && d->d_tag != DT_NULL; ++d) {
    if (d->d_tag == DT_SYMTAB) symbols = (const Elf64_Sym*)d->d_un.d_ptr;
    if (d->d_tag == DT_STRTAB) names = (const char*)d->d_un.d_ptr;
  }
  // The table of names lies behind that of symbols.
  for (const Elf64_Sym* s = symbols; s != NULL && (const char*)(s + 1) <= names; ++s) {
    if (s->st_shndx != SHN_UNDEF && strcmp(names + s->st_name, name) == 0)
      return (void*)(libc[0] + s->st_value);
  }
  return NULL;
}
