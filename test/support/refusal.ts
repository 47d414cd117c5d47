/** For tests of what must be refused. */
import { Refusal } from '../../src/refusal.ts';

/** The Refusal that `action` throws. Throws when it throws nothing or something else. */
export function refusalOf(action: () => unknown): Refusal {
  try {
    action();
  } catch (error) {
    if (error instanceof Refusal) return error;
    throw error;
  }
  throw new Error('Nothing was refused.');
}
