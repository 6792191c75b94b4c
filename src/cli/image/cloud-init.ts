import { stringify } from "yaml";
import { provisionText, type ProvisionInput } from "./provision-text.ts";

export interface CloudInitOptions extends ProvisionInput {
  readonly packageUrl?: string;
  readonly packageSha256?: string;
}

const FILE = "/etc/petiole/provision.yaml";
const PACKAGE = "/var/cache/petiole-package.deb";

/** `petiole image cloud-init` */
export async function imageCloudInit(options: CloudInitOptions): Promise<void> {
  const { text } = await provisionText(options);
  process.stdout.write(cloudConfig(text, options));
}

/** User-data of a machine that cloud-init sets up. */
export function cloudConfig(
  provision: string,
  { packageUrl, packageSha256 }: Pick<CloudInitOptions, "packageUrl" | "packageSha256">,
): string {
  const install =
    packageUrl === undefined
      ? []
      : [
          ["curl", "-fsSL", "--retry", "10", "--retry-all-errors", "-o", PACKAGE, packageUrl],
          // A package that is not the one that is meant is not installed.
          ["sh", "-c", `echo "${packageSha256}  ${PACKAGE}" | sha256sum -c && apt-get install -y ${PACKAGE}`],
          ["rm", "-f", PACKAGE],
        ];
  const config = {
    write_files: [{ path: FILE, permissions: "0600", owner: "root:root", content: provision }],
    ...(packageUrl === undefined ? {} : { packages: ["curl"] }),
    runcmd: [...install, ["systemctl", "start", "--no-block", "petiole-firstboot.service"]],
  };
  return `#cloud-config\n${stringify(config, { lineWidth: 0, blockQuote: "literal" })}`;
}
