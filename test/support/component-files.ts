// Components that `npm run build:examples` makes.

import { fileURLToPath } from "node:url";

export const FIXTURES = ["bare", "behaviour", "http", "types", "wasi"].map((name): string =>
  fileURLToPath(new URL(`../fixtures/components/build/${name}.wasm`, import.meta.url)),
);

export const EXAMPLES = ["button-lamp", "smoother"].map((name): string =>
  fileURLToPath(new URL(`../../examples/${name}/build/${name}.wasm`, import.meta.url)),
);
