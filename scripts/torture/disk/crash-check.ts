/** Judges a state that a power cut could have left, by what clients knew when the power was cut. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inspectFiles } from '../../../src/database/inspection.ts';
import { Refusal } from '../../../src/refusal.ts';
import { type Bodies, createBodies } from '../bodies.ts';
import { check } from '../checker/check.ts';
import type { Entry } from '../history.ts';
import { createLedger } from '../ledger.ts';
import { observe } from '../observe/observe.ts';
import { newBookmarks } from '../observe/streams.ts';
import type { Context, Violation } from '../scenario.ts';
import { NotReady, start } from '../server.ts';
import { observeAtRest } from './at-rest.ts';
import type { CrashState } from './crash-states.ts';

/** Settings of the servers that are recorded, and of those that judge: a large reserve only makes large states. */
export const SMALL = { SPACE_RESERVE: '1MB' };

/** Writes the files of a state below `directory`, which is made anew. */
export function materialize({ files }: CrashState, directory: string): void {
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  for (const [path, bytes] of files) {
    if (bytes === undefined) mkdirSync(join(directory, path), { mode: 0o700 });
    else writeFileSync(join(directory, path), bytes, { mode: 0o600 });
  }
}

/** What is to be judged, and by what. */
export interface Case {
  readonly dataDir: string;
  /** The history at the moment of the cut; undefined when nothing was promised yet. */
  readonly known: readonly Entry[] | undefined;
}

/** Asks the program whether it would start, and looks at the rows and objects themselves. */
export function judgeAtRest({ dataDir, known }: Case): readonly Violation[] {
  const ledger = createLedger(known);
  try {
    const { loss } = inspectFiles({
      path: join(dataDir, 'millrace.db'),
      witnessPath: join(dataDir, 'commit-witness'),
      rescueDirectory: join(dataDir, 'rescue'),
    });
    if (loss !== undefined) return [{ guarantee: 'Starts', message: `The server would not start: ${loss}` }];
    return check(ledger, observeAtRest(dataDir, bodiesOf(known!), ledger.cells)).violations;
  } catch (error) {
    if (error instanceof Refusal) {
      return [{ guarantee: 'Starts', message: `The server would not start: ${error.message}` }];
    }
    return [{ guarantee: 'NoLoss', message: `The database cannot be read: ${(error as Error).message}` }];
  }
}

/** Starts a server, and looks at everything through its API. */
export async function judgeByServer({ dataDir, known }: Case, context: Context): Promise<readonly Violation[]> {
  const { build, cleanup } = context;
  try {
    const server = await start({ build, dataDir, settings: SMALL }, cleanup);
    try {
      if (known === undefined) return [];
      const ledger = createLedger(known);
      const place = { url: server.url, dataDir, extent: 'all', bookmarks: newBookmarks() } as const;
      return check(ledger, await observe({ ...place, bodies: bodiesOf(known), ledger })).violations;
    } finally {
      await server.end('SIGKILL');
    }
  } catch (error) {
    const guarantee = error instanceof NotReady ? 'Starts' : 'NoLoss';
    return [{ guarantee, message: (error as Error).message }];
  }
}

function bodiesOf(known: readonly Entry[]): Bodies {
  const beginning = known.find((entry) => entry.kind === 'beginning');
  if (beginning?.kind !== 'beginning') throw new Error('The history has no beginning.');
  return createBodies(beginning.run);
}
