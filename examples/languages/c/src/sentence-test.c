// cc -Wall -Wextra -fsanitize=undefined src/sentence.c src/sentence-test.c -o build/test && build/test
// What sentences say, without WebAssembly.

#include "sentence.h"

#include <stdio.h>
#include <string.h>

static int failures = 0;

static void check(const char *line, enum nmea_fault wanted, const char *topic, const char *json) {
  struct nmea_sentence sentence;
  const char *about = "";
  char said[256] = "";
  enum nmea_fault fault = nmea_parse(line, strlen(line), &sentence);
  if (fault == NMEA_OK && !nmea_describe(&sentence, &fault, &about, said, sizeof said)) about = "", said[0] = 0;
  if (fault == wanted && strcmp(about, topic) == 0 && strcmp(said, json) == 0) return;
  failures++;
  fprintf(stderr, "%s: %s, about \"%s\": %s\n", line, nmea_fault_text(fault), about, said);
}

int main(void) {
  check("$GPRMC,220516,A,5133.82,N,00042.24,W,173.8,231.8,130694,004.2,W*70", NMEA_OK, "position",
        "{\"time\":\"1994-06-13T22:05:16Z\",\"latitude\":51.5636667,\"longitude\":-0.7040000,\"knots\":173.8}");
  check("$WIMWV,043.5,R,07.5,M,A*10", NMEA_OK, "wind", "{\"angle\":43.5,\"reference\":\"bow\",\"speed\":7.5,\"unit\":\"m/s\"}");
  check("$GPRMC,220516,V,,,,,,,130694,,*3A", NMEA_OK, "", "");
  check("$GPGSV,1,1,00*79", NMEA_OK, "", "");
  check("$GPGSV,1,1,00*78", NMEA_WRONG_CHECKSUM, "", "");
  check("$GPGSV,1,1,00", NMEA_NO_CHECKSUM, "", "");
  check("GPGSV,1,1,00*79", NMEA_NO_SENTENCE, "", "");
  check("", NMEA_NO_SENTENCE, "", "");
  if (failures == 0) puts("ok");
  return failures == 0 ? 0 : 1;
}
