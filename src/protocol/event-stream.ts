/**
 * Answers that are a stream of events (application/vnd.amazon.eventstream): frames of headers and a payload, sent as
 * they come up until the server ends the answer. Payloads are JSON, whatever the encoding of the request, as on AWS.
 */
import { crc32 } from 'node:zlib';

export const EVENT_STREAM_TYPE = 'application/vnd.amazon.eventstream';

/** Where the bytes of an answer go while they are made. */
export interface EventSink {
  /** Takes bytes, whether or not the receiver is behind. False: wait for `resume` before sending more. */
  write(bytes: Buffer): boolean;
  /** Ends the answer in order. */
  end(): void;
}

/** A stream of events, before and while it is sent. Its calls come in this order; after `stop` comes none. */
export abstract class EventStream {
  /** The status and headers are on their way: frames may follow, from now on at any time. */
  abstract start(sink: EventSink): void;
  /** The receiver has read what was sent so far. */
  abstract resume(): void;
  /** The answer has ended, or nobody receives it any more. Called once. */
  abstract stop(): void;
}

/** An event of the type `type` whose payload is the JSON text `payload`. */
export function eventFrame(type: string, payload: string | Buffer): Buffer {
  let headers = eventHeaders.get(type);
  if (headers === undefined) {
    headers = headersOf({ ':message-type': 'event', ':event-type': type, ':content-type': JSON_TYPE });
    eventHeaders.set(type, headers);
  }
  return frame(headers, payload);
}

/** By the type of the event: there are few, and thousands of events. */
const eventHeaders = new Map<string, Buffer>();

/** Clients wait for it before they give anything to the program: the first frame, sent at once. */
export const initialResponseFrame = (): Buffer => eventFrame('initial-response', '{}');

/** An error of the API that ends a stream which has begun. */
export const exceptionFrame = (code: string, message: string): Buffer =>
  frame(
    headersOf({ ':message-type': 'exception', ':exception-type': code, ':content-type': JSON_TYPE }),
    JSON.stringify({ message }),
  );

const JSON_TYPE = 'application/json';

/** The type of a header's value that is a text. */
const TEXT = 7;

/** Length of the whole, length of the headers, checksum of both; and at the end the checksum of everything before it. */
const PRELUDE_BYTES = 12;
const CHECKSUM_BYTES = 4;

function frame(header: Buffer, payload: string | Buffer): Buffer {
  const payloadBytes = Buffer.byteLength(payload);
  const bytes = Buffer.allocUnsafe(PRELUDE_BYTES + header.length + payloadBytes + CHECKSUM_BYTES);
  bytes.writeUInt32BE(bytes.length, 0);
  bytes.writeUInt32BE(header.length, 4);
  bytes.writeUInt32BE(crc32(bytes.subarray(0, 8)), 8);
  header.copy(bytes, PRELUDE_BYTES);
  const payloadAt = PRELUDE_BYTES + header.length;
  if (typeof payload === 'string') bytes.write(payload, payloadAt, 'utf8');
  else payload.copy(bytes, payloadAt);
  const checksumAt = payloadAt + payloadBytes;
  bytes.writeUInt32BE(crc32(bytes.subarray(0, checksumAt)), checksumAt);
  return bytes;
}

function headersOf(headers: Readonly<Record<string, string>>): Buffer {
  const parts = Object.entries(headers).flatMap(([name, value]) => {
    const length = Buffer.alloc(2);
    length.writeUInt16BE(Buffer.byteLength(value));
    return [Buffer.from([Buffer.byteLength(name)]), Buffer.from(name), Buffer.from([TEXT]), length, Buffer.from(value)];
  });
  return Buffer.concat(parts);
}
