import { fileURLToPath } from "node:url";
import { join } from "node:path";
import { adaptManifest } from "../../../scripts/stage/manifest.ts";
import { freePort } from "../../../test/support/ports.ts";
import type { TestPostgres } from "../../../test/support/postgres.ts";

const MANIFESTS = fileURLToPath(new URL("../", import.meta.url));

export interface ClinicOptions {
  /** For the manifest, and for the database file. */
  readonly folder: string;
  readonly postgres?: Pick<TestPostgres, "port" | "user" | "passwordFile">;
}

/** Somebody at the keyboard of a device. */
interface Keyboard {
  type(...args: readonly string[]): Promise<string>;
}

/** Deploys one of the manifests, on a free port and with the database that there is. Returns where the clinic is then. */
export async function deployClinic(device: Keyboard, { folder, postgres }: ClinicOptions): Promise<string> {
  const address = `127.0.0.1:${await freePort()}`;
  const listen = { "127.0.0.1:8080": address };
  const manifest =
    postgres === undefined
      ? await adaptManifest({ folder }, join(MANIFESTS, "application.yaml"), {
          ...listen,
          "/var/lib/petiole/petclinic.db": join(folder, "petclinic.db"),
        })
      : await adaptManifest({ folder }, join(MANIFESTS, "application-postgres.yaml"), {
          ...listen,
          '"5432"': `"${postgres.port}"`,
          "database: clinic": "database: postgres",
          "user: clinic": `user: ${postgres.user}`,
          "/etc/petiole/clinic-password": postgres.passwordFile,
        });
  await device.type("deploy", manifest);
  return `http://${address}`;
}
