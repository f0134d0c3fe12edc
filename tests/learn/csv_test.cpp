// The CSV reader: RFC 4180 cases as a table, every encoding, and each error with its line.
#include "src/learn/data/csv_scanner.hpp"
#include "src/learn/data/limits.hpp"
#include "tests/learn/reader_support.hpp"

#include <hansa/rng.hpp>

#include <gmock/gmock.h>

namespace hansa::learn {
namespace {

using Kind = ColumnSchema::Kind;
using ::testing::ElementsAre;
using Records = std::vector<std::vector<std::string>>;

Result<Records> scan(std::string_view text, char separator = ',') {
  CsvScanner scanner(text, "f.csv", separator);
  Records records;
  for (;;) {
    Result<bool> more = scanner.next();
    if (!more) return more.error();
    if (!*more) return records;
    records.emplace_back(scanner.fields().begin(), scanner.fields().end());
  }
}

TEST(CsvScanner, CutsRecordsAsRfc4180Says) {
  const struct {
    const char* text;
    Records records;
  } cases[] = {
      {"", {}},
      {"\n\r\n\n", {}},
      {"a", {{"a"}}},
      {"a,b\nc,d\n", {{"a", "b"}, {"c", "d"}}},
      {"a,b\r\nc,d\r\n", {{"a", "b"}, {"c", "d"}}},
      {"a,b\r\nc,d", {{"a", "b"}, {"c", "d"}}},
      {"a,b\n\nc,d", {{"a", "b"}, {"c", "d"}}},
      {"a,", {{"a", ""}}},
      {",\n,", {{"", ""}, {"", ""}}},
      {"\"a\",\"b\"\n", {{"a", "b"}}},
      {"\"a,b\",c", {{"a,b", "c"}}},
      {"\"a\nb\",c\r\nd,\"e\r\nf\"\r\n", {{"a\nb", "c"}, {"d", "e\r\nf"}}},
      {"\"say \"\"hi\"\"\",\"\"\"\"", {{"say \"hi\"", "\""}}},
      {"\"\",x", {{"", "x"}}},
      {"a\"b,c", {{"a\"b", "c"}}},
      {"\xEF\xBB\xBF"
       "a,b\n1,2",
       {{"a", "b"}, {"1", "2"}}},
      {"\"a\"\r\n\"b\"\r", {{"a"}, {"b"}}},
  };
  for (const auto& c : cases) {
    const Result<Records> records = scan(c.text);
    ASSERT_TRUE(records.ok()) << c.text << ": " << records.error().message;
    EXPECT_EQ(records.value(), c.records) << c.text;
  }
}

TEST(CsvScanner, TakesOtherSeparators) {
  EXPECT_EQ(scan("a,b;c\n1;2", ';').value(), (Records{{"a,b", "c"}, {"1", "2"}}));
  EXPECT_EQ(scan("a\tb", '\t').value(), (Records{{"a", "b"}}));
}

TEST(CsvScanner, NamesTheLineOfBadQuotes) {
  expect_error(scan("a,b\n1,\"two\n3,4\n"), ErrorKind::bad_data,
               "f.csv:2: a quote opens here and is never closed");
  expect_error(scan("a,b\n\"x\ny\"z,2\n"), ErrorKind::bad_data, "f.csv:3: text after a closing quote");
}

TEST(CsvScanner, LimitsRecords) {
  const std::string longest(kReadLimits.line_bytes + 1, 'a');
  expect_error(scan("x\n" + longest), ErrorKind::bad_data, "f.csv:2: record longer than");
  expect_error(scan("x\n\"" + longest + "\""), ErrorKind::bad_data, "f.csv:2: a quote opens here");
  expect_error(scan(std::string(kReadLimits.columns + 1, ',')), ErrorKind::bad_data, "f.csv:1: more than");
}

// Whatever is written with quotes where needed must come back unchanged.
TEST(CsvScanner, ReadsBackWhatAWriterQuoted) {
  Rng rng(1, Purpose::test);
  const std::string alphabet = "ab,\"\n\r; ";
  for (int repeat = 0; repeat < 500; ++repeat) {
    Records records(1 + rng.below(4), std::vector<std::string>(2 + rng.below(3)));
    std::string text;
    for (auto& record : records) {
      for (std::size_t i = 0; i < record.size(); ++i) {
        for (std::uint64_t k = rng.below(6); k > 0; --k) record[i] += alphabet[rng.below(alphabet.size())];
        text += i > 0 ? "," : "";
        text += '"';
        for (const char c : record[i]) text += c == '"' ? std::string("\"\"") : std::string(1, c);
        text += '"';
      }
      text += rng.below(2) == 0 ? "\n" : "\r\n";
    }
    const Result<Records> read = scan(text);
    ASSERT_TRUE(read.ok()) << text << read.error().message;
    ASSERT_EQ(read.value(), records) << text;
  }
}

std::vector<std::pair<std::uint32_t, float>> row_of(const Dataset& dataset, std::size_t row) {
  std::vector<std::pair<std::uint32_t, float>> entries;
  for (std::uint64_t k = dataset.row_begin[row]; k < dataset.row_begin[row + 1]; ++k) {
    entries.emplace_back(dataset.column[k], dataset.value[k]);
  }
  return entries;
}

TEST(Csv, EncodesEveryKindOfColumn) {
  CsvSchema schema;
  schema.label = "y";
  schema.positive = {"yes", "maybe"};
  ColumnSchema speed = zscore("speed", 10, 2);
  speed.with_missing = true;
  ColumnSchema age = bins("age", {30, 40});
  age.with_missing = true;
  ColumnSchema word = column("word", Kind::hashed);
  word.buckets = 4;
  schema.columns = {speed,
                    age,
                    one_hot("colour", {"red", "blue"}),
                    word,
                    column("when", Kind::month),
                    column("secret", Kind::ignore)};
  const Result<ParsedRows> parsed = parse_csv(
      "age,colour,speed,word,when,secret,y,extra\n"
      "30,red,14,abc,2001-01-31,oops,yes,1\n"
      "30.5,green,,abc,1999-12-01,oops,no,1\n"
      ",blue,10,abd,2000-07-15T10:00,oops,maybe,1\n"
      "41,blue,9,abc,2000-02-15,oops,other,1\n",
      "f.csv", schema);
  ASSERT_TRUE(parsed.ok()) << parsed.error().message;
  const Dataset& data = *parsed->dataset;
  EXPECT_EQ(data.storage, Storage::sparse);
  EXPECT_EQ(data.features, 2U + 4U + 3U + 4U + 12U);
  EXPECT_THAT(data.feature_name,
              ElementsAre("speed", "speed=(missing)", "age<=30", "age<=40", "age>40", "age=(missing)",
                          "colour=red", "colour=blue", "colour=(other)", "word#0", "word#1", "word#2",
                          "word#3", "when=jan", "when=feb", "when=mar", "when=apr", "when=may", "when=jun",
                          "when=jul", "when=aug", "when=sep", "when=oct", "when=nov", "when=dec"));
  EXPECT_THAT(data.label, ElementsAre(1, 0, 1, 0));
  const std::uint32_t abc = row_of(data, 0)[3].first;
  EXPECT_THAT(row_of(data, 0), ElementsAre(std::pair(0U, 2.0f), std::pair(2U, 1.0f), std::pair(6U, 1.0f),
                                           std::pair(abc, 1.0f), std::pair(13U, 1.0f)));
  EXPECT_THAT(row_of(data, 1), ElementsAre(std::pair(1U, 1.0f), std::pair(3U, 1.0f), std::pair(8U, 1.0f),
                                           std::pair(abc, 1.0f), std::pair(24U, 1.0f)));
  // A z-score of exactly 0 is not stored.
  const auto third = row_of(data, 2);
  EXPECT_EQ(third.size(), 4U);
  EXPECT_EQ(third[0], std::pair(5U, 1.0f));
  EXPECT_EQ(third[3], std::pair(19U, 1.0f));
  EXPECT_EQ(row_of(data, 3)[0], std::pair(0U, -0.5f));
  EXPECT_EQ(row_of(data, 3)[1], std::pair(4U, 1.0f));
}

TEST(Csv, IsDenseIfAllColumnsAreZScores) {
  CsvSchema schema;
  schema.label = "y";
  schema.task = TaskKind::regression;
  schema.columns = {zscore("b", 1, 1), zscore("a", 0, 2)};
  const Result<ParsedRows> parsed = parse_csv("a,b,y\n4,1,-2.5\n2,3,7\n", "f.csv", schema);
  ASSERT_TRUE(parsed.ok());
  EXPECT_EQ(parsed->dataset->storage, Storage::dense);
  EXPECT_EQ(parsed->dataset->classes, 1U);
  EXPECT_THAT(parsed->dataset->dense, ElementsAre(0, 2, 2, 1));
  EXPECT_THAT(parsed->dataset->label, ElementsAre(-2.5f, 7));
}

TEST(Csv, KeepsRowNumbersWhenGroupsAreDropped) {
  CsvSchema schema = simple_schema();
  schema.group = "g";
  schema.groups = {"b", "a"};
  const Result<ParsedRows> parsed =
      parse_csv("x,g,y\n1,a,0\n2,z,1\n3,b,1\nbad,z,9\n5,a,0\n", "f.csv", schema);
  ASSERT_TRUE(parsed.ok()) << parsed.error().message;
  EXPECT_THAT(parsed->source_row, ElementsAre(0, 2, 4));
  EXPECT_THAT(parsed->dataset->group, ElementsAre(1, 0, 1));
  EXPECT_THAT(parsed->dataset->group_name, ElementsAre("b", "a"));
}

TEST(Csv, TakesAllGroupsInOrderOfAppearanceIfNoneAreListed) {
  CsvSchema schema = simple_schema();
  schema.group = "g";
  const Result<ParsedRows> parsed = parse_csv("x,g,y\n1,q,0\n2,p,1\n3,q,1\n", "f.csv", schema);
  ASSERT_TRUE(parsed.ok());
  EXPECT_THAT(parsed->dataset->group, ElementsAre(0, 1, 0));
  EXPECT_THAT(parsed->dataset->group_name, ElementsAre("q", "p"));
}

TEST(Csv, ReadsLabelsOfEveryTask) {
  CsvSchema schema = simple_schema();
  schema.positive_at_least = 4;
  EXPECT_THAT(parse_csv("x,y\n1,3.9\n1,4\n1,5\n", "f", schema)->dataset->label, ElementsAre(0, 1, 1));
  schema = simple_schema();
  schema.task = TaskKind::multiclass;
  schema.classes = {"low", "mid", "high"};
  EXPECT_THAT(parse_csv("x,y\n1,high\n1,low\n", "f", schema)->dataset->label, ElementsAre(2, 0));
  EXPECT_EQ(parse_csv("x,y\n1,high\n", "f", schema)->dataset->classes, 3U);
  schema.classes.clear();
  schema.class_count = 5;
  EXPECT_THAT(parse_csv("x,y\n1,4\n1,0\n", "f", schema)->dataset->label, ElementsAre(4, 0));
  expect_error(parse_csv("x,y\n1,4\n1,5\n", "f", schema), ErrorKind::bad_data,
               "f:3: label '5' in column 'y' is not one of 0 to 4");
}

TEST(Csv, NamesFileAndLineOfBadData) {
  const struct {
    const char* text;
    const char* message;
  } cases[] = {
      {"", "f.csv:1: the file is empty"},
      {"x,y\n", "f.csv: a header but no rows"},
      {"x,y\n1,0\n1\n", "f.csv:3: expected 2 columns as in the header, found 1"},
      {"x,y\n1,0,7\n", "f.csv:2: expected 2 columns as in the header, found 3"},
      {"x,y\n1,0\n\ntwelve,0\n", "f.csv:4: column 'x': 'twelve' is not a number"},
      {"x,y\n1e,0\n", "f.csv:2: column 'x': '1e' is not a number"},
      {"x,y\nnan,0\n", "f.csv:2: column 'x': 'nan' is not a finite number"},
      {"x,y\n-inf,0\n", "f.csv:2: column 'x': '-inf' is not a finite number"},
      {"x,y\n1e999,0\n", "f.csv:2: column 'x': '1e999' is not a finite number"},
      {"x,y\n1e300,0\n", "f.csv:2: column 'x': '1e300' is too large"},
      {"x,y\n,0\n", "f.csv:2: column 'x' is empty where a number is expected"},
      {"x,y\n1,2\n", "f.csv:2: label '2' in column 'y' is not one of 0 to 1"},
      {"x,y\n1,-1\n", "f.csv:2: label '-1' in column 'y' is not one of 0 to 1"},
      {"x,y\n1,0.5\n", "f.csv:2: label '0.5' in column 'y' is not one of 0 to 1"},
      {"x,y\n1,NaN\n", "f.csv:2: column 'y': 'NaN' is not a finite number"},
      {"x,y\n1,\n", "f.csv:2: the label (column 'y') is empty"},
      {"x,y,x\n1,0,1\n", "f.csv:1: columns 1 and 3 are both called 'x'"},
      {"x,y\n\"1,0\n", "f.csv:2: a quote opens here and is never closed"},
  };
  for (const auto& c : cases) {
    expect_error(parse_csv(c.text, "f.csv", simple_schema()), ErrorKind::bad_data, c.message);
  }
  const std::string binary("x,y\n1,\0\n", 8);
  expect_error(parse_csv(binary, "f.csv", simple_schema()), ErrorKind::bad_data, "f.csv:2: a NUL byte");
  CsvSchema months = simple_schema();
  months.columns = {column("x", Kind::month)};
  expect_error(parse_csv("x,y\n2001-13-01,0\n", "f.csv", months), ErrorKind::bad_data,
               "f.csv:2: column 'x': '2001-13-01' is not a date");
  CsvSchema classes = simple_schema();
  classes.task = TaskKind::multiclass;
  classes.classes = {"a", "b"};
  expect_error(parse_csv("x,y\n1,c\n", "f.csv", classes), ErrorKind::bad_data, "f.csv:2: unknown label 'c'");
}

TEST(Csv, RefusesSchemasThatCannotBe) {
  const auto broken = [](auto change) {
    CsvSchema schema = simple_schema();
    change(schema);
    return parse_csv("x,y,g\n1,0,a\n", "f.csv", schema);
  };
  const auto usage = ErrorKind::usage;
  expect_error(broken([](CsvSchema& s) { s.label = ""; }), usage, "names no label column");
  expect_error(broken([](CsvSchema& s) { s.label = "z"; }), usage, "f.csv:1: the schema names a column 'z'",
               "the file has 'x', 'y', 'g'");
  expect_error(broken([](CsvSchema& s) { s.columns.push_back(zscore("w")); }), usage,
               "a column 'w' that the file");
  expect_error(broken([](CsvSchema& s) { s.columns.push_back(zscore("x")); }), usage,
               "lists column 'x' twice");
  expect_error(broken([](CsvSchema& s) { s.columns.push_back(zscore("y")); }), usage,
               "the label and a feature");
  expect_error(broken([](CsvSchema& s) { s.columns.clear(); }), usage, "no column that becomes a feature");
  expect_error(broken([](CsvSchema& s) { s.columns = {zscore("x", 0, 0)}; }), usage, "stddev must be");
  expect_error(broken([](CsvSchema& s) { s.columns = {bins("x", {})}; }), usage, "at least one edge");
  expect_error(broken([](CsvSchema& s) { s.columns = {bins("x", {2, 2})}; }), usage, "edges must ascend");
  expect_error(broken([](CsvSchema& s) { s.columns = {one_hot("x", {})}; }), usage, "at least one category");
  expect_error(broken([](CsvSchema& s) {
                 s.columns = {one_hot("x", {"a", "a"})};
               }),
               usage, "'a' is listed twice");
  expect_error(broken([](CsvSchema& s) { s.columns = {column("x", Kind::hashed)}; }), usage,
               "at least one bucket");
  expect_error(broken([](CsvSchema& s) { s.group = "nope"; }), usage, "a column 'nope'");
  expect_error(broken([](CsvSchema& s) {
                 s.group = "g", s.groups = {"a", "a"};
               }),
               usage, "lists group 'a' twice");
  expect_error(broken([](CsvSchema& s) { s.task = TaskKind::multiclass; }), usage,
               "either classes or class_count");
  expect_error(broken([](CsvSchema& s) { s.positive = {"a"}, s.positive_at_least = 1; }), usage,
               "both positive");
  expect_error(broken([](CsvSchema& s) { s.separator = '"'; }), usage, "separator may not be");
  expect_error(broken([](CsvSchema& s) { s.group = "g", s.groups = {"z"}; }), ErrorKind::bad_data,
               "none of the 1 rows belongs to a group");
}

}  // namespace
}  // namespace hansa::learn
