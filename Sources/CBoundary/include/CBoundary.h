// Signal handlers: code that may run between any two instructions, which Swift cannot promise.
#pragma once

#include <stddef.h>
#include <stdint.h>

// What boundary_requested_signal returns; 0 when nobody asked.
enum { boundary_hangup = 1, boundary_interrupt = 2, boundary_terminate = 15 };

// Installs the handlers described at Interruption.install.
void boundary_install_handlers(void);

// The first of SIGHUP, SIGINT and SIGTERM that arrived, as one of the values above, or 0.
int32_t boundary_requested_signal(void);

// Makes a mapping known to the handler of SIGBUS; returns its slot, -1 when there is none left.
int32_t boundary_remember_mapping(const void *start, size_t count, const char *path);

// Gives the slot back; call it before the mapping goes away. -1 is ignored.
void boundary_forget_mapping(int32_t slot);

// Starts a program with these words and this environment alone, in a process group of its own; both lists end in NULL.
// An environment that is NULL itself stands for ours.
// Its standard streams are the far ends of three pipes, whose near ends come back in `pipes` (to write to, to read from,
// its errors), not blocking and closed on exec. Returns 0, or an errno.
int32_t boundary_spawn(
    char *const *words, char *const *environment, int32_t pipes[3], int32_t *child);

// Whether the processor has instructions for SHA-256.
int32_t boundary_sha256_is_fast(void);

// Takes blocks of 64 bytes into the eight words of a SHA-256 state; `fast` only where there are
// instructions for it. The same digest either way.
void boundary_sha256(uint32_t state[8], const uint8_t *bytes, size_t blocks, int32_t fast);
