// Two nodes whose audit logs are cosigned by each other, with clocks that do not agree; messages are handed
// over by the test.
#include "src/node/node_audit.hpp"
#include "tests/temporary_folder.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <deque>
#include <limits>
#include <memory>
#include <optional>
#include <stdexcept>
#include <utility>

namespace hansa::node {
namespace {

using protocols::audit::UnixMillis;

constexpr UnixMillis kStart = 1'800'000'000'000;

/// A node's log, and what it has sent.
struct Side {
  explicit Side(UnixMillis ahead_ms) : ahead(ahead_ms) {
    NodeAuditHooks hooks;
    hooks.send = [this](const NodeKey&, Type type, BytesRef body) {
      Arrived mail;
      mail.from = identity->public_key();
      mail.type = type;
      mail.body = std::move(body);
      sent.push_back(std::move(mail));
    };
    hooks.evidence = [](const NodeKey&, const std::string& text) { ADD_FAILURE() << text; };
    hooks.warn = [](const std::string& text) { ADD_FAILURE() << text; };
    hooks.failed = [](const Error& error) { ADD_FAILURE() << error.message; };
    auto opened = NodeAudit::open({.folder = folder.path() / "audit", .identity = identity, .boot_id = 1},
                                  std::move(hooks), at(0));
    if (!opened) throw std::runtime_error(opened.error().message);
    audit = std::move(*opened);
  }
  [[nodiscard]] NodeAudit::Moment at(UnixMillis true_ms) const {
    return {Time(std::chrono::milliseconds(true_ms)), kStart + true_ms + ahead};
  }

  const UnixMillis ahead;
  test::TemporaryFolder folder;
  std::shared_ptr<const crypto::Identity> identity =
      std::make_shared<const crypto::Identity>(crypto::Identity::generate());
  std::deque<Arrived> sent;
  std::unique_ptr<NodeAudit> audit;
};

/// What `a` thinks of the clock of `b` when each message takes `delay_ms`; none if it thinks nothing.
std::optional<double> skew_seen(UnixMillis b_ahead_ms, UnixMillis delay_ms) {
  Side a(0), b(b_ahead_ms);
  const NodeKey peers_of_a[] = {b.identity->public_key()}, peers_of_b[] = {a.identity->public_key()};
  a.audit->set_peers(peers_of_a, a.at(0));
  b.audit->set_peers(peers_of_b, b.at(0));
  UnixMillis now = 1;
  a.audit->tick(a.at(now));
  for (int i = 0; i < 8 && !(a.sent.empty() && b.sent.empty()); ++i) {
    now += delay_ms;
    for (const Arrived& mail : std::exchange(a.sent, {})) b.audit->on_mail(mail, b.at(now));
    now += delay_ms;
    for (const Arrived& mail : std::exchange(b.sent, {})) a.audit->on_mail(mail, a.at(now));
  }
  const auto& seen = a.audit->clock_skew_s();
  const auto found = seen.find(b.identity->public_key());
  const std::optional<double> result =
      found == seen.end() ? std::nullopt : std::optional<double>(found->second);
  a.audit->set_peers({}, a.at(now));
  EXPECT_TRUE(a.audit->clock_skew_s().empty()) << "who has left has no clock any more";
  return result;
}

TEST(NodeAudit, ACosignatureTellsHowFarAClockIsOff) {
  struct Case {
    UnixMillis ahead_ms, delay_ms;
    double seconds;  ///< NaN: nothing is known
  };
  constexpr double kNothing = std::numeric_limits<double>::quiet_NaN();
  for (const Case& c : {Case{0, 10, 0}, Case{90'000, 10, 90}, Case{-3'600'000, 100, -3600},
                        Case{1500, 900, 1.5}, Case{90'000, 1500, kNothing}}) {
    const std::optional<double> seen = skew_seen(c.ahead_ms, c.delay_ms);
    ASSERT_EQ(seen.has_value(), !std::isnan(c.seconds)) << c.ahead_ms << ' ' << c.delay_ms;
    if (seen) {
      EXPECT_NEAR(*seen, c.seconds, 0.002) << c.ahead_ms << ' ' << c.delay_ms;
    }
  }
}

}  // namespace
}  // namespace hansa::node
