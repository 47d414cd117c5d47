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

/** Called with the decrypted socket, when it is known what is spoken inside of TLS. */
type OnKnown = (secure: Socket, protocol: 'http1' | 'http2') => void;

/**
 * Takes sockets whose first bytes are TLS. What clients agree on by ALPN they then speak; but Java's SDK and others speak
 * HTTP/2 without having agreed on it, so the first bytes decide, as they do without TLS.
 */
export function createTlsEntrance(
  identity: Identity | undefined,
  { clock, log }: { clock: Clock; log: Log },
): (socket: Socket, onKnown: OnKnown) => void {
  if (identity === undefined) {
    const warn = once(() =>
      log.warn({}, 'A client tried TLS, which the setting TLS switches off; use an http:// endpoint.'),
    );
    return (socket) => {
      warn();
      socket.destroy();
    };
  }
  const distrust = distrustReporter(log);
  /** By the client's end of the connection: node does not tell which socket a secure one has inside. */
  const waiting = new Map<string, OnKnown>();
  const { certificate: cert, key } = identity;
  // No client is asked for a certificate. Without an empty list of authorities Node would read all those that it knows.
  const options = { cert, key, ca: [], ALPNProtocols: ['h2', 'http/1.1'], handshakeTimeout: HANDSHAKE_MS_MAX };
  const server = tls.createServer(options, (socket) => {
    socket.on('error', (error) => {
      // With TLS 1.3 a client tells only now that it does not trust the certificate.
      distrust(error);
      socket.destroy();
    });
    const onKnown = waiting.get(clientOf(socket));
    if (onKnown === undefined) return void socket.destroy();
    awaitFirstBytes(socket, clock, (protocol) => {
      if (protocol === 'tls') return socket.destroy();
      // Node's HTTP/2 refuses a secure socket that has not agreed on it.
      if (protocol === 'http2') socket.alpnProtocol = 'h2';
      onKnown(socket, protocol);
    });
  });
  server.on('tlsClientError', (error, socket) => {
    distrust(error);
    log.debug({ err: error }, 'A TLS handshake failed.');
    socket.destroy();
  });
  return (socket, onKnown) => {
    const client = clientOf(socket);
    waiting.set(client, onKnown);
    socket.once('close', () => waiting.delete(client));
    server.emit('connection', socket);
  };
}

const clientOf = ({ remoteAddress, remotePort }: Socket) => `${remoteAddress} ${remotePort}`;

function once(action: () => void): () => void {
  let isDone = false;
  return () => {
    if (!isDone) action();
    isDone = true;
  };
}

/** The alerts of clients that do not know the certificate. */
const DISTRUST = /ALERT_(UNKNOWN_CA|BAD_CERTIFICATE|CERTIFICATE_UNKNOWN|UNSUPPORTED_CERTIFICATE)$/;

/** Says once what to do about clients that do not trust the certificate: most of them try again and again. */
function distrustReporter(log: Log): (error: NodeJS.ErrnoException) => void {
  const warn = once(() =>
    log.warn({}, 'A client does not trust the certificate; let it trust the PEM file that the ready line names.'),
  );
  return ({ code }) => {
    if (DISTRUST.test(code ?? '')) warn();
  };
}
