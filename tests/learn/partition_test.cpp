// What every partitioner must keep to, over the whole registry, and what each one promises on top.
#include "src/learn/partition.hpp"
#include "tests/learn/reader_support.hpp"

#include <hansa/rng.hpp>

#include <algorithm>
#include <numeric>
#include <set>

namespace hansa::learn {
namespace {

using Parts = std::vector<std::vector<std::uint32_t>>;

Dataset make_data(std::size_t rows, std::size_t classes, std::uint32_t groups) {
  Dataset data;
  data.name = "test";
  data.task = classes == 1 ? TaskKind::regression : classes == 2 ? TaskKind::binary : TaskKind::multiclass;
  data.classes = classes;
  data.rows = rows;
  Rng rng(21, Purpose::test, rows);
  for (std::size_t i = 0; i < rows; ++i) {
    data.label.push_back(classes == 1 ? static_cast<float>(rng.normal())
                                      : static_cast<float>(rng.below(classes)));
    data.group.push_back(static_cast<std::uint32_t>(i % groups));
  }
  for (std::uint32_t g = 0; g < groups; ++g) data.group_name.push_back("group " + std::to_string(g));
  return data;
}

/// Every third row is left out, as test rows are.
std::vector<std::uint32_t> some_rows(const Dataset& data) {
  std::vector<std::uint32_t> rows;
  for (std::uint32_t i = 0; i < data.rows; ++i) {
    if (i % 3 != 0 || i < 20) rows.push_back(i);
  }
  return rows;
}

PartitionOptions options_for(std::uint32_t parties, std::uint64_t seed = 1) {
  PartitionOptions options;
  options.parties = parties;
  options.seed = seed;
  return options;
}

TEST(Partitioners, DealEachRowOnceRepeatably) {
  for (const PartitionerEntry& entry : partitioner_registry()) {
    for (const std::size_t classes : {1U, 2U, 10U}) {
      for (const std::uint32_t parties : {1U, 2U, 7U, 10U}) {
        const Dataset data = make_data(2'000, classes, parties);
        const std::vector<std::uint32_t> rows = some_rows(data);
        const PartitionOptions options = options_for(parties);
        const Result<Parts> parts = partition(entry.name, data, rows, options);
        ASSERT_TRUE(parts.ok()) << entry.name << ": " << parts.error().message;
        ASSERT_EQ(parts->size(), parties);
        std::vector<std::uint32_t> all;
        for (const auto& part : *parts) {
          EXPECT_GE(part.size(), 1U);
          EXPECT_TRUE(std::is_sorted(part.begin(), part.end()));
          all.insert(all.end(), part.begin(), part.end());
        }
        std::sort(all.begin(), all.end());
        EXPECT_EQ(all, rows) << entry.name;
        EXPECT_EQ(partition(entry.name, data, rows, options).value(), parts.value()) << entry.name;
        const bool random = entry.name != "by-column" && parties > 1;
        const bool same = partition(entry.name, data, rows, options_for(parties, 2)).value() == parts.value();
        EXPECT_EQ(same, !random) << entry.name;
      }
    }
  }
}

TEST(Partitioners, RefuseWhatDoesNotFit) {
  const Dataset data = make_data(50, 2, 5);
  const std::vector<std::uint32_t> rows = some_rows(data);
  for (const PartitionerEntry& entry : partitioner_registry()) {
    expect_error(partition(entry.name, data, rows, options_for(0)), ErrorKind::usage, "0 parties");
    expect_error(partition(entry.name, data, rows, options_for(1'000)), ErrorKind::usage,
                 "more parties than rows");
    PartitionOptions greedy = options_for(5);
    greedy.rows_min = 30;
    EXPECT_FALSE(partition(entry.name, data, rows, greedy).ok()) << entry.name;
  }
  expect_error(partition("zipf", data, rows, options_for(2)), ErrorKind::usage, "unknown partition 'zipf'",
               "iid");
  for (const char* name : {"dirichlet", "quantity-skew"}) {
    PartitionOptions options = options_for(5);
    options.alpha = 0;
    expect_error(partition(name, data, rows, options), ErrorKind::usage, "partition.alpha must be");
  }
}

TEST(Iid, IsEven) {
  const Dataset data = make_data(2'000, 10, 1);
  const std::vector<std::uint32_t> rows = some_rows(data);
  const Parts parts = partition("iid", data, rows, options_for(7)).value();
  for (const auto& part : parts) {
    EXPECT_LE(rows.size() / 7, part.size());
    EXPECT_LE(part.size(), rows.size() / 7 + 1);
  }
}

/// Mean over parties of the largest share that one class has.
double label_skew(const Dataset& data, const Parts& parts) {
  double sum = 0;
  for (const auto& part : parts) {
    std::vector<double> count(data.classes);
    for (const std::uint32_t row : part) count[static_cast<std::size_t>(data.label[row])] += 1;
    sum += *std::max_element(count.begin(), count.end()) / static_cast<double>(part.size());
  }
  return sum / static_cast<double>(parts.size());
}

TEST(Dirichlet, SkewsLabelsMoreForSmallerAlpha) {
  const Dataset data = make_data(20'000, 10, 1);
  const std::vector<std::uint32_t> rows = some_rows(data);
  PartitionOptions options = options_for(20);
  std::vector<double> skew;
  for (const double alpha : {0.1, 0.5, 100.0}) {
    options.alpha = alpha;
    skew.push_back(label_skew(data, partition("dirichlet", data, rows, options).value()));
  }
  EXPECT_GT(skew[0], 0.5);
  EXPECT_GT(skew[0], skew[1] + 0.1);
  EXPECT_GT(skew[1], skew[2] + 0.1);
  EXPECT_LT(skew[2], 0.2);
}

TEST(Dirichlet, SharesHaveTheRightSpread) {
  // The share of a class has variance (1/n)(1 - 1/n) / (n alpha + 1).
  const Dataset data = make_data(5'000, 2, 1);
  const std::vector<std::uint32_t> rows = some_rows(data);
  constexpr double kParties = 4;
  double squares = 0;
  double count = 0;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    PartitionOptions options = options_for(4, seed);
    options.alpha = 2;
    options.rows_min = 0;
    const Parts parts = partition("dirichlet", data, rows, options).value();
    for (const auto& part : parts) {
      double ones = 0;
      for (const std::uint32_t row : part) ones += static_cast<double>(data.label[row]);
      double all = 0;
      for (const std::uint32_t row : rows) all += static_cast<double>(data.label[row]);
      squares += (ones / all - 1 / kParties) * (ones / all - 1 / kParties);
      count += 1;
    }
  }
  const double expected = 1 / kParties * (1 - 1 / kParties) / (kParties * 2 + 1);
  EXPECT_NEAR(squares / count, expected, expected * 0.15);
}

TEST(Dirichlet, RedrawsForRowsMinAndGivesUpClearly) {
  const Dataset data = make_data(2'000, 2, 1);
  const std::vector<std::uint32_t> rows = some_rows(data);
  PartitionOptions options = options_for(10);
  options.alpha = 0.5;
  options.rows_min = 20;
  const Parts parts = partition("dirichlet", data, rows, options).value();
  for (const auto& part : parts) EXPECT_GE(part.size(), 20U);
  options.alpha = 1e-4;
  expect_error(partition("dirichlet", data, rows, options), ErrorKind::usage,
               "no draw in 1000 gave each of the 10");
}

TEST(Shards, GiveFewLabels) {
  const Dataset data = make_data(20'000, 10, 1);
  const std::vector<std::uint32_t> rows = some_rows(data);
  for (const std::uint32_t pieces : {1U, 2U, 3U}) {
    PartitionOptions options = options_for(100);
    options.shards_per_party = pieces;
    double labels = 0;
    const Parts parts = partition("shards", data, rows, options).value();
    for (const auto& part : parts) {
      std::set<float> seen;
      for (const std::uint32_t row : part) seen.insert(data.label[row]);
      EXPECT_LE(seen.size(), 2U * pieces);
      EXPECT_NEAR(static_cast<double>(part.size()), static_cast<double>(rows.size()) / 100, pieces);
      labels += static_cast<double>(seen.size());
    }
    EXPECT_LT(labels / 100, pieces + 0.5);
  }
  PartitionOptions options = options_for(100);
  options.shards_per_party = 1'000;
  expect_error(partition("shards", data, rows, options), ErrorKind::usage, "more shards than rows");
  options.shards_per_party = 0;
  expect_error(partition("shards", data, rows, options), ErrorKind::usage, "at least 1");
}

TEST(QuantitySkew, IsUnevenInSizeNotInLabels) {
  const Dataset data = make_data(20'000, 2, 1);
  const std::vector<std::uint32_t> rows = some_rows(data);
  PartitionOptions options = options_for(10);
  options.alpha = 0.3;
  options.rows_min = 50;
  const Parts parts = partition("quantity-skew", data, rows, options).value();
  std::size_t smallest = rows.size();
  std::size_t largest = 0;
  for (const auto& part : parts) {
    smallest = std::min(smallest, part.size());
    largest = std::max(largest, part.size());
    EXPECT_GE(part.size(), 50U);
  }
  EXPECT_GT(largest, 5 * smallest);
  EXPECT_LT(label_skew(data, parts), 0.6);
  options.alpha = 1e-6;  // in the limit one party gets all that is not reserved
  EXPECT_TRUE(partition("quantity-skew", data, rows, options).ok());
}

TEST(ByColumn, FollowsTheGroupsAndNamesThem) {
  const Dataset data = make_data(90, 2, 3);
  const std::vector<std::uint32_t> rows = some_rows(data);
  const Parts parts = partition("by-column", data, rows, options_for(3)).value();
  for (std::uint32_t g = 0; g < 3; ++g) {
    for (const std::uint32_t row : parts[g]) EXPECT_EQ(data.group[row], g);
  }
  expect_error(partition("by-column", data, rows, options_for(4)), ErrorKind::usage,
               "4 parties, but the data has 3 groups: 'group 0', 'group 1', 'group 2'", "set parties = 3");
  Dataset plain = data;
  plain.group.clear();
  plain.group_name.clear();
  expect_error(partition("by-column", plain, rows, options_for(3)), ErrorKind::usage, "has no group column");
}

}  // namespace
}  // namespace hansa::learn
