// The processors that the system lets this process use.
#include "CQuantKernels.h"

#if defined(__linux__)
#include <sched.h>
#endif

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
