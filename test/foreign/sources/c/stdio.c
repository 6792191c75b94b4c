// C standard I/O, directories and the environment; ends with a status of its own.

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int main(void) {
  FILE *file = fopen("/data/notes.txt", "w+");
  if (file == NULL) return 1;
  fprintf(file, "%s %d %.2f\n", "seven", 7, 7.25);
  rewind(file);
  char word[16];
  int number;
  double fraction;
  if (fscanf(file, "%15s %d %lf", word, &number, &fraction) != 3) return 2;
  fclose(file);
  printf("read %s %d %.2f\n", word, number, fraction);

  struct stat status;
  stat("/data/notes.txt", &status);
  printf("size %lld regular %d\n", (long long)status.st_size, S_ISREG(status.st_mode));

  symlink("notes.txt", "/data/link");
  char target[32] = {0};
  readlink("/data/link", target, sizeof target - 1);
  printf("link %s\n", target);

  DIR *folder = opendir("/data");
  int entries = 0;
  for (struct dirent *entry; (entry = readdir(folder)) != NULL;)
    if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) entries++;
  closedir(folder);
  printf("entries %d\n", entries);

  errno = 0;
  printf("escape %d %s\n", open("/data/../../etc/hostname", O_RDONLY), strerror(errno));
  unlink("/data/link");
  unlink("/data/notes.txt");
  printf("site %s\n", getenv("SITE"));
  fflush(stdout);
  return 42;
}
