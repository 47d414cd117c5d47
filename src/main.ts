#!/usr/bin/env node
/** The program: settings → start → signals. */
import { isIP } from 'node:net';
import { systemClock } from './clock.ts';
import { type Config, readCommand } from './config.ts';
import { createLog, type Log } from './log.ts';
import { EXIT_CODES, type ExitReason, Refusal } from './refusal.ts';
import { type Millrace, reasonOfFatal, start } from './start.ts';
import { VERSION } from './version.ts';

// What is written is for the user alone; SQLite gives its side files the mode of the data file.
process.umask(0o077);

try {
  const command = readCommand(VERSION);
  if ('print' in command) process.stdout.write(command.print);
  else {
    const { serve: config } = command;
    const log = createLog(config.logLevel);
    const end = (reason: ExitReason) => process.exit(EXIT_CODES[reason]);
    process.on('uncaughtException', (error) => {
      log.error({ err: error }, 'Millrace failed; what was acknowledged is on disk.');
      end('failure');
    });
    const millrace = await start(config, {
      log,
      onFatal(error) {
        process.stderr.write(`millrace: ${sentenceOf(error)}\n`);
        endSoon(() => end(reasonOfFatal(error)));
      },
    });
    stopOnSignals(millrace, log);
    warnWhenExposed(config, log);
    const ms = Math.round(systemClock.monotonicMs());
    process.stdout.write(
      `Millrace ${VERSION} ready in ${ms} ms at ${millrace.url} with data in ${config.dataDir}` +
        `${millrace.certificatePath === undefined ? '' : `; https with ${millrace.certificatePath}`}\n` +
        `Try: AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test aws --endpoint-url ${millrace.url} ` +
        `--region ${config.region} kinesis list-streams\n`,
    );
  }
} catch (error) {
  if (!(error instanceof Refusal)) throw error;
  process.stderr.write(`millrace: ${error.message}\n`);
  process.exitCode = error.exitCode;
}

const SENTENCES: Partial<Record<ExitReason, (error: Error) => string>> = {
  dataReplaced: ({ message }) => message,
  damagedData: ({ message }) => `The data is damaged (${message}), so it is not served any longer.`,
  diskFailed: ({ message }) => `The disk fails (${message}); what was acknowledged is checked at the next start.`,
};

const sentenceOf = (error: Error) => SENTENCES[reasonOfFatal(error)]?.(error) ?? `It failed: ${error.message}.`;

/** The answers of the group that failed leave before the process does. */
function endSoon(end: () => void): void {
  setImmediate(() => setImmediate(end));
}

/** The first SIGTERM or SIGINT stops in order, within five seconds; a second one ends the process at once. */
function stopOnSignals(millrace: Millrace, log: Log): void {
  let stopping = false;
  const stop = async (signal: NodeJS.Signals): Promise<void> => {
    if (stopping) process.exit(EXIT_CODES.failure);
    stopping = true;
    log.info({ signal }, 'Stopping.');
    try {
      await millrace.close();
      process.exit(EXIT_CODES.clean);
    } catch (error) {
      log.error({ err: error }, 'The server could not stop in order.');
      process.stderr.write(`millrace: ${sentenceOf(error as Error)}\n`);
      process.exit(EXIT_CODES[reasonOfFatal(error)]);
    }
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
}

function warnWhenExposed({ host, auth }: Config, log: Log): void {
  const isLoopback = host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
  if (isLoopback) return;
  const who = auth === 'strict' ? 'who has a key of CREDENTIALS_FILE' : 'anyone who can reach it';
  log.warn({ host }, `HOST is not a loopback address: ${who} can read and write.`);
}
