// Files that are read and written whole.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace adcore {

/// The bytes of a file; `who` speaks in errors.
std::vector<std::byte> read_file(const char* who, const std::string& path);
/// Writes a file beside its place, flushes it, and renames it: at any moment the old file or the new one is there,
/// whole. Writers of one file wait for each other; one that was killed leaves a file behind that the next one takes.
void replace_file(const char* who, const std::string& path, std::span<const std::byte> bytes);
/// CRC-32 as zlib and PNG have it.
uint32_t crc32(std::span<const std::byte> bytes) noexcept;

}  // namespace adcore
