/** The configuration file of a device; in a module of its own because every command names it in its help. */
export const DEFAULT_CONFIG_FILE = "/etc/petiole/petiole.yaml";
