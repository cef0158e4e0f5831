// Starting a program with nothing of ours but three pipes.
#include "CBoundary.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <unistd.h>

extern char **environ;

static int open_pipe(int ends[2]) {
  if (pipe(ends) != 0) return errno;
  for (int i = 0; i < 2; i++) {
    // Never below 3: what is moved onto a standard stream may not be one.
    int high = fcntl(ends[i], F_DUPFD_CLOEXEC, 3);
    if (high < 0) return errno;
    close(ends[i]);
    ends[i] = high;
  }
  return 0;
}

int32_t boundary_spawn(
    char *const *words, char *const *environment, int32_t pipes[3], int32_t *child) {
  int ends[3][2] = {{-1, -1}, {-1, -1}, {-1, -1}};
  int error = 0;
  for (int i = 0; i < 3 && error == 0; i++) error = open_pipe(ends[i]);
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&actions);
  posix_spawnattr_init(&attributes);
  short flags = POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK;
  if (error == 0) {
    for (int i = 0; i < 3; i++) {
      posix_spawn_file_actions_adddup2(&actions, ends[i][i == 0 ? 0 : 1], i);
    }
#if defined(__APPLE__)
    flags |= POSIX_SPAWN_CLOEXEC_DEFAULT;
#elif defined(__GLIBC__) && __GLIBC_PREREQ(2, 34)
    posix_spawn_file_actions_addclosefrom_np(&actions, 3);
#endif
    sigset_t signals;
    sigemptyset(&signals);
    posix_spawnattr_setsigmask(&attributes, &signals);
    sigaddset(&signals, SIGPIPE);
    posix_spawnattr_setsigdefault(&attributes, &signals);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes, flags);
    pid_t number = 0;
    error = posix_spawnp(
        &number, words[0], &actions, &attributes, words, environment ? environment : environ);
    *child = number;
  }
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  for (int i = 0; i < 3; i++) {
    int near = ends[i][i == 0 ? 1 : 0], far = ends[i][i == 0 ? 0 : 1];
    if (far >= 0) close(far);
    if (error != 0 && near >= 0) close(near);
    if (error == 0) fcntl(near, F_SETFL, O_NONBLOCK);
    pipes[i] = near;
  }
  return error;
}
