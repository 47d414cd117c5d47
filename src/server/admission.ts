/**
 * Who may talk to the server at all, decided from headers before a body is read. The server listens on loopback and by
 * default takes any credentials, so what must be kept out are web pages in the developer's own browser: a page of another origin
 * (Origin, Sec-Fetch-Site), or one whose host name was rebound to a loopback address (Host).
 */
import { isIP } from 'node:net';
import { HEADERS_MAX, PSEUDO_HEADERS } from './limits.ts';
import type { HttpRequest } from './one-port.ts';

/** Names under which SDKs and containers reach a local AWS; single labels are the services of a compose file. */
const KNOWN_HOSTS = [
  /^localhost$/,
  /\.localhost$/,
  /^[a-z0-9_-]+$/,
  /^host\.docker\.internal$/,
  /^sts\.amazonaws\.com$/,
  /^(\d{12}\.)?((control|data)-)?(kinesis|firehose|monitoring|sts)(-fips)?\.[a-z0-9-]+\.(amazonaws\.(com(\.cn)?|eu)|api\.aws)$/,
];

/** Hosts that were admitted, because every request of a client names the same one. */
const REMEMBERED_MAX = 100;

/** What is decided about a request: whether it is refused, and with which status and why. */
export interface Refused {
  readonly status: 403 | 431;
  readonly sentence: string;
}

const refused = (sentence: string): Refused => ({ status: 403, sentence });

const TOO_MANY_HEADERS: Refused = { status: 431, sentence: `A request may have ${HEADERS_MAX} headers.` };
const TWO_HOSTS = refused('A request must name one Host.');
const UNKNOWN_HOST = refused('This Host is not served here; add its name to ALLOWED_HOSTS.');
const WEB_PAGE = refused('Requests of web pages are not served; add the origin of yours to ALLOWED_ORIGINS.');

export interface AdmissionOptions {
  /** Further host names, in lower case. */
  readonly allowedHosts: readonly string[];
  /** Origins of web pages that may call, as browsers write them. */
  readonly allowedOrigins: readonly string[];
}

/** Why a request is refused, or undefined. */
export function createAdmission({ allowedHosts, allowedOrigins }: AdmissionOptions) {
  const admitted = new Set<string>();
  const isAdmitted = (host: string): boolean => {
    if (admitted.has(host)) return true;
    if (!isKnown(host, allowedHosts)) return false;
    if (admitted.size < REMEMBERED_MAX) admitted.add(host);
    return true;
  };
  return ({ headers, rawHeaders }: HttpRequest): Refused | undefined => {
    const authority = headers[':authority'] as string | undefined;
    const pseudoHeaders = authority === undefined ? 0 : PSEUDO_HEADERS;
    if (rawHeaders.length > 2 * (HEADERS_MAX + pseudoHeaders)) return TOO_MANY_HEADERS;
    // Node keeps the first of two; another program on the way may have looked at the second.
    if (hasTwoHosts(rawHeaders)) return TWO_HOSTS;
    const host = headers.host ?? authority ?? '';
    if (authority !== undefined && authority !== host) return TWO_HOSTS;
    if (!isAdmitted(host)) return UNKNOWN_HOST;
    if (headers.origin !== undefined) return allowedOrigins.includes(headers.origin) ? undefined : WEB_PAGE;
    if (headers['sec-fetch-site'] === 'cross-site') return WEB_PAGE;
    return undefined;
  };
}

function hasTwoHosts(rawHeaders: readonly string[]): boolean {
  let hosts = 0;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]!;
    if (name.length === 4 && name.toLowerCase() === 'host') hosts += 1;
  }
  return hosts > 1;
}

function isKnown(host: string, allowedHosts: readonly string[]): boolean {
  const name = host
    .toLowerCase()
    .replace(/:\d{1,5}$/, '')
    .replace(/^\[(.*)\]$/, '$1');
  if (name === '' || name.length > 253) return false;
  return isIP(name) !== 0 || allowedHosts.includes(name) || KNOWN_HOSTS.some((pattern) => pattern.test(name));
}
