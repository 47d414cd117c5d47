/** Every setting: its default, what it takes, what it refuses and in which words, and where a value comes from. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { describe, expect, it } from 'vitest';
import { type Config, readConfig } from '../src/config.ts';
import { PROFILES, quotasOf } from '../src/quotas.ts';
import { SETTINGS } from '../src/settings.ts';
import { envExample, settingsTable } from '../src/settings-texts.ts';
import { refusalOf } from './support/refusal.ts';

type Key = Exclude<keyof Config, 'quotas'> | 'profile' | 'shards';

/** A part of the configuration; of the quotas the profile and the number of shards stand for all. */
const partOf = (config: Config, key: Key) => (key === 'profile' || key === 'shards' ? config.quotas[key] : config[key]);

interface Row {
  readonly key: Key;
  readonly fallback: unknown;
  readonly good: readonly (readonly [text: string, value: unknown])[];
  readonly bad: readonly string[];
  readonly aliases?: readonly string[];
  /** Other settings without which its good values are refused. */
  readonly beside?: Readonly<Record<string, string>>;
}

const PATHS: Row['good'] = [
  ['/etc/a.pem', '/etc/a.pem'],
  ['a b/ä', '/somewhere/a b/ä'],
];

const ROWS: Readonly<Record<string, Row>> = {
  PORT: {
    key: 'port',
    fallback: 4567,
    good: [
      ['0', 0],
      ['80', 80],
      ['65535', 65_535],
    ],
    bad: ['65536', '-1', '4567.5', '1e3', '0x50', 'http', ' 80', '99999999999999999999'],
  },
  HOST: {
    key: 'host',
    fallback: '127.0.0.1',
    good: [
      ['0.0.0.0', '0.0.0.0'],
      ['::1', '::1'],
      ['localhost', 'localhost'],
      ['my-host.example', 'my-host.example'],
    ],
    bad: ['a b', 'http://localhost', 'a/b', '[::1]', 'x'.repeat(254)],
  },
  DATA_DIR: {
    key: 'dataDir',
    fallback: join('/somewhere', 'data'),
    good: [
      ['/var/lib/millrace', '/var/lib/millrace'],
      ['elsewhere', '/somewhere/elsewhere'],
      ['../up', '/up'],
      ['a b/ä', '/somewhere/a b/ä'],
    ],
    bad: ['a\0b'],
    aliases: ['PERSIST_PATH'],
  },
  SPACE_RESERVE: {
    key: 'spaceReserve',
    fallback: 32 * 1024 * 1024,
    good: [
      ['0', 0],
      ['0MB', 0],
      ['1024MB', 1024 * 1024 * 1024],
    ],
    bad: ['1025MB', '16', '16mb', '1GB', '-1MB', '1.5MB', 'MB'],
  },
  QUOTAS: {
    key: 'profile',
    fallback: 'relaxed',
    good: PROFILES.map((profile) => [profile, profile] as const),
    bad: ['Relaxed', 'strict', 'relaxed ', '__proto__'],
  },
  TRANSITION_MS: {
    key: 'transitionMs',
    fallback: 500,
    good: [
      ['0', 0],
      ['500ms', 500],
      ['86400000', 86_400_000],
    ],
    bad: ['86400001', '-1', '1s', '0.5', 'ms', '500 ms'],
    aliases: ['CREATE_STREAM_DURATION', 'KINESIS_LATENCY'],
  },
  SHARD_LIMIT: {
    key: 'shards',
    fallback: quotasOf('relaxed').shards,
    good: [
      ['0', 0],
      ['100', 100],
      ['Infinity', 100_000],
    ],
    bad: ['-1', '1.5', 'infinity', 'many', '1e3'],
    aliases: ['KINESIS_SHARD_LIMIT'],
  },
  INITIALIZE_STREAMS: {
    key: 'initialStreams',
    fallback: [],
    good: [
      ['orders:2', [{ name: 'orders', shards: 2, region: null }]],
      [
        'a, b:7:eu-west-1,c::eu-west-2,d:,e::',
        [
          { name: 'a', shards: null, region: null },
          { name: 'b', shards: 7, region: 'eu-west-1' },
          { name: 'c', shards: null, region: 'eu-west-2' },
          { name: 'd', shards: null, region: null },
          { name: 'e', shards: null, region: null },
        ],
      ],
      [`${'n'.repeat(125)}_.-:100000`, [{ name: `${'n'.repeat(125)}_.-`, shards: 100_000, region: null }]],
      [' ', []],
    ],
    bad: [
      'bad name',
      'x'.repeat(129),
      'a,,b',
      'a,',
      ':2',
      'a:0',
      'a:-1',
      'a:two',
      'a:100001',
      'a:1:EU',
      'a:1:eu:2',
      'ä',
    ],
    aliases: ['KINESIS_INITIALIZE_STREAMS'],
  },
  LOG_LEVEL: {
    key: 'logLevel',
    fallback: 'info',
    good: ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'].map((level) => [level, level] as const),
    bad: ['INFO', 'verbose', '30'],
  },
  AWS_ACCOUNT_ID: {
    key: 'account',
    fallback: '000000000000',
    good: [['123456789012', '123456789012']],
    bad: ['12345678901', '1234567890123', '12345678901a', '1234-5678-9012'],
  },
  AWS_REGION: {
    key: 'region',
    fallback: 'us-east-1',
    good: [
      ['eu-west-3', 'eu-west-3'],
      ['us-gov-west-1', 'us-gov-west-1'],
    ],
    bad: ['EU-WEST-3', 'eu west', 'eu_west', 'a/b'],
    aliases: ['AWS_DEFAULT_REGION'],
  },
  ALLOWED_HOSTS: {
    key: 'allowedHosts',
    fallback: [],
    good: [
      ['kinesis.example', ['kinesis.example']],
      ['One.Example, two.example', ['one.example', 'two.example']],
      [' ', []],
    ],
    bad: ['one.example,,two.example', 'http://one.example', 'one.example:80', '*', 'ä.example'],
  },
  ALLOWED_ORIGINS: {
    key: 'allowedOrigins',
    fallback: [],
    good: [
      ['http://localhost:3000', ['http://localhost:3000']],
      ['https://a.example, http://127.0.0.1:8080', ['https://a.example', 'http://127.0.0.1:8080']],
    ],
    bad: ['*', 'null', 'localhost:3000', 'http://localhost:3000/', 'http://a/b', 'HTTP://A', 'http://a,', 'file://'],
  },
  AUTH: {
    key: 'auth',
    fallback: 'any',
    good: [
      ['any', 'any'],
      ['off', 'off'],
      ['strict', 'strict'],
    ],
    bad: ['on', 'none', 'Strict', 'true'],
    beside: { CREDENTIALS_FILE: '/etc/credentials' },
  },
  CREDENTIALS_FILE: {
    key: 'credentialsFile',
    fallback: '',
    good: PATHS,
    bad: ['a\0b'],
    beside: { AUTH: 'strict' },
  },
  TLS: {
    key: 'tls',
    fallback: 'on',
    good: [
      ['on', 'on'],
      ['off', 'off'],
    ],
    bad: ['true', 'ON', '1'],
  },
  TLS_CERT: { key: 'tlsCert', fallback: '', good: PATHS, bad: ['a\0b'], beside: { TLS_KEY: '/etc/key.pem' } },
  TLS_KEY: { key: 'tlsKey', fallback: '', good: PATHS, bad: ['a\0b'], beside: { TLS_CERT: '/etc/certificate.pem' } },
  SWEEP_SCHEDULE: {
    key: 'sweepSchedule',
    fallback: '* * * * *',
    good: [
      ['*/5 * * * *', '*/5 * * * *'],
      ['0 0,12 1-7 * *', '0 0,12 1-7 * *'],
      ['30 0 0 1 1 *', '30 0 0 1 1 *'],
      ['@daily', '@daily'],
    ],
    bad: ['hourly', '* * * *', '* * * * * * *', '61 * * * *', '* 24 * * *', '*/0 * * * *'],
  },
  FLUSH_SCHEDULE: {
    key: 'flushSchedule',
    fallback: '* * * * * *',
    good: [['*/5 * * * * *', '*/5 * * * * *']],
    bad: ['often', '* * *'],
  },
  S3_ENDPOINT: {
    key: 's3Endpoint',
    fallback: '',
    good: [
      ['http://127.0.0.1:9000', 'http://127.0.0.1:9000'],
      ['https://s3.eu-west-1.amazonaws.com', 'https://s3.eu-west-1.amazonaws.com'],
    ],
    bad: ['127.0.0.1:9000', 's3://bucket', 'file:///tmp', 'http://'],
  },
  REDSHIFT_ENDPOINT: {
    key: 'redshiftEndpoint',
    fallback: null,
    good: [
      ['127.0.0.1:5432', { host: '127.0.0.1', port: 5432, tls: 'disable' }],
      ['postgresql://db.example:5439/', { host: 'db.example', port: 5439, tls: 'disable' }],
      ['[::1]:5432?sslmode=verify-full', { host: '::1', port: 5432, tls: 'verify-full' }],
    ],
    bad: ['localhost', 'http://localhost:5432', 'u:p@localhost:5432', 'localhost:70000', 'localhost:1?sslmode=maybe'],
  },
  ELASTICSEARCH_ENDPOINT: {
    key: 'elasticsearchEndpoint',
    fallback: '',
    good: [['https://admin:secret@127.0.0.1:9200', 'https://admin:secret@127.0.0.1:9200']],
    bad: ['127.0.0.1:9200', 'tcp://127.0.0.1:9200'],
  },
};

const settings = Object.entries(ROWS);
const flagOf = (name: string) => name.toLowerCase().replaceAll('_', '-');
const expand = <T>(pick: (row: Row) => readonly T[]) =>
  settings.flatMap(([name, row]) => pick(row).map((value) => [name, value, row] as const));

describe('the settings', () => {
  it('are all tested here', () => {
    expect(settings.map(([name]) => name)).toEqual(Object.values(SETTINGS).map(({ name }) => name));
  });

  it.each(settings)('%s has its default when it is absent or empty', (name, { key, fallback }) => {
    expect(partOf(readConfig({}, new Map(), '/somewhere'), key)).toEqual(fallback);
    expect(partOf(readConfig({ [name]: '' }, new Map(), '/somewhere'), key)).toEqual(fallback);
  });

  it.each(expand(({ good }) => good))('%s takes %j', (name, [text, value], { key, beside = {} }) => {
    // What AUTH=strict needs is refused beside its other values.
    const others = name === 'AUTH' && text !== 'strict' ? {} : beside;
    expect(partOf(readConfig({ ...others, [name]: text }, new Map(), '/somewhere'), key)).toEqual(value);
    expect(partOf(readConfig(others, new Map([[flagOf(name), text]]), '/somewhere'), key)).toEqual(value);
  });

  it.each(expand(({ bad }) => bad))('%s refuses %j in one sentence that names it', (name, text) => {
    for (const [called, read] of [
      [name, () => readConfig({ [name]: text })],
      [`--${flagOf(name)}`, () => readConfig({}, new Map([[flagOf(name), text]]))],
    ] as const) {
      const refusal = refusalOf(read);
      expect(refusal.reason).toBe('badSetting');
      expect(refusal.exitCode).toBe(2);
      expect(refusal.message.startsWith(`${called} must be `), refusal.message).toBe(true);
      expect(refusal.message.endsWith(`; it is ${JSON.stringify(text)}.`), refusal.message).toBe(true);
      expect(refusal.message).not.toContain('\n');
    }
  });

  it.each(expand(({ aliases = [] }) => aliases))('%s is also called %s', (name, alias, { key, good }) => {
    const [text, value] = good[0]!;
    expect(partOf(readConfig({ [alias]: text }, new Map(), '/somewhere'), key)).toEqual(value);
    const [otherText, otherValue] = good[1] ?? good[0]!;
    const both = readConfig({ [alias]: text, [name]: otherText }, new Map(), '/somewhere');
    expect(partOf(both, key), `${name} must win over ${alias}`).toEqual(otherValue);
  });

  it.each<[Record<string, string>, string]>([
    [{ AUTH: 'strict' }, 'AUTH=strict needs CREDENTIALS_FILE, the file with the keys to verify with.'],
    [{ CREDENTIALS_FILE: 'a' }, 'CREDENTIALS_FILE is read with AUTH=strict only; set that too, or leave it out.'],
    [{ TLS_CERT: 'a' }, 'TLS_CERT and TLS_KEY belong together; set both or neither.'],
    [{ TLS_KEY: 'a' }, 'TLS_CERT and TLS_KEY belong together; set both or neither.'],
    [{ TLS: 'off', TLS_CERT: 'a', TLS_KEY: 'a' }, 'TLS=off and TLS_CERT contradict each other; leave one out.'],
  ])('that say nothing without each other, %j, are refused', (given, sentence) => {
    const refusal = refusalOf(() => readConfig(given));
    expect([refusal.reason, refusal.message]).toEqual(['badSetting', sentence]);
  });

  it('are not set by an empty variable: an alias beside it counts', () => {
    const { transitionMs } = readConfig({ TRANSITION_MS: '', CREATE_STREAM_DURATION: '', KINESIS_LATENCY: '7' });
    expect(transitionMs).toBe(7);
  });

  it('have no other aliases', () => {
    const aliases = Object.values(SETTINGS).map((setting) => [setting.name, setting.aliases]);
    expect(aliases).toEqual(settings.map(([name, row]) => [name, row.aliases ?? []]));
  });

  it('are refused under the alias that was used', () => {
    expect(refusalOf(() => readConfig({ KINESIS_LATENCY: 'x' })).message).toMatch(/^KINESIS_LATENCY must be /);
  });

  it('of a single quota change only that quota of the profile', () => {
    const { quotas } = readConfig({ QUOTAS: 'documented', SHARD_LIMIT: '7' });
    expect(quotas).toEqual(quotasOf('documented', { shards: 7 }));
  });

  it('ignore variables that are not theirs', () => {
    expect(readConfig({ PATH: '/bin', port: '1', MILLRACE_PORT: '2' }, new Map(), '/somewhere')).toEqual(
      readConfig({}, new Map(), '/somewhere'),
    );
  });
});

describe('the texts about settings', () => {
  it('of .env.example are the defaults when every line is uncommented', () => {
    const uncommented = envExample().replaceAll(/^#([A-Z0-9_]+=)/gm, '$1');
    const variables = parseEnv(uncommented);
    expect(Object.keys(variables).sort()).toEqual(settings.map(([name]) => name).sort());
    expect(readConfig(variables)).toEqual(readConfig({}));
  });

  it('of .env.example set nothing as they are', () => {
    expect(parseEnv(envExample())).toEqual({});
  });

  it('of .env.example are in the repository; npm run generate writes them', () => {
    const path = join(import.meta.dirname, '..', '.env.example');
    expect(existsSync(path), '.env.example is missing; run npm run generate').toBe(true);
    expect(readFileSync(path, 'utf8'), '.env.example is out of date; run npm run generate').toBe(envExample());
  });

  it('of the README have a row for each setting', () => {
    const rows = settingsTable().split('\n').slice(2);
    expect(rows.map((row) => /^\| `([A-Z0-9_]+)` \|/.exec(row)?.[1])).toEqual(settings.map(([name]) => name));
  });
});
