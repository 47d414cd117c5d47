/**
 * One TCP port for every protocol that SDKs speak by default. The first bytes of a connection tell which it is; the
 * socket is then handed, with those bytes put back, to a node server that never listens itself.
 *
 *     PRI * HTTP/2.0   HTTP/2 with prior knowledge (the JS SDK's Kinesis client, Java's asynchronous client)
 *     0x16             TLS: its place is here; it is not spoken yet and the connection is closed
 *     anything else    HTTP/1.1
 */
import http from 'node:http';
import http2 from 'node:http2';
import net from 'node:net';
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';

/** Node's request and response of either protocol; the HTTP/2 ones are its compatibility layer. */
export type HttpRequest = http.IncomingMessage | http2.Http2ServerRequest;
export type HttpResponse = http.ServerResponse | http2.Http2ServerResponse;
export type RequestListener = (request: HttpRequest, response: HttpResponse) => void;

export interface OnePort {
  /** Listens; resolves to the port, which is a free one for 0. Rejects with the system's error. */
  listen(port: number, host: string): Promise<number>;
  /** Takes no more connections, lets requests in progress end, and cuts off what is left after `graceMs`. */
  close(graceMs: number): Promise<void>;
}

const HTTP2_PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
const TLS_HANDSHAKE = 0x16;

/** A connection that has not said what it speaks by then is closed. */
const FIRST_BYTES_MS = 10_000;

/** An HTTP/2 connection on which nothing happens is closed; SDKs open a new one when they need it. */
const SESSION_IDLE_MS = 300_000;

const HTTP1_OPTIONS: http.ServerOptions = {
  headersTimeout: 10_000,
  requestTimeout: 60_000,
  keepAliveTimeout: 75_000,
  connectionsCheckingInterval: 1000,
  maxHeaderSize: 16_384,
};

const HTTP2_OPTIONS: http2.ServerOptions = {
  maxSessionMemory: 64,
  settings: { maxConcurrentStreams: 128, initialWindowSize: 1024 * 1024, maxHeaderListSize: 16_384 },
};

export function createOnePort(onRequest: RequestListener, { clock, log }: { clock: Clock; log: Log }): OnePort {
  const http1 = http.createServer(HTTP1_OPTIONS, (request, response) => {
    // A busy keep-alive connection would otherwise never be idle when the server looks for idle ones.
    if (isClosing) response.setHeader('Connection', 'close');
    onRequest(request, response);
  });
  const h2 = http2.createServer(HTTP2_OPTIONS, onRequest);
  // Node starts checking the timeouts of connections when a server listens; this one never does by itself.
  http1.emit('listening');
  h2.on('sessionError', (error) => log.debug({ err: error }, 'An HTTP/2 session failed.'));

  const sessions = new Set<http2.ServerHttp2Session>();
  h2.on('session', (session) => {
    if (isClosing) session.close();
    session.setTimeout(SESSION_IDLE_MS, () => session.close());
    sessions.add(session);
    session.once('close', () => sessions.delete(session));
  });

  const sockets = new Set<net.Socket>();
  /** Sockets that have not said what they speak. */
  const silent = new Set<net.Socket>();
  let isClosing = false;
  const server = net.createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    silent.add(socket);
    socket.once('close', () => {
      sockets.delete(socket);
      silent.delete(socket);
    });
    socket.on('error', () => socket.destroy());
    awaitFirstBytes(socket, clock, (protocol) => {
      silent.delete(socket);
      if (protocol === 'http1') http1.emit('connection', socket);
      else if (protocol === 'http2') h2.emit('connection', socket);
      else {
        log.warn({}, 'A client tried TLS, which this version does not speak; use an http:// endpoint.');
        socket.destroy();
      }
    });
  });

  return {
    listen: (port, host) =>
      new Promise((resolve, reject) => {
        server.once('error', reject);
        server.listen(port, host, () => {
          server.off('error', reject);
          server.on('error', (error) => log.error({ err: error }, 'The listening socket failed.'));
          resolve((server.address() as net.AddressInfo).port);
        });
      }),
    async close(graceMs) {
      const closed = new Promise((resolve) => server.close(resolve));
      isClosing = true;
      for (const session of sessions) session.close();
      for (const socket of silent) socket.destroy();
      const cutOff = clock.after(graceMs, () => {
        for (const socket of sockets) socket.destroy();
      });
      const stopReaping = reapIdle(http1, clock);
      await closed;
      stopReaping();
      cutOff();
      http1.close();
      h2.close();
    },
  };
}

type Protocol = 'http1' | 'http2' | 'tls';

/** What the first bytes speak; undefined while more of them are needed. */
function protocolOf(bytes: Buffer): Protocol | undefined {
  if (bytes[0] === TLS_HANDSHAKE) return 'tls';
  const length = Math.min(bytes.length, HTTP2_PREFACE.length);
  if (bytes.compare(HTTP2_PREFACE, 0, length, 0, length) !== 0) return 'http1';
  return length === HTTP2_PREFACE.length ? 'http2' : undefined;
}

/** Reads until the protocol is known, puts the bytes back and hands the socket on. */
function awaitFirstBytes(socket: net.Socket, clock: Clock, onKnown: (protocol: Protocol) => void): void {
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
    socket.off('readable', look);
    socket.unshift(seen);
    onKnown(protocol);
  };
  socket.on('readable', look);
}

/** Keep-alive connections become idle one by one while their last requests end; each is closed as soon as it is. */
function reapIdle(http1: http.Server, clock: Clock): () => void {
  let cancel: () => void;
  const reap = (): void => {
    http1.closeIdleConnections();
    cancel = clock.after(50, reap);
  };
  reap();
  return () => cancel();
}
