import { test } from "vitest";
import { simulatedPins } from "./gpio.ts";

test("simulatedPins() has a line of a simulated chip for each label, whatever its name on the device was", ({
  expect,
}) => {
  const { config, pins } = simulatedPins({
    chip: { backend: "cdev", chip: "pinctrl-rp1" },
    lines: {
      button: { line: "GPIO17", direction: "input", edges: "both", active_low: true, clock: "hardware" },
      lamp: { line: 27, direction: "output", clock: "realtime" },
    },
  });
  expect(config).toEqual({
    chip: { backend: "simulated", lines: 2 },
    lines: {
      button: { line: 0, direction: "input", edges: "both", active_low: true },
      lamp: { line: 1, direction: "output", clock: "realtime" },
    },
  });
  expect(pins).toEqual([
    { label: "button", offset: 0, isOutput: false, isActiveLow: true },
    { label: "lamp", offset: 1, isOutput: true, isActiveLow: false },
  ]);
});
