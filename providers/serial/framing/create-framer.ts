import { createCobsFramer } from "./cobs.ts";
import type { FramingConfig } from "./config.ts";
import { createDelimiterFramer } from "./delimiter.ts";
import type { Framer } from "./framer.ts";
import { createGapFramer } from "./gap.ts";
import { createLengthFramer } from "./length.ts";
import { createRawFramer } from "./raw.ts";
import { createSlipFramer } from "./slip.ts";

export function createFramer(config: FramingConfig): Framer {
  const maxLength = config.max_length;
  switch (config.type) {
    case "delimiter":
      return createDelimiterFramer({
        delimiter: config.delimiter,
        maxLength,
        stripCr: config.strip_cr,
        skipEmpty: config.skip_empty,
      });
    case "length":
      return createLengthFramer({
        start: config.start,
        offset: config.offset,
        lengthSize: config.length_size,
        byteOrder: config.byte_order,
        adjust: config.adjust,
        maxLength,
        gap: config.gap,
      });
    case "slip":
      return createSlipFramer({ maxLength });
    case "cobs":
      return createCobsFramer({ maxLength });
    case "gap":
      return createGapFramer({ gap: config.gap, maxLength });
    case "raw":
      return createRawFramer({ maxLength });
    default:
      return config satisfies never;
  }
}
