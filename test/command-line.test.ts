/** The command line, the environment and the file .env: which of them wins, and what is printed or refused. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { type Config, readCommand } from '../src/config.ts';
import { SETTINGS } from '../src/settings.ts';
import { refusalOf } from './support/refusal.ts';
import { temporaryDirectory } from './support/server.ts';

const originalArguments = process.argv;
afterEach(() => {
  process.argv = originalArguments;
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});

const flagOf = (name: string) => name.toLowerCase().replaceAll('_', '-');

/** Reads the command as a process would, with these arguments, in a directory with this `.env` file. */
function command(args: readonly string[], envFile?: string, variables: Record<string, string> = {}) {
  const directory = temporaryDirectory();
  if (envFile !== undefined) writeFileSync(join(directory, '.env'), envFile);
  vi.spyOn(process, 'cwd').mockReturnValue(directory);
  for (const { name, aliases } of Object.values(SETTINGS)) {
    for (const variable of [name, ...aliases]) vi.stubEnv(variable, undefined);
  }
  for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value);
  process.argv = ['node', 'millrace', ...args];
  return readCommand('1.2.3');
}
const configOf = (...given: Parameters<typeof command>): Config => {
  const result = command(...given);
  if ('print' in result) throw new Error(`It printed: ${result.print}`);
  return result.serve;
};

describe('the command line', () => {
  it('beats the environment, which beats the file .env', () => {
    const file = 'PORT=1\nAWS_REGION=file\nLOG_LEVEL=debug\n';
    const config = configOf(['--port', '3'], file, { PORT: '2', AWS_REGION: 'environment' });
    expect([config.port, config.region, config.logLevel]).toEqual([3, 'environment', 'debug']);
  });

  it('is the same with an equals sign', () => {
    expect(configOf(['--transition-ms=7']).transitionMs).toBe(7);
  });

  it('does not miss a file .env', () => {
    expect(configOf([]).port).toBe(4567);
  });

  it('takes relative paths from the working directory', () => {
    expect(configOf(['--data-dir', 'here']).dataDir).toBe(join(process.cwd(), 'here'));
  });

  it('takes the value of the file .env when the variable is empty, which means not set', () => {
    expect(configOf([], 'PORT=5000\n', { PORT: '' }).port).toBe(5000);
  });

  it('lets the environment beat the file also under an alias', () => {
    expect(configOf([], 'TRANSITION_MS=1\n', { KINESIS_LATENCY: '2' }).transitionMs).toBe(2);
  });

  it.each([
    [['--prot', '80'], '--prot'],
    [['--port'], '--port'],
    [['serve'], 'serve'],
    [['-p', '80'], '-p'],
  ])('refuses %j in one sentence that names what is wrong', (args, named) => {
    const refusal = refusalOf(() => command(args));
    expect(refusal.reason).toBe('badSetting');
    expect(refusal.message).toContain(named);
    expect(refusal.message).toMatch(/^[^\n]*run millrace --help for the list of settings\.$/);
  });

  it('refuses a file .env that cannot be read', () => {
    const directory = temporaryDirectory();
    mkdirSync(join(directory, '.env'));
    vi.spyOn(process, 'cwd').mockReturnValue(directory);
    process.argv = ['node', 'millrace'];
    const refusal = refusalOf(() => readCommand('1.2.3'));
    expect(refusal.reason).toBe('badSetting');
    expect(refusal.message).toContain(join(directory, '.env'));
  });

  it('prints its version', () => {
    expect(command(['--version'])).toEqual({ print: '1.2.3\n' });
  });

  it('prints every flag, variable, alias and default for --help, before it looks at any value', () => {
    const result = command(['--help', '--port', 'nonsense']);
    const text = 'print' in result ? result.print : 'it wanted to serve';
    for (const { name, aliases, fallback, help } of Object.values(SETTINGS)) {
      for (const word of [`--${flagOf(name)}`, name, help, fallback, ...aliases]) expect(text).toContain(word);
    }
  });
});
