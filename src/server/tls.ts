/** TLS in front of the other protocols of the port. */
import type { Socket } from 'node:net';
import tls from 'node:tls';
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import { awaitFirstBytes } from './first-bytes.ts';
import { HANDSHAKE_MS_MAX } from './limits.ts';

/** A certificate chain and its private key, both PEM. */
export interface Identity {
  readonly certificate: string;
  readonly key: string;
}

/** Takes a socket that has spoken TLS inside of TLS, or anything else there. */
type Serve = (socket: Socket, protocol: 'http1' | 'http2') => void;

/**
 * Takes sockets whose first bytes are TLS, and hands them on decrypted. Java's SDK before 2025 and others speak HTTP/2
 * without having said so by ALPN: for them the first bytes decide, as without TLS.
 */
export function createTlsEntrance(
  identity: Identity | undefined,
  serve: Serve,
  { clock, log }: { clock: Clock; log: Log },
): (socket: Socket) => void {
  if (identity === undefined) {
    return (socket) => {
      log.warn({}, 'A client tried TLS, which the setting TLS switches off; use an http:// endpoint.');
      socket.destroy();
    };
  }
  const distrust = distrustReporter(log);
  const { certificate: cert, key } = identity;
  const options = { cert, key, ALPNProtocols: ['h2', 'http/1.1'], handshakeTimeout: HANDSHAKE_MS_MAX };
  const server = tls.createServer(options, (socket) => {
    socket.on('error', (error) => {
      // With TLS 1.3 a client tells only now that it does not trust the certificate.
      distrust(error);
      socket.destroy();
    });
    if (socket.alpnProtocol === 'h2') return serve(socket, 'http2');
    if (socket.alpnProtocol === 'http/1.1') return serve(socket, 'http1');
    awaitFirstBytes(socket, clock, (protocol) => {
      if (protocol === 'tls') return socket.destroy();
      // Node's HTTP/2 refuses a secure socket that has not agreed on it.
      if (protocol === 'http2') socket.alpnProtocol = 'h2';
      serve(socket, protocol);
    });
  });
  server.on('tlsClientError', (error, socket) => {
    distrust(error);
    log.debug({ err: error }, 'A TLS handshake failed.');
    socket.destroy();
  });
  return (socket) => server.emit('connection', socket);
}

/** The alerts of clients that do not know the certificate. */
const DISTRUST = /ALERT_(UNKNOWN_CA|BAD_CERTIFICATE|CERTIFICATE_UNKNOWN|UNSUPPORTED_CERTIFICATE)$/;

/** Says once what to do about clients that do not trust the certificate: most of them try again and again. */
function distrustReporter(log: Log): (error: NodeJS.ErrnoException) => void {
  let isReported = false;
  return ({ code }) => {
    if (isReported || !DISTRUST.test(code ?? '')) return;
    isReported = true;
    log.warn({}, 'A client does not trust the certificate; let it trust the PEM file that the ready line names.');
  };
}
