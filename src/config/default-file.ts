/** The configuration file of a device; in a module of its own because every command names it in its help. */
export const DEFAULT_CONFIG_FILE = "/etc/petiole/petiole.yaml";
/** Where a device keeps its state unless the file names another folder. */
export const DEFAULT_STATE_DIR = "/var/lib/petiole";
