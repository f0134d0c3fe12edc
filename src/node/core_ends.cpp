// Runs that end without some of their parties. Who was away while the others trained the last rounds cannot
// come to the same model by training; it takes theirs, if parties of at least two organisations have signed
// for it and what arrives has the hash that they signed. Parties that have finished offer their model to
// those that have not.
//
// Nobody signs for a model of its own while it may still turn out that the others hold another one: a party
// that was alone in the last round waits for them first.
#include "src/node/core.hpp"

#include "src/node/model_files.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

namespace hansa::node {
namespace {

namespace runs = protocols::runs;

constexpr Duration kLookEvery = std::chrono::seconds(1);
/// A party that needs more than one round to come to the end cannot: those who have finished train no more.
constexpr Duration kFarBehind = std::chrono::seconds(1);
/// In the last round, the others' results and the own may cross on the way.
constexpr Duration kBehind = std::chrono::seconds(5);
/// How long the others have to say what they ended with, before the own model counts: short if theirs is
/// likely to be the same, since then they are waiting as well.
constexpr Duration kLikelyWait = std::chrono::seconds(8), kOwnWait = std::chrono::seconds(60);

std::string short_id(const runs::RunId& run) { return "run " + run.hex().substr(0, 4); }

/// The bytes of a model; none if they are not finite floats.
std::optional<std::vector<float>> floats_of(std::span<const std::byte> bytes) {
  if (bytes.empty() || bytes.size() % sizeof(float) != 0) return std::nullopt;
  std::vector<float> values(bytes.size() / sizeof(float));
  std::memcpy(values.data(), bytes.data(), bytes.size());
  const bool finite = std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); });
  return finite ? std::optional(std::move(values)) : std::nullopt;
}

}  // namespace

void Core::ended(const RunId& id, Round rounds, const ParametersRef& model, Ending ending) {
  LocalRun& local = local_[id];
  if (local.training == nullptr) return;  // stopped meanwhile: what is not signed need not be
  local.round = rounds;
  const crypto::Hash256 hash = runs::model_hash(model.span());
  if (ending == Ending::common && !book_.recovering()) {
    return finish_with(id, local, rounds, model.span(), hash);
  }
  log("info", short_id(id) + " has ended here without some of the others; waits for what they have");
  const Duration wait = ending == Ending::own ? kOwnWait : kLikelyWait;
  local.unsure = LocalRun::End{rounds, model, hash, now() + wait};
}

void Core::look_after_ends() {
  if (now() < next_ends_) return;
  next_ends_ = now() + kLookEvery;
  const NodeKey& me = keys_.node->public_key();
  std::vector<RunId> mine;  // what is done about one may change the book
  for (const auto& [id, run] : book_.runs()) {
    if (run.party_of(me) && !run.stopped.contains(me)) mine.push_back(id);
  }
  for (const RunId& id : mine) {
    const runs::Run& run = *book_.find(id);
    LocalRun& local = local_[id];
    if (run.state != runs::RunState::running) {
      local.final_model = {};
    } else if (run.finished.contains(me)) {
      offer_final(run, local);
    } else {
      settle(run, local);
    }
  }
}

/// A run that others may have finished and this node has not.
void Core::settle(const runs::Run& run, LocalRun& local) {
  if (book_.recovering()) return;  // nothing can be signed
  const auto agreed = book_.agreed_end(run.id);
  if (local.unsure) {
    const LocalRun::End end = *local.unsure;
    const auto finish = [&] { finish_with(run.id, local, end.rounds, end.model.span(), end.hash); };
    if (agreed && agreed->model == end.hash) return finish();
    const auto said = [&](const runs::Approval& approval) {
      return approval.party == keys_.node->public_key() || run.finished.contains(approval.party) ||
             run.stopped.contains(approval.party);
    };
    const auto& parties = run.begin->approvals;
    const bool all = std::all_of(parties.begin(), parties.end(), said);
    if (!agreed && (all || now() > end.until)) return finish();
  }
  if (!agreed) {
    local.others_agree.reset();
    want_final(run.id, local, {});
    return;
  }
  if (!local.others_agree) local.others_agree = now();
  const bool far = local.round + 2 <= agreed->rounds;
  const Duration patience = local.unsure ? Duration::zero() : far ? kFarBehind : kBehind;
  if (now() - *local.others_agree < patience) return;
  const bool new_wish = !local.wants_final;
  want_final(run.id, local, {agreed->holders.begin(), agreed->holders.end()});
  if (!new_wish) return;
  log("info", short_id(run.id) + ": " + std::to_string(agreed->holders.size()) +
                  " parties have finished with one model; waits for it");
}

void Core::want_final(const RunId& id, LocalRun& local, std::set<NodeKey> holders) {
  if (!local.wants_final && holders.empty()) return;
  local.wants_final = !holders.empty();
  exchange_->want_final(id, std::move(holders));
}

/// `hash` is that of `model`. It is kept, then signed for.
void Core::finish_with(const RunId& id, LocalRun& local, Round rounds, std::span<const float> model,
                       const crypto::Hash256& hash) {
  local.unsure.reset();
  local.round = rounds;
  want_final(id, local, {});
  must(save_model(options_.folder, id, {model, local.layout}), "the model cannot be kept");
  if (stopping_) return;
  runs::RunEffects effects;
  const auto said = book_.finish(id, rounds, hash, unix_now(), effects);
  perform(std::move(effects));
  if (!said) log("error", said.error().message);
}

/// To parties that have not finished. They ask for it if they need it.
void Core::offer_final(const runs::Run& run, LocalRun& local) {
  std::vector<NodeKey> behind;
  for (const NodeKey& peer : messenger_->connected()) {
    if (run.party_of(peer) && !run.finished.contains(peer) && !run.stopped.contains(peer)) {
      behind.push_back(peer);
    }
  }
  if (behind.empty() || local.packing) return;
  local.packing = true;
  const crypto::Hash256 expected = run.finished.at(keys_.node->public_key()).model;
  helpers_.push_back(std::async(std::launch::async, [this, id = run.id, expected, behind = std::move(behind),
                                                     model = local.final_model]() mutable {
    if (model->empty()) {
      auto loaded = load_model(options_.folder, id, expected);
      const auto values = std::make_shared<const std::vector<float>>(loaded ? std::move(loaded->values)
                                                                            : std::vector<float>());
      model = SharedBytes(values, std::as_bytes(std::span(*values)));
    }
    const bool lost = model->empty();
    if (!lost) {
      for (const NodeKey& peer : behind) exchange_->offer(id, peer, model, kFinalBlob);
    }
    post([this, id, lost, model = std::move(model)] {
      LocalRun& offered = local_[id];
      offered.final_model = model;
      offered.packing = lost;  // for good: there is nothing to offer
      if (lost) evidence("storage", id.hex().substr(0, 12), "the final model is lost or damaged here");
    });
  }));
}

void Core::adopt(const RunId& id, const NodeKey& from, const SharedBytes& model) {
  LocalRun& local = local_[id];
  const auto agreed = book_.agreed_end(id);
  if (!local.wants_final || !agreed) return;
  const auto values = floats_of(*model);
  if (!values || runs::model_hash(*values) != agreed->model) {
    return evidence("run", id.hex().substr(0, 12),
                    name_of(from) + " offered a final model that is not the one it has signed for");
  }
  end_training(local);
  // What it has scored in the last round was its own model, which does not count.
  forget_round(id, local, agreed->rounds);
  log("info", short_id(id) + ": takes the final model that " + std::to_string(agreed->holders.size()) +
                  " parties have signed for, from " + name_of(from));
  finish_with(id, local, agreed->rounds, *values, agreed->model);
}

}  // namespace hansa::node
