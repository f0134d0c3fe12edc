// ChaCha20 from libsodium, and from OpenSSL where the build has it (several times as fast on processors with
// AVX-512). Both give the bytes of RFC 8439; tests/crypto compares them.
#include "src/crypto/mask.hpp"
#include "src/crypto/sodium_bytes.hpp"

#include <hansa/assert.hpp>

#include <sodium.h>

#ifdef HANSA_MASK_OPENSSL
#include <openssl/evp.h>
#endif

#include <limits>

namespace hansa::crypto {
namespace {

using Generator = MaskBackend::Generator;

void put_le32(std::span<std::byte> out, std::uint32_t value) noexcept {
  for (std::size_t i = 0; i < 4; ++i) out[i] = static_cast<std::byte>(value >> (8 * i));
}

class SodiumGenerator final : public Generator {
 public:
  SodiumGenerator(const Secret32& seed, std::uint32_t chunk, std::uint32_t counter) noexcept
      : seed_(seed), counter_(counter) {
    put_le32(nonce_, chunk);
  }
  void next(std::span<std::byte> out) noexcept override {
    std::fill(out.begin(), out.end(), std::byte{0});
    const int failed = crypto_stream_chacha20_ietf_xor_ic(raw(out), raw(out), out.size(), raw(nonce_),
                                                          counter_, raw(seed_.bytes()));
    HANSA_ASSERT(failed == 0);
    counter_ += static_cast<std::uint32_t>((out.size() + 63) / 64);
  }

 private:
  Secret32 seed_;
  std::array<std::byte, crypto_stream_chacha20_ietf_NONCEBYTES> nonce_{};
  std::uint32_t counter_;
};

std::unique_ptr<Generator> start_sodium(const Secret32& seed, std::uint32_t chunk, std::uint32_t counter) {
  return std::make_unique<SodiumGenerator>(seed, chunk, counter);
}

#ifdef HANSA_MASK_OPENSSL
class OpensslGenerator final : public Generator {
 public:
  OpensslGenerator(const Secret32& seed, std::uint32_t chunk, std::uint32_t counter) noexcept
      : context_(EVP_CIPHER_CTX_new()) {
    std::array<std::byte, 16> iv{};  // OpenSSL's: the counter, then the nonce
    put_le32(iv, counter);
    put_le32(std::span(iv).subspan(4), chunk);
    HANSA_ASSERT(context_ != nullptr);
    const int done = EVP_EncryptInit_ex(context_.get(), EVP_chacha20(), nullptr, raw(seed.bytes()), raw(iv));
    HANSA_ASSERT(done == 1);
  }
  void next(std::span<std::byte> out) noexcept override {
    std::fill(out.begin(), out.end(), std::byte{0});
    constexpr std::size_t kCallMax = std::size_t{1} << 30;  // its lengths are int
    static_assert(kCallMax <= static_cast<std::size_t>(std::numeric_limits<int>::max()));
    while (!out.empty()) {
      const auto piece = out.first(std::min(out.size(), kCallMax));
      int written = 0;
      const int done =
          EVP_EncryptUpdate(context_.get(), raw(piece), &written, raw(piece), static_cast<int>(piece.size()));
      HANSA_ASSERT(done == 1 && written == static_cast<int>(piece.size()));
      out = out.subspan(piece.size());
    }
  }

 private:
  struct Free {  // overwrites the key schedule
    void operator()(EVP_CIPHER_CTX* context) const noexcept { EVP_CIPHER_CTX_free(context); }
  };
  std::unique_ptr<EVP_CIPHER_CTX, Free> context_;
};

std::unique_ptr<Generator> start_openssl(const Secret32& seed, std::uint32_t chunk, std::uint32_t counter) {
  return std::make_unique<OpensslGenerator>(seed, chunk, counter);
}
#endif

constexpr MaskBackend kBackends[] = {
#ifdef HANSA_MASK_OPENSSL
    {"openssl", start_openssl},
#endif
    {"sodium", start_sodium},
};

}  // namespace

std::span<const MaskBackend> mask_backends() noexcept { return kBackends; }

}  // namespace hansa::crypto
