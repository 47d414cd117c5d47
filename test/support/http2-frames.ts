/** HTTP/2 frames by hand, for what no client sends or whose packets a test wants to cut. */

/** The first bytes of every HTTP/2 connection. */
export const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';

const DATA = 0;
const HEADERS = 1;
const RST_STREAM = 3;
const SETTINGS = 4;

const END_STREAM = 0x1;
const END_HEADERS = 0x4;

function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** What a client must send before its first request: the preface and empty SETTINGS. */
export const OPENING = Buffer.concat([Buffer.from(PREFACE), frame(SETTINGS, 0, 0, Buffer.alloc(0))]);

/** A name or value of up to 126 characters, not compressed. */
const text = (value: string) => Buffer.concat([Buffer.from([value.length]), Buffer.from(value)]);

/** The headers of a request, not compressed. `end`: there is no body. */
export function headersFrame(stream: number, headers: Readonly<Record<string, string>>, { end }: { end: boolean }) {
  const fields = Object.entries(headers).flatMap(([name, value]) => [Buffer.from([0]), text(name), text(value)]);
  return frame(HEADERS, END_HEADERS | (end ? END_STREAM : 0), stream, Buffer.concat(fields));
}

/** A part of a body that does not say whether it is the last. */
export const dataFrame = (stream: number, data: string) => frame(DATA, 0, stream, Buffer.from(data));

/** Takes a request back. */
export const cancelFrame = (stream: number) => frame(RST_STREAM, 0, stream, Buffer.from([0, 0, 0, 8]));

/** The end of a body. */
export const endFrame = (stream: number) => frame(DATA, END_STREAM, stream, Buffer.alloc(0));
