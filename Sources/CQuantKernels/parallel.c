// Threads under the kernels: OpenMP's team (libomp), Grand Central Dispatch on Apple.
//
// Chunks are claimed from a counter, so a slow thread holds nobody up, and which thread runs which
// chunk is left open: chunks must not depend on it. libomp is entered through the function that
// compilers call for `#pragma omp parallel`, so no compiler flag is needed. It keeps a team for
// every thread that calls it: kernels are called from one thread.
#include <stdatomic.h>

#include "CQuantKernels.h"

#if defined(__APPLE__)
#include <dispatch/dispatch.h>
#else
#include <sched.h>

void GOMP_parallel(void (*body)(void *), void *data, unsigned threads, unsigned flags);
#endif

typedef struct {
  atomic_size_t next;
  size_t chunks;
  void *context;
  void (*body)(void *, size_t);
} region;

static void work(void *data) {
  region *r = data;
  for (;;) {
    size_t chunk = atomic_fetch_add_explicit(&r->next, 1, memory_order_relaxed);
    if (chunk >= r->chunks) break;
    r->body(r->context, chunk);
  }
}

#if defined(__APPLE__)
static void work_of_one(void *data, size_t worker) {
  (void)worker;
  work(data);
}
#endif

void qk_parallel(size_t chunks, unsigned threads, void *context, void (*body)(void *, size_t)) {
  if (threads > chunks) threads = (unsigned)chunks;
  if (threads <= 1) {
    for (size_t chunk = 0; chunk < chunks; chunk++) body(context, chunk);
    return;
  }
  region r = {.chunks = chunks, .context = context, .body = body};
#if defined(__APPLE__)
  dispatch_apply_f(threads, DISPATCH_APPLY_AUTO, &r, work_of_one);
#else
  GOMP_parallel(work, &r, threads, 0);
#endif
}

size_t qk_allowed_processors(int32_t *numbers, size_t capacity) {
  size_t count = 0;
#if defined(__linux__)
  cpu_set_t mask;
  if (sched_getaffinity(0, sizeof mask, &mask) != 0) return 0;
  for (int i = 0; i < CPU_SETSIZE && count < capacity; i++)
    if (CPU_ISSET(i, &mask)) numbers[count++] = i;
#else
  (void)numbers, (void)capacity;
#endif
  return count;
}
