// npm run demo: a hub, a device with three sensors, and a link that is cut and mended. At the end the hub's stream is
// compared with what the sensors sent.

import { reasonOf } from "../src/lib/reason.ts";
import { parseOptions, USAGE, type DemoOptions } from "./demo/options.ts";
import { buildStage } from "./demo/stage.ts";
import { play } from "./demo/story.ts";
import { buildExamples } from "./stage/components.ts";
import { EXIT, perform } from "./stage/perform.ts";

const code = await main(process.argv.slice(2));
// Something that was interrupted may still be under way, such as obtaining a nats-server; it is not waited for.
if (code === EXIT.interrupted) process.exit(code);
process.exitCode = code;

async function main(args: readonly string[]): Promise<number> {
  let options: DemoOptions | undefined;
  try {
    options = parseOptions(args);
  } catch (error) {
    console.error(`${reasonOf(error)}\n\n${USAGE}`);
    return EXIT.usage;
  }
  if (options === undefined) {
    console.log(USAGE);
    return EXIT.ok;
  }
  const { keep, seconds } = options;
  return await perform({
    name: "demo",
    keep,
    async play(stage) {
      stage.screen.heading("petiole demo");
      await buildExamples(stage, ["examples/smoother", "examples/button-lamp"]);
      const built = await buildStage(stage, seconds);
      const ok = await play(built, { screen: stage.screen, seconds, signal: stage.signal });
      return { ok, hints: built.hints };
    },
  });
}
