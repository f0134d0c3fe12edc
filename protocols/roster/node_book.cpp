#include "protocols/roster/node_book.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

namespace hansa::protocols::roster {
namespace {

/// Newer first by serial; the same serial twice is the signer's fault and decided by the hash.
bool newer(const NodeCertificate& a, const NodeCertificate& b) {
  if (a.serial != b.serial) return a.serial > b.serial;
  return object_id(encode(a)) < object_id(encode(b));
}

}  // namespace

AcceptedCurveKey NodeEntry::curve() const noexcept {
  if (rotation) return {rotation->curve, rotation->curve_epoch, rotation->issued_at};
  return {certificate.curve, certificate.curve_epoch, certificate.issued_at};
}

std::vector<CurvePublicKey> NodeEntry::accepted_curves(UnixTime now) const {
  const AcceptedCurveKey newest = curve();
  std::vector<CurvePublicKey> out{newest.key};
  const CurvePublicKey& before = rotation ? rotation->previous_curve : certificate.previous_curve;
  if (before != CurvePublicKey{} && before != newest.key && now < newest.issued_at + kCurveOverlap) {
    out.push_back(before);
  }
  return out;
}

Noted NodeBook::add(const NodeCertificate& certificate) {
  Book& book = books_[certificate.organisation];
  if (certificate.serial <= book.floor) return Noted::known;
  const auto found = book.nodes.find(certificate.node);
  bool conflicting = false;
  for (const auto& [node, entry] : book.nodes) {
    conflicting = conflicting || (entry.certificate.serial == certificate.serial &&
                                  encode(entry.certificate) != encode(certificate));
  }
  const Noted old = conflicting ? Noted::known_conflict : Noted::known;
  if (found != book.nodes.end() && !newer(certificate, found->second.certificate)) return old;
  NodeEntry& entry = book.nodes[certificate.node];
  entry.certificate = certificate;
  if (entry.rotation && entry.rotation->curve_epoch <= certificate.curve_epoch) entry.rotation.reset();
  while (book.nodes.size() > kCertificatesKept) {
    const auto oldest = std::max_element(
        book.nodes.begin(), book.nodes.end(),
        [](const auto& a, const auto& b) { return newer(a.second.certificate, b.second.certificate); });
    book.floor = std::max(book.floor, oldest->second.certificate.serial);
    book.nodes.erase(oldest);
  }
  return conflicting ? Noted::taken_conflict : Noted::taken;
}

Noted NodeBook::add(const CurveRotation& rotation) {
  bool known_node = false;
  Noted result = Noted::known;
  for (auto& [organisation, book] : books_) {  // two organisations may claim one node; both get the key
    const auto found = book.nodes.find(rotation.node);
    if (found == book.nodes.end()) continue;
    known_node = true;
    NodeEntry& entry = found->second;
    if (rotation.curve_epoch <= entry.certificate.curve_epoch) continue;
    if (entry.rotation && entry.rotation->curve_epoch >= rotation.curve_epoch) {
      if (entry.rotation->curve_epoch > rotation.curve_epoch) continue;
      const Bytes held = encode(*entry.rotation), offered = encode(rotation);
      if (held == offered) continue;
      const bool better = object_id(offered) < object_id(held);
      result = better ? Noted::taken_conflict : Noted::known_conflict;
      if (!better) continue;
    }
    entry.rotation = rotation;
    if (result == Noted::known) result = Noted::taken;
  }
  return known_node ? result : Noted::unknown_node;
}

void NodeBook::keep_only(const std::set<PublicKey>& keep) {
  std::erase_if(books_, [&](const auto& entry) { return !keep.contains(entry.first); });
}

std::vector<const NodeEntry*> NodeBook::nodes_of(const PublicKey& organisation, std::size_t max_nodes) const {
  std::vector<const NodeEntry*> out;
  const auto book = books_.find(organisation);
  if (book == books_.end()) return out;
  for (const auto& [node, entry] : book->second.nodes) {
    if (!entry.certificate.retired) out.push_back(&entry);
  }
  std::sort(out.begin(), out.end(),
            [](const NodeEntry* a, const NodeEntry* b) { return newer(a->certificate, b->certificate); });
  if (out.size() > max_nodes) out.resize(max_nodes);
  std::sort(out.begin(), out.end(),
            [](const NodeEntry* a, const NodeEntry* b) { return a->certificate.node < b->certificate.node; });
  return out;
}

const NodeEntry* NodeBook::find(const PublicKey& organisation, const PublicKey& node) const noexcept {
  const auto book = books_.find(organisation);
  if (book == books_.end()) return nullptr;
  const auto found = book->second.nodes.find(node);
  return found == book->second.nodes.end() ? nullptr : &found->second;
}

std::uint64_t NodeBook::last_serial(const PublicKey& organisation) const noexcept {
  const auto book = books_.find(organisation);
  if (book == books_.end()) return 0;
  std::uint64_t last = book->second.floor;
  for (const auto& [node, entry] : book->second.nodes) last = std::max(last, entry.certificate.serial);
  return last;
}

std::vector<Bytes> NodeBook::objects_of(const PublicKey& organisation) const {
  std::vector<Bytes> out;
  const auto book = books_.find(organisation);
  if (book == books_.end()) return out;
  for (const auto& [node, entry] : book->second.nodes) {
    out.push_back(encode(entry.certificate));
    if (entry.rotation) out.push_back(encode(*entry.rotation));
  }
  return out;
}

}  // namespace hansa::protocols::roster
