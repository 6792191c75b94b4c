/** CRC-16 of Modbus: reflected polynomial 0xA001, all ones at the start; sent with the low byte first. */
export function crc16(bytes: Uint8Array): number {
  let crc = 0xffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc & 1) === 0 ? crc >> 1 : (crc >> 1) ^ 0xa001;
  }
  return crc;
}

export function withCrc(frame: Uint8Array): Uint8Array {
  const crc = crc16(frame);
  return Uint8Array.from([...frame, crc & 0xff, crc >> 8]);
}

export function hasValidCrc(frame: Uint8Array): boolean {
  // The CRC of a frame with its CRC is nothing.
  return frame.length > 2 && crc16(frame) === 0;
}
