#include "shim/base/module_symbol.hpp"

#include <dlfcn.h>
#include <elf.h>
#include <gnu/libc-version.h>

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace weir {
namespace {

struct Tables {
  const Elf64_Sym* symbols = nullptr;
  const char* names = nullptr;
  const std::uint32_t* gnu_hash = nullptr;
  const std::uint16_t* versions = nullptr;
};

constexpr std::uint16_t kHiddenVersion = 0x8000;

Tables tables_of(const link_map& module) noexcept {
  Tables t;
  // ld.so has turned offsets into addresses, but for modules whose table it cannot write.
  const auto at = [&](const Elf64_Dyn& entry) {
    const std::uint64_t value = entry.d_un.d_ptr;
    return value < module.l_addr ? value + module.l_addr : value;
  };
  for (const Elf64_Dyn* entry = module.l_ld; entry != nullptr && entry->d_tag != DT_NULL; ++entry) {
    switch (entry->d_tag) {
      case DT_SYMTAB:
        t.symbols = reinterpret_cast<const Elf64_Sym*>(at(*entry));
        break;
      case DT_STRTAB:
        t.names = reinterpret_cast<const char*>(at(*entry));
        break;
      case DT_GNU_HASH:
        t.gnu_hash = reinterpret_cast<const std::uint32_t*>(at(*entry));
        break;
      case DT_VERSYM:
        t.versions = reinterpret_cast<const std::uint16_t*>(at(*entry));
        break;
      default:
        break;
    }
  }
  return t;
}

std::uint32_t hash_of(const char* name) noexcept {
  std::uint32_t hash = 5381;
  for (; *name != '\0'; ++name) hash = hash * 33 + static_cast<unsigned char>(*name);
  return hash;
}

// The index of the name's symbol; 0 for none.
std::uint32_t find(const Tables& t, const char* name) noexcept {
  const std::uint32_t buckets = t.gnu_hash[0];
  const std::uint32_t first = t.gnu_hash[1];
  const std::uint32_t filter_words = t.gnu_hash[2];
  const std::uint32_t* const bucket = t.gnu_hash + 4 + std::size_t{2} * filter_words;
  const std::uint32_t* const chain = bucket + buckets;
  const std::uint32_t hash = hash_of(name);
  if (buckets == 0 || filter_words == 0) return 0;
  // Most names that are not there are told by two bits of one word.
  const auto* const filter = reinterpret_cast<const std::uint64_t*>(t.gnu_hash + 4);
  const std::uint64_t word = filter[hash / 64 % filter_words];
  if ((word >> (hash & 63) & word >> (hash >> (t.gnu_hash[3] & 31) & 63) & 1) == 0) return 0;
  std::uint32_t index = bucket[hash % buckets];
  if (index < first) return 0;
  for (;; ++index) {
    const std::uint32_t entry = chain[index - first];
    const bool same = ((entry ^ hash) >> 1) == 0 && is_same_text(t.names + t.symbols[index].st_name, name);
    const bool is_default = t.versions == nullptr || (t.versions[index] & kHiddenVersion) == 0;
    if (same && is_default && t.symbols[index].st_shndx != SHN_UNDEF) return index;
    if ((entry & 1) != 0) return 0;
  }
}

}  // namespace

const link_map* module_of(const void* address) noexcept {
  dl_find_object found;
  return _dl_find_object(const_cast<void*>(address), &found) == 0 ? found.dlfo_link_map : nullptr;
}

namespace {

const Elf64_Sym* entry_of(const link_map& module, const char* name) noexcept {
  const Tables t = tables_of(module);
  if (t.symbols == nullptr || t.names == nullptr || t.gnu_hash == nullptr) return nullptr;
  const std::uint32_t index = find(t, name);
  return index != 0 ? &t.symbols[index] : nullptr;
}

}  // namespace

bool leaves_to_others(const link_map& module, bool (*wanted)(const char* name) noexcept) noexcept {
  const Tables t = tables_of(module);
  if (t.symbols == nullptr || t.names == nullptr || t.gnu_hash == nullptr) return false;
  const std::uint32_t first = t.gnu_hash[1];  // of those that it defines, behind the others
  for (std::uint32_t i = 1; i < first; ++i) {
    const bool is_defined = t.symbols[i].st_shndx != SHN_UNDEF;
    if (!is_defined && t.symbols[i].st_name != 0 && wanted(t.names + t.symbols[i].st_name)) return true;
  }
  return false;
}

bool is_in_symbol(const link_map& module, const char* name, const void* address) noexcept {
  const Elf64_Sym* const symbol = entry_of(module, name);
  if (symbol == nullptr) return false;
  return reinterpret_cast<std::uint64_t>(address) - (module.l_addr + symbol->st_value) < symbol->st_size;
}

void* symbol_of(const link_map& module, const char* name) noexcept {
  const Elf64_Sym* const entry = entry_of(module, name);
  if (entry == nullptr) return nullptr;
  const Elf64_Sym& symbol = *entry;
  void* const address = reinterpret_cast<void*>(module.l_addr + symbol.st_value);
  return ELF64_ST_TYPE(symbol.st_info) == STT_GNU_IFUNC ? reinterpret_cast<void* (*)()>(address)() : address;
}

const link_map* libc_module() noexcept {
  static constinit std::atomic<const link_map*> libc{nullptr};
  const link_map* known = libc.load(std::memory_order_acquire);
  if (known == nullptr) {
    // The function that nobody stands in front of.
    known = module_of(reinterpret_cast<const void*>(&gnu_get_libc_version));
    libc.store(known, std::memory_order_release);
  }
  return known;
}

void* symbol_of_libc(const char* name) noexcept {
  const link_map* const libc = libc_module();
  return libc != nullptr ? symbol_of(*libc, name) : nullptr;
}

}  // namespace weir
