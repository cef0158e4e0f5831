// The handlers and what they may touch: lock-free atomics, fixed tables, write and _exit.

#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "CBoundary.h"

_Static_assert(SIGHUP == boundary_hangup && SIGINT == boundary_interrupt, "signal numbers");
_Static_assert(SIGTERM == boundary_terminate, "signal numbers");

enum { slots = 64, path_bytes = 512 };

// One mapped file. `state` is 0 when free, 1 while it is filled, 2 when the handler may read it.
typedef struct {
  atomic_int state;
  uintptr_t start;
  size_t count;
  char path[path_bytes];
} mapping;

static mapping mappings[slots];
static atomic_int requested;

int32_t boundary_requested_signal(void) { return atomic_load(&requested); }

int32_t boundary_remember_mapping(const void *start, size_t count, const char *path) {
  for (int32_t slot = 0; slot < slots; slot++) {
    mapping *m = &mappings[slot];
    int free_state = 0;
    if (!atomic_compare_exchange_strong(&m->state, &free_state, 1)) continue;
    m->start = (uintptr_t)start;
    m->count = count;
    // Controls in a path would break the one line; what is too long loses its beginning.
    size_t length = strlen(path);
    const char *tail = length < path_bytes ? path : path + length - path_bytes + 1;
    size_t i = 0;
    for (; tail[i] != 0; i++) m->path[i] = tail[i] >= 0 && tail[i] < 32 ? '?' : tail[i];
    m->path[i] = 0;
    atomic_store(&m->state, 2);
    return slot;
  }
  return -1;
}

void boundary_forget_mapping(int32_t slot) {
  if (slot >= 0) atomic_store(&mappings[slot].state, 0);
}

static void on_request(int signal_number) {
  int none = 0;
  if (!atomic_compare_exchange_strong(&requested, &none, signal_number))
    _exit(128 + signal_number);
}

// Appends text to a line that holds 1024 bytes.
static size_t append(char *line, size_t used, const char *text) {
  while (*text != 0 && used < 1023) line[used++] = *text++;
  return used;
}

static void on_bus_error(int signal_number, siginfo_t *info, void *context) {
  (void)context;
  uintptr_t address = (uintptr_t)info->si_addr;
  for (int slot = 0; slot < slots; slot++) {
    const mapping *m = &mappings[slot];
    if (atomic_load(&m->state) != 2 || address < m->start || address - m->start >= m->count)
      continue;
    char digits[21] = {0};
    size_t first = 20;
    uintptr_t offset = address - m->start;
    do digits[--first] = (char)('0' + offset % 10);
    while ((offset /= 10) != 0);
    char line[1024];
    size_t used = append(line, 0, "error[GGUF-D02] ");
    used = append(line, used, m->path);
    used = append(line, used, ": byte ");
    used = append(line, used, digits + first);
    used = append(line, used, ": the file was cut or its device failed while in use\n");
    ssize_t written = write(STDERR_FILENO, line, used);
    (void)written;
    _exit(8);
  }
  // Not one of our files: a bug, left to the default action.
  signal(signal_number, SIG_DFL);
  raise(signal_number);
}

void boundary_install_handlers(void) {
  struct sigaction request = {.sa_handler = on_request};
  sigemptyset(&request.sa_mask);
  request.sa_flags = SA_RESTART;
  sigaction(SIGHUP, &request, NULL);
  sigaction(SIGINT, &request, NULL);
  sigaction(SIGTERM, &request, NULL);

  struct sigaction bus = {.sa_sigaction = on_bus_error};
  sigemptyset(&bus.sa_mask);
  bus.sa_flags = SA_SIGINFO;
  sigaction(SIGBUS, &bus, NULL);

  // A parent may have handed down a mask in which they are blocked.
  sigset_t wanted;
  sigemptyset(&wanted);
  sigaddset(&wanted, SIGHUP);
  sigaddset(&wanted, SIGINT);
  sigaddset(&wanted, SIGTERM);
  pthread_sigmask(SIG_UNBLOCK, &wanted, NULL);

  signal(SIGPIPE, SIG_IGN);
  // A write beyond the file-size limit then fails with EFBIG, which is reported like a full disk.
  signal(SIGXFSZ, SIG_IGN);
}
