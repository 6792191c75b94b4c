// Ends as a program does whose assertion failed.

#include <assert.h>
#include <stdio.h>

int main(void) {
  puts("about to fail");
  fflush(stdout);
  volatile int two = 2;
  assert(two == 3);
  return 0;
}
