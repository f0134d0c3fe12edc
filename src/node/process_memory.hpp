// How this process uses malloc. Chunks of a model come and go by the hundred, allocated by ZeroMQ's threads;
// glibc would give each back to the system at once and ask for it again, page by page.
#pragma once

namespace hansa::node {

/// Keeps the memory of chunks for the next ones. For the whole process; call it before threads are started.
void keep_chunk_memory() noexcept;
/// Gives what is free back to the system; for when nothing has been moved for a while.
void release_free_memory() noexcept;

}  // namespace hansa::node
