// Providers against the bare libraries below them. Docs: docs/performance.md.

import type { Benchmark } from "./frame.ts";
import { reportGpio } from "./providers/gpio.ts";
import { reportHttpServer } from "./providers/http-server.ts";
import { reportKeyValue } from "./providers/keyvalue.ts";
import { reportMqtt } from "./providers/mqtt.ts";
import { withComponents } from "./runtime/with-components.ts";

export const benchmark: Benchmark = {
  title: "providers: what they serve against the bare library below them",
  parts: {
    "http-server": withComponents(reportHttpServer),
    mqtt: withComponents(reportMqtt),
    gpio: withComponents(reportGpio),
    keyvalue: withComponents(reportKeyValue),
  },
};
