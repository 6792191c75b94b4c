import { join } from "node:path";

/** What the device keeps of its enrolment. */
export const enrolmentFolder = (stateDir: string): string => join(stateDir, "enrolment");

/** The credentials that came of it, for whatever connects to the hub. */
export const credentialsFile = (stateDir: string): string => join(enrolmentFolder(stateDir), "device.creds");
