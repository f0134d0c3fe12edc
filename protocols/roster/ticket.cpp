#include "protocols/roster/ticket.hpp"

#include "protocols/roster/base32.hpp"

#include <algorithm>
#include <string>

namespace hansa::protocols::roster {
namespace {

constexpr std::size_t kChecksumBytes = 5;  // eight letters
constexpr std::size_t kTextMax = 8 * 1024;

Error broken(std::string message, std::string hint) {
  return {.kind = ErrorKind::usage, .message = "the ticket " + std::move(message), .hint = std::move(hint)};
}

}  // namespace

std::string to_text(const Ticket& ticket) {
  Bytes bytes = encode(ticket);
  const Hash256 sum = crypto::hash("hansa.ticket.v1", bytes);
  bytes.insert(bytes.end(), sum.bytes.begin(), sum.bytes.begin() + kChecksumBytes);
  return std::string(kTicketScheme) + to_base32(bytes);
}

Result<Ticket> parse_ticket(std::string_view text, UnixTime now) {
  std::string letters;
  if (text.size() > kTextMax) return broken("is far too long", "paste the ticket alone");
  for (const char c : text) {
    if (c != ' ' && c != '\n' && c != '\r' && c != '\t') letters.push_back(c);
  }
  const bool scheme =
      letters.size() > kTicketScheme.size() &&
      std::equal(kTicketScheme.begin(), kTicketScheme.end(), letters.begin(), [](char a, char b) {
        return a == (b >= 'A' && b <= 'Z' ? static_cast<char>(b - 'A' + 'a') : b);
      });
  if (!scheme)
    return broken("does not begin with hansa1:join:", "paste the whole line that the inviter sent");
  const auto bytes = from_base32(std::string_view(letters).substr(kTicketScheme.size()));
  if (!bytes || bytes->size() <= kChecksumBytes) {
    return broken("is damaged: it has characters or a length that tickets do not have",
                  "ask the inviter to send it again");
  }
  const BytesView content = BytesView(*bytes).first(bytes->size() - kChecksumBytes);
  const Hash256 sum = crypto::hash("hansa.ticket.v1", content);
  const BytesView written = BytesView(*bytes).last(kChecksumBytes);
  if (!std::equal(written.begin(), written.end(), sum.bytes.begin())) {
    return broken("is damaged: its checksum does not match", "ask the inviter to send it again");
  }
  Result<Ticket> ticket = decode_ticket(content);
  if (!ticket)
    return broken("cannot be read: " + ticket.error().message, "the inviter may use another release");
  if (!check(*ticket)) return broken("is not signed by its inviter", "do not use it; ask the inviter");
  if (ticket->expires_at <= now) {
    return broken("expired " + std::to_string((now - ticket->expires_at) / kHour) + " hours ago",
                  "ask " + ticket->inviter_name + " for a new one");
  }
  if (ticket->issued_at > now + kClockSkew) {
    return broken("is dated " + std::to_string(ticket->issued_at - now) + " s ahead of this machine's clock",
                  "check the clock (timedatectl)");
  }
  return ticket;
}

}  // namespace hansa::protocols::roster
