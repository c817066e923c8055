// Replaces operator new and operator delete with versions that count.
#include "tests/allocation_counter.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <new>

namespace {

std::atomic<std::size_t> count{0}, live{0};

/// A block begins with its own size, because the usable size that malloc reports depends on earlier
/// blocks. What the caller gets starts this many bytes later.
std::size_t offset(std::size_t alignment) { return std::max(alignment, sizeof(std::max_align_t)); }

void* allocate(std::size_t bytes, std::size_t alignment) {
  const std::size_t start = offset(alignment);
  void* block = std::aligned_alloc(start, (start + bytes + start - 1) / start * start);
  if (block == nullptr) throw std::bad_alloc();
  std::memcpy(block, &bytes, sizeof bytes);
  count.fetch_add(1, std::memory_order_relaxed);
  live.fetch_add(bytes, std::memory_order_relaxed);
  return static_cast<char*>(block) + start;
}

void release(void* memory, std::size_t alignment) {
  if (memory == nullptr) return;
  void* block = static_cast<char*>(memory) - offset(alignment);
  std::size_t bytes;
  std::memcpy(&bytes, block, sizeof bytes);
  live.fetch_sub(bytes, std::memory_order_relaxed);
  std::free(block);
}

}  // namespace

namespace twice::testing {

std::size_t allocations() { return count; }
std::size_t live_bytes() { return live; }

}  // namespace twice::testing

// All these forms are replaced together. Otherwise memory from one operator new could reach another
// library's operator delete. The standard array and nothrow forms call the forms below.
void* operator new(std::size_t bytes) { return allocate(bytes, 1); }
void* operator new(std::size_t bytes, std::align_val_t a) {
  return allocate(bytes, static_cast<std::size_t>(a));
}
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
  try {
    return ::operator new(bytes);
  } catch (...) {
    return nullptr;
  }
}
void* operator new[](std::size_t bytes) { return ::operator new(bytes); }
void* operator new[](std::size_t bytes, std::align_val_t a) { return ::operator new(bytes, a); }
void* operator new[](std::size_t bytes, const std::nothrow_t& t) noexcept {
  return ::operator new(bytes, t);
}
void operator delete(void* memory) noexcept { release(memory, 1); }
void operator delete(void* memory, std::size_t) noexcept { release(memory, 1); }
void operator delete(void* memory, std::align_val_t a) noexcept {
  release(memory, static_cast<std::size_t>(a));
}
void operator delete(void* memory, std::size_t, std::align_val_t a) noexcept {
  release(memory, static_cast<std::size_t>(a));
}
void operator delete(void* memory, const std::nothrow_t&) noexcept { release(memory, 1); }
void operator delete[](void* memory) noexcept { release(memory, 1); }
void operator delete[](void* memory, std::size_t) noexcept { release(memory, 1); }
void operator delete[](void* memory, std::align_val_t a) noexcept {
  release(memory, static_cast<std::size_t>(a));
}
void operator delete[](void* memory, std::size_t, std::align_val_t a) noexcept {
  release(memory, static_cast<std::size_t>(a));
}
void operator delete[](void* memory, const std::nothrow_t&) noexcept { release(memory, 1); }
