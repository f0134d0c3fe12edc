// Elimination over a prime field, and the bookkeeping of who holds which share of what.
#include "protocols/secure_sum/leakage.hpp"

#include "protocols/secure_sum/key_schedule.hpp"

#include <hansa/assert.hpp>

#include <algorithm>
#include <bit>
#include <optional>

namespace hansa::protocols::secure_sum {
namespace {

std::uint64_t inverse(std::uint64_t a) {
  std::uint64_t out = 1;
  for (std::uint64_t e = kEquationPrime - 2; e != 0; e >>= 1, a = product(a, a)) {
    if (e & 1) out = product(out, a);
  }
  return out;
}

/// Takes the multiple of `lead` off `row` that makes its entry in `column` zero.
void clear_column(Row& row, const Row& lead, std::size_t column) {
  if (row[column] == 0) return;
  const std::uint64_t factor = kEquationPrime - row[column];
  for (std::size_t k = column; k < row.size(); ++k) {
    if (lead[k] != 0) row[k] = (row[k] + product(factor, lead[k])) % kEquationPrime;
  }
}

std::vector<Point> points(BytesView encoded) {
  std::vector<Point> out;
  for (Reader in(encoded); !in.rest().empty();)
    out.push_back(Point::decode(in.array<32>()).value_or(Point()));
  return out;
}

}  // namespace

std::vector<Row> reduced(std::vector<Row> rows) {
  std::vector<Row> out;
  const std::size_t columns = rows.empty() ? 0 : rows[0].size();
  for (std::size_t c = 0; c < columns && !rows.empty(); ++c) {
    const auto pivot = std::find_if(rows.begin(), rows.end(), [&](const Row& row) { return row[c] != 0; });
    if (pivot == rows.end()) continue;
    Row lead = std::move(*pivot);
    rows.erase(pivot);
    const std::uint64_t scale = inverse(lead[c]);
    for (std::uint64_t& value : lead) value = product(value, scale);
    for (Row& row : rows) clear_column(row, lead, c);
    for (Row& row : out) clear_column(row, lead, c);
    out.push_back(std::move(lead));
  }
  return out;
}

std::vector<std::size_t> exposed_unknowns(std::vector<Row> rows, std::size_t fewest) {
  std::vector<std::size_t> exposed;
  for (const Row& row : reduced(std::move(rows))) {
    std::vector<std::size_t> unknowns;
    for (std::size_t c = 0; c < row.size(); ++c) {
      if (row[c] != 0) unknowns.push_back(c);
    }
    if (unknowns.size() < fewest) exposed.insert(exposed.end(), unknowns.begin(), unknowns.end());
  }
  std::sort(exposed.begin(), exposed.end());
  exposed.erase(std::unique(exposed.begin(), exposed.end()), exposed.end());
  return exposed;
}

CoalitionView::CoalitionView(SessionPlan plan, Set coalition)
    : plan_(std::move(plan)),
      coalition_(coalition),
      subjects_(plan_.inputs),
      pieces_(plan_.chunks.size()),
      results_(plan_.chunks.size()) {}

void CoalitionView::hold(const Packet& packet) {
  const Member from = packet.from;
  const auto know = [this](const Decision& decision) {
    if (std::find(decisions_.begin(), decisions_.end(), decision) == decisions_.end())
      decisions_.push_back(decision);
  };
  if (const auto* advert = std::get_if<AdvertBody>(&packet.parsed)) {
    subjects_[from].self.assign(advert->self.begin(), advert->self.end());
    subjects_[from].mask.assign(advert->mask.begin(), advert->mask.end());
  } else if (const auto* share = std::get_if<ShareBody>(&packet.parsed)) {
    subjects_[from].dealt |= set_of(share->to) & coalition_;  // the others' are sealed
  } else if (const auto* chunk = std::get_if<ChunkBody>(&packet.parsed)) {
    pieces_[plan_.chunk_of(chunk->to)] |= set_of(from);
  } else if (const auto* audited = std::get_if<AuditedBody>(&packet.parsed)) {
    pieces_[plan_.chunk_of(from)] |= audited->inputs;
  } else if (const auto* proposal = std::get_if<ProposeBody>(&packet.parsed)) {
    know(proposal->decision);
  } else if (const auto* vote = std::get_if<VoteBody>(&packet.parsed)) {
    know(vote->parsed.decision);
  } else if (const auto* result = std::get_if<ResultBody>(&packet.parsed)) {
    std::vector<Hash256>& results = results_[plan_.chunk_of(from)];
    if (std::find(results.begin(), results.end(), result->decision) == results.end())
      results.push_back(result->decision);
  } else if (const auto* reveal = std::get_if<RevealBody>(&packet.parsed)) {
    Reader in(reveal->shares);
    for (Subject& subject : subjects_) {
      const auto value = Scalar::decode(in.array<32>());
      const auto same = [&](const Share& held) { return held.member == from && held.value == *value; };
      if (value && std::none_of(subject.revealed.begin(), subject.revealed.end(), same))
        subject.revealed.push_back({from, *value});
    }
  }
}

CoalitionView::ChunkFacts CoalitionView::facts(std::size_t chunk) const {
  ChunkFacts out{pieces_[chunk], {}};
  for (const Decision& decision : decisions_) {
    const std::vector<Hash256>& results = results_[chunk];
    if (std::find(results.begin(), results.end(), decision_hash(decision)) != results.end())
      out.sums.push_back(decision.inputs);
  }
  std::sort(out.sums.begin(), out.sums.end());
  out.sums.erase(std::unique(out.sums.begin(), out.sums.end()), out.sums.end());
  return out;
}

/// Who gave the coalition a share of which secret. Checking a share takes t multiplications in the group, so
/// this is for the rare cases in which counting shares does not settle the matter.
CoalitionView::Holders CoalitionView::holders(const Subject& subject) const {
  Holders out{subject.dealt, subject.dealt};
  if (subject.self.empty()) return out;
  const std::vector<Point> self = points(subject.self), mask = points(subject.mask);
  for (const Share& share : subject.revealed) {
    if (share_fits(self, share.member, share.value)) out.self |= set_of(share.member);
    if (share_fits(mask, share.member, share.value)) out.mask |= set_of(share.member);
  }
  return out;
}

/// Rebuilds one secret from the first t revealed shares, as an owner does, and says which it is. True if that
/// settles both: what is left cannot be t shares of the other one.
bool CoalitionView::opens(const Subject& subject, bool& self, bool& mask) const {
  Set used = 0, unused = subject.dealt;
  std::vector<Share> shares;
  for (const Share& share : subject.revealed) {
    const bool take = shares.size() < plan_.threshold && !contains(used, share.member);
    (take ? used : unused) |= set_of(share.member);
    if (take) shares.push_back(share);
  }
  const auto count = [](Set set) { return static_cast<std::size_t>(std::popcount(set)); };
  if (count(used | unused) < plan_.threshold) return true;  // neither
  if (shares.size() < plan_.threshold || subject.self.empty()) return false;
  const crypto::Bytes32 key = Point::of(rebuild_secret(shares)).bytes();
  self = std::equal(key.begin(), key.end(), subject.self.begin());
  mask = !self && std::equal(key.begin(), key.end(), subject.mask.begin());
  return (self || mask) && count(unused) < plan_.threshold;
}

CoalitionView::Secrets CoalitionView::secrets() const {
  Secrets out{coalition_, coalition_};
  for (Member i = 0; i < plan_.inputs; ++i) {
    if (contains(coalition_, i)) continue;
    bool self = false, mask = false;
    if (!opens(subjects_[i], self, mask)) {
      const Holders all = holders(subjects_[i]);
      self = static_cast<std::size_t>(std::popcount(all.self)) >= plan_.threshold;
      mask = static_cast<std::size_t>(std::popcount(all.mask)) >= plan_.threshold;
    }
    if (self) out.self |= set_of(i);
    if (mask) out.mask |= set_of(i);
  }
  return out;
}

std::vector<Row> CoalitionView::equations(const ChunkFacts& facts, const Secrets& secrets) const {
  const std::size_t n = plan_.inputs;
  const Set others = first_of(n) & ~coalition_;
  // Columns: own masks and pairwise masks that are not known, then the inputs.
  std::size_t columns = 0;
  std::vector<std::optional<std::size_t>> own(n), shared(n * n);
  for (Member i = 0; i < n; ++i) {
    if (contains(others & ~secrets.self, i)) own[i] = columns++;
    for (Member j = 0; j < i; ++j) {
      const Set closed = others & ~secrets.mask;
      if (contains(closed, i) && contains(closed, j)) shared[i * n + j] = shared[j * n + i] = columns++;
    }
  }
  std::vector<Row> rows;
  for (Member i = 0; i < n; ++i) {
    if (!contains(facts.pieces & others, i)) continue;
    Row& row = rows.emplace_back(columns + n);
    if (own[i]) row[*own[i]] = 1;
    for (Member j = 0; j < n; ++j) {
      if (shared[i * n + j]) row[*shared[i * n + j]] = subtracts(i, j) ? kEquationPrime - 1 : 1;
    }
    row[columns + i] = 1;
  }
  for (const Set sum : facts.sums) {
    Row& row = rows.emplace_back(columns + n);
    for (Member i = 0; i < n; ++i) row[columns + i] = contains(sum & others, i) ? 1 : 0;
  }
  std::vector<Row> out;
  for (const Row& row : reduced(std::move(rows))) {
    const auto inputs = row.begin() + static_cast<std::ptrdiff_t>(columns);
    if (std::all_of(row.begin(), inputs, [](std::uint64_t value) { return value == 0; }))
      out.emplace_back(inputs, row.end());
  }
  return out;
}

}  // namespace hansa::protocols::secure_sum
