// The GPIO suite as a program that needs Node and nothing else: scripts/bundle-device-suites.ts makes one file of it, for
// a machine that is to be tried. Without a chip it runs on one that is played, which shows that the program itself works.

import { gpioSuite } from "../conformance/gpio/suite.ts";
import { gpioSimSubject, playedKernelSubject } from "../support/gpio-rigs.ts";
import { skipping } from "../support/skip.ts";
import { sysfsSuite } from "./sysfs-suite.ts";

const { PETIOLE_TEST_GPIOCHIP: path, PETIOLE_TEST_SCALE: scale = "20" } = process.env;

gpioSuite(playedKernelSubject);
const missing = "PETIOLE_TEST_GPIOCHIP names none of gpio-sim";
if (!skipping(path === undefined, "chips of the kernel", missing)) {
  gpioSuite(gpioSimSubject(path ?? "", Number(scale)));
  sysfsSuite(path ?? "", Number(scale));
}
