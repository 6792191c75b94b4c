// What chronyd says of itself, in the protocol that chronyc speaks with it, so that no process is started to ask.
// chronyd answers on loopback, and whoever asks there, unless its configuration says `cmdport 0`.

import { createSocket } from "node:dgram";
import { millis, type Millis } from "../../domain/units.ts";

const VERSION = 6;
const REQUEST = 1;
const REPLY = 2;
const TRACKING = 33;
const TRACKING_REPLY = 5;
const SUCCESS = 0;
/** No request is answered that is shorter than its answer. */
const LENGTH = 104;
const NOT_SYNCHRONISED = 3;
/** What it names as its reference without any, and when it takes its own clock for one. */
const NO_SOURCE = [0, 0x7f7f0101];
const NO_HIGH_SECONDS = 0x7fffffff;
export const CHRONY_PORT = 323;

export function encodeTrackingRequest(sequence: number): Buffer {
  const request = Buffer.alloc(LENGTH);
  request.writeUInt8(VERSION, 0);
  request.writeUInt8(REQUEST, 1);
  request.writeUInt16BE(TRACKING, 4);
  request.writeUInt32BE(sequence, 8);
  return request;
}

/** Unix time of the last measurement that the clock follows; undefined when it follows none, or for another packet. */
export function parseTrackingReply(packet: Buffer, sequence: number): Millis | undefined {
  if (packet.length < LENGTH || packet.readUInt8(0) !== VERSION || packet.readUInt8(1) !== REPLY) return undefined;
  if (packet.readUInt16BE(6) !== TRACKING_REPLY || packet.readUInt16BE(8) !== SUCCESS) return undefined;
  if (packet.readUInt32BE(16) !== sequence) return undefined;
  if (NO_SOURCE.includes(packet.readUInt32BE(28)) || packet.readUInt16BE(54) === NOT_SYNCHRONISED) return undefined;
  const high = packet.readUInt32BE(56);
  const seconds = (high === NO_HIGH_SECONDS ? 0 : high) * 2 ** 32 + packet.readUInt32BE(60);
  return millis(seconds * 1000 + packet.readUInt32BE(64) / 1e6);
}

/** Asks the chronyd of this machine; undefined when there is none, or none that follows a source. */
export async function askChrony(timeout: Millis, port = CHRONY_PORT): Promise<Millis | undefined> {
  const sequence = Math.floor(Math.random() * 2 ** 32);
  const socket = createSocket("udp4");
  const { promise, resolve } = Promise.withResolvers<Millis | undefined>();
  const giveUp = setTimeout(resolve, timeout, undefined);
  // A closed port is an error, at once, on a connected socket only.
  socket.on("error", () => resolve(undefined));
  socket.on("message", (packet) => resolve(parseTrackingReply(packet, sequence)));
  socket.connect(port, "127.0.0.1", () => socket.send(encodeTrackingRequest(sequence)));
  try {
    return await promise;
  } finally {
    clearTimeout(giveUp);
    socket.close();
  }
}
