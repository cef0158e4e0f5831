// Threads under the kernels: workers that claim chunks beside the caller.
//
// A region is over when its chunks are done, not when every worker has come: one that the system has
// put aside is waited for only while it holds a chunk. So a busy machine costs what it takes away and
// no more, where a team that meets at a barrier would wait for its last member twice in each region.
// Each thread begins with chunks of its own, one after the other, since what comes next in memory is on its
// way to its caches; one that has no more takes others' from their ends.
// Which thread runs which chunk is left open: chunks must not depend on it.
#include "CQuantKernels.h"

#include <stdatomic.h>
#include <stdbool.h>

enum { MOST_THREADS = 1024 };

/// The chunks of a thread that nobody has claimed: the first in the low half of a word, the end in the high half.
typedef struct {
  _Alignas(64) _Atomic uint64_t left;
} share;

static void deal(share *shares, unsigned threads, size_t chunks) {
  for (unsigned i = 0; i < threads; i++) {
    const uint64_t first = chunks * i / threads, end = chunks * (i + 1) / threads;
    atomic_store_explicit(&shares[i].left, first | end << 32, memory_order_relaxed);
  }
}

/// Runs the chunks of share `self`, then what is left of the others.
static void claim_chunks(share *shares, unsigned threads, unsigned self, void *context, void (*body)(void *, size_t)) {
  for (unsigned i = 0; i < threads; i++) {
    _Atomic uint64_t *left = &shares[(self + i) % threads].left;
    uint64_t seen = atomic_load_explicit(left, memory_order_relaxed);
    while ((uint32_t)seen < seen >> 32) {
      const uint64_t rest = i == 0 ? seen + 1 : seen - ((uint64_t)1 << 32);
      if (!atomic_compare_exchange_weak_explicit(left, &seen, rest, memory_order_relaxed, memory_order_relaxed))
        continue;
      body(context, i == 0 ? (uint32_t)seen : (seen >> 32) - 1);
      seen = atomic_load_explicit(left, memory_order_relaxed);
    }
  }
}

#if defined(QK_OPENMP)

// libomp is entered through the function that compilers call for `#pragma omp parallel`, so no compiler
// flag is needed. It keeps a team for every thread that calls it: kernels are called from one thread.

void GOMP_parallel(void (*body)(void *), void *data, unsigned threads, unsigned flags);

typedef struct {
  share *shares;
  unsigned threads;
  atomic_uint come;
  void *context;
  void (*body)(void *, size_t);
} region;

static void work(void *data) {
  region *r = data;
  const unsigned self = atomic_fetch_add_explicit(&r->come, 1, memory_order_relaxed);
  claim_chunks(r->shares, r->threads, self, r->context, r->body);
}

void qk_parallel(size_t chunks, unsigned threads, void *context, void (*body)(void *, size_t)) {
  if (threads > chunks) threads = (unsigned)chunks;
  if (threads > MOST_THREADS) threads = MOST_THREADS;
  if (threads <= 1) {
    for (size_t chunk = 0; chunk < chunks; chunk++) body(context, chunk);
    return;
  }
  share shares[threads];
  deal(shares, threads, chunks);
  region r = {.shares = shares, .threads = threads, .context = context, .body = body};
  GOMP_parallel(work, &r, threads, 0);
}

#else

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <time.h>

// Nanoseconds that a worker watches for the next region before it sleeps. Waking one costs some 30
// microseconds; the serial stretches between the regions of a step are shorter than this.
enum { WATCH = 300000, OPEN = 1 << 30 };

static struct {
  // The region: written by the caller while the gate is shut and nobody is inside.
  unsigned threads;
  void *context;
  void (*body)(void *, size_t);
  share shares[MOST_THREADS];
  // OPEN while chunks may be claimed, plus the number of workers inside.
  _Alignas(64) atomic_uint gate;
  // Regions so far; workers watch it.
  _Alignas(64) atomic_uint count;
  atomic_uint asleep;
  pthread_mutex_t lock;
  pthread_cond_t wake;
  // One region at a time: held by the caller.
  atomic_flag taken;
  unsigned workers;
} pool = {.lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER, .taken = ATOMIC_FLAG_INIT};

static _Thread_local bool is_inside;

static inline void pause_once(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

// A moment's wait in a loop that has gone round `turns` times: the processor's pause at first, then the
// system's, which lets another program run.
static inline void wait_a_moment(unsigned turns) {
  if (turns < 500) pause_once();
  else sched_yield();
}

static uint64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

// Returns when there has been another region than number `seen`.
static unsigned await_region(unsigned seen) {
  uint64_t end = 0;
  for (unsigned turns = 0;; turns++) {
    unsigned count = atomic_load_explicit(&pool.count, memory_order_acquire);
    if (count != seen) return count;
    wait_a_moment(turns);
    if (turns % 64 != 63) continue;
    uint64_t time = now();
    if (end == 0) end = time + WATCH;
    if (time > end) break;
  }
  pthread_mutex_lock(&pool.lock);
  atomic_fetch_add(&pool.asleep, 1);
  unsigned count;
  while ((count = atomic_load(&pool.count)) == seen) pthread_cond_wait(&pool.wake, &pool.lock);
  atomic_fetch_sub(&pool.asleep, 1);
  pthread_mutex_unlock(&pool.lock);
  return count;
}

static void *serve(void *number) {
  unsigned self = (unsigned)(uintptr_t)number, seen = 0;
  is_inside = true;
  for (;;) {
    seen = await_region(seen);
    unsigned gate = atomic_load_explicit(&pool.gate, memory_order_relaxed);
    while (gate & OPEN) {
      if (!atomic_compare_exchange_weak_explicit(
              &pool.gate, &gate, gate + 1, memory_order_acquire, memory_order_relaxed))
        continue;
      if (self < pool.threads) claim_chunks(pool.shares, pool.threads, self, pool.context, pool.body);
      atomic_fetch_sub_explicit(&pool.gate, 1, memory_order_release);
      break;
    }
  }
  return NULL;
}

// Workers are numbered from 1; the caller is 0. They take no signals: those belong to the program's own threads.
static void hire(unsigned workers) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  while (pool.workers < workers) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, serve, (void *)(uintptr_t)(pool.workers + 1)) != 0) break;
    pthread_detach(thread);
    pool.workers++;
  }
  pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void qk_parallel(size_t chunks, unsigned threads, void *context, void (*body)(void *, size_t)) {
  if (threads > chunks) threads = (unsigned)chunks;
  if (threads > MOST_THREADS) threads = MOST_THREADS;
  if (threads <= 1 || is_inside || atomic_flag_test_and_set_explicit(&pool.taken, memory_order_acquire)) {
    for (size_t chunk = 0; chunk < chunks; chunk++) body(context, chunk);
    return;
  }
  is_inside = true;
  if (pool.workers < threads - 1) hire(threads - 1);
  pool.threads = threads;
  pool.context = context;
  pool.body = body;
  deal(pool.shares, threads, chunks);
  atomic_store_explicit(&pool.gate, OPEN, memory_order_release);
  atomic_fetch_add(&pool.count, 1);
  if (atomic_load(&pool.asleep) > 0) {
    pthread_mutex_lock(&pool.lock);
    pthread_cond_broadcast(&pool.wake);
    pthread_mutex_unlock(&pool.lock);
  }
  claim_chunks(pool.shares, threads, 0, context, body);
  atomic_fetch_and_explicit(&pool.gate, ~(unsigned)OPEN, memory_order_acq_rel);
  for (unsigned turns = 0; atomic_load_explicit(&pool.gate, memory_order_acquire) != 0; turns++) wait_a_moment(turns);
  is_inside = false;
  atomic_flag_clear_explicit(&pool.taken, memory_order_release);
}

#endif
