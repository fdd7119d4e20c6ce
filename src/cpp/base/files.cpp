#include "base/files.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "base/error.h"

namespace adcore {
namespace {

[[noreturn]] void fail_as_system(const char* who, const char* what, const std::string& path) {
  const int reason = errno;
  fail(ErrorKind::File, who, ": ", what, " ", path, ": ", std::strerror(reason), ".");
}

class Descriptor {
 public:
  explicit Descriptor(int fd) noexcept : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const noexcept { return fd_; }
  explicit operator bool() const noexcept { return fd_ >= 0; }

 private:
  int fd_;
};

/// A link stays one: what it leads to is replaced.
std::string resolved(const std::string& path) {
  const std::unique_ptr<char, void (*)(void*)> real(::realpath(path.c_str(), nullptr), std::free);
  return real ? std::string(real.get()) : path;
}
std::string folder_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

/// The file is still the one that has this name: the writer before may have given it another one.
bool is_named(int fd, const std::string& path) {
  struct stat open{}, named{};
  return ::fstat(fd, &open) == 0 && ::stat(path.c_str(), &named) == 0 && open.st_ino == named.st_ino &&
         open.st_dev == named.st_dev;
}

constexpr auto kCrcTable = [] {
  std::array<std::array<uint32_t, 256>, 8> t{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t c = i;
    for (int k = 0; k < 8; ++k) c = c & 1 ? 0xEDB88320u ^ c >> 1 : c >> 1;
    t[0][i] = c;
  }
  for (size_t s = 1; s < 8; ++s)
    for (size_t i = 0; i < 256; ++i) t[s][i] = t[s - 1][i] >> 8 ^ t[0][t[s - 1][i] & 255];
  return t;
}();

}  // namespace

uint32_t crc32(std::span<const std::byte> bytes) noexcept {
  const auto& t = kCrcTable;
  uint32_t c = ~0u;
  const auto* p = reinterpret_cast<const unsigned char*>(bytes.data());
  size_t n = bytes.size();
  for (; n >= 8; n -= 8, p += 8) {  // eight tables, one look for each byte
    uint32_t low = 0, high = 0;
    std::memcpy(&low, p, 4);
    std::memcpy(&high, p + 4, 4);
    low ^= c;
    c = t[7][low & 255] ^ t[6][low >> 8 & 255] ^ t[5][low >> 16 & 255] ^ t[4][low >> 24] ^ t[3][high & 255] ^
        t[2][high >> 8 & 255] ^ t[1][high >> 16 & 255] ^ t[0][high >> 24];
  }
  for (; n; --n, ++p) c = t[0][(c ^ *p) & 255] ^ c >> 8;
  return ~c;
}

std::vector<std::byte> read_file(const char* who, const std::string& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) fail_as_system(who, "cannot open", path);
  struct stat about{};
  if (::fstat(file.get(), &about) != 0) fail_as_system(who, "cannot read", path);
  if (!S_ISREG(about.st_mode)) fail(ErrorKind::File, who, ": ", path, " is no file.");
  std::vector<std::byte> bytes(static_cast<size_t>(about.st_size));
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t n = ::read(file.get(), bytes.data() + done, bytes.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail_as_system(who, "cannot read", path);
    if (n == 0) break;
    done += static_cast<size_t>(n);
  }
  bytes.resize(done);
  return bytes;
}

void replace_file(const char* who, const std::string& path, std::span<const std::byte> bytes) {
  const std::string place = resolved(path), folder = folder_of(place);
  const std::string beside = folder + "/." + place.substr(place.rfind('/') + 1) + ".new";
  for (;;) {
    const Descriptor file(::open(beside.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666));
    if (!file) fail_as_system(who, "cannot write", path);
    while (::flock(file.get(), LOCK_EX) != 0)
      if (errno != EINTR) fail_as_system(who, "cannot lock", beside);
    if (!is_named(file.get(), beside)) continue;
    try {
      if (::ftruncate(file.get(), 0) != 0) fail_as_system(who, "cannot write", path);
      for (size_t done = 0; done < bytes.size();) {
        const ssize_t n = ::write(file.get(), bytes.data() + done, bytes.size() - done);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) fail_as_system(who, "cannot write", path);
        done += static_cast<size_t>(n);
      }
      if (::fsync(file.get()) != 0) fail_as_system(who, "cannot write", path);
      if (::rename(beside.c_str(), place.c_str()) != 0) fail_as_system(who, "cannot write", path);
    } catch (...) {
      ::unlink(beside.c_str());
      throw;
    }
    const Descriptor in(::open(folder.c_str(), O_RDONLY | O_CLOEXEC));
    if (in) ::fsync(in.get());
    return;
  }
}

}  // namespace adcore
