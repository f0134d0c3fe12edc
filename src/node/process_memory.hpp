// How this process uses malloc. Chunks of a model come and go by the hundred, allocated by ZeroMQ's threads;
// glibc would give each back to the system at once and ask for it again, page by page. So while models are
// moving it keeps what is freed, and only then: each arena's last free piece stays with the process until
// something is freed beside it, and a node that merely waits would hold tens of MiB for nothing.
//
// All of it is for the whole process and thread-safe.
#pragma once

namespace hansa::node {

/// Frees early, and never spends a system call on each chunk. Call it before threads are started.
void begin_with_little_memory() noexcept;
/// Models begin to move: keeps the memory of chunks for the next ones. Costs nothing if it has been said.
void keep_chunk_memory() noexcept;
/// Nothing has been moved for a while: gives what is free back to the system.
void release_free_memory() noexcept;

}  // namespace hansa::node
