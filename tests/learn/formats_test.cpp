// The libsvm and IDX readers and gzip: what they accept, and every way a file can be wrong.
#include "src/learn/data/file.hpp"
#include "src/learn/data/limits.hpp"
#include "tests/learn/reader_support.hpp"

#include <gmock/gmock.h>
#include <zlib.h>

namespace hansa::learn {
namespace {

using ::testing::ElementsAre;

std::string gzip(const std::string& text) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::vector<Bytef> in(text.begin(), text.end());
  std::string out(deflateBound(&stream, static_cast<uLong>(in.size())) + 64, '\0');
  stream.next_in = in.data();
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string repeated(const std::string& piece, int times) {
  std::string text;
  for (int i = 0; i < times; ++i) text += piece + std::to_string(i);
  return text;
}

TEST(Gzip, UnpacksOneAndSeveralMembers) {
  const std::string text = repeated("some text ", 20'000);
  EXPECT_EQ(gunzip(gzip(text), "f", 1 << 24).value(), text);
  EXPECT_EQ(gunzip(gzip("abc") + gzip("") + gzip(text), "f", 1 << 24).value(), "abc" + text);
  EXPECT_EQ(gunzip(gzip(""), "f", 10).value(), "");
}

TEST(Gzip, SaysThatATruncatedStreamIsIncompleteWhereverItIsCut) {
  const std::string packed = gzip(repeated("line ", 300));
  for (std::size_t size = 2; size < packed.size(); ++size) {
    expect_error(gunzip(packed.substr(0, size), "f.gz", 1 << 20), ErrorKind::bad_data,
                 "f.gz: the gzip stream ends early; the file is incomplete");
  }
}

TEST(Gzip, NoticesDamageAndBombs) {
  const std::string text = repeated("line ", 3000);
  std::string packed = gzip(text);
  std::string damaged = packed;
  damaged[packed.size() / 2] = static_cast<char>(damaged[packed.size() / 2] ^ 0x55);
  EXPECT_FALSE(gunzip(damaged, "f.gz", 1 << 20).ok());
  std::string wrong_sum = packed;
  wrong_sum[packed.size() - 8] = static_cast<char>(wrong_sum[packed.size() - 8] ^ 1);
  expect_error(gunzip(wrong_sum, "f.gz", 1 << 20), ErrorKind::bad_data, "f.gz: damaged gzip stream");
  expect_error(gunzip(packed + "tail", "f.gz", 1 << 20), ErrorKind::bad_data,
               "unexpected bytes after the end");
  expect_error(gunzip(gzip(std::string(5 << 20, 'a')), "f.gz", 4 << 20), ErrorKind::bad_data,
               "more than 4 MiB");
  EXPECT_EQ(gunzip(packed, "f.gz", text.size()).value(), text);
  EXPECT_FALSE(gunzip(packed, "f.gz", text.size() - 1).ok());
}

class Files : public FolderTest {};

TEST_F(Files, ReadsPlainAndPackedByContent) {
  EXPECT_EQ(read_file(write("a.txt", "hello")).value(), "hello");
  EXPECT_EQ(read_file(write("b.txt", gzip("hello"))).value(), "hello");
  EXPECT_EQ(read_file(write("empty", "")).value(), "");
  const std::string large(3'000'000, 'x');
  EXPECT_EQ(read_file(write("large", large)).value(), large);
}

TEST_F(Files, SaysWhatIsMissing) {
  expect_error(read_file((folder_ / "nope.csv").string()), ErrorKind::missing,
               "nope.csv: No such file or directory");
  expect_error(read_file(folder_.string()), ErrorKind::failed, "Is a directory");
  expect_error(read_csv((folder_ / "nope.csv").string(), simple_schema()), ErrorKind::missing, "nope.csv");
}

Result<ParsedRows> libsvm(std::string_view text, TaskKind task = TaskKind::binary,
                          std::uint32_t features = 0) {
  return parse_libsvm(text, "f.svm", task, features);
}

TEST(Libsvm, ReadsRowsCommentsAndBlankLines) {
  const Result<ParsedRows> parsed = libsvm("# header\n+1 1:0.5 3:-2 # note\n\n-1\t2:1e-3 7:0\r\n0 \n");
  ASSERT_TRUE(parsed.ok()) << parsed.error().message;
  const Dataset& data = *parsed->dataset;
  EXPECT_EQ(data.features, 7U);
  EXPECT_THAT(data.label, ElementsAre(1, 0, 0));
  EXPECT_THAT(data.row_begin, ElementsAre(0, 2, 3, 3));
  EXPECT_THAT(data.column, ElementsAre(0, 2, 1));
  EXPECT_THAT(data.value, ElementsAre(0.5f, -2.0f, 1e-3f));
  EXPECT_EQ(libsvm("1 1:1\n", TaskKind::binary, 12)->dataset->features, 12U);
}

TEST(Libsvm, ReadsLabelsOfEveryTask) {
  EXPECT_EQ(libsvm("3 1:1\n0 1:1\n", TaskKind::multiclass)->dataset->classes, 4U);
  EXPECT_THAT(libsvm("2.5 1:1\n-7 1:1\n", TaskKind::regression)->dataset->label, ElementsAre(2.5f, -7.0f));
}

TEST(Libsvm, NamesFileAndLineOfBadData) {
  const struct {
    const char* text;
    const char* message;
  } cases[] = {
      {"", "f.svm:1: the file has no rows"},
      {"# only a comment\n", "f.svm:1: the file has no rows"},
      {"1\n0\n", "f.svm: no row has a feature"},
      {"1 1:1\nyes 1:1\n", "f.svm:2: label 'yes' is not a number"},
      {"2 1:1\n", "f.svm:1: label '2' is outside the range"},
      {"nan 1:1\n", "f.svm:1: label 'nan' is not a finite number"},
      {"1 0:1\n", "f.svm:1: feature index 0"},
      {"1 2:1 2:1\n", "f.svm:1: feature index 2 after 2"},
      {"1 1:1\n1 3:1 2:1\n", "f.svm:2: feature index 2 after 3"},
      {"1 99999999999:1\n", "f.svm:1: feature index '99999999999' is too large"},
      {"1 4294967295:1\n", "f.svm:1: feature index '4294967295' is too large"},
      {"1 -3:1\n", "f.svm:1: expected index:value, found '-3:1'"},
      {"1 7\n", "f.svm:1: expected index:value, found '7'"},
      {"1 qid:7\n", "f.svm:1: expected index:value, found 'qid:7'"},
      {"1 1:\n", "f.svm:1: value of '1:' is not a number"},
      {"1 1:x\n", "f.svm:1: value of '1:x' is not a number"},
      {"1 1:inf\n", "f.svm:1: value of '1:inf' is not a finite number"},
      {"1 1:1e60\n", "f.svm:1: value of '1:1e60' is not a finite number"},
  };
  for (const auto& c : cases) expect_error(libsvm(c.text), ErrorKind::bad_data, c.message);
  expect_error(libsvm("1 9:1\n", TaskKind::binary, 8), ErrorKind::bad_data,
               "f.svm:1: feature index 9 is above");
  expect_error(libsvm("-1 1:1\n", TaskKind::multiclass), ErrorKind::bad_data,
               "f.svm:1: label '-1' is outside");
  expect_error(libsvm("1.5 1:1\n", TaskKind::multiclass), ErrorKind::bad_data,
               "f.svm:1: label '1.5' is outside");
}

std::string idx(std::vector<std::uint32_t> shape, const std::string& data, char type = 8) {
  std::string bytes{'\0', '\0', type, static_cast<char>(shape.size())};
  for (const std::uint32_t size : shape) {
    for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(size >> shift & 255);
  }
  return bytes + data;
}

TEST(Idx, ReadsImagesAndLabels) {
  const std::string images =
      idx({2, 2, 3}, std::string("\x00\x01\x02\x03\x04\x05\xFA\xFB\xFC\xFD\xFE\xFF", 12));
  const Result<ParsedRows> parsed = parse_idx(images, "i", idx({2}, "\x03\x01"), "l");
  ASSERT_TRUE(parsed.ok()) << parsed.error().message;
  const Dataset& data = *parsed->dataset;
  EXPECT_EQ(data.storage, Storage::pixels);
  EXPECT_EQ(data.image_height, 2U);
  EXPECT_EQ(data.image_width, 3U);
  EXPECT_EQ(data.features, 6U);
  EXPECT_EQ(data.classes, 4U);
  EXPECT_THAT(data.label, ElementsAre(3, 1));
  EXPECT_EQ(data.pixels[6], 0xFA);
  const Result<ParsedRows> colour = parse_idx(idx({1, 1, 2, 3}, "abcdef"), "i", idx({1}, "\x01"), "l");
  EXPECT_EQ(colour->dataset->image_channels, 3U);
  EXPECT_EQ(colour->dataset->features, 6U);
}

TEST(Idx, SaysWhatIsWrong) {
  const std::string labels = idx({2}, "\x03\x01");
  const struct {
    std::string images;
    std::string labels;
    const char* message;
  } cases[] = {
      {"", labels, "i: the file is empty"},
      {"hello world", labels, "i: not an IDX file (wrong magic number)"},
      {idx({2, 1, 1}, "ab", 0x0D), labels, "i: IDX elements of type 13"},
      {idx({2, 1, 1}, "abc"), labels, "i: the IDX header promises 2 bytes of data, the file has 3"},
      {idx({2, 1, 1}, "a"), labels, "i: the IDX header promises 2 bytes of data, the file has 1"},
      {idx({2, 1, 1}, "ab").substr(0, 9), labels, "i: the IDX header ends early"},
      {idx({2, 0, 1}, ""), labels, "i: dimension 2 of the IDX file is 0"},
      {idx({0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF}, "ab"), labels, "i: the IDX header claims more than"},
      {idx({1, kReadLimits.image_side + 1, 1}, std::string(kReadLimits.image_side + 1, 'a')), labels,
       "1 images"},
      {idx({1, kReadLimits.image_side + 1, 1}, std::string(kReadLimits.image_side + 1, 'a')), idx({1}, "a"),
       "i: images with a side of"},
      {labels, labels, "i: an IDX file of 1 dimensions"},
      {idx({2, 1, 1}, "ab"), idx({2, 1, 1}, "ab"), "l: an IDX file of 3 dimensions"},
      {idx({3, 1, 1}, "abc"), labels, "l: 2 labels for 3 images in i"},
  };
  for (const auto& c : cases) {
    expect_error(parse_idx(c.images, "i", c.labels, "l"), ErrorKind::bad_data, c.message);
  }
}

TEST_F(Files, ReadsPackedIdx) {
  const std::string images = write("i.gz", gzip(idx({2, 1, 2}, "abcd")));
  const std::string labels = write("l.gz", gzip(idx({2}, std::string("\x00\x01", 2))));
  const auto data = read_idx(images, labels);
  ASSERT_TRUE(data.ok()) << data.error().message;
  EXPECT_EQ((*data)->rows, 2U);
  EXPECT_EQ((*data)->name, images);
  expect_error(read_idx(images, (folder_ / "none").string()), ErrorKind::missing, "none");
}

TEST_F(Files, DescribesEveryFormat) {
  const auto csv = describe_file(write("a.csv", "id;age;job;y\n1;30;x;no\n2;;\"a;b\";no\n3;50;x;yes\n"));
  ASSERT_TRUE(csv.ok()) << csv.error().message;
  EXPECT_EQ(csv->format, "csv");
  EXPECT_EQ(csv->rows, 3U);
  ASSERT_EQ(csv->columns.size(), 4U);
  EXPECT_EQ(csv->columns[1].kind, "numeric");
  EXPECT_EQ(csv->columns[1].missing, 1U);
  EXPECT_DOUBLE_EQ(csv->columns[1].mean, 40);
  EXPECT_DOUBLE_EQ(csv->columns[1].stddev, 10);
  EXPECT_EQ(csv->columns[1].min, 30);
  EXPECT_EQ(csv->columns[1].max, 50);
  EXPECT_EQ(csv->columns[2].kind, "categorical");
  EXPECT_EQ(csv->columns[2].most_common[0], (std::pair<std::string, std::uint64_t>("x", 2)));
  EXPECT_EQ(
      csv->schema_toml,
      "label = \"y\"\ntask = \"binary\"\npositive = [\"yes\"]\nseparator = \";\"\n\n[columns]\n"
      "id = { kind = \"ignore\" }\nage = { kind = \"zscore\", mean = 40, stddev = 10, with_missing = true }\n"
      "job = { kind = \"one_hot\", categories = [\"a;b\", \"x\"] }\n");
  const auto svm = describe_file(write("a.svm.gz", gzip("1 1:1 5:2\n-1 2:4\n")));
  ASSERT_TRUE(svm.ok()) << svm.error().message;
  EXPECT_EQ(svm->format, "libsvm");
  EXPECT_EQ(svm->columns[0].distinct, 2U);
  EXPECT_EQ(svm->columns[1].max, 2);
  EXPECT_EQ(svm->columns[2].name, "value, of 5 features");
  const auto images = describe_file(write("a.idx", idx({2, 2, 1}, std::string("\x00\x05\x05\x0A", 4))));
  ASSERT_TRUE(images.ok()) << images.error().message;
  EXPECT_EQ(images->format, "idx");
  EXPECT_EQ(images->rows, 2U);
  EXPECT_EQ(images->columns[0].name, "pixel, 2 x 1 per row");
  EXPECT_DOUBLE_EQ(images->columns[0].mean, 5);
  EXPECT_DOUBLE_EQ(images->columns[0].stddev, std::sqrt(12.5));
  expect_error(describe_file(write("b.csv", "a,b\n1,2\n3\n")), ErrorKind::bad_data,
               "b.csv:3: expected 2 columns");
  expect_error(describe_file(write("empty.csv", "")), ErrorKind::bad_data, "empty.csv:1: the file is empty");
  expect_error(describe_file(write("b.bin", std::string("ab\0c", 4))), ErrorKind::bad_data,
               "neither text nor IDX");
}

}  // namespace
}  // namespace hansa::learn
