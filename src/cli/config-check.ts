import { loadConfig } from "../config/load.ts";
import { PetioleError, isPetioleError } from "../domain/errors.ts";
import { checkProviders } from "../daemon/check-providers.ts";

export async function configCheck(file: string, options: { json?: true }): Promise<void> {
  try {
    const parsed = await loadConfig(file);
    await checkProviders(parsed);
    const { config } = parsed;
    const counts = [
      [Object.keys(config.components).length, "components"],
      [Object.keys(config.providers).length, "providers"],
      [config.links.length, "links"],
    ] as const;
    const summary = counts.map(([count, noun]) => `${count} ${noun}`).join(", ");
    process.stdout.write(
      options.json === true ? `${JSON.stringify({ file, ok: true })}\n` : `${file}: no faults (${summary})\n`,
    );
  } catch (error) {
    if (options.json !== true || !isPetioleError(error)) throw error;
    const [, ...faults] = error.message.split("\n");
    process.stdout.write(`${JSON.stringify({ file, ok: false, code: error.code, message: error.message, faults })}\n`);
    throw new PetioleError(error.code, `"${file}" has faults`, { cause: error });
  }
}
