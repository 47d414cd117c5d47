/** The program: settings → start → its end. Nothing is awaited while its modules load: see main.ts. */
import { isIP } from 'node:net';
import { systemClock } from './clock.ts';
import { type Command, type Config, readCommand } from './config.ts';
import { createEnding } from './ending.ts';
import { createLog, type Log } from './log.ts';
import { Refusal } from './refusal.ts';
import { type Millrace, start } from './start.ts';
import { VERSION } from './version.ts';

/** Serves, or prints what was asked for. */
export async function run(): Promise<void> {
  // What is written is for the user alone; SQLite gives its side files the mode of the data file.
  process.umask(0o077);
  try {
    await obey(readCommand(VERSION));
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    process.stderr.write(`millrace: ${error.message}\n`);
    process.exitCode = error.exitCode;
  }
}

async function obey(command: Command): Promise<void> {
  if ('print' in command) return void process.stdout.write(command.print);
  const { serve: config } = command;
  const log = createLog(config.logLevel);
  const ending = createEnding(config.dataDir, log);
  try {
    const millrace = await start(config, { log, onFatal: ending.onFatal });
    ending.onSignals(millrace);
    tellReady(millrace, config);
  } catch (error) {
    ending.onFailedStart(error);
  }
  warnWhenExposed(config, log);
}

function tellReady({ url, certificatePath }: Millrace, { dataDir, region }: Config): void {
  const ms = Math.round(systemClock.monotonicMs());
  process.stdout.write(
    `Millrace ${VERSION} ready in ${ms} ms at ${url} with data in ${dataDir}` +
      `${certificatePath === undefined ? '' : `; https with ${certificatePath}`}\n` +
      `Try: AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test aws --endpoint-url ${url} ` +
      `--region ${region} kinesis list-streams\n`,
  );
}

function warnWhenExposed({ host, auth }: Config, log: Log): void {
  const isLoopback = host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
  if (isLoopback) return;
  const who = auth === 'strict' ? 'who has a key of CREDENTIALS_FILE' : 'anyone who can reach it';
  log.warn({ host }, `HOST is not a loopback address: ${who} can read and write.`);
}
