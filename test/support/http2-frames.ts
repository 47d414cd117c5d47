/** HTTP/2 frames by hand, for what no client sends or whose packets a test wants to cut. */

/** The first bytes of every HTTP/2 connection. */
export const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';

export const TYPE = {
  data: 0,
  headers: 1,
  reset: 3,
  settings: 4,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

export const END_STREAM = 0x1;
export const END_HEADERS = 0x4;
export const ACK = 0x1;

/** Any frame, sensible or not. */
export function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

const NOTHING = Buffer.alloc(0);

/** What a client must send before its first request: the preface and empty SETTINGS. */
export const OPENING = Buffer.concat([Buffer.from(PREFACE), frame(TYPE.settings, 0, 0, NOTHING)]);

/** A name or value, not compressed. Its length is a number of HPACK with a prefix of seven bits. */
function text(value: string): Buffer {
  const length: number[] = [Math.min(value.length, 127)];
  if (value.length >= 127) {
    let rest = value.length - 127;
    for (; rest >= 128; rest = Math.floor(rest / 128)) length.push((rest % 128) | 0x80);
    length.push(rest);
  }
  return Buffer.concat([Buffer.from(length), Buffer.from(value)]);
}

/** Headers as HTTP/2 wants their names. */
export const lowerCase = (headers: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));

/** Headers in HPACK, not compressed. A list may name one twice. */
export function headerBlock(
  headers: Readonly<Record<string, string>> | readonly (readonly [string, string])[],
): Buffer {
  const entries = Array.isArray(headers)
    ? (headers as readonly (readonly [string, string])[])
    : Object.entries(headers);
  return Buffer.concat(entries.flatMap(([name, value]) => [Buffer.from([0]), text(name), text(value)]));
}

/** The headers of a request. `end`: there is no body. */
export const headersFrame = (
  stream: number,
  headers: Readonly<Record<string, string>> | readonly (readonly [string, string])[],
  { end }: { end: boolean },
) => frame(TYPE.headers, END_HEADERS | (end ? END_STREAM : 0), stream, headerBlock(headers));

/** A part of a body that does not say whether it is the last. */
export const dataFrame = (stream: number, data: string | Buffer) =>
  frame(TYPE.data, 0, stream, Buffer.from(data as string));

/** Takes a request back. */
export const cancelFrame = (stream: number) => frame(TYPE.reset, 0, stream, Buffer.from([0, 0, 0, 8]));

/** The end of a body. */
export const endFrame = (stream: number) => frame(TYPE.data, END_STREAM, stream, NOTHING);

export function windowUpdateFrame(stream: number, increment: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(increment);
  return frame(TYPE.windowUpdate, 0, stream, payload);
}

/** Settings by their numbers: 4 is the initial window, 5 the largest frame. */
export function settingsFrame(settings: readonly (readonly [id: number, value: number])[]): Buffer {
  const payload = Buffer.alloc(6 * settings.length);
  for (const [index, [id, value]] of settings.entries()) {
    payload.writeUInt16BE(id, 6 * index);
    payload.writeUInt32BE(value, 6 * index + 2);
  }
  return frame(TYPE.settings, 0, 0, payload);
}

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

/** The whole frames in what a server has sent (as Latin-1). */
export function framesOf(received: string): Frame[] {
  const bytes = Buffer.from(received, 'latin1');
  const frames: Frame[] = [];
  for (let at = 0; at + 9 <= bytes.length; ) {
    const end = at + 9 + bytes.readUIntBE(at, 3);
    if (end > bytes.length) break;
    const stream = bytes.readUInt32BE(at + 5) & 0x7fffffff;
    frames.push({ type: bytes[at + 3]!, flags: bytes[at + 4]!, stream, payload: bytes.subarray(at + 9, end) });
    at = end;
  }
  return frames;
}

/** The codes of the GOAWAY frames among `frames`: 0 no error, 1 protocol, 3 flow control, 9 compression, 11 calm. */
export const goAwayCodes = (frames: readonly Frame[]): number[] =>
  frames.filter(({ type }) => type === TYPE.goAway).map(({ payload }) => payload.readUInt32BE(4));

/** The code with which the stream was reset; undefined when it was not. */
export const resetCode = (frames: readonly Frame[], stream: number): number | undefined =>
  frames.find((one) => one.type === TYPE.reset && one.stream === stream)?.payload.readUInt32BE(0);
