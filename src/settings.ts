/** The settings: one table from which the configuration, `--help`, `.env.example` and the README's table are made. */
import { isSchedule } from './jobs.ts';
import { LOG_LEVELS } from './log.ts';
import { PROFILES } from './quotas.ts';

export interface Setting<T> {
  /** Environment variable; the flag is the same in lower case with hyphens. */
  readonly name: string;
  /** Other names for the same thing, as peers of Millrace call it. */
  readonly aliases: readonly string[];
  readonly fallback: string;
  readonly help: string;
  /** What a good value looks like, for the error sentence: "PORT must be …". */
  readonly expects: string;
  /** The value, or undefined when the text is not a good value. */
  readonly parse: (text: string) => T | undefined;
}

function setting<T>(
  name: string,
  fallback: string,
  [expects, parse]: readonly [string, Setting<T>['parse']],
  help: string,
  ...aliases: string[]
): Setting<T> {
  return { name, aliases, fallback, help, expects, parse };
}

const integer = (min: number, max: number) =>
  [
    `a whole number from ${min} to ${max}`,
    (text: string) => {
      const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
      return value >= min && value <= max ? value : undefined;
    },
  ] as const;

const SHARDS_MAX = 100_000;

const optionalCount = [
  `a whole number from 0 to ${SHARDS_MAX}, Infinity (the same), or empty`,
  (text: string) => {
    if (text === '') return null;
    // More than one CreateStream may ask for on AWS; a request without any limit could exhaust the memory.
    if (text === 'Infinity') return SHARDS_MAX;
    return /^\d{1,6}$/.test(text) && Number(text) <= SHARDS_MAX ? Number(text) : undefined;
  },
] as const;

const milliseconds = [
  'a number of milliseconds from 0 to 86400000, such as 500 or 500ms',
  (text: string) => {
    const value = Number(/^(\d{1,9})(?:ms)?$/.exec(text)?.[1] ?? Number.NaN);
    return value <= 86_400_000 ? value : undefined;
  },
] as const;

const bytes = [
  'a size from 0 to 1024MB, such as 16MB',
  (text: string) => {
    const megabytes = Number(/^(\d{1,4})MB$|^0$/.exec(text)?.[1] ?? (text === '0' ? 0 : Number.NaN));
    return megabytes <= 1024 ? megabytes * 1024 * 1024 : undefined;
  },
] as const;

const oneOf = <const V extends readonly string[]>(values: V) =>
  [
    `one of ${values.join(', ')}`,
    (text: string) => values.find((value) => value === text) as V[number] | undefined,
  ] as const;

const text = (expects: string, pattern: RegExp) =>
  [expects, (value: string) => (pattern.test(value) ? value : undefined)] as const;

const hostNames = [
  'host names separated by commas',
  (value: string) => {
    const names = value.split(',').map((name) => name.trim().toLowerCase());
    if (value.trim() === '') return [];
    return names.every((name) => /^[a-z0-9._-]{1,253}$/.test(name)) ? names : undefined;
  },
] as const;

const origins = [
  'origins of web pages separated by commas, such as http://localhost:3000',
  (value: string) => {
    const given = value.split(',').map((origin) => origin.trim());
    if (value.trim() === '') return [];
    return given.every((origin) => URL.canParse(origin) && new URL(origin).origin === origin) ? given : undefined;
  },
] as const;

/** A stream that is to be there when the server is ready. */
export interface InitialStream {
  readonly name: string;
  /** Null when no number was given. */
  readonly shards: number | null;
  /** Null when no region was given. */
  readonly region: string | null;
}

const INITIAL_STREAM = /^([a-zA-Z0-9_.-]{1,128})(?::([1-9]\d{0,5})?(?::([a-z0-9-]{1,64})?)?)?$/;

const initialStreams = [
  'streams as name[:shards[:region]] separated by commas, such as orders:2,clicks::eu-west-1',
  (value: string): readonly InitialStream[] | undefined => {
    if (value.trim() === '') return [];
    const matches = value.split(',').map((stream) => INITIAL_STREAM.exec(stream.trim()));
    const streams = matches.map((match) => ({
      name: match?.[1] ?? '',
      shards: match?.[2] === undefined ? null : Number(match[2]),
      region: match?.[3] ?? null,
    }));
    return streams.every(({ name, shards }) => name !== '' && (shards ?? 0) <= SHARDS_MAX) ? streams : undefined;
  },
] as const;

/** How much a request's signature matters. */
export const AUTH_MODES = ['any', 'strict', 'off'] as const;

const httpUrl = [
  'an http or https URL, or empty',
  (value: string) => {
    if (value === '') return '';
    const url = URL.canParse(value) ? new URL(value) : undefined;
    return url !== undefined && /^https?:$/.test(url.protocol) ? value : undefined;
  },
] as const;

const TLS_MODES = ['disable', 'require', 'verify-full'] as const;

/** A PostgreSQL server. */
interface ServerEndpoint {
  readonly host: string;
  readonly port: number;
  readonly tls: (typeof TLS_MODES)[number];
}

const SERVER =
  /^(?:postgres(?:ql)?:\/\/)?([A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]+\]):(\d{1,5})\/?(?:\?sslmode=([a-z-]+))?$/;

const server = [
  `host:port, optionally with ?sslmode=${TLS_MODES.join('|')}, or empty`,
  (value: string): ServerEndpoint | null | undefined => {
    if (value === '') return null;
    const [, host, port, mode = 'disable'] = SERVER.exec(value) ?? [];
    const tls = TLS_MODES.find((known) => known === mode);
    if (host === undefined || tls === undefined || Number(port) > 65_535) return undefined;
    return { host: host.replace(/^\[|\]$/g, ''), port: Number(port), tls };
  },
] as const;

export const SETTINGS = {
  port: setting('PORT', '4567', integer(0, 65_535), 'TCP port of all services; 0 takes a free one.'),
  host: setting(
    'HOST',
    '127.0.0.1',
    text('an address or host name', /^[A-Za-z0-9.:_-]{1,253}$/),
    'Address to listen on. Anything but loopback lets other machines in, with any credentials unless AUTH=strict.',
  ),
  dataDir: setting(
    'DATA_DIR',
    './data',
    text('a path', /^[^\0]+$/),
    'Directory of the database (millrace.db) and everything else that is kept.',
    'PERSIST_PATH',
  ),
  spaceReserve: setting(
    'SPACE_RESERVE',
    '32MB',
    bytes,
    'Room on the disk that is kept in a file of that size, for deleting when the disk is full; at most a sixteenth of the volume.',
  ),
  quotas: setting(
    'QUOTAS',
    'relaxed',
    oneOf(PROFILES),
    "relaxed: today's sizes and counts, rates not enforced; current: today's AWS; " +
      'documented: the figures of the reference documents Millrace was built from.',
  ),
  transitionMs: setting(
    'TRANSITION_MS',
    '500',
    milliseconds,
    'Time a stream spends in CREATING, UPDATING and DELETING.',
    'CREATE_STREAM_DURATION',
    'KINESIS_LATENCY',
  ),
  shardLimit: setting(
    'SHARD_LIMIT',
    '',
    optionalCount,
    'Open shards per account and region, instead of the figure of QUOTAS.',
    'KINESIS_SHARD_LIMIT',
  ),
  initialStreams: setting(
    'INITIALIZE_STREAMS',
    '',
    initialStreams,
    'Streams that are created, if they are missing, before the server is ready: name[:shards[:region]],… ' +
      'Without a number they have 4 shards, without a region they are in AWS_REGION.',
    'KINESIS_INITIALIZE_STREAMS',
  ),
  logLevel: setting(
    'LOG_LEVEL',
    'info',
    oneOf(LOG_LEVELS),
    'What is logged as JSON lines on standard error. debug adds a line per request.',
  ),
  account: setting(
    'AWS_ACCOUNT_ID',
    '000000000000',
    text('12 digits', /^\d{12}$/),
    'Account of callers whose access key id is not itself a 12-digit account id.',
  ),
  region: setting(
    'AWS_REGION',
    'us-east-1',
    text('a region name such as eu-west-1', /^[a-z0-9-]{1,64}$/),
    'Region of requests that name none, such as unsigned ones with AUTH=off.',
    'AWS_DEFAULT_REGION',
  ),
  allowedHosts: setting(
    'ALLOWED_HOSTS',
    '',
    hostNames,
    'Further host names under which clients may reach the server (checked against DNS rebinding).',
  ),
  allowedOrigins: setting(
    'ALLOWED_ORIGINS',
    '',
    origins,
    'Origins of web pages that may call the server from a browser. All others are refused.',
  ),
  auth: setting(
    'AUTH',
    'any',
    oneOf(AUTH_MODES),
    'any: requests must be signed, as on AWS, with any credentials; strict: signatures are verified with ' +
      'CREDENTIALS_FILE; off: unsigned requests are taken too.',
  ),
  credentialsFile: setting(
    'CREDENTIALS_FILE',
    '',
    text('a path', /^[^\0]*$/),
    'The keys that AUTH=strict knows, in the form of ~/.aws/credentials. aws_account_id in a profile gives its account.',
  ),
  tls: setting(
    'TLS',
    'on',
    oneOf(['on', 'off'] as const),
    'Whether https is spoken on the same port. Without TLS_CERT a certificate is made and kept in DATA_DIR/tls.',
  ),
  tlsCert: setting('TLS_CERT', '', text('a path', /^[^\0]*$/), 'Your certificate (chain) for https, as PEM.'),
  tlsKey: setting('TLS_KEY', '', text('a path', /^[^\0]*$/), 'The private key of TLS_CERT, as PEM.'),
  sweepSchedule: setting(
    'SWEEP_SCHEDULE',
    '* * * * *',
    ['a cron expression such as */5 * * * *', (value: string) => (isSchedule(value) ? value : undefined)],
    'When the retention sweeper frees the space of expired records, as a cron expression.',
  ),
  flushSchedule: setting(
    'FLUSH_SCHEDULE',
    '* * * * * *',
    ['a cron expression such as */5 * * * * *', (value: string) => (isSchedule(value) ? value : undefined)],
    'When delivery streams are looked at for buffers that are due, as a cron expression with seconds.',
  ),
  s3Endpoint: setting(
    'S3_ENDPOINT',
    '',
    httpUrl,
    'URL of a real S3 (AWS, MinIO, …) that delivery streams write to, instead of the directory s3 in DATA_DIR. ' +
      'Needs the package @aws-sdk/client-s3, which finds the credentials by its own rules.',
  ),
  redshiftEndpoint: setting(
    'REDSHIFT_ENDPOINT',
    '',
    server,
    'PostgreSQL server that stands in for Redshift clusters on AWS, instead of the databases in the directory ' +
      'redshift in DATA_DIR. User, password and database are those of the delivery stream.',
  ),
  elasticsearchEndpoint: setting(
    'ELASTICSEARCH_ENDPOINT',
    '',
    httpUrl,
    'URL of an Elasticsearch or OpenSearch that stands in for domains on AWS, with user and password if it needs ' +
      'them, instead of the table search_documents.',
  ),
};

/** The name of a setting on the command line. */
export const flagOf = (name: string) => name.toLowerCase().replaceAll('_', '-');
