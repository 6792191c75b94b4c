/** How an image can be told to install the package. */
export const FIRST_BOOTS = ["auto", "cloud-init", "systemd-run", "none"] as const;
export type FirstBoot = (typeof FIRST_BOOTS)[number];
