/** Requests to STS and CloudWatch in each of the wire forms that their clients use, and what was kept of metrics. */
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { cbor } from '@smithy/core/cbor';
import { openHandle } from '../../src/database/handle.ts';
import type { HttpQuestion, RawAnswer } from './http-client.ts';
import { signatureHeaders } from './signature.ts';

export type FormName = 'query' | 'json' | 'rpc';
export const FORM_NAMES = ['query', 'json', 'rpc'] as const;

/** An operation as each of the forms names it. */
interface Named {
  readonly service: string;
  readonly version: string;
  readonly signingName: string;
  readonly name: string;
}

const CLOUDWATCH = { service: 'GraniteServiceVersion20100801', version: '2010-08-01', signingName: 'monitoring' };
const STS = { service: 'AWSSecurityTokenServiceV20110615', version: '2011-06-15', signingName: 'sts' };

export const operationOf = (name: string): Named => ({ ...(name === 'GetCallerIdentity' ? STS : CLOUDWATCH), name });

export interface AskOptions {
  readonly account?: string;
  readonly region?: string;
  readonly isGzip?: boolean;
  /** In place of those of a signature. */
  readonly headers?: Record<string, string>;
}

/** The request of the operation `name` in `form`. Times in `input` are Dates. */
export function questionOf(form: FormName, name: string, input: object, options: AskOptions = {}): HttpQuestion {
  const { account = 'test', region = 'us-east-1', isGzip = false } = options;
  const operation = operationOf(name);
  const scope = `${account}/20260102/${region}/${operation.signingName}/aws4_request`;
  const { path, headers, body } = WRITERS[form](operation, input);
  return {
    path,
    headers: {
      ...headers,
      ...(options.headers ?? signatureHeaders(scope)),
      ...(isGzip && { 'Content-Encoding': 'gzip' }),
    },
    body: isGzip ? gzipSync(body) : body,
  };
}

type Written = { readonly path: string; readonly headers: Record<string, string>; readonly body: string | Buffer };

const WRITERS: Readonly<Record<FormName, (operation: Named, input: object) => Written>> = {
  query: ({ name, version }, input) => {
    const fields: [string, string][] = [['Action', name], ['Version', version], ...flat('', input)];
    const headers = { 'Content-Type': 'application/x-www-form-urlencoded; charset=utf-8' };
    return { path: '/', headers, body: new URLSearchParams(fields).toString() };
  },
  json: ({ name, service }, input) => ({
    path: '/',
    headers: { 'Content-Type': 'application/x-amz-json-1.0', 'X-Amz-Target': `${service}.${name}` },
    body: JSON.stringify(withTimes(input, (ms) => ms / 1000)),
  }),
  rpc: ({ name, service }, input) => ({
    path: `/service/${service}/operation/${name}`,
    headers: { 'Content-Type': 'application/cbor', 'smithy-protocol': 'rpc-v2-cbor' },
    body: Buffer.from(cbor.serialize(withTimes(input, instant))),
  }),
};

/** Tag 1 around seconds. */
const instant = (ms: number) => cbor.deserialize(Buffer.concat([Buffer.from([0xc1]), cbor.serialize(ms / 1000)]));

function withTimes(value: unknown, write: (ms: number) => unknown): unknown {
  if (value instanceof Date) return write(value.getTime());
  if (Array.isArray(value)) return value.map((element) => withTimes(element, write));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, withTimes(member, write)]));
}

/** Lists as members, from 1 on; the maps of these services are those of entities. */
function flat(prefix: string, value: unknown): [string, string][] {
  if (value instanceof Date) return [[prefix, value.toISOString()]];
  if (Array.isArray(value)) {
    return value.length === 0
      ? [[prefix, '']]
      : value.flatMap((element, index) => flat(`${prefix}.member.${index + 1}`, element));
  }
  if (typeof value !== 'object' || value === null) return [[prefix, String(value)]];
  if (/Attributes$/.test(prefix)) {
    return Object.entries(value).flatMap(([key, entry], index): [string, string][] => [
      [`${prefix}.entry.${index + 1}.key`, key],
      [`${prefix}.entry.${index + 1}.value`, String(entry)],
    ]);
  }
  return Object.entries(value).flatMap(([name, member]) => flat(prefix === '' ? name : `${prefix}.${name}`, member));
}

/** Status, code and message of an answer that is an error, in whichever form. */
export function errorOf({ status, headers, bytes, text }: RawAnswer): string {
  const type = String(headers['content-type']);
  if (type === 'text/xml') {
    return `${status} ${/<Code>(.*)<\/Code>/.exec(text)?.[1]}: ${/<Message>(.*)<\/Message>/s.exec(text)?.[1]}`;
  }
  const body = type === 'application/cbor' ? cbor.deserialize(bytes) : JSON.parse(text);
  return `${status} ${body.__type}: ${body.message ?? body.Message}`;
}

/** The rows of v_metric_data, oldest first. */
export function metricRows(directory: string): Record<string, unknown>[] {
  const handle = openHandle(join(directory, 'millrace.db'), { readonly: true });
  try {
    return handle.prepare('select * from v_metric_data').all() as Record<string, unknown>[];
  } finally {
    handle.close();
  }
}
