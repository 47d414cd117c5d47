/** Starts that may be refused: what became of one, within a time limit. */
import { Cleanup } from '../../bench/cleanup.ts';
import { type Exit, type Launch, NotReady, type Server, start } from '../server.ts';

export type Attempt =
  | { readonly kind: 'ready'; readonly server: Server }
  | { readonly kind: 'ended'; readonly exit: Exit; readonly stderr: string; readonly endedMs: number }
  /** Neither ready nor ended within the limit; it was killed then. */
  | { readonly kind: 'hung' };

/** Starts the program and waits until it is ready, has ended, or `limitMs` are over. */
export async function attempt(launch: Launch, cleanup: Cleanup, limitMs = 30_000): Promise<Attempt> {
  const own = new Cleanup();
  cleanup.add(() => own.run());
  const startedMs = performance.now();
  let timer: NodeJS.Timeout | undefined;
  const timeIsUp = new Promise<Attempt>((resolve) => {
    timer = setTimeout(() => resolve({ kind: 'hung' }), limitMs);
  });
  const outcome = start(launch, own).then(
    (server): Attempt => ({ kind: 'ready', server }),
    (error: unknown): Attempt => {
      if (!(error instanceof NotReady)) throw error;
      return { kind: 'ended', exit: error.exit, stderr: error.stderr, endedMs: performance.now() - startedMs };
    },
  );
  const result = await Promise.race([outcome, timeIsUp]);
  clearTimeout(timer);
  if (result.kind === 'hung') await own.run();
  return result;
}

/** The sentence of a refusal: the one line on standard error that is meant for people. */
export function sentenceIn(stderr: string): string | undefined {
  const lines = stderr.split('\n').filter((line) => line.startsWith('millrace: '));
  return lines.length === 1 ? lines[0] : undefined;
}

/** Log lines, at least of level `warn`, that `pattern` matches. */
export function logged(stderr: string, pattern: RegExp): string[] {
  return stderr.split('\n').filter((line) => line.startsWith('{') && pattern.test(line));
}
