/**
 * The frames of application/vnd.amazon.eventstream, taken apart as their description says and by nothing of the program:
 * checksums are computed bit by bit here.
 */

export interface EventFrame {
  readonly headers: Readonly<Record<string, string>>;
  readonly payload: string;
  readonly bytes: number;
}

/** CRC-32 of IEEE 802.3, reflected. */
const TABLE = Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value >>> 0;
});

function crcOf(bytes: Uint8Array): number {
  let value = 0xffffffff;
  for (const byte of bytes) value = TABLE[(value ^ byte) & 0xff]! ^ (value >>> 8);
  return (value ^ 0xffffffff) >>> 0;
}

/** Takes bytes as they come and gives whole frames. Throws at the first thing that is wrong. */
export class FrameDecoder {
  #rest: Buffer[] = [];
  #restBytes = 0;

  /** Bytes of a frame whose end has not come. */
  get pending(): number {
    return this.#restBytes;
  }

  push(chunk: Buffer): EventFrame[] {
    this.#rest.push(chunk);
    this.#restBytes += chunk.length;
    const first = this.#rest[0]!.length >= 4 ? this.#rest[0]! : Buffer.concat(this.#rest);
    if (first.length < 4 || this.#restBytes < first.readUInt32BE(0)) return [];
    let bytes = Buffer.concat(this.#rest);
    const frames: EventFrame[] = [];
    while (bytes.length >= 4 && bytes.length >= bytes.readUInt32BE(0)) {
      const length = bytes.readUInt32BE(0);
      frames.push(decoded(bytes.subarray(0, length)));
      bytes = bytes.subarray(length);
    }
    this.#rest = bytes.length === 0 ? [] : [bytes];
    this.#restBytes = bytes.length;
    return frames;
  }
}

function decoded(bytes: Buffer): EventFrame {
  if (bytes.length < 16) throw new Error(`A frame of ${bytes.length} bytes.`);
  const headersLength = bytes.readUInt32BE(4);
  if (bytes.readUInt32BE(8) !== crcOf(bytes.subarray(0, 8))) throw new Error('The checksum of a prelude is wrong.');
  const end = bytes.length - 4;
  if (bytes.readUInt32BE(end) !== crcOf(bytes.subarray(0, end))) throw new Error('The checksum of a frame is wrong.');
  const headers: Record<string, string> = {};
  let at = 12;
  while (at < 12 + headersLength) {
    const nameEnd = at + 1 + bytes[at]!;
    const name = bytes.toString('utf8', at + 1, nameEnd);
    if (bytes[nameEnd] !== 7) throw new Error(`The header ${name} is no text but of type ${bytes[nameEnd]}.`);
    const valueEnd = nameEnd + 3 + bytes.readUInt16BE(nameEnd + 1);
    if (name in headers) throw new Error(`The header ${name} stands there twice.`);
    headers[name] = bytes.toString('utf8', nameEnd + 3, valueEnd);
    at = valueEnd;
  }
  if (at !== 12 + headersLength) throw new Error('The headers of a frame are longer than it says.');
  return { headers, payload: bytes.toString('utf8', at, end), bytes: bytes.length };
}
