// What a coalition can compute from every packet it received, by exact linear algebra: the masked pieces are
// linear in the inputs and the masks, and a mask is known once t shares of its secret were seen. Nothing but
// the sum of the honest inputs may come out; four broken variants of the protocol show that the test can
// fail. View does it from the rules of the protocol; CoalitionView, which also watches simulated runs, from
// the bytes alone.
#include "protocols/secure_sum/leakage.hpp"
#include "tests/secure_sum/network.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>

namespace hansa::protocols::secure_sum {
namespace {

enum class Mutant { none, no_self_mask, both_secrets, two_decisions, pairwise_retry };

/// Columns: own masks, pairwise masks (of two attempts), then the inputs.
class View {
 public:
  View(const Network& network, Set coalition, std::size_t chunk, Mutant mutant)
      : network_(network),
        n_(network.plan().inputs),
        coalition_(coalition),
        owner_(network.plan().chunks[chunk].owner),
        mutant_(mutant) {
    for (const Sent& sent : network.trace()) {
      if (sent.type() != PacketType::vote) continue;
      const Packet packet = decoded(sent.packet, network.plan());
      decision_ = std::get<VoteBody>(packet.parsed).parsed.decision;
    }
    add_own_knowledge();
    for (const Sent& sent : network.trace()) add_packet(sent);
    add_rebuilt_secrets();
    if (mutant == Mutant::two_decisions && contains(coalition, owner_)) {
      rows_.push_back(sum_row(decision_.inputs & ~set_of(std::countr_zero(decision_.inputs & ~coalition))));
    }
    if (mutant == Mutant::pairwise_retry && contains(coalition, owner_)) {
      const auto victim = static_cast<Member>(std::countr_zero(decision_.inputs & ~coalition));
      for (Member i = 0; i < n_; ++i) {
        if (i != victim) rows_.push_back(masked_row(i, decision_.inputs & ~set_of(victim), 1));
      }
    }
  }

  [[nodiscard]] bool knows_the_sum() const { return result_seen_; }

  /// The combinations of inputs that the coalition can compute, and those that it may.
  [[nodiscard]] bool only_the_sum_leaks() const {
    std::vector<Row> leaked;
    for (const Row& row : reduced(rows_)) {
      const bool masked = std::any_of(row.begin(), row.begin() + static_cast<std::ptrdiff_t>(input_column(0)),
                                      [](std::uint64_t value) { return value != 0; });
      if (!masked) leaked.push_back(row);
    }
    std::vector<Row> allowed;
    for (Member i = 0; i < n_; ++i) {
      if (contains(coalition_, i)) allowed.push_back(unit(input_column(i)));
    }
    if (decision_.inputs != 0 && result_seen_) allowed.push_back(sum_row(decision_.inputs));
    const std::size_t rank = reduced(allowed).size();
    if (reduced(leaked).size() != rank) return false;
    allowed.insert(allowed.end(), leaked.begin(), leaked.end());
    return reduced(allowed).size() == rank;
  }

 private:
  [[nodiscard]] std::size_t input_column(Member i) const { return n_ + 2 * n_ * n_ + i; }
  [[nodiscard]] std::size_t pair_column(Member i, Member j, std::size_t attempt) const {
    return n_ + attempt * n_ * n_ + std::min(i, j) * n_ + std::max(i, j);
  }
  [[nodiscard]] Row unit(std::size_t column) const {
    Row row(input_column(n_));
    row[column] = 1;
    return row;
  }
  [[nodiscard]] Row sum_row(Set inputs) const {
    Row row(input_column(n_));
    for (Member i = 0; i < n_; ++i) row[input_column(i)] = contains(inputs, i) ? 1 : 0;
    return row;
  }
  [[nodiscard]] Row masked_row(Member i, Set members, std::size_t attempt) const {
    Row row = unit(input_column(i));
    const bool self = mutant_ != Mutant::no_self_mask && mutant_ != Mutant::pairwise_retry;
    if (self) row[i] = 1;
    for (Member j = 0; j < n_; ++j) {
      if (j != i && contains(members, j))
        row[pair_column(i, j, attempt)] = subtracts(i, j) ? kEquationPrime - 1 : 1;
    }
    return row;
  }
  void add_own_knowledge() {
    for (Member i = 0; i < n_; ++i) {
      if (!contains(coalition_, i)) continue;
      rows_.push_back(unit(i));
      rows_.push_back(unit(input_column(i)));
      for (Member j = 0; j < n_; ++j) {
        if (j != i) rows_.push_back(unit(pair_column(i, j, 0)));
      }
    }
    self_holders_.assign(n_, coalition_);  // shares that were dealt to them
    mask_holders_.assign(n_, coalition_);
  }
  void add_packet(const Sent& sent) {
    if (!contains(coalition_, sent.to)) return;
    if (sent.type() == PacketType::chunk && sent.to == owner_) {
      rows_.push_back(masked_row(sent.from, first_of(n_), 0));
    }
    if (sent.type() == PacketType::result && sent.from == owner_) {
      result_seen_ = true;
      rows_.push_back(sum_row(decision_.inputs));
    }
    if (sent.type() == PacketType::result && contains(coalition_, owner_)) result_seen_ = true;
    if (sent.type() != PacketType::reveal) return;
    const Packet packet = decoded(sent.packet, network_.plan());
    ASSERT_EQ(std::get<RevealBody>(packet.parsed).decision, decision_hash(decision_));
    for (Member i = 0; i < n_; ++i) {
      const bool inside = contains(decision_.inputs, i), both = mutant_ == Mutant::both_secrets;
      if (inside || both) self_holders_[i] |= set_of(sent.from);
      if (!inside || both) mask_holders_[i] |= set_of(sent.from);
    }
  }
  void add_rebuilt_secrets() {
    const int threshold = static_cast<int>(network_.plan().threshold);
    bool all = contains(coalition_, owner_) && decision_.inputs != 0;
    for (Member i = 0; i < n_; ++i) {
      const bool self = std::popcount(self_holders_[i]) >= threshold;
      const bool mask = std::popcount(mask_holders_[i]) >= threshold;
      if (self) rows_.push_back(unit(i));
      for (Member j = 0; mask && j < n_; ++j) {
        if (j != i) rows_.push_back(unit(pair_column(i, j, 0)));
      }
      all = all && (contains(decision_.inputs, i) ? self : mask);
    }
    if (all) result_seen_ = true;  // an owner that can unmask knows the sum
  }

  const Network& network_;
  std::size_t n_;
  Set coalition_;
  Member owner_;
  Mutant mutant_;
  Decision decision_;
  std::vector<Row> rows_;
  std::vector<Set> self_holders_, mask_holders_;
  bool result_seen_ = false;
};

/// Every masked piece in the trace is, as bytes, the equation that View writes for it.
void check_rows_are_real(const Network& network, const NetworkOptions& options) {
  const SessionPlan& plan = network.plan();
  std::vector<MemberSecrets> secrets;
  std::vector<Point> keys;
  for (Member i = 0; i < plan.inputs; ++i) {
    LabelledEntropy entropy(options.label, static_cast<std::uint16_t>(i));
    secrets.push_back(MemberSecrets::draw(entropy, plan.threshold));
    keys.push_back(Point::of(secrets.back().mask.secret()));
  }
  for (const Sent& sent : network.trace()) {
    if (sent.type() != PacketType::chunk) continue;
    const Packet packet = decoded(sent.packet, plan);
    const std::size_t chunk = plan.chunk_of(sent.to);
    auto terms = input_terms(packet.session, sent.from, secrets[sent.from], keys);
    const MaskTask task{plan.lane,
                        network.plain_piece(sent.from, chunk),
                        {{static_cast<std::uint32_t>(chunk), plan.chunks[chunk].lanes}},
                        std::move(terms)};
    const BytesView lanes = std::get<ChunkBody>(packet.parsed).lanes;
    ASSERT_EQ(perform(task), Bytes(lanes.begin(), lanes.end()));
  }
}

struct Count {
  std::size_t views = 0, leaks = 0;
};
Count count_leaks(const Network& network, std::size_t colluders, Mutant mutant) {
  Count count;
  for (Set coalition = 1; coalition < set_of(network.size()); ++coalition) {
    if (static_cast<std::size_t>(std::popcount(coalition)) > colluders) continue;
    for (std::size_t chunk = 0; chunk < network.plan().chunks.size(); ++chunk) {
      const View view(network, coalition, chunk, mutant);
      ++count.views;
      count.leaks += view.only_the_sum_leaks() ? 0u : 1u;
    }
  }
  return count;
}

TEST(Privacy, symbolic_leakage) {
  std::size_t views = 0;
  for (const std::size_t n : {4u, 5u, 7u}) {
    NetworkOptions options{.inputs = n, .colluders = n == 7 ? 2u : 1u, .seed = n};
    const std::size_t chunks = 3 * (n - 1);  // packets before the first CHUNK
    for (const std::size_t crash_at : {Network::kNever, chunks + 1, chunks + 2, chunks + n - 2,
                                       4 * (n - 1) + 1, 6 * (n - 1) + 1, 7 * (n - 1)}) {
      for (const Member victim : {Member{0}, n - 1}) {
        Network network(options);
        network.crash(victim, crash_at);
        network.run();
        check_rows_are_real(network, options);
        const Count count = count_leaks(network, options.colluders, Mutant::none);
        EXPECT_EQ(count.leaks, 0u) << n << " members, " << victim << " dies after " << crash_at;
        views += count.views;
      }
    }
  }
  EXPECT_GE(views, 1000u);
}

/// A member that is too late votes and reveals, but nobody has anything of its input.
TEST(Privacy, symbolic_leakage_with_late_inputs) {
  for (const std::size_t n : {4u, 5u}) {
    NetworkOptions options{.inputs = n, .seed = n};
    options.late[1] = std::chrono::minutes(1);
    Network network(options);
    network.run();
    EXPECT_EQ(network.session(0).outcome().decision.inputs, first_of(n) & ~set_of(1));
    check_rows_are_real(network, options);
    EXPECT_EQ(count_leaks(network, options.colluders, Mutant::none).leaks, 0u);
  }
}

TEST(Privacy, symbolic_leakage_finds_every_mutant) {
  NetworkOptions options{.inputs = 5};
  Network dropped(options), whole(options);
  dropped.crash(4, 12 + 3);  // its pieces reached three owners
  dropped.run();
  whole.run();
  EXPECT_GT(count_leaks(dropped, 1, Mutant::no_self_mask).leaks, 0u);
  EXPECT_GT(count_leaks(dropped, 1, Mutant::both_secrets).leaks, 0u);
  EXPECT_GT(count_leaks(whole, 1, Mutant::two_decisions).leaks, 0u);
  EXPECT_GT(count_leaks(whole, 1, Mutant::pairwise_retry).leaks, 0u);
}

std::vector<MemberSecrets> secrets_of(const Network& network, const NetworkOptions& options) {
  std::vector<MemberSecrets> all;
  for (Member i = 0; i < network.plan().inputs; ++i) {
    LabelledEntropy entropy(options.label, static_cast<std::uint16_t>(i));
    all.push_back(MemberSecrets::draw(entropy, network.plan().threshold));
  }
  return all;
}

/// The REVEAL of a member that gives out the other secret of everybody.
Bytes other_reveal(const Bytes& packet, Member from, const SessionPlan& plan,
                   const std::vector<MemberSecrets>& secrets, Set inputs) {
  return resigned(packet, from, [&](Bytes& body) {
    for (Member i = 0; i < plan.inputs; ++i) {
      const Scalar share = (contains(inputs, i) ? secrets[i].mask : secrets[i].self).share(from);
      std::copy(share.bytes().begin(), share.bytes().end(), body.begin() + 32 + 32 * static_cast<long>(i));
    }
  });
}

struct Seen {
  std::size_t views = 0, sums = 0, exposed = 0, others = 0;
};
/// What every coalition of up to f members makes of the packets it received or sent. With `mutants`, the
/// first so many members reveal both secrets.
Seen see(const Network& network, const NetworkOptions& options, std::size_t mutants = 0) {
  const SessionPlan& plan = network.plan();
  const auto secrets = secrets_of(network, options);
  Set inputs = 0;
  for (const Sent& sent : network.trace()) {
    if (sent.type() != PacketType::vote) continue;
    inputs = std::get<VoteBody>(decoded(sent.packet, plan).parsed).parsed.decision.inputs;
  }
  Seen seen;
  for (Set coalition = 1; coalition < set_of(network.size()); ++coalition) {
    if (static_cast<std::size_t>(std::popcount(coalition)) > options.colluders) continue;
    CoalitionView view(plan, coalition);
    for (const Sent& sent : network.trace()) {
      if (!contains(coalition, sent.to) && !contains(coalition, sent.from)) continue;
      view.hold(decoded(sent.packet, plan));
      if (sent.type() != PacketType::reveal || sent.from >= mutants) continue;
      view.hold(decoded(other_reveal(sent.packet, sent.from, plan, secrets, inputs), plan));
    }
    const CoalitionView::Secrets known = view.secrets();
    for (std::size_t chunk = 0; chunk < plan.chunks.size(); ++chunk) {
      const auto rows = view.equations(view.facts(chunk), known);
      Row sum(plan.inputs);
      for (Member i = 0; i < plan.inputs; ++i) sum[i] = contains(inputs & ~coalition, i) ? 1 : 0;
      ++seen.views;
      seen.sums += rows.size() == 1 && rows[0] == sum ? 1 : 0;
      seen.others += rows.size() > 1 || (rows.size() == 1 && rows[0] != sum) ? 1 : 0;
      seen.exposed += exposed_unknowns(rows, 2).size();
    }
  }
  return seen;
}

TEST(Privacy, what_is_held_says_no_more_than_the_sum) {
  for (const std::size_t n : {4u, 5u, 7u}) {
    NetworkOptions options{.inputs = n, .colluders = n == 7 ? 2u : 1u, .seed = n, .audit_probability = 1};
    for (std::size_t crash_at = 2 * (n - 1); crash_at <= 9 * (n - 1); crash_at += n / 3) {
      Network network(options);
      network.crash(n - 1, crash_at);
      network.run();
      const Seen seen = see(network, options);
      EXPECT_EQ(seen.others, 0u) << n << " members, one dies after " << crash_at;
      EXPECT_EQ(seen.exposed, 0u);
      std::size_t expected = 0;
      for (Set coalition = 1; coalition < set_of(n); ++coalition) {
        if (static_cast<std::size_t>(std::popcount(coalition)) > options.colluders) continue;
        for (std::size_t chunk = 0; chunk < n; ++chunk)
          expected += View(network, coalition, chunk, Mutant::none).knows_the_sum() ? 1u : 0u;
      }
      EXPECT_GE(seen.sums, expected) << "what follows from the protocol's rules is found in the bytes";
    }
  }
}

TEST(Privacy, what_is_held_exposes_inputs_if_both_secrets_are_revealed) {
  NetworkOptions options{.inputs = 5};
  for (const std::size_t crash_at : {Network::kNever, std::size_t{15}}) {
    Network network(options);
    network.crash(4, crash_at);
    network.run();
    EXPECT_EQ(see(network, options, 1).exposed, 0u) << "one more share is not enough";
    EXPECT_GT(see(network, options, 5).exposed, 0u);
  }
}

TEST(Privacy, equations_expose_what_follows_from_them) {
  const auto rows = [](std::initializer_list<Row> all) { return std::vector<Row>(all); };
  EXPECT_TRUE(exposed_unknowns({}, 2).empty());
  EXPECT_TRUE(exposed_unknowns(rows({{1, 1, 1, 0}}), 2).empty());
  EXPECT_TRUE(exposed_unknowns(rows({{1, 1, 1, 1}, {2, 2, 2, 2}}), 2).empty()) << "the same twice";
  // Two sums of which one leaves a member out.
  EXPECT_EQ(exposed_unknowns(rows({{1, 1, 1, 1}, {1, 1, 0, 1}}), 2), (std::vector<std::size_t>{2}));
  EXPECT_EQ(exposed_unknowns(rows({{1, 1, 0}, {0, 1, 1}, {1, 0, 1}}), 2),
            (std::vector<std::size_t>{0, 1, 2}));
  // A sum of two is no input, but too few.
  EXPECT_EQ(exposed_unknowns(rows({{1, 1, 1, 1}, {1, 1, 0, 0}}), 3), (std::vector<std::size_t>{0, 1, 2, 3}));
  const auto first = reduced(rows({{1, 1, 1}, {1, 2, 3}})), second = reduced(rows({{0, 1, 2}, {3, 4, 5}}));
  EXPECT_EQ(first, second) << "one space, one form";
}

}  // namespace
}  // namespace hansa::protocols::secure_sum
