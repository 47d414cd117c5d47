/** A bare TCP connection, for bytes that no HTTP client would send and for packets cut wherever a test wants. */
import net from 'node:net';
import tls from 'node:tls';
import { onTestFinished } from 'vitest';

export interface RawSocket {
  /** Sends `bytes` and lets the server, which runs in this process, look at them before anything else is sent. */
  send(bytes: string | Buffer): Promise<void>;
  /** Like `send`, one byte at a time. */
  drip(bytes: string | Buffer): Promise<void>;
  /** Resolves with all that was received (as Latin-1) once it contains `text`; rejects when the server closes before. */
  until(text: string): Promise<string>;
  /** Resolves when the connection is gone, with all that was received. */
  readonly closed: Promise<string>;
  /** All that was received so far. */
  received(): string;
  /** Sends `bytes` without waiting for anything: the server may have closed, or may not read. */
  pour(bytes: string | Buffer): void;
  /** Says that nothing more will be sent; the server may still answer. */
  halfClose(): Promise<void>;
  /** Cuts the connection. */
  destroy(): void;
}

export interface RawSocketOptions {
  /** Speaks TLS first, and asks for these protocols inside of it. The certificate is not looked at. */
  readonly tls?: readonly string[];
  /** Reads nothing: the server's answers pile up. */
  readonly isDeaf?: boolean;
}

/** Connects to the server at `url`. The connection is cut when the test has finished. */
export async function openSocket(url: string, options: RawSocketOptions = {}): Promise<RawSocket> {
  const { hostname, port } = new URL(url);
  const tcp = net.connect({ host: hostname, port: Number(port), noDelay: true });
  const socket =
    options.tls === undefined
      ? tcp
      : tls.connect({ socket: tcp, ALPNProtocols: [...options.tls], rejectUnauthorized: false });
  onTestFinished(() => void socket.destroy());
  let received = '';
  if (options.isDeaf) {
    socket.pause();
  } else {
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => {
      received += text;
    });
  }
  // A reset is one of the ways in which a server closes a connection.
  socket.on('error', () => undefined);
  const closed = new Promise<string>((resolve) => socket.once('close', () => resolve(received)));
  await new Promise<void>((resolve, reject) => {
    socket.once(options.tls === undefined ? 'connect' : 'secureConnect', resolve);
    socket.once('error', reject);
  });
  const send = async (bytes: string | Buffer) => {
    await new Promise<void>((resolve) => void socket.write(bytes, () => resolve()));
    await turnOfTheLoop();
  };
  return {
    send,
    async drip(bytes) {
      for (const byte of Buffer.from(bytes as string)) await send(Buffer.from([byte]));
    },
    until: (text) =>
      new Promise((resolve, reject) => {
        const look = () => {
          if (received.includes(text)) resolve(received);
        };
        socket.on('data', look);
        socket.once('close', () =>
          reject(new Error(`The connection was closed before ${JSON.stringify(text)} came; received: ${received}`)),
        );
        look();
      }),
    closed,
    received: () => received,
    pour: (bytes) => void socket.write(bytes),
    async halfClose() {
      await new Promise<void>((resolve) => void socket.end(() => resolve()));
      await turnOfTheLoop();
    },
    destroy: () => void socket.destroy(),
  };
}

/** Two passes through the event loop: whatever has arrived at a socket of this process was read. */
async function turnOfTheLoop(): Promise<void> {
  for (let pass = 0; pass < 2; pass += 1) await new Promise((resolve) => setImmediate(resolve));
}
