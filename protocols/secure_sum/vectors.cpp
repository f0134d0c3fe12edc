// A toy session computed in one place. It asserts that its own sums come out, so wrong vectors are never
// printed.
#include "protocols/secure_sum/vectors.hpp"

#include "protocols/secure_sum/masking.hpp"
#include "src/crypto/kdf.hpp"

#include <hansa/assert.hpp>

#include <algorithm>

namespace hansa::protocols::secure_sum {
namespace {

using crypto::to_hex;

/// A session whose members are all computed here.
struct Toy {
  Hash256 first, session;
  std::vector<MemberSecrets> secrets;
  std::vector<Point> mask_keys;
  std::vector<std::vector<crypto::MaskTerm>> terms;
};

Toy make_toy(const VectorSizes& sizes) {
  Toy toy;
  toy.first = crypto::hash("hansa1/sid0", Writer().u64(0).bytes());
  std::vector<crypto::PublicKey> identities;
  std::vector<Bytes> adverts;
  for (std::size_t i = 0; i < sizes.members; ++i) {
    crypto::Bytes32 seed;
    seed.fill(static_cast<std::byte>(i + 1));
    identities.push_back(crypto::Identity::from_seed(seed).public_key());
    LabelledEntropy entropy(sizes.seed_label, static_cast<std::uint16_t>(i));
    toy.secrets.push_back(MemberSecrets::draw(entropy, sizes.threshold));
    toy.mask_keys.push_back(Point::of(toy.secrets.back().mask.secret()));
    adverts.push_back(toy.secrets.back().advert());
  }
  toy.session = session_id(toy.first, identities, adverts);
  for (std::size_t i = 0; i < sizes.members; ++i) {
    toy.terms.push_back(input_terms(toy.session, i, toy.secrets[i], toy.mask_keys));
  }
  return toy;
}

/// Piece `chunk` of member i's input.
std::vector<std::uint32_t> input_of(const VectorSizes& sizes, std::size_t member, std::size_t chunk) {
  std::vector<std::uint32_t> out;
  for (std::size_t k = chunk * sizes.chunk; k < std::min(sizes.length, (chunk + 1) * sizes.chunk); ++k) {
    out.push_back(static_cast<std::uint32_t>(1000 * member + k));
  }
  return out;
}

Bytes masked(const VectorSizes& sizes, const Toy& toy, std::size_t member, std::size_t chunk) {
  const auto input = input_of(sizes, member, chunk);
  MaskTask task;
  task.lanes.assign(std::as_bytes(std::span(input)).begin(), std::as_bytes(std::span(input)).end());
  task.chunks = {{static_cast<std::uint32_t>(chunk), input.size()}};
  task.terms = toy.terms[member];
  return perform(std::move(task));
}

/// Sums the masked chunks and takes the self masks off again, with secrets rebuilt from shares.
std::vector<std::uint32_t> unmasked_sum(const VectorSizes& sizes, const Toy& toy, std::size_t chunk) {
  MaskTask task;
  task.lanes = masked(sizes, toy, 0, chunk);
  task.chunks = {{static_cast<std::uint32_t>(chunk), task.lanes.size() / lane_bytes(task.lane)}};
  for (std::size_t i = 1; i < sizes.members; ++i) {
    crypto::add_lanes(task.lanes, masked(sizes, toy, i, chunk), task.lane);
  }
  for (std::size_t i = 0; i < sizes.members; ++i) {
    std::vector<Share> shares;
    for (std::size_t j = 0; j < sizes.threshold; ++j) shares.push_back({j, toy.secrets[i].self.share(j)});
    task.terms.push_back({self_seed(toy.session, i, rebuild_secret(shares)), true});
  }
  const Bytes lanes = perform(std::move(task));
  std::vector<std::uint32_t> sum;
  for (Reader reader(lanes); !reader.rest().empty();) {
    const std::uint32_t low = reader.u16();
    sum.push_back(low | (std::uint32_t{reader.u16()} << 16));
  }
  return sum;
}

std::vector<std::uint32_t> plain_sum(const VectorSizes& sizes, std::size_t chunk) {
  auto sum = input_of(sizes, 0, chunk);
  for (std::size_t i = 1; i < sizes.members; ++i) {
    const auto input = input_of(sizes, i, chunk);
    for (std::size_t k = 0; k < sum.size(); ++k) sum[k] += input[k];
  }
  return sum;
}

std::string line(std::string name, const std::string& value) {
  name.resize(std::max<std::size_t>(name.size(), 6), ' ');
  return name + " " + value + "\n";
}

std::string pair_name(std::size_t other) {
  return (other < 10 ? "pairseed_0" : "pairseed_0,") + std::to_string(other);
}

std::string print_keys(const VectorSizes& sizes, const Toy& toy) {
  std::string out = line("sid0", toy.first.hex()) + line("sid", toy.session.hex());
  for (std::size_t i = 0; i < sizes.members; ++i) {
    out += line("beta_" + std::to_string(i), to_hex(toy.secrets[i].self.secret().bytes()));
    out += line("sk_" + std::to_string(i), to_hex(toy.secrets[i].mask.secret().bytes()));
    out += line("pk_" + std::to_string(i), to_hex(toy.mask_keys[i].bytes()));
  }
  out += line("share_self(0->1)", to_hex(toy.secrets[0].self.share(1).bytes()));
  out += line("selfseed_0", to_hex(toy.terms[0][0].seed.bytes()));
  for (std::size_t j = 1; j < sizes.members; ++j) {
    out += line(pair_name(j), to_hex(toy.terms[0][j].seed.bytes()));
  }
  return out;
}

std::string print_chunk(const VectorSizes& sizes, const Toy& toy, std::size_t chunk) {
  const std::string name = "chunk " + std::to_string(chunk);
  const auto sum = unmasked_sum(sizes, toy, chunk), plain = plain_sum(sizes, chunk);
  Bytes mask(lane_bytes(Lane::bits32) * plain.size());
  crypto::mask_bytes(toy.terms[0][1].seed, static_cast<std::uint32_t>(chunk), 0, mask);
  std::string words, numbers;
  for (std::size_t k = 0; k < plain.size(); ++k) {
    std::reverse(mask.begin() + static_cast<std::ptrdiff_t>(4 * k),
                 mask.begin() + static_cast<std::ptrdiff_t>(4 * k + 4));  // printed as a number
    words += (k == 0 ? "" : " ") + to_hex(std::span(mask).subspan(4 * k, 4));
    numbers += std::to_string(sum[k]) + " ";
  }
  return line("mask(pairseed_01," + name + ")[0.." + std::to_string(plain.size() - 1) + "]", words) +
         line("y_0 " + name + " bytes", to_hex(masked(sizes, toy, 0, chunk))) +
         line("sum " + name, numbers + "(plain: " + std::to_string(plain[0]) + "..)");
}

}  // namespace

void LabelledEntropy::fill(std::span<std::byte> bytes) {
  Writer input;
  input.text(label_).u16(member_).u32(draws_++);
  const crypto::Secret<64> wide = crypto::hash_wide(input.bytes());
  HANSA_ASSERT(bytes.size() <= wide.bytes().size());
  std::copy_n(wide.bytes().begin(), bytes.size(), bytes.begin());
}

Result<std::string> known_answers(const VectorSizes& sizes) {
  const auto refuse = [](std::string message) { return Error{ErrorKind::usage, std::move(message), ""}; };
  if (sizes.members < 2 || sizes.members > kMembersMax) return refuse("there can be 2 to 64 members");
  if (sizes.threshold < 1 || sizes.threshold > sizes.members) {
    return refuse("the threshold must lie between 1 and the number of members");
  }
  if (sizes.length < 1 || sizes.chunk < 1) return refuse("length and chunk must be at least 1");
  const Toy toy = make_toy(sizes);
  const std::size_t chunks = (sizes.length + sizes.chunk - 1) / sizes.chunk;
  for (std::size_t chunk = 0; chunk < chunks; ++chunk) {
    HANSA_ASSERT(unmasked_sum(sizes, toy, chunk) == plain_sum(sizes, chunk));
  }
  return "all chunks\n" + print_keys(sizes, toy) +
         print_chunk(sizes, toy, std::min<std::size_t>(2, chunks - 1));
}

}  // namespace hansa::protocols::secure_sum
