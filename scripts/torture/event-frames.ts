/** Taking answers apart that are a stream of events: frames of headers and a payload, with checksums. */
import { crc32 } from 'node:zlib';

export interface Frame {
  /** `:message-type`, `:event-type` and so on. */
  readonly headers: Readonly<Record<string, string>>;
  // biome-ignore lint/suspicious/noExplicitAny: answers are looked into, not typed
  readonly payload: any;
}

const PRELUDE_BYTES = 12;
const CHECKSUM_BYTES = 4;

/** Returns a function that takes bytes as they come, and gives the frames that are whole by then. */
export function frameReader(): (bytes: Buffer) => Frame[] {
  let rest: Buffer = Buffer.alloc(0);
  return (bytes) => {
    rest = rest.length === 0 ? bytes : Buffer.concat([rest, bytes]);
    const frames: Frame[] = [];
    while (rest.length >= PRELUDE_BYTES && rest.length >= rest.readUInt32BE(0)) {
      const length = rest.readUInt32BE(0);
      frames.push(frameOf(rest.subarray(0, length)));
      rest = rest.subarray(length);
    }
    return frames;
  };
}

/** @throws Error when it is not as it was sent */
function frameOf(bytes: Buffer): Frame {
  const end = bytes.length - CHECKSUM_BYTES;
  if (crc32(bytes.subarray(0, end)) !== bytes.readUInt32BE(end)) throw new Error('A frame of events is damaged.');
  const headersEnd = PRELUDE_BYTES + bytes.readUInt32BE(4);
  const headers: Record<string, string> = {};
  for (let at = PRELUDE_BYTES; at < headersEnd; ) {
    const nameEnd = at + 1 + bytes[at]!;
    // One byte says that the value is a text, two how long it is.
    const valueAt = nameEnd + 3;
    const valueEnd = valueAt + bytes.readUInt16BE(nameEnd + 1);
    headers[bytes.toString('utf8', at + 1, nameEnd)] = bytes.toString('utf8', valueAt, valueEnd);
    at = valueEnd;
  }
  return { headers, payload: JSON.parse(bytes.toString('utf8', headersEnd, end)) };
}
