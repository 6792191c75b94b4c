// The edges: the only file that knows WIT.

#include <string.h>

#include "../bindings/nmea.h"
#include "sentence.h"

/// What `wit-bindgen` writes beside the bindings defines this as well, when it is linked.
__attribute__((weak)) void __component_type_object_force_link_nmea(void) {}

static void warn(const char *what, const char *why) {
  char text[200];
  nmea_string_t context, message;
  strncpy(text, what, sizeof text - 1);
  text[sizeof text - 1] = '\0';
  strncat(text, why, sizeof text - 1 - strlen(text));
  nmea_string_set(&context, "nmea");
  nmea_string_set(&message, text);
  wasi_logging_logging_log(WASI_LOGGING_LOGGING_LEVEL_WARN, &context, &message);
}

static void publish(const char *topic, char *json) {
  wasmcloud_messaging_consumer_broker_message_t message = {
      .body = {(uint8_t *)json, strlen(json)},
      .reply_to = {.is_some = false},
  };
  nmea_string_set(&message.subject, topic);
  nmea_string_t reason;
  if (wasmcloud_messaging_consumer_publish(&message, &reason)) return;
  char text[100] = "";
  strncat(text, (const char *)reason.ptr, reason.len < sizeof text ? reason.len : sizeof text - 1);
  nmea_string_free(&reason);
  warn("Cannot publish what the sentence says: ", text);
}

void exports_petiole_serial_frame_handler_handle_frame(exports_petiole_serial_frame_handler_frame_t *frame) {
  struct nmea_sentence sentence;
  const char *topic;
  char json[256];
  enum nmea_fault fault = nmea_parse((const char *)frame->payload.ptr, frame->payload.len, &sentence);
  bool says = fault == NMEA_OK && nmea_describe(&sentence, &fault, &topic, json, sizeof json);
  if (fault != NMEA_OK) warn("Cannot read a sentence: ", nmea_fault_text(fault));
  if (says) publish(topic, json);
  exports_petiole_serial_frame_handler_frame_free(frame);
}

void exports_petiole_serial_frame_handler_handle_presence(exports_petiole_serial_frame_handler_label_t *label,
                                                          bool present) {
  if (!present) warn("The receiver is unplugged", "");
  exports_petiole_serial_frame_handler_label_free(label);
}
