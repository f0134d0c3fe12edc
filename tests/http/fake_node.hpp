// A node that only pretends: a consortium of five organisations in the middle of a training run, two open
// votes, somebody at the door and one proof of misbehaviour. Tests and the dashboard's preview read it over
// real sockets.
#pragma once

#include "src/http/node_api.hpp"

#include <hansa/result.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace hansa::http::test {

/// `now_s` is when the pretended node looks around, in Unix seconds.
NodeView sample_view(std::int64_t now_s);

class FakeNode : public NodeApi {
 public:
  explicit FakeNode(NodeView view) : view_(std::make_shared<NodeView>(std::move(view))) {}

  std::shared_ptr<const NodeView> view() const override;
  std::shared_ptr<void> subscribe(std::function<void(const NodeEvent&)> listener) override;
  Result<std::string> propose_run(const ProposeRun& wanted) override;
  Result<void> approve_run(const BindRun& binding) override;
  Result<void> stop_run(const std::string& run, const std::string& reason) override;
  Result<FinalModel> final_model(const std::string& run) override;
  Result<KeeperState> keeper_state() override;
  Result<void> change_keeper(const KeeperChange& change) override;
  Result<std::string> open_lobby(double seconds) override;
  Result<std::vector<AuditEntry>> audit_entries(std::optional<std::uint64_t> from,
                                                std::size_t limit) override;
  Result<void> rotate_key() override;
  Result<void> drain(bool on) override;
  Result<void> set_log_level(const std::string& level) override;
  void shut_down() override;

  /// Replaces the view and tells the listeners.
  void change(const std::function<void(NodeView&)>& edit, const NodeEvent& event);
  /// The commands so far, one line each.
  std::vector<std::string> calls() const;
  std::size_t listeners() const;

 private:
  Result<void> note(const std::string& call);

  mutable std::mutex mutex_;
  std::shared_ptr<const NodeView> view_;
  std::vector<std::string> calls_;
  std::shared_ptr<std::vector<std::pair<int, std::function<void(const NodeEvent&)>>>> listeners_ =
      std::make_shared<std::vector<std::pair<int, std::function<void(const NodeEvent&)>>>>();
  int next_listener_ = 0;
};

}  // namespace hansa::http::test
