// Components in other languages: what they weigh and how soon they answer. Docs: docs/languages.md.

import type { Benchmark } from "./frame.ts";
import { reportSizes, reportStarts } from "./languages/start.ts";

export const benchmark: Benchmark = {
  title: "languages: components in C, Rust, Go and Python against one in TypeScript (QuickJS)",
  parts: {
    size: reportSizes,
    start: reportStarts,
  },
};
