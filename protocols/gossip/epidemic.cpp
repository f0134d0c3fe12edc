// Epidemic Learning with an oracle (de Vos et al. 2023, EL-Oracle): in every round each party sends its model
// to `fanout` parties of a fresh random regular digraph and averages what arrived with its own, uniformly.
// The digraph is a pure function of (seed, round), so nobody has to be asked and everybody knows whom to
// expect.
#include "protocols/gossip/mixing.hpp"
#include "protocols/gossip/registry.hpp"
#include "protocols/party/party.hpp"
#include "topology/random_schedule.hpp"

#include <algorithm>

namespace hansa::protocols {
namespace {

class Epidemic final : public Strategy {
 public:
  explicit Epidemic(const PartyOptions& options)
      : Strategy(options), schedule_(run().seed, run().parties, run().epidemic_fanout) {}

  void expected(Round round, std::uint32_t, std::vector<PartyId>& out) const override {
    for (const PartyId party : schedule_.sources(round, self())) out.push_back(party);
  }

  void send(Round round, std::uint32_t, const ParametersRef& own, Effects& out) override {
    for (const PartyId party : schedule_.targets(round, self())) {
      out.send(party, ModelMessage{.round = round, .model = Slice::whole(own)});
    }
  }

  [[nodiscard]] Placement place(PartyId from, const Message& message) const override {
    const auto model = usable_model(run(), message);
    if (const auto* reason = std::get_if<RejectReason>(&model)) return *reason;
    const Round round = std::get<const ModelMessage*>(model)->round;
    const auto sources = schedule_.sources(round, self());
    if (!std::binary_search(sources.begin(), sources.end(), from)) return RejectReason::unexpected_sender;
    return Place{round, 0};
  }

  MixAndTrain combine(Round, std::uint32_t, const ParametersRef& own,
                      std::span<const Received> arrived) override {
    std::vector<Contribution> contributions;
    contributions.reserve(arrived.size() + 1);
    for (const Received& received : arrived) {
      contributions.push_back({received.from, 1, std::get<ModelMessage>(received.message).model});
    }
    contributions.push_back({self(), 1, Slice::whole(own)});
    return {.size = run().parameter_count, .terms = average(std::move(contributions), 0, false)};
  }

 private:
  topology::RandomSchedule schedule_;
};

}  // namespace

std::unique_ptr<Machine> make_epidemic(PartyOptions options) {
  auto strategy = std::make_unique<Epidemic>(options);
  return std::make_unique<Party>(std::move(options), std::move(strategy));
}

}  // namespace hansa::protocols
