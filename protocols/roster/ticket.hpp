// Tickets as text that fits into a message, an e-mail or a QR code: "hansa1:join:" and base32 with a
// checksum, so that a cut or mistyped ticket is told from a forged one. A ticket grants no membership, only
// the right to file one request.
#pragma once

#include "protocols/roster/layout.hpp"

#include <string>
#include <string_view>

namespace hansa::protocols::roster {

inline constexpr std::string_view kTicketScheme = "hansa1:join:";

[[nodiscard]] std::string to_text(const Ticket& ticket);
/// Case and white space do not matter. Errors: no ticket, damaged, not signed by its inviter, expired at
/// `now`. Whether the inviter is a member is for the members to say.
[[nodiscard]] Result<Ticket> parse_ticket(std::string_view text, UnixTime now);

}  // namespace hansa::protocols::roster
