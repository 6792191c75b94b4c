// Pins what petiole takes for granted of the kernel's GPIO character device, on a chip of gpio-sim with 28 lines or more.
// gpio.ts beside it does the same where nothing but Node is.

import { existsSync } from "node:fs";
import { describe } from "vitest";
import { deviceAddonPath } from "../../src/lib/device-io.ts";
import { gpioSuite } from "../conformance/gpio/suite.ts";
import { gpioSimSubject } from "../support/gpio-rigs.ts";
import { skipping } from "../support/skip.ts";
import { sysfsSuite } from "./sysfs-suite.ts";

const path = process.env["PETIOLE_TEST_GPIOCHIP"];
const missing = path === undefined || !existsSync(deviceAddonPath());
const reason =
  path === undefined ? "PETIOLE_TEST_GPIOCHIP names no chip of gpio-sim, such as /dev/gpiochip1" : "there is no add-on";

describe.skipIf(skipping(missing, "petiole:gpio on a chip of the kernel", reason))("with a chip of the kernel", () => {
  gpioSuite(gpioSimSubject(path ?? "none", 20));
  sysfsSuite(path ?? "none", 20);
});
