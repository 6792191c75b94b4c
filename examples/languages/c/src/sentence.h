// Sentences of NMEA 0183. Plain C: nothing here knows WIT.
#pragma once

#include <stdbool.h>
#include <stddef.h>

/// `$` or `!`, 80 characters, CR and LF at most; some receivers exceed it.
#define NMEA_MAX_LENGTH 120
#define NMEA_MAX_FIELDS 32

enum nmea_fault { NMEA_OK, NMEA_NO_SENTENCE, NMEA_TOO_LONG, NMEA_NO_CHECKSUM, NMEA_WRONG_CHECKSUM, NMEA_MALFORMED };

/// A sentence whose checksum fits, cut into its fields. The first is the address, such as `GPRMC`.
struct nmea_sentence {
  char text[NMEA_MAX_LENGTH + 1];
  const char *fields[NMEA_MAX_FIELDS];
  size_t count;
};

/// Cuts a line, without CR and LF, into fields.
enum nmea_fault nmea_parse(const char *line, size_t length, struct nmea_sentence *sentence);

/// What a sentence says, as JSON text in `json`; `topic` gets what it is about. False when there is nothing to say: a
/// sentence of a kind that is not known here, or of a receiver that has no fix.
bool nmea_describe(const struct nmea_sentence *sentence, enum nmea_fault *fault, const char **topic, char *json,
                   size_t size);

/// For people.
const char *nmea_fault_text(enum nmea_fault fault);
