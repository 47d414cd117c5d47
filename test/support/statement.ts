/**
 * Statements of the reference documents, by their numbers: S for Kinesis, F for Firehose. Each is tested in every profile
 * of quotas that matters to it. Where today's AWS contradicts the document, the `documented` profile follows the document
 * and the others follow AWS; both are tested.
 */
import { it } from 'vitest';
import { PROFILES, type Profile } from '../../src/quotas.ts';
import { startTestServer, type TestServer } from './server.ts';

export type Check = (server: TestServer, profile: Profile) => Promise<void>;

/** A statement that holds in one profile only. */
export interface Differing {
  readonly documented: Check;
  /** What holds in the other profiles: in words, and as a test. */
  readonly otherwise: readonly [title: string, check: Check];
}

/** For delivery streams `current` differs from `documented` in two figures only, which F-002 and F-046 are about. */
const WITHOUT_CURRENT = PROFILES.filter((profile) => profile !== 'current');
const profilesOf = (number: string): readonly Profile[] =>
  number.startsWith('S') || ['F-002', 'F-046'].includes(number) ? PROFILES : WITHOUT_CURRENT;

/**
 * Declares the tests of one statement: `S-042 … [documented]` where it holds as written, `S-042 differs in relaxed: …`
 * where it does not. Each test gets a fresh server; `settings` are further settings of it.
 */
export function statement(
  number: `${'S' | 'F'}-${number}`,
  text: string,
  check: Check | Differing,
  settings: Record<string, string> = {},
): void {
  for (const profile of profilesOf(number)) {
    const start = () => startTestServer({ settings: { QUOTAS: profile, ...settings } });
    if (typeof check === 'function') {
      it(`${number} ${text} [${profile}]`, async () => check(await start(), profile));
    } else if (profile === 'documented') {
      it(`${number} ${text} [documented]`, async () => check.documented(await start(), profile));
    } else {
      const [title, otherwise] = check.otherwise;
      it(`${number} differs in ${profile}: ${title}`, async () => otherwise(await start(), profile));
    }
  }
}
