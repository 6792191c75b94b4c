import { cliPage, readCommandLine } from "./cli.ts";
import { configurationPage } from "./configuration.ts";
import { errorsPage } from "./errors.ts";
import { metricsPage } from "./metrics.ts";
import { providersPage } from "./providers.ts";
import { witPage } from "./wit.ts";

/** The pages of docs/reference, by name, as the code has them. */
export const REFERENCE_PAGES: Readonly<Record<string, () => string>> = {
  "cli.md": () => cliPage(readCommandLine()),
  "configuration.md": configurationPage,
  "errors.md": errorsPage,
  "metrics.md": metricsPage,
  "providers.md": providersPage,
  "wit.md": witPage,
};
