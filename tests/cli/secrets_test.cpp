// A secure run leaves no secret behind: not in its files, not on the terminal, not in JSON. Simulated secrets
// follow from the seed, so the test can know all of them.
#include "src/crypto/group.hpp"
#include "src/crypto/hash.hpp"
#include "src/exec/entropy.hpp"
#include "tests/cli/run_command.hpp"
#include "tests/crypto/secret_scan.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace hansa::cli {
namespace {

/// All that the parties of a run with this seed draw at their first start, the scalars of their first session
/// as they are used, and the seeds of their signing keys.
crypto::testing::SecretScan secrets_of(std::uint64_t seed, std::uint32_t parties) {
  crypto::testing::SecretScan scan;
  for (std::uint32_t party = 0; party < parties; ++party) {
    exec::SeededEntropy entropy(seed, PartyId{party}, 0);
    std::array<std::byte, 8192> drawn{};
    entropy.fill(drawn);
    scan.add(drawn);
    constexpr std::size_t kBeacon = 32;  // what it shows to all in the ceremony that draws the cohorts
    for (std::size_t k = 0; k < 16; ++k) {
      scan.add(crypto::Scalar::reduce(std::span(drawn).subspan(kBeacon + 64 * k).first<64>()).bytes());
    }
    scan.add(crypto::Hasher("hansa/sim-ident").update_u64(seed).update_u64(party).finish().bytes);
  }
  return scan;
}

class Secrets : public CommandTest {};

TEST_F(Secrets, AreInNoFileLogOrJson) {
  const crypto::testing::SecretScan scan = secrets_of(77, 6);
  ASSERT_GT(scan.size(), 6U * 8000);
  std::filesystem::copy_file(HANSA_SOURCE_DIR "/examples/toy.toml", folder_ / "toy.toml");
  const std::string secure =
      "sim toy.toml --seed 77 --set parties=6 --set rounds=4 --set strategy=cohort --set aggregation=secure "
      "--set cohort.size=6 ";
  for (const std::string clock : {"virtual", "wall"}) {
    const Outcome json = run(secure + "--json --clock " + clock + " --out json-" + clock);
    ASSERT_EQ(json.code, 0) << json.err;
    EXPECT_NE(json.out.find("\"completed\": 4"), std::string::npos)
        << "all four rounds must sum: " << json.out;
    const Outcome text = run(secure + "--clock " + clock + " --out text-" + clock);
    ASSERT_EQ(text.code, 0) << text.err;
    for (const std::string& said : {json.out, json.err, text.out, text.err}) EXPECT_EQ(scan.find(said), "");
  }
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_)) {
    if (!entry.is_regular_file()) continue;
    ++files;
    EXPECT_EQ(scan.find(read_text(entry.path())), "") << entry.path();
  }
  EXPECT_GT(files, 12U) << "four run folders";
}

}  // namespace
}  // namespace hansa::cli
