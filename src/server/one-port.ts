/**
 * One TCP port for every protocol that SDKs speak by default. The first bytes of a connection tell which it is; the
 * socket is then handed, with those bytes put back, to a node server that never listens itself.
 *
 *     PRI * HTTP/2.0   HTTP/2 with prior knowledge (the JS SDK's Kinesis client, Java's asynchronous client)
 *     0x16             TLS; inside of it ALPN tells, or without ALPN the first bytes again
 *     anything else    HTTP/1.1
 */
import http from 'node:http';
import http2 from 'node:http2';
import net from 'node:net';
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import { awaitFirstBytes } from './first-bytes.ts';
import {
  BODY_MS_MAX,
  CONNECTIONS_MAX,
  HEADER_BYTES_MAX,
  HEADERS_MAX,
  IDLE_MS_MAX,
  PSEUDO_HEADERS,
  RESET_BURST,
  RESETS_PER_SECOND,
  SESSION_BYTES_MAX,
  STREAMS_MAX,
} from './limits.ts';
import { createTlsEntrance, type Identity } from './tls.ts';

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

export interface OnePortOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** Whom the server is to clients that speak TLS; without it they are turned away. */
  readonly identity: Identity | undefined;
}

const HTTP1_OPTIONS: http.ServerOptions = {
  headersTimeout: 10_000,
  requestTimeout: BODY_MS_MAX,
  keepAliveTimeout: 75_000,
  connectionsCheckingInterval: 1000,
  maxHeaderSize: HEADER_BYTES_MAX,
};

const HTTP2_OPTIONS: http2.ServerOptions = {
  // In MiB. A client that reads many shards at once has all of their answers in one session.
  maxSessionMemory: SESSION_BYTES_MAX / 2 ** 20,
  maxHeaderListPairs: HEADERS_MAX + PSEUDO_HEADERS,
  streamResetBurst: RESET_BURST,
  streamResetRate: RESETS_PER_SECOND,
  settings: {
    maxConcurrentStreams: STREAMS_MAX,
    initialWindowSize: 1024 * 1024,
    maxHeaderListSize: HEADER_BYTES_MAX,
    enablePush: false,
  },
  // Node's types do not know the limits on resets yet.
} as http2.ServerOptions;

export function createOnePort(onRequest: RequestListener, { clock, log, identity }: OnePortOptions): OnePort {
  const onHttp1: http.RequestListener = (request, response) => {
    // A busy keep-alive connection would otherwise never be idle when the server looks for idle ones.
    if (isClosing) response.setHeader('Connection', 'close');
    onRequest(request, response);
  };
  const http1 = http.createServer(HTTP1_OPTIONS, onHttp1);
  const h2 = http2.createServer(HTTP2_OPTIONS, onRequest);
  // Who asks before sending a body is answered by the listener: without these, node would say yes before any check.
  http1.on('checkContinue', onHttp1);
  h2.on('checkContinue', onRequest);
  // Node starts checking the timeouts of connections when a server listens; this one never does by itself.
  http1.emit('listening');
  http1.timeout = IDLE_MS_MAX;
  h2.on('sessionError', (error) => log.debug({ err: error }, 'An HTTP/2 session failed.'));

  const sessions = new Set<http2.ServerHttp2Session>();
  h2.on('session', (session) => {
    if (isClosing) session.close();
    session.setTimeout(IDLE_MS_MAX, () => session.destroy());
    sessions.add(session);
    session.once('close', () => sessions.delete(session));
  });

  const enterTls = createTlsEntrance(identity, { clock, log });

  const sockets = new Set<net.Socket>();
  /** Sockets that have not said what they speak, inside of TLS if they began with that. */
  const silent = new Set<net.Socket>();
  /** Those that speak HTTP/1.1, as what they are inside of TLS. */
  const ofHttp1 = new Set<net.Socket>();
  let isClosing = false;
  const server = net.createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    silent.add(socket);
    socket.once('close', () => {
      sockets.delete(socket);
      silent.delete(socket);
    });
    socket.on('error', () => socket.destroy());
    const serve = (plain: net.Socket, protocol: 'http1' | 'http2') => {
      silent.delete(socket);
      if (protocol === 'http1') {
        ofHttp1.add(plain);
        plain.once('close', () => ofHttp1.delete(plain));
      }
      (protocol === 'http1' ? http1 : h2).emit('connection', plain);
    };
    awaitFirstBytes(socket, clock, (protocol) => {
      if (protocol === 'tls') enterTls(socket, serve);
      else serve(socket, protocol);
    });
  });
  server.maxConnections = CONNECTIONS_MAX;
  server.once('drop', () => log.warn({ max: CONNECTIONS_MAX }, 'A connection was refused: there are too many.'));

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
      const stopReaping = reapIdle(http1, ofHttp1, clock);
      await closed;
      stopReaping();
      cutOff();
      http1.close();
      h2.close();
    },
  };
}

/**
 * Keep-alive connections become idle one by one while their last requests end; each is closed as soon as it is. To node
 * one is idle when its answer has been handed over, even if its client has not read it yet: that is waited for.
 */
function reapIdle(http1: http.Server, sockets: ReadonlySet<net.Socket>, clock: Clock): () => void {
  let cancel: () => void;
  const reap = (): void => {
    const isSent = [...sockets].every(({ writableLength }) => writableLength === 0);
    if (isSent) http1.closeIdleConnections();
    cancel = clock.after(50, reap);
  };
  reap();
  return () => cancel();
}
