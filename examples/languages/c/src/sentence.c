#include "sentence.h"

#include <string.h>

enum nmea_fault nmea_parse(const char *line, size_t length, struct nmea_sentence *sentence) {
  if (length < 1 || (line[0] != '$' && line[0] != '!')) return NMEA_NO_SENTENCE;
  if (length > NMEA_MAX_LENGTH) return NMEA_TOO_LONG;
  unsigned char sum = 0;
  size_t end = 1;
  while (end < length && line[end] != '*') sum ^= (unsigned char)line[end++];
  if (end + 3 != length) return NMEA_NO_CHECKSUM;
  static const char digits[] = "0123456789ABCDEF";
  if (line[end + 1] != digits[sum >> 4] || line[end + 2] != digits[sum & 15]) return NMEA_WRONG_CHECKSUM;

  memcpy(sentence->text, line + 1, end - 1);
  sentence->text[end - 1] = '\0';
  sentence->count = 0;
  for (char *at = sentence->text; at != NULL;) {
    if (sentence->count == NMEA_MAX_FIELDS) return NMEA_MALFORMED;
    sentence->fields[sentence->count++] = at;
    at = strchr(at, ',');
    if (at != NULL) *at++ = '\0';
  }
  return NMEA_OK;
}

// Numbers stay text, or whole numbers of ten-millionths: a position is not rounded on its way.

/// Digits, with a point or without; nothing else, for it goes into JSON text as it is.
static bool is_number(const char *text) {
  size_t before = strspn(text, "0123456789");
  const char *rest = text + before;
  if (*rest == '.') rest += 1 + strspn(rest + 1, "0123456789");
  return before > 0 && before < 9 && *rest == '\0' && rest[-1] != '.';
}

/// A number without the zeros before it, which JSON does not allow.
static const char *plain(const char *number) {
  while (number[0] == '0' && number[1] >= '0' && number[1] <= '9') number++;
  return number;
}

static bool two_digits(const char *text, int *value) {
  if (text[0] < '0' || text[0] > '9' || text[1] < '0' || text[1] > '9') return false;
  *value = (text[0] - '0') * 10 + text[1] - '0';
  return true;
}

struct writer {
  char *at;
  size_t left;
};

static void put(struct writer *writer, const char *text) {
  while (*text != '\0' && writer->left > 1) {
    *writer->at++ = *text++;
    writer->left--;
  }
  *writer->at = '\0';
}

static void put_digits(struct writer *writer, unsigned long value, int width) {
  char digits[12];
  int at = sizeof digits - 1;
  digits[at] = '\0';
  do {
    digits[--at] = (char)('0' + value % 10);
    value /= 10;
  } while (value > 0 || (int)sizeof digits - 1 - at < width);
  put(writer, digits + at);
}

/// `4916.4512,N` is 49 degrees and 16.4512 minutes; written as degrees with seven digits.
static bool put_angle(struct writer *writer, const char *text, const char *side, const char *sides, int degree_digits) {
  if (!is_number(text) || strcspn(text, ".") != (size_t)degree_digits + 2) return false;
  if (side[0] == '\0' || side[1] != '\0' || strchr(sides, side[0]) == NULL) return false;
  unsigned long degrees = 0;
  for (int at = 0; at < degree_digits; at++) degrees = degrees * 10 + (unsigned long)(text[at] - '0');
  int whole;
  if (!two_digits(text + degree_digits, &whole) || whole > 59) return false;
  // Minutes in ten-millionths, then a sixtieth of it.
  unsigned long minutes = (unsigned long)whole, digits = 0;
  const char *fraction = text + degree_digits + 2;
  if (*fraction == '.') fraction++;
  for (; digits < 7; digits++) minutes = minutes * 10 + (*fraction != '\0' ? (unsigned long)(*fraction++ - '0') : 0);
  unsigned long part = (minutes + 30) / 60;
  if (part == 10000000) degrees++, part = 0;
  if (degrees > (sides[0] == 'N' ? 90 : 180)) return false;
  if (side[0] == sides[1]) put(writer, "-");
  put_digits(writer, degrees, 1);
  put(writer, ".");
  put_digits(writer, part, 7);
  return true;
}

/// `RMC`: time, date, position, speed over ground in knots.
static bool describe_position(const struct nmea_sentence *sentence, enum nmea_fault *fault, struct writer *writer) {
  *fault = NMEA_MALFORMED;
  if (sentence->count < 10) return false;
  const char *const *field = sentence->fields;
  // A: the receiver knows where it is; V: it does not.
  if (strcmp(field[2], "V") == 0) {
    *fault = NMEA_OK;
    return false;
  }
  int hour, minute, second, day, month, year;
  if (strcmp(field[2], "A") != 0 || strlen(field[1]) < 6 || strlen(field[9]) != 6) return false;
  if (!two_digits(field[1], &hour) || !two_digits(field[1] + 2, &minute) || !two_digits(field[1] + 4, &second) ||
      !two_digits(field[9], &day) || !two_digits(field[9] + 2, &month) || !two_digits(field[9] + 4, &year))
    return false;
  if (hour > 23 || minute > 59 || second > 60 || day < 1 || day > 31 || month < 1 || month > 12) return false;
  // GPS began in 1980.
  const int date[] = {year < 80 ? 2000 + year : 1900 + year, month, day, hour, minute, second};
  static const char *const before[] = {"{\"time\":\"", "-", "-", "T", ":", ":"};
  for (size_t at = 0; at < 6; at++) {
    put(writer, before[at]);
    put_digits(writer, (unsigned long)date[at], 2);
  }
  put(writer, "Z\",\"latitude\":");
  if (!put_angle(writer, field[3], field[4], "NS", 2)) return false;
  put(writer, ",\"longitude\":");
  if (!put_angle(writer, field[5], field[6], "EW", 3)) return false;
  if (field[7][0] != '\0') {
    if (!is_number(field[7])) return false;
    put(writer, ",\"knots\":");
    put(writer, plain(field[7]));
  }
  put(writer, "}");
  *fault = NMEA_OK;
  return true;
}

/// `MWV`: angle of the wind, relative to the bow or true, its speed and the unit of that.
static bool describe_wind(const struct nmea_sentence *sentence, enum nmea_fault *fault, struct writer *writer) {
  *fault = NMEA_MALFORMED;
  if (sentence->count < 6) return false;
  const char *const *field = sentence->fields;
  if (strcmp(field[5], "V") == 0) {
    *fault = NMEA_OK;
    return false;
  }
  const char *unit = strcmp(field[4], "N") == 0   ? "knots"
                     : strcmp(field[4], "M") == 0 ? "m/s"
                     : strcmp(field[4], "K") == 0 ? "km/h"
                                                  : NULL;
  bool is_true = strcmp(field[2], "T") == 0;
  if (strcmp(field[5], "A") != 0 || unit == NULL || (!is_true && strcmp(field[2], "R") != 0)) return false;
  if (!is_number(field[1]) || !is_number(field[3])) return false;
  put(writer, "{\"angle\":");
  put(writer, plain(field[1]));
  put(writer, is_true ? ",\"reference\":\"true\",\"speed\":" : ",\"reference\":\"bow\",\"speed\":");
  put(writer, plain(field[3]));
  put(writer, ",\"unit\":\"");
  put(writer, unit);
  put(writer, "\"}");
  *fault = NMEA_OK;
  return true;
}

bool nmea_describe(const struct nmea_sentence *sentence, enum nmea_fault *fault, const char **topic, char *json,
                   size_t size) {
  struct writer writer = {json, size};
  *fault = NMEA_OK;
  // Two letters say who talks (GP, GN, WI ...), three what about.
  const char *address = sentence->fields[0];
  if (strlen(address) != 5) return false;
  if (strcmp(address + 2, "RMC") == 0) {
    *topic = "position";
    return describe_position(sentence, fault, &writer);
  }
  if (strcmp(address + 2, "MWV") == 0) {
    *topic = "wind";
    return describe_wind(sentence, fault, &writer);
  }
  return false;
}

const char *nmea_fault_text(enum nmea_fault fault) {
  switch (fault) {
    case NMEA_OK: return "nothing is wrong";
    case NMEA_NO_SENTENCE: return "it does not begin with $ or !";
    case NMEA_TOO_LONG: return "it is too long";
    case NMEA_NO_CHECKSUM: return "it does not end with * and two digits";
    case NMEA_WRONG_CHECKSUM: return "its checksum does not fit";
    case NMEA_MALFORMED: return "a field is missing or not as it should be";
  }
  return "unknown";
}
