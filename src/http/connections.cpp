// Nothing here waits without a deadline, and nothing waits on a thread that others need.
#include "src/http/connections.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

namespace hansa::http {

void ConnectionTable::enter(int socket) {
  const std::lock_guard lock(mutex_);
  entries_[socket] = {true, Clock::now()};
}

void ConnectionTable::set_streaming(int socket) {
  const std::lock_guard lock(mutex_);
  entries_[socket].may_go = false;
}

void ConnectionTable::leave(int socket) {
  const std::lock_guard lock(mutex_);
  entries_.erase(socket);
}

void ConnectionTable::make_room() {
  const std::lock_guard lock(mutex_);
  auto oldest = entries_.end();
  for (auto it = entries_.begin(); it != entries_.end(); ++it)
    if (it->second.may_go && (oldest == entries_.end() || it->second.since < oldest->second.since))
      oldest = it;
  if (oldest == entries_.end()) return;
  ::shutdown(oldest->first, SHUT_RDWR);  // its thread wakes up and closes it
  oldest->second.may_go = false;         // not twice
}

void ConnectionTable::close_all() {
  const std::lock_guard lock(mutex_);
  for (const auto& [socket, entry] : entries_) ::shutdown(socket, SHUT_RDWR);
}

Connection::Connection(int socket, ConnectionTable& table)
    : socket_(socket), table_(table), deadline_(Clock::now() + kConnectionLimits.head_timeout) {}

Connection::~Connection() {
  if (serving_) table_.leave(socket_);  // before the number can be given to another socket
  ::close(socket_);
}

void Connection::begin() {
  serving_ = true;
  table_.enter(socket_);
}

bool Connection::wait(short events) const {
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline_ - Clock::now()).count();
    if (left <= 0) return false;
    pollfd entry{socket_, events, 0};
    const int ready = ::poll(&entry, 1, int(left));
    if (ready > 0) return true;  // errors and hang-ups show in the call that follows
    if (ready < 0 && errno != EINTR) return false;
  }
}

Connection::Head Connection::read_head() {
  std::array<char, 4096> chunk;
  while (true) {
    const std::size_t end = buffer_.find("\r\n\r\n");
    if (end != std::string::npos && end + 4 <= kConnectionLimits.head_bytes_max) {
      allowed_ = end + 4;
      return Head::complete;
    }
    if (buffer_.size() >= kConnectionLimits.head_bytes_max) return Head::too_large;
    const ssize_t received = ::recv(socket_, chunk.data(), chunk.size(), MSG_DONTWAIT);
    if (received > 0)
      buffer_.append(chunk.data(), std::size_t(received));
    else if (received == 0 || (errno != EAGAIN && errno != EINTR))
      return Head::closed;
    else
      return Head::incomplete;
  }
}

void Connection::expect_body(std::size_t bytes) {
  allowed_ += bytes;
  deadline_ = Clock::now() + kConnectionLimits.body_timeout;
}

void Connection::begin_stream() {
  streaming_ = true;
  table_.set_streaming(socket_);
}

void Connection::finish() {
  ::shutdown(socket_, SHUT_WR);
  deadline_ = Clock::now() + kConnectionLimits.linger;
  std::array<char, 4096> chunk;
  for (std::size_t total = 0; total < (4u << 20) && wait(POLLIN);) {
    const ssize_t received = ::recv(socket_, chunk.data(), chunk.size(), MSG_DONTWAIT);
    if (received == 0 || (received < 0 && errno != EAGAIN && errno != EINTR)) return;
    total += std::size_t(std::max<ssize_t>(received, 0));
  }
}

bool Connection::is_readable() const { return allowed_ > 0; }

bool Connection::is_writable() const {
  pollfd entry{socket_, POLLOUT | POLLRDHUP, 0};
  return ::poll(&entry, 1, 0) > 0 && (entry.revents & (POLLERR | POLLHUP | POLLNVAL)) == 0;
}

ssize_t Connection::read(char* ptr, size_t size) {
  size = std::min(size, allowed_);
  if (size == 0) return 0;
  if (served_ < buffer_.size()) {
    size = std::min(size, buffer_.size() - served_);
    std::copy_n(buffer_.data() + served_, size, ptr);
    served_ += size;
    allowed_ -= size;
    return ssize_t(size);
  }
  while (wait(POLLIN)) {
    const ssize_t received = ::recv(socket_, ptr, size, MSG_DONTWAIT);
    if (received < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (received > 0) allowed_ -= std::size_t(received);
    return received;
  }
  return -1;
}

ssize_t Connection::write(const char* ptr, size_t size) {
  if (reading_) deadline_ = Clock::now() + kConnectionLimits.write_timeout;
  reading_ = false;
  if (streaming_) deadline_ = Clock::now() + kConnectionLimits.event_timeout;
  std::size_t sent = 0;
  while (sent < size) {
    if (!wait(POLLOUT)) return -1;
    const ssize_t wrote = ::send(socket_, ptr + sent, size - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (wrote < 0 && errno != EAGAIN && errno != EINTR) return -1;
    sent += std::size_t(std::max<ssize_t>(wrote, 0));
  }
  return ssize_t(size);
}

void Connection::get_remote_ip_and_port(std::string& ip, int& port) const {
  ip.clear();  // nothing is decided by it
  port = 0;
}

void Connection::get_local_ip_and_port(std::string& ip, int& port) const {
  ip.clear();
  port = 0;
}

bool Workers::enqueue(Task task) {
  std::list<std::thread> ended;
  {
    const std::lock_guard lock(mutex_);
    if (stopping_ || tasks_.size() >= kConnectionLimits.queue_max) return false;
    ended.swap(ended_);
    tasks_.push_back(std::move(task));
    if (idle_ >= tasks_.size()) {
      changed_.notify_one();
    } else if (threads_.size() < kConnectionLimits.workers_max) {
      const auto self = threads_.emplace(threads_.end());
      *self = std::thread([this, self] { work(self); });
    } else {
      table_.make_room();
    }
  }
  for (std::thread& thread : ended) thread.join();
  return true;
}

void Workers::work(std::list<std::thread>::iterator self) {
  std::unique_lock lock(mutex_);
  while (true) {
    if (tasks_.empty()) {
      ++idle_;
      const bool woken = changed_.wait_for(lock, kConnectionLimits.idle_worker,
                                           [this] { return stopping_ || !tasks_.empty(); });
      --idle_;
      if (tasks_.empty() && (stopping_ || !woken)) break;
    }
    auto task = std::move(tasks_.front());
    tasks_.pop_front();
    lock.unlock();
    task();
    task = nullptr;
    lock.lock();
  }
  ended_.splice(ended_.end(), threads_, self);  // joined by whoever comes next
  changed_.notify_all();
}

void Workers::stop() {
  std::unique_lock lock(mutex_);
  stopping_ = true;
  tasks_.clear();
  changed_.notify_all();
  // The last thing a thread does under the lock is to move itself to ended_.
  while (!threads_.empty()) {
    table_.close_all();
    changed_.wait_for(lock, std::chrono::milliseconds(20));
  }
  for (std::thread& thread : ended_) thread.join();
  ended_.clear();
}

WaitingRoom::WaitingRoom(ConnectionTable& table, Ready ready)
    : table_(table), ready_(std::move(ready)), wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  thread_ = std::thread([this] { watch(); });
}

WaitingRoom::~WaitingRoom() {
  stop();
  ::close(wake_);
}

void WaitingRoom::admit(int socket) {
  auto connection = std::make_shared<Connection>(socket, table_);
  const std::lock_guard lock(mutex_);
  if (stopping_ || arrived_.size() >= kConnectionLimits.waiting_max) return;
  arrived_.push_back(std::move(connection));
  ::eventfd_write(wake_, 1);
}

void WaitingRoom::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    ::eventfd_write(wake_, 1);
  }
  if (thread_.joinable()) thread_.join();
}

void WaitingRoom::watch() {
  std::vector<std::shared_ptr<Connection>> waiting;  // oldest first, so the first deadline is the next one
  std::vector<pollfd> polled;
  while (true) {
    polled.assign(1, pollfd{wake_, POLLIN, 0});
    for (const auto& connection : waiting) polled.push_back({connection->socket(), POLLIN, 0});
    int timeout_ms = -1;
    if (!waiting.empty()) {
      const auto left = waiting.front()->deadline() - Clock::now();
      timeout_ms = std::max(0, int(std::chrono::ceil<std::chrono::milliseconds>(left).count()));
    }
    (void)::poll(polled.data(), polled.size(), timeout_ms);
    const auto now = Clock::now();
    for (std::size_t i = 0; i < waiting.size(); ++i) {
      if (waiting[i]->deadline() <= now) waiting[i].reset();
      if (!waiting[i] || polled[i + 1].revents == 0) continue;
      const Connection::Head head = waiting[i]->read_head();
      if (head == Connection::Head::incomplete) continue;
      if (head != Connection::Head::closed) ready_(std::move(waiting[i]), head);
      waiting[i].reset();
    }
    std::erase(waiting, nullptr);
    const std::lock_guard lock(mutex_);
    eventfd_t ignored = 0;
    (void)::eventfd_read(wake_, &ignored);
    if (stopping_) return;
    for (auto& connection : arrived_) waiting.push_back(std::move(connection));
    arrived_.clear();
    if (waiting.size() > kConnectionLimits.waiting_max)
      waiting.erase(waiting.begin(), waiting.end() - std::ptrdiff_t(kConnectionLimits.waiting_max));
  }
}

}  // namespace hansa::http
