// Ports for nodes that will listen later, and again after each restart: a playground's, a test's. Asking the
// kernel for "any free port" would give one of those that it also hands to outgoing connections, so that a
// node which was down for a second finds its port taken by somebody's client.
#pragma once

#include <hansa/result.hpp>

#include <cstddef>
#include <vector>

namespace hansa::net {

/// `count` different TCP ports that nobody listens at on 127.0.0.1 now, none of them among the system's
/// ephemeral ports as long as there are others. Nothing reserves them. Thread-safe. Error: there are not so
/// many.
[[nodiscard]] Result<std::vector<int>> free_ports(std::size_t count);

}  // namespace hansa::net
