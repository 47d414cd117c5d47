/** A bare TCP connection, for bytes that no HTTP client would send and for packets cut wherever a test wants. */
import net from 'node:net';
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
  /** Cuts the connection. */
  destroy(): void;
}

/** Connects to the server at `url`. The connection is cut when the test has finished. */
export async function openSocket(url: string): Promise<RawSocket> {
  const { hostname, port } = new URL(url);
  const socket = net.connect({ host: hostname, port: Number(port), noDelay: true });
  onTestFinished(() => void socket.destroy());
  let received = '';
  socket.setEncoding('latin1');
  socket.on('data', (text: string) => {
    received += text;
  });
  // A reset is one of the ways in which a server closes a connection.
  socket.on('error', () => undefined);
  const closed = new Promise<string>((resolve) => socket.once('close', () => resolve(received)));
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
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
    destroy: () => void socket.destroy(),
  };
}

/** Two passes through the event loop: whatever has arrived at a socket of this process was read. */
async function turnOfTheLoop(): Promise<void> {
  for (let pass = 0; pass < 2; pass += 1) await new Promise((resolve) => setImmediate(resolve));
}
