/** How the process ends: with one sentence on standard error, and an exit code that says why. */

import { reasonOfFatal } from './database/errors.ts';
import { DATABASE_FILE } from './database/opening.ts';
import type { Log } from './log.ts';
import { EXIT_CODES, type ExitReason, Refusal } from './refusal.ts';

export interface Ending {
  /**
   * Ends the process because of an error that it cannot go on with, after the answers in hand have left and `resting` has
   * resolved.
   */
  onFatal(error: Error, resting: Promise<void>): void;
  /** Ends the process because `millrace` could not be started. @throws what is neither a refusal nor fatal: a bug */
  onFailedStart(error: unknown): void;
  /** The first SIGTERM or SIGINT stops in order, within five seconds; a second one ends the process at once. */
  onSignals(millrace: { close(): Promise<void> }): void;
}

/** `dataDir` is named in the sentences. */
export function createEnding(dataDir: string, log: Log): Ending {
  let isEnding = false;
  const say = (sentence: string) => {
    if (!isEnding) process.stderr.write(`millrace: ${sentence}\n`);
    isEnding = true;
  };
  // Nobody may be there to hear the sentence.
  process.stderr.on('error', () => {});
  const end = (reason: ExitReason) => process.exit(EXIT_CODES[reason]);

  process.on('uncaughtException', (error) => {
    log.error({ err: error }, 'Millrace failed; what was acknowledged is on disk.');
    end('failure');
  });
  return {
    onFatal(error, resting) {
      say(sentenceOf(error, dataDir));
      void resting.then(() => setImmediate(() => setImmediate(() => end(reasonOfFatal(error)))));
    },
    onFailedStart(error) {
      const reason = error instanceof Refusal ? error.reason : reasonOfFatal(error);
      if (reason === 'failure') throw error;
      say(error instanceof Refusal ? error.message : sentenceOf(error as Error, dataDir));
      end(reason);
    },
    onSignals(millrace) {
      let isStopping = false;
      const stop = async (signal: NodeJS.Signals): Promise<void> => {
        if (isStopping) return end('failure');
        isStopping = true;
        log.info({ signal }, 'Stopping.');
        try {
          await millrace.close();
          end('clean');
        } catch (error) {
          log.error({ err: error }, 'The server could not stop in order.');
          say(sentenceOf(error as Error, dataDir));
          end(reasonOfFatal(error));
        }
      };
      process.on('SIGTERM', stop);
      process.on('SIGINT', stop);
    },
  };
}

function sentenceOf(error: Error, dataDir: string): string {
  const { message } = error;
  const path = `${dataDir}/${DATABASE_FILE}`;
  switch (reasonOfFatal(error)) {
    case 'dataReplaced':
      return message;
    case 'damagedData':
      return `${path} is damaged (${message}), so it is served no longer; start again to hear what can be done.`;
    case 'diskFailed':
      return `The disk of ${path} fails (${message}), so nothing more is acknowledged; the next start checks all of it.`;
    default:
      return `It failed: ${message}.`;
  }
}
