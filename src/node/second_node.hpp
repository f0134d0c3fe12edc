// How a further node of an organisation comes to the network without the organisation's key: it asks with a
// file, and begins with the file that answers it (protocols/roster/admission.hpp). The folder knows the ID of
// its organisation from the start and takes no other's answer.
#pragma once

#include "protocols/roster/admission.hpp"
#include "src/node/state_folder.hpp"

#include <hansa/result.hpp>

#include <cstdint>
#include <filesystem>

namespace hansa::node {

/// The request of the node in `folder`, which others reach at `endpoints`. Errors: the folder has its
/// organisation's key, so that it needs no request; endpoints that nobody can dial.
[[nodiscard]] Result<protocols::roster::NodeRequest> make_request(
    const StateFolder& folder, const protocols::roster::Endpoints& endpoints, std::int64_t now_s);

/// What an admission has made of a node.
struct Accepted {
  std::string organisation, consortium;  ///< names
  std::uint32_t version = 0;             ///< of the roster it begins with
  std::size_t nodes = 0;                 ///< of all members, this one included
};
/// Checks `admission` and makes it the beginning of the node in `folder`, which must not have one yet.
[[nodiscard]] Result<Accepted> accept_admission(const StateFolder& folder,
                                                const protocols::roster::NodeAdmission& admission,
                                                std::int64_t now_s);

/// Files that people carry, which are no secrets. At most `bytes_max` are read; nothing is overwritten.
[[nodiscard]] Result<std::vector<std::byte>> read_carried(const std::filesystem::path& file,
                                                          std::size_t bytes_max);
[[nodiscard]] Result<void> write_carried(const std::filesystem::path& file,
                                         std::span<const std::byte> content);

}  // namespace hansa::node
