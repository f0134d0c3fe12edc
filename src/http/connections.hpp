// Connections of the HTTP server: a waiting room for those that have not said what they want yet, and the
// threads that serve the others. Waiting costs a descriptor and some bytes, never a thread, so a crowd of
// silent or slow clients keeps nobody out. Only src/http/server.cpp includes this, since httplib.h is large.
#pragma once

#include <httplib.h>

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace hansa::http {

struct ConnectionLimits {
  std::size_t head_bytes_max = 16 * 1024;
  std::size_t waiting_max = 256;  ///< connections in the waiting room; beyond it the oldest goes
  std::size_t workers_max = 48;   ///< threads; event streams hold one each
  std::size_t queue_max = 256;    ///< requests waiting for a thread; beyond it they are turned away
  std::chrono::milliseconds head_timeout{5'000};    ///< from accepting to the end of the headers
  std::chrono::milliseconds body_timeout{10'000};   ///< from there to the end of the body
  std::chrono::milliseconds write_timeout{30'000};  ///< for the answer
  std::chrono::milliseconds event_timeout{5'000};   ///< for each text of a stream
  std::chrono::milliseconds linger{500};            ///< for a client that still sends after its answer
  std::chrono::milliseconds idle_worker{5'000};     ///< after this a thread without work ends
};
constexpr ConnectionLimits kConnectionLimits;

using Clock = std::chrono::steady_clock;

/// Sockets that threads are serving, so that one can be cut off to make room. Thread-safe.
class ConnectionTable {
 public:
  void enter(int socket);
  /// An event stream: it never has to make room; EventHub bounds their number.
  void set_streaming(int socket);
  void leave(int socket);
  /// Cuts off the one that has been served longest.
  void make_room();
  void close_all();

 private:
  struct Entry {
    bool may_go = true;
    Clock::time_point since;
  };
  std::mutex mutex_;
  std::map<int, Entry> entries_;
};

/// One connection as the library sees it. Serves the head that was read beforehand, then at most the promised
/// number of body bytes; every wait has a deadline.
class Connection : public httplib::Stream {
 public:
  Connection(int socket, ConnectionTable& table);
  ~Connection() override;

  enum class Head { complete, incomplete, too_large, closed };
  /// Takes what has arrived of the headers, without waiting.
  [[nodiscard]] Head read_head();
  [[nodiscard]] Clock::time_point deadline() const noexcept { return deadline_; }
  /// A thread serves it from now on.
  void begin();
  /// From now on a body of this many bytes may be read.
  void expect_body(std::size_t bytes);
  /// From now on each write has a deadline of its own.
  void begin_stream();
  /// Says that nothing more comes, and reads what is still on its way, briefly: closing a socket with unread
  /// bytes would make the peer lose the answer.
  void finish();

  bool is_readable() const override;
  bool is_writable() const override;
  ssize_t read(char* ptr, size_t size) override;
  ssize_t write(const char* ptr, size_t size) override;
  void get_remote_ip_and_port(std::string& ip, int& port) const override;
  void get_local_ip_and_port(std::string& ip, int& port) const override;
  socket_t socket() const override { return socket_; }

 private:
  /// Waits for poll events until the deadline.
  [[nodiscard]] bool wait(short events) const;

  int socket_;
  ConnectionTable& table_;
  Clock::time_point deadline_;
  bool serving_ = false, reading_ = true, streaming_ = false;
  std::string buffer_;
  std::size_t served_ = 0;   ///< of buffer_
  std::size_t allowed_ = 0;  ///< bytes from buffer_ and the socket that may still be served
};

/// Threads on demand up to workers_max, which end when they have had nothing to do for a while.
class Workers {
 public:
  using Task = std::function<void()>;
  explicit Workers(ConnectionTable& table) : table_(table) {}
  /// False: too many tasks wait.
  bool enqueue(Task task);
  /// Ends the connections that are served and joins the threads.
  void stop();

 private:
  void work(std::list<std::thread>::iterator self);

  ConnectionTable& table_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Task> tasks_;
  std::list<std::thread> threads_, ended_;
  std::size_t idle_ = 0;
  bool stopping_ = false;
};

/// One thread that watches the connections whose headers are not complete.
class WaitingRoom {
 public:
  /// `ready` gets each connection whose headers are complete or too large; called on the room's thread.
  using Ready = std::function<void(std::shared_ptr<Connection>, Connection::Head)>;
  WaitingRoom(ConnectionTable& table, Ready ready);
  ~WaitingRoom();
  /// Takes over the socket. Thread-safe.
  void admit(int socket);
  void stop();

 private:
  void watch();

  ConnectionTable& table_;
  Ready ready_;
  int wake_;  ///< eventfd
  std::mutex mutex_;
  std::vector<std::shared_ptr<Connection>> arrived_;
  bool stopping_ = false;
  std::thread thread_;
};

/// The library accepts on its own thread and wants somebody to handle each socket: done at once, since that
/// only carries it to the waiting room.
class Inline : public httplib::TaskQueue {
 public:
  void enqueue(std::function<void()> task) override { task(); }
  void shutdown() override {}
};

}  // namespace hansa::http
