#include "tools/routes/site_request.hpp"

#include <algorithm>
#include <cstring>

namespace weir {

namespace {

// The section's elements; false when it does not lie in the file.
template <typename T>
bool take_section(std::span<const std::byte> bytes, const SitesSection& section, std::vector<T>& into) {
  if (section.offset > bytes.size() || section.count > (bytes.size() - section.offset) / sizeof(T))
    return false;
  into.resize(section.count);
  if (section.count != 0) std::memcpy(into.data(), bytes.data() + section.offset, section.count * sizeof(T));
  return true;
}

}  // namespace

bool SiteRequest::open(std::span<const std::byte> bytes, std::string& error) {
  error.clear();
  std::vector<char> text;
  if (bytes.size() < sizeof header_) {
    error = "it is shorter than its header";
    return false;
  }
  std::memcpy(&header_, bytes.data(), sizeof header_);
  if (std::memcmp(header_.magic, kSitesMagic, sizeof kSitesMagic) != 0 || header_.version != kSitesVersion) {
    error = "it is of another version of weir";
  } else if (!take_section(bytes, header_.modules, modules_) ||
             !take_section(bytes, header_.patterns, patterns_) || !take_section(bytes, header_.text, text)) {
    error = "its sections do not lie in the file";
  }
  text_.assign(text.begin(), text.end());
  const auto lies_in_text = [&](std::uint64_t offset, std::uint64_t size) {
    return offset <= text_.size() && size <= text_.size() - offset;
  };
  for (const SitesModule& module : modules_) {
    if (!lies_in_text(module.path_offset, module.path_bytes) ||
        module.build_id_bytes > sizeof module.build_id) {
      error = "a module of it is damaged";
    }
  }
  for (const SitesPattern& pattern : patterns_) {
    if (pattern.rule >= kMostRules || !lies_in_text(pattern.caller_offset, pattern.caller_bytes) ||
        !lies_in_text(pattern.source_offset, pattern.source_bytes)) {
      error = "a pattern of it is damaged";
    }
  }
  return error.empty();
}

std::string_view SiteRequest::text(std::uint64_t offset, std::uint64_t bytes) const {
  return std::string_view(text_).substr(offset, bytes);
}

std::string_view SiteRequest::path_of(const SitesModule& module) const {
  return text(module.path_offset, module.path_bytes);
}

SitePatterns SiteRequest::patterns_for(const SitesModule& module) const {
  SitePatterns patterns;
  for (const SitesPattern& pattern : patterns_) {
    if ((module.rules >> pattern.rule & 1) == 0) continue;
    patterns.add(pattern.rule, text(pattern.caller_offset, pattern.caller_bytes),
                 text(pattern.source_offset, pattern.source_bytes));
  }
  return patterns;
}

void SiteRequest::answer(std::size_t module, std::span<const SiteRange> ranges) {
  modules_[module].first = ranges_.size();
  modules_[module].count = ranges.size();
  ranges_.insert(ranges_.end(), ranges.begin(), ranges.end());
}

std::vector<SiteRequest::Piece> SiteRequest::finish(std::uint64_t file_bytes) {
  header_.ranges = {(file_bytes + alignof(SiteRange) - 1) / alignof(SiteRange) * alignof(SiteRange),
                    ranges_.size()};
  return {{header_.ranges.offset, std::as_bytes(std::span(ranges_))},
          {header_.modules.offset, std::as_bytes(std::span(modules_))},
          {0, std::as_bytes(std::span(&header_, 1))}};
}

}  // namespace weir
