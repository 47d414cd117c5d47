/**
 * The configuration, read from the settings. The only reader of the process environment. A value comes from, in this
 * order: command-line flag, environment, the file `.env` in the working directory, default.
 */
import { readFileSync } from 'node:fs';
import { isAbsolute, join, resolve } from 'node:path';
import { parseArgs, parseEnv } from 'node:util';
import { type Quotas, quotasOf } from './quotas.ts';
import { Refusal } from './refusal.ts';
import { flagOf, SETTINGS, type Setting } from './settings.ts';
import { ACCEPT_DATA_LOSS, usage } from './settings-texts.ts';

type SettingKey = keyof typeof SETTINGS;
type SettingValue<K extends SettingKey> = (typeof SETTINGS)[K] extends Setting<infer T> ? T : never;

export interface Config extends Readonly<Omit<{ [K in SettingKey]: SettingValue<K> }, 'quotas' | 'shardLimit'>> {
  readonly quotas: Quotas;
  /** Whether to start although acknowledged data is missing: only a flag, because it must not stay in force. */
  readonly acceptDataLoss: boolean;
}

/** What the command line asks for: to serve with a configuration, or to print a text and end. */
export type Command = { readonly serve: Config } | { readonly print: string };

/**
 * The configuration from the process's arguments, environment and `.env` file.
 * @throws Refusal (`badSetting`) with one sentence that names the setting.
 */
export function readCommand(version: string): Command {
  const flags = parseFlags(process.argv.slice(2));
  if (flags.has('help')) return { print: usage(version) };
  if (flags.has('version')) return { print: `${version}\n` };
  return { serve: readConfig(process.env, flags, process.cwd(), readEnvFile(process.cwd())) };
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The configuration that `flags` (by flag name), `environment` and the variables of `envFile` describe, in this order.
 * Relative paths are taken from `directory`.
 * @throws Refusal (`badSetting`)
 */
export function readConfig(
  environment: Environment,
  flags: ReadonlyMap<string, string> = new Map(),
  directory = '.',
  envFile: Environment = {},
): Config {
  const value = <K extends SettingKey>(key: K) =>
    readSetting(SETTINGS[key] as Setting<SettingValue<K>>, flags, [environment, envFile]);
  const path = (key: 'dataDir' | 'credentialsFile' | 'tlsCert' | 'tlsKey') => {
    const given = value(key);
    return given === '' || isAbsolute(given) ? given : resolve(directory, given);
  };
  const shardLimit = value('shardLimit');
  const config = Object.freeze({
    port: value('port'),
    host: value('host'),
    dataDir: path('dataDir'),
    spaceReserve: value('spaceReserve'),
    acceptDataLoss: flags.has(ACCEPT_DATA_LOSS),
    quotas: quotasOf(value('quotas'), shardLimit === null ? {} : { shards: shardLimit }),
    transitionMs: value('transitionMs'),
    initialStreams: value('initialStreams'),
    logLevel: value('logLevel'),
    account: value('account'),
    region: value('region'),
    allowedHosts: value('allowedHosts'),
    allowedOrigins: value('allowedOrigins'),
    auth: value('auth'),
    credentialsFile: path('credentialsFile'),
    tls: value('tls'),
    tlsCert: path('tlsCert'),
    tlsKey: path('tlsKey'),
    sweepSchedule: value('sweepSchedule'),
    flushSchedule: value('flushSchedule'),
    s3Endpoint: value('s3Endpoint'),
    redshiftEndpoint: value('redshiftEndpoint'),
    elasticsearchEndpoint: value('elasticsearchEndpoint'),
  });
  assertTogether(config);
  return config;
}

/** Settings that say something only together. */
function assertTogether({ auth, credentialsFile, tls, tlsCert, tlsKey }: Config): void {
  const refuse = (problem: string) => {
    throw new Refusal('badSetting', problem);
  };
  if (auth === 'strict' && credentialsFile === '') {
    refuse('AUTH=strict needs CREDENTIALS_FILE, the file with the keys to verify with.');
  }
  if (auth !== 'strict' && credentialsFile !== '') {
    refuse('CREDENTIALS_FILE is read with AUTH=strict only; set that too, or leave it out.');
  }
  if ((tlsCert === '') !== (tlsKey === '')) refuse('TLS_CERT and TLS_KEY belong together; set both or neither.');
  if (tls === 'off' && tlsCert !== '') refuse('TLS=off and TLS_CERT contradict each other; leave one out.');
}

function readSetting<T>(
  setting: Setting<T>,
  flags: ReadonlyMap<string, string>,
  environments: readonly Environment[],
): T {
  const { name, text } = findText(setting, flags, environments);
  const parsed = setting.parse(text);
  if (parsed !== undefined) return parsed;
  throw new Refusal('badSetting', `${name} must be ${setting.expects}; it is ${JSON.stringify(text)}.`);
}

/** What was given for a setting, and under which name: the first that is not empty. */
function findText(
  { name, aliases, fallback }: Setting<unknown>,
  flags: ReadonlyMap<string, string>,
  environments: readonly Environment[],
): { readonly name: string; readonly text: string } {
  const flag = flags.get(flagOf(name));
  if (flag !== undefined) return { name: `--${flagOf(name)}`, text: flag === '' ? fallback : flag };
  for (const environment of environments) {
    // An empty variable is how compose files and CI systems say "not set".
    const found = [name, ...aliases].find((candidate) => (environment[candidate] ?? '') !== '');
    if (found !== undefined) return { name: found, text: environment[found]! };
  }
  return { name, text: fallback };
}

function parseFlags(args: readonly string[]): Map<string, string> {
  const options = Object.fromEntries([
    ...Object.values(SETTINGS).map(({ name }) => [flagOf(name), { type: 'string' }] as const),
    ...['help', 'version', ACCEPT_DATA_LOSS].map((name) => [name, { type: 'boolean' }] as const),
  ]);
  try {
    const { values } = parseArgs({ args: [...args], options, strict: true, allowPositionals: false });
    return new Map(Object.entries(values).map(([name, value]) => [name, String(value)]));
  } catch (error) {
    const reason = (error as Error).message.split(/[.\n]/)[0];
    throw new Refusal('badSetting', `${reason}; run millrace --help for the list of settings.`);
  }
}

function readEnvFile(directory: string): Record<string, string | undefined> {
  const path = join(directory, '.env');
  try {
    return parseEnv(readFileSync(path, 'utf8')) as Record<string, string | undefined>;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw new Refusal('badSetting', `The file ${path} cannot be read: ${(error as Error).message}.`);
  }
}
