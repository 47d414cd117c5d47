/**
 * One keep-alive HTTP/1.1 connection with one request in flight. Does as little as it can for a response: bytes are
 * read into a buffer that all connections share, only the head is looked at, and the body is counted.
 */
import net from 'node:net';

const HEAD_END = Buffer.from('\r\n\r\n');
const CONTENT_LENGTH = /\r\ncontent-length: (\d+)/i;
const SHOWN_MAX = 500;

/** A place for one request in flight. */
export interface Lane {
  /** When the request in flight was sent, in milliseconds on the monotonic clock. */
  sentMs: number;
  send(request: Uint8Array): void;
}

export interface LoadConnectionOptions {
  readonly port: number;
  /** Where bytes are read into; may be shared, because nothing is kept in it between two reads. */
  readonly buffer: Buffer;
  readonly onResponse: (connection: LoadConnection) => void;
  /** The connection failed or was closed, or an answer was not 200. */
  readonly onFailure: (error: Error) => void;
}

export class LoadConnection implements Lane {
  sentMs = 0;
  readonly #socket: net.Socket;
  readonly #options: LoadConnectionOptions;
  readonly #onClose = (): void => this.#options.onFailure(new Error('The server closed a connection.'));
  /** Bytes of a head whose end has not come yet. */
  #head: Buffer = Buffer.alloc(0);
  /** Bytes of the body that have not come yet; null before the end of the head. */
  #bodyLeft: number | null = null;

  /** Use `connect`. */
  private constructor(options: LoadConnectionOptions) {
    const { port, buffer, onFailure } = options;
    this.#options = options;
    const onBytes = (count: number): boolean => {
      this.#take(buffer.subarray(0, count));
      return true;
    };
    this.#socket = net.connect({ port, host: '127.0.0.1', noDelay: true, onread: { buffer, callback: onBytes } });
    this.#socket.on('error', onFailure);
    this.#socket.on('close', this.#onClose);
  }

  static async connect(options: LoadConnectionOptions): Promise<LoadConnection> {
    const connection = new LoadConnection(options);
    await new Promise((resolve) => connection.#socket.once('connect', resolve));
    return connection;
  }

  send(request: Uint8Array): void {
    this.sentMs = performance.now();
    this.#socket.write(request);
  }

  close(): void {
    this.#socket.off('close', this.#onClose);
    this.#socket.destroy();
  }

  #take(bytes: Buffer): void {
    const left = this.#bodyLeft === null ? this.#takeHead(bytes) : this.#bodyLeft - bytes.length;
    this.#bodyLeft = left;
    if (left !== 0) return;
    this.#bodyLeft = null;
    this.#options.onResponse(this);
  }

  /** The length of the body without what `bytes` already hold of it; null when the head has not ended. */
  #takeHead(bytes: Buffer): number | null {
    const seen = this.#head.length === 0 ? bytes : Buffer.concat([this.#head, bytes]);
    const end = seen.indexOf(HEAD_END);
    if (end === -1) {
      this.#head = Buffer.from(seen);
      return null;
    }
    if (this.#head.length > 0) this.#head = Buffer.alloc(0);
    const head = seen.toString('latin1', 0, end);
    const length = CONTENT_LENGTH.exec(head)?.[1];
    if (!head.startsWith('HTTP/1.1 200') || length === undefined) {
      this.#options.onFailure(new Error(`A request was answered with: ${seen.toString('latin1', 0, SHOWN_MAX)}`));
      return null;
    }
    return Number(length) - (seen.length - end - HEAD_END.length);
  }
}
