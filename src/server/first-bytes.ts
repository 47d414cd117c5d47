/** What a connection speaks, told by its first bytes. They are put back, so that whoever takes it over reads them. */
import type { Socket } from 'node:net';
import type { Clock } from '../clock.ts';

/** `tls` is only ever found where no TLS has been spoken yet. */
export type Protocol = 'http1' | 'http2' | 'tls';

const HTTP2_PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
const TLS_HANDSHAKE = 0x16;

/** A connection that has not said what it speaks by then is closed. */
const FIRST_BYTES_MS = 10_000;

/** What the first bytes speak; undefined while more of them are needed. */
function protocolOf(bytes: Buffer): Protocol | undefined {
  if (bytes[0] === TLS_HANDSHAKE) return 'tls';
  const length = Math.min(bytes.length, HTTP2_PREFACE.length);
  if (bytes.compare(HTTP2_PREFACE, 0, length, 0, length) !== 0) return 'http1';
  return length === HTTP2_PREFACE.length ? 'http2' : undefined;
}

/** Reads until the protocol is known, puts the bytes back and hands the socket on. */
export function awaitFirstBytes(socket: Socket, clock: Clock, onKnown: (protocol: Protocol) => void): void {
  let seen: Buffer = Buffer.alloc(0);
  const cancelTimeout = clock.after(FIRST_BYTES_MS, () => socket.destroy());
  socket.once('close', cancelTimeout);
  const look = (): void => {
    for (let chunk = socket.read() as Buffer | null; chunk !== null; chunk = socket.read() as Buffer | null) {
      seen = seen.length === 0 ? chunk : Buffer.concat([seen, chunk]);
    }
    const protocol = seen.length === 0 ? undefined : protocolOf(seen);
    if (protocol === undefined) return;
    cancelTimeout();
    socket.off('close', cancelTimeout);
    socket.off('readable', look);
    socket.unshift(seen);
    onKnown(protocol);
  };
  socket.on('readable', look);
}
