export { createGate, type Gate } from "../../lib/gate.ts";
