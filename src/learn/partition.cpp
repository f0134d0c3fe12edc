// How rows are dealt. The label-skewed schemes are those of the federated-learning literature: shards
// (McMahan et al., AISTATS 2017), Dirichlet (Hsu, Qi, Brown 2019), quantity skew (Li et al., ICDE 2022).
#include "src/learn/partition.hpp"

#include "src/learn/data/file.hpp"

#include <hansa/rng.hpp>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>

namespace hansa::learn {
namespace {

using Rows = std::vector<std::uint32_t>;
using Parts = std::vector<Rows>;

// Stream counters under Purpose::partition; the party is the class, the attempt or left out.
constexpr std::uint64_t kOrderStream = 0;
constexpr std::uint64_t kShareStream = 1;

constexpr std::uint32_t kDrawsMax = 1000;

Error usage(std::string message, std::string hint = "") {
  return Error{ErrorKind::usage, std::move(message), std::move(hint)};
}

Rows shuffled(std::span<const std::uint32_t> rows, std::uint64_t seed, std::uint64_t stream) {
  Rows order(rows.begin(), rows.end());
  Rng rng(seed, Purpose::partition, stream, kOrderStream);
  rng.shuffle(order);
  return order;
}

/// One draw from the symmetric Dirichlet distribution with concentration `alpha`.
std::vector<double> dirichlet(std::size_t count, double alpha, Rng& rng) {
  std::vector<double> share(count);
  double sum = 0;
  for (double& s : share) sum += s = rng.gamma(alpha);
  if (sum > 0 && std::isfinite(sum)) {
    for (double& s : share) s /= sum;
  } else {  // a tiny alpha underflows: in the limit one takes all
    std::fill(share.begin(), share.end(), 0.0);
    share[rng.below(count)] = 1;
  }
  return share;
}

/// `total` cut at the cumulated shares: whole numbers that sum to `total`.
std::vector<std::size_t> cut(std::size_t total, const std::vector<double>& share) {
  std::vector<std::size_t> sizes(share.size());
  double sum = 0;
  std::size_t before = 0;
  for (std::size_t i = 0; i < share.size(); ++i) {
    sum += share[i];
    const auto here = i + 1 == share.size()
                          ? total
                          : std::min(total, static_cast<std::size_t>(sum * static_cast<double>(total) + 0.5));
    sizes[i] = here - std::min(here, before);
    before = std::max(before, here);
  }
  return sizes;
}

/// Consecutive pieces of `order` with the given sizes, one per party.
void deal(const Rows& order, const std::vector<std::size_t>& sizes, Parts& parts) {
  auto from = order.begin();
  for (std::size_t party = 0; party < sizes.size(); ++party) {
    const auto to = from + static_cast<std::ptrdiff_t>(sizes[party]);
    parts[party].insert(parts[party].end(), from, to);
    from = to;
  }
}

Result<Parts> iid(const Dataset&, std::span<const std::uint32_t> rows, const PartitionOptions& options) {
  Parts parts(options.parties);
  std::vector<std::size_t> sizes(options.parties, rows.size() / options.parties);
  for (std::size_t i = 0; i < rows.size() % options.parties; ++i) ++sizes[i];
  deal(shuffled(rows, options.seed, ~0ULL), sizes, parts);
  return parts;
}

Result<void> check_alpha(const PartitionOptions& options) {
  if (options.alpha > 0 && std::isfinite(options.alpha)) return {};
  return usage("partition.alpha must be a finite number above 0", "0.1 is very uneven, 100 almost even");
}

/// Rows by class, in class order; regression labels fall into ten classes of equal size.
Parts rows_by_class(const Dataset& dataset, std::span<const std::uint32_t> rows) {
  constexpr std::size_t kQuantiles = 10;
  if (dataset.task != TaskKind::regression) {
    Parts classes(dataset.classes);
    for (const std::uint32_t row : rows) classes[static_cast<std::size_t>(dataset.label[row])].push_back(row);
    return classes;
  }
  Rows order(rows.begin(), rows.end());
  std::stable_sort(order.begin(), order.end(),
                   [&](std::uint32_t a, std::uint32_t b) { return dataset.label[a] < dataset.label[b]; });
  Parts classes(kQuantiles);
  for (std::size_t i = 0; i < order.size(); ++i) classes[i * kQuantiles / order.size()].push_back(order[i]);
  return classes;
}

Result<Parts> by_dirichlet(const Dataset& dataset, std::span<const std::uint32_t> rows,
                           const PartitionOptions& options) {
  if (Result<void> good = check_alpha(options); !good) return std::move(good).error();
  const Parts classes = rows_by_class(dataset, rows);
  for (std::uint32_t draw = 0; draw < kDrawsMax; ++draw) {
    Rng rng(options.seed, Purpose::partition, draw, kShareStream);
    std::vector<std::vector<std::size_t>> sizes;
    std::vector<std::size_t> total(options.parties, 0);
    for (const Rows& members : classes) {
      sizes.push_back(cut(members.size(), dirichlet(options.parties, options.alpha, rng)));
      for (std::size_t party = 0; party < options.parties; ++party) total[party] += sizes.back()[party];
    }
    if (*std::min_element(total.begin(), total.end()) < options.rows_min) continue;
    Parts parts(options.parties);
    for (std::size_t c = 0; c < classes.size(); ++c)
      deal(shuffled(classes[c], options.seed, c), sizes[c], parts);
    return parts;
  }
  return usage("dirichlet: no draw in " + std::to_string(kDrawsMax) + " gave each of the " +
                   std::to_string(options.parties) + " parties at least " + std::to_string(options.rows_min) +
                   " rows",
               "raise partition.alpha, or lower parties or partition.rows_min");
}

Result<Parts> by_shards(const Dataset& dataset, std::span<const std::uint32_t> rows,
                        const PartitionOptions& options) {
  const std::uint64_t pieces = std::uint64_t{options.parties} * options.shards_per_party;
  if (pieces == 0) return usage("partition.shards_per_party must be at least 1");
  if (pieces > rows.size()) {
    return usage("more shards than rows: " + std::to_string(options.parties) + " parties x " +
                     std::to_string(options.shards_per_party) + " shards, " + std::to_string(rows.size()) +
                     " rows",
                 "lower parties or partition.shards_per_party");
  }
  Rows order(rows.begin(), rows.end());
  std::stable_sort(order.begin(), order.end(),
                   [&](std::uint32_t a, std::uint32_t b) { return dataset.label[a] < dataset.label[b]; });
  Rows piece(pieces);
  std::iota(piece.begin(), piece.end(), 0U);
  piece = shuffled(piece, options.seed, ~0ULL);
  Parts parts(options.parties);
  for (std::size_t i = 0; i < pieces; ++i) {
    const auto begin = static_cast<std::ptrdiff_t>(piece[i] * rows.size() / pieces);
    const auto end = static_cast<std::ptrdiff_t>((piece[i] + 1ULL) * rows.size() / pieces);
    Rows& part = parts[i / options.shards_per_party];
    part.insert(part.end(), order.begin() + begin, order.begin() + end);
  }
  return parts;
}

Result<Parts> by_quantity(const Dataset&, std::span<const std::uint32_t> rows,
                          const PartitionOptions& options) {
  if (Result<void> good = check_alpha(options); !good) return std::move(good).error();
  // The smallest share is set aside first, so that any alpha works; the rest is what is uneven.
  const std::uint64_t reserved = std::uint64_t{options.parties} * options.rows_min;
  if (reserved > rows.size()) {
    return usage("quantity-skew: " + std::to_string(rows.size()) + " rows are too few for " +
                     std::to_string(options.parties) + " parties of at least " +
                     std::to_string(options.rows_min),
                 "lower parties or partition.rows_min");
  }
  Rng rng(options.seed, Purpose::partition, ~0ULL, kShareStream);
  std::vector<std::size_t> sizes =
      cut(rows.size() - reserved, dirichlet(options.parties, options.alpha, rng));
  for (std::size_t& size : sizes) size += options.rows_min;
  Parts parts(options.parties);
  deal(shuffled(rows, options.seed, ~0ULL), sizes, parts);
  return parts;
}

Result<Parts> by_column(const Dataset& dataset, std::span<const std::uint32_t> rows,
                        const PartitionOptions& options) {
  if (dataset.group.empty()) {
    return usage("partition by-column: data set " + dataset.name + " has no group column",
                 "name one in the schema: group = \"COLUMN\"");
  }
  Parts by_group(dataset.group_name.size());
  for (const std::uint32_t row : rows) by_group[dataset.group[row]].push_back(row);
  Parts parts;
  std::string names;
  constexpr std::size_t kNamesMax = 20;
  for (std::size_t group = 0; group < by_group.size(); ++group) {
    if (by_group[group].empty()) continue;
    if (parts.size() < kNamesMax) names += (names.empty() ? "" : ", ") + in_quotes(dataset.group_name[group]);
    if (parts.size() == kNamesMax) names += ", ...";
    parts.push_back(std::move(by_group[group]));
  }
  if (parts.size() != options.parties) {
    return usage("partition by-column: " + std::to_string(options.parties) + " parties, but the data has " +
                     std::to_string(parts.size()) + " groups: " + names,
                 "set parties = " + std::to_string(parts.size()) + ", or choose other groups in the schema");
  }
  return parts;
}

constexpr PartitionerEntry kPartitioners[] = {
    {"iid", "shuffled and dealt evenly", iid},
    {"dirichlet", "each class is split by shares from Dir(alpha): uneven labels and sizes", by_dirichlet},
    {"shards", "sorted by label, cut into pieces, shards_per_party pieces each: few labels per party",
     by_shards},
    {"quantity-skew", "labels alike, sizes uneven: shares from Dir(alpha) on top of rows_min each",
     by_quantity},
    {"by-column", "one party per value of the schema's group column", by_column},
};

}  // namespace

std::span<const PartitionerEntry> partitioner_registry() noexcept { return kPartitioners; }

Result<std::vector<std::vector<std::uint32_t>>> partition(std::string_view name, const Dataset& dataset,
                                                          std::span<const std::uint32_t> rows,
                                                          const PartitionOptions& options) {
  const auto* const entry = std::find_if(std::begin(kPartitioners), std::end(kPartitioners),
                                         [&](const PartitionerEntry& e) { return e.name == name; });
  if (entry == std::end(kPartitioners)) {
    std::string known;
    for (const PartitionerEntry& e : kPartitioners)
      known += (known.empty() ? "" : ", ") + std::string(e.name);
    return usage("unknown partition " + in_quotes(name), "known: " + known);
  }
  if (options.parties == 0) return usage("0 parties; a run needs at least one", "set parties");
  if (options.parties > rows.size()) {
    return usage("more parties than rows: " + std::to_string(options.parties) + " parties, " +
                     std::to_string(rows.size()) + " training rows",
                 "lower parties, or use more data");
  }
  Result<Parts> parts = entry->partition(dataset, rows, options);
  if (!parts) return parts;
  for (std::size_t party = 0; party < parts->size(); ++party) {
    Rows& part = (*parts)[party];
    if (part.size() < options.rows_min) {
      return usage("party " + std::to_string(party) + " would get " + std::to_string(part.size()) +
                       " rows, fewer than partition.rows_min = " + std::to_string(options.rows_min),
                   "lower parties or partition.rows_min");
    }
    std::sort(part.begin(), part.end());
  }
  return parts;
}

}  // namespace hansa::learn
