/** What Node is told when it runs the agent. scripts/petiole, a shell script, has the same; a test compares them. */
export const AGENT_FLAGS: readonly string[] = [
  "--disable-wasm-trap-handler",
  "--wasm-stack-switching-stack-size=512",
  "--max-semi-space-size=1",
  "--max-old-space-size=96",
  "--disable-warning=ExperimentalWarning",
];
