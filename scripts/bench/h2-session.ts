/**
 * One HTTP/2 session without TLS (h2c), with several requests in flight, for the load generator. It does as little as it
 * can: node's own client takes longer for a request than a server. Headers are sent as SDKs send them, once in full
 * and by their indices in HPACK's table afterwards (RFC 7541); of responses the status and the end are looked at.
 */
import net from 'node:net';
import type { Lane } from './load-connection.ts';

const HEAD_BYTES = 9;
const TYPE = { data: 0, headers: 1, reset: 3, settings: 4, goAway: 7, windowUpdate: 8 };
const END_STREAM = 1;
const ACK = 1;
const END_HEADERS = 4;

/** More than is received in a session, so that nothing must be said about windows afterwards. */
const WINDOW = 2 ** 31 - 1;
const DEFAULT_WINDOW = 65_535;
/** A body is sent in one frame. */
const FRAME_BYTES_MAX = 16_384;

/** `:status: 200` is an entry of HPACK's fixed table, as which servers send it. */
const STATUS_200 = 0x88;
/** Of the entry that was added last to HPACK's table. */
const NEWEST_INDEX = 62;

export interface H2SessionOptions {
  readonly port: number;
  readonly streams: number;
  readonly onResponse: (lane: Lane) => void;
  /** The session failed or was closed, or an answer was not 200. */
  readonly onFailure: (error: Error) => void;
}

export class H2Session {
  /** One per stream that may be in flight. */
  readonly lanes: readonly Lane[];
  readonly #socket: net.Socket;
  readonly #options: H2SessionOptions;
  readonly #onClose = (): void => this.#options.onFailure(new Error('The server closed a session.'));
  /** By the ids of their streams. */
  readonly #inFlight = new Map<number, Lane>();
  #nextId = 1;
  /** Bytes of bodies that the server takes now. */
  #window = DEFAULT_WINDOW;
  /** Headers other than the body's length, as soon as they are in the server's table. */
  #indexed: Buffer | undefined;
  /** Bytes of a frame whose end has not come yet. */
  #rest: Buffer = Buffer.alloc(0);

  /** Use `connect`. */
  private constructor(options: H2SessionOptions) {
    this.#options = options;
    this.lanes = Array.from({ length: options.streams }, () => {
      const lane: Lane = { sentMs: 0, send: (request) => this.#send(lane, request) };
      return lane;
    });
    this.#socket = net.connect({ port: options.port, host: '127.0.0.1', noDelay: true });
    this.#socket.on('data', (bytes) => this.#take(bytes));
    this.#socket.on('error', options.onFailure);
    this.#socket.on('close', this.#onClose);
  }

  static async connect(options: H2SessionOptions): Promise<H2Session> {
    const session = new H2Session(options);
    await new Promise((resolve) => session.#socket.once('connect', resolve));
    const initialWindow = Buffer.from([0, 4, ...bytesOf(WINDOW)]);
    session.#socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
    session.#socket.write(frame(TYPE.settings, 0, 0, initialWindow));
    session.#socket.write(frame(TYPE.windowUpdate, 0, 0, Buffer.from(bytesOf(WINDOW - DEFAULT_WINDOW))));
    return session;
  }

  close(): void {
    this.#socket.off('close', this.#onClose);
    this.#socket.destroy();
  }

  #send(lane: Lane, bytes: Uint8Array): void {
    const { headers, body } = partsOf(bytes);
    this.#window -= body.length;
    if (this.#window < 0 || body.length > FRAME_BYTES_MAX) {
      return this.#options.onFailure(new Error('The requests are too long for so many streams in a session.'));
    }
    const length = String(body.length);
    // Literal, not indexed: the 28th entry of the fixed table is content-length.
    const contentLength = Buffer.from([0x0f, 28 - 15, length.length, ...Buffer.from(length)]);
    const block = Buffer.concat([this.#indexed ?? literalsOf(headers), contentLength]);
    this.#indexed ??= Buffer.from(headers.map((_, index) => 0x80 | (NEWEST_INDEX + headers.length - 1 - index)));
    const id = this.#nextId;
    this.#nextId += 2;
    this.#inFlight.set(id, lane);
    lane.sentMs = performance.now();
    this.#socket.write(frame(TYPE.headers, END_HEADERS, id, block));
    this.#socket.write(frame(TYPE.data, END_STREAM, id, body));
  }

  #take(bytes: Buffer): void {
    const seen = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    let at = 0;
    // What is sent meanwhile goes in one piece.
    this.#socket.cork();
    while (seen.length - at >= HEAD_BYTES) {
      const end = at + HEAD_BYTES + seen.readUIntBE(at, 3);
      if (end > seen.length) break;
      this.#takeFrame(seen[at + 3]!, seen[at + 4]!, seen.readUInt32BE(at + 5), seen.subarray(at + HEAD_BYTES, end));
      at = end;
    }
    this.#socket.uncork();
    this.#rest = seen.subarray(at);
  }

  #takeFrame(type: number, flags: number, id: number, content: Buffer): void {
    if (type === TYPE.windowUpdate && id === 0) this.#window += content.readUInt32BE(0);
    if (type === TYPE.settings && (flags & ACK) === 0)
      this.#socket.write(frame(TYPE.settings, ACK, 0, Buffer.alloc(0)));
    const isRefusal = type === TYPE.headers && content[0] !== STATUS_200;
    if (isRefusal || type === TYPE.reset || type === TYPE.goAway) {
      this.#options.onFailure(
        new Error(`A request was answered with a frame of type ${type}: ${content.toString('hex')}`),
      );
    }
    if ((type !== TYPE.headers && type !== TYPE.data) || (flags & END_STREAM) === 0) return;
    const lane = this.#inFlight.get(id)!;
    this.#inFlight.delete(id);
    this.#options.onResponse(lane);
  }
}

const bytesOf = (value: number) => [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];

function frame(type: number, flags: number, id: number, content: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(HEAD_BYTES + content.length);
  bytes.writeUIntBE(content.length, 0, 3);
  bytes[3] = type;
  bytes[4] = flags;
  bytes.writeUInt32BE(id, 5);
  bytes.set(content, HEAD_BYTES);
  return bytes;
}

type Header = readonly [name: string, value: string];

/** Headers that differ between requests in nothing but the length of the body, which is not among them. */
interface Parts {
  readonly headers: readonly Header[];
  readonly body: Uint8Array;
}

const partsOfRequests = new WeakMap<Uint8Array, Parts>();

/** What an HTTP/1.1 request says, for HTTP/2; found out once. */
function partsOf(request: Uint8Array): Parts {
  const known = partsOfRequests.get(request);
  if (known !== undefined) return known;
  const bytes = Buffer.from(request.buffer, request.byteOffset, request.length);
  const headEnd = bytes.indexOf('\r\n\r\n');
  const [, ...lines] = bytes.toString('latin1', 0, headEnd).split('\r\n');
  const fields = lines.map((line) => {
    const colon = line.indexOf(': ');
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 2)] as const;
  });
  const headers: Header[] = [
    [':method', 'POST'],
    [':scheme', 'http'],
    [':path', '/'],
    [':authority', fields.find(([name]) => name === 'host')![1]],
    ...fields.filter(([name]) => !['host', 'content-length', 'connection'].includes(name)),
  ];
  const parts = { headers, body: bytes.subarray(headEnd + 4) };
  partsOfRequests.set(request, parts);
  return parts;
}

/** The headers in full, each of which becomes the newest entry of HPACK's table. */
function literalsOf(headers: readonly Header[]): Buffer {
  return Buffer.concat(headers.flatMap(([name, value]) => [Buffer.from([0x40]), stringOf(name), stringOf(value)]));
}

/** HPACK: a length in 7 bits, or 127 and what is above that in groups of 7 bits; no Huffman code. */
function stringOf(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1');
  if (bytes.length < 127) return Buffer.concat([Buffer.from([bytes.length]), bytes]);
  const length = [127];
  let above = bytes.length - 127;
  for (; above >= 128; above >>>= 7) length.push((above & 127) | 128);
  return Buffer.concat([Buffer.from([...length, above]), bytes]);
}
