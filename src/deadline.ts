/** Bounds on work that others do for us: a server that hangs holds nobody up for longer. */
import type { Clock } from './clock.ts';

export interface Bounds {
  readonly limitMs: number;
  readonly signal: AbortSignal;
}

export interface Deadline extends Bounds {
  /** The beginning of the error's sentence, which goes on "… within 30 seconds". */
  readonly failure: string;
  /** Ends the work, because the time is over or `signal` is aborted. */
  readonly abandon: () => void;
}

/**
 * The result of `work`, which goes on unheard if `signal` is aborted before.
 * @throws the signal's reason once it is aborted
 */
export function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort);
  });
}

/**
 * The result of `work`. What is abandoned may still end, unheard.
 * @throws Error (code `ETIMEDOUT`) when it takes too long; the signal's reason once it is aborted
 */
export function within<T>(
  work: Promise<T>,
  { limitMs, failure, abandon, signal }: Deadline,
  clock: Pick<Clock, 'after'>,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const giveUp = (reason: unknown) => {
      settle();
      abandon();
      reject(reason);
    };
    const onAbort = () => giveUp(signal.reason);
    const cancel = clock.after(limitMs, () => {
      giveUp(Object.assign(new Error(`${failure} within ${limitMs / 1000} seconds`), { code: 'ETIMEDOUT' }));
    });
    const settle = () => {
      cancel();
      signal.removeEventListener('abort', onAbort);
    };
    work.then(resolve, reject).finally(settle);
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort);
  });
}
