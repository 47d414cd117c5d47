/** What the figures depend on besides the programs: versions, durability, the disk. Nothing that names the machine. */
import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs';
import { availableParallelism, loadavg } from 'node:os';
import { join } from 'node:path';
import { VERSION } from '../../src/version.ts';
import { type Cleanup, temporaryDirectory } from './cleanup.ts';
import type { RawSqlite } from './contestants.ts';
import { canPin } from './cores.ts';
import { startHelper } from './helper.ts';
import { type Plan, RECORD_BYTES } from './plan.ts';
import { type Spread, spreadOf } from './statistics.ts';

export interface Facts {
  readonly millrace: string;
  readonly node: string;
  readonly sqlite: string;
  /** SQLite's mode, the same for Millrace and the raw loop. */
  readonly synchronous: string;
  readonly cores: number;
  /** Programs that wanted a core in the minute before the run; figures taken on a busy machine say little. */
  readonly loadBefore: number;
  /** Whether the load generator had a core of its own. */
  readonly pinned: boolean;
  readonly rounds: number;
  readonly roundMs: number;
  /** Of appending 4 KiB to a file where the databases lie, and fsync. */
  readonly fsyncMs: Spread;
}

const SYNCHRONOUS = ['OFF', 'NORMAL', 'FULL', 'EXTRA'];

/** To be called before anything is measured. */
export async function collectFacts(plan: Plan, cleanup: Cleanup): Promise<Facts> {
  const [loadBefore] = loadavg() as [number];
  const directory = temporaryDirectory(cleanup);
  const raw: RawSqlite = startHelper('raw-sqlite', cleanup);
  const { facts } = await raw.do({ do: 'open', directory, table: 'records', records: 1, bytes: RECORD_BYTES.small });
  return {
    millrace: VERSION,
    node: process.versions.node,
    sqlite: facts.sqliteVersion,
    synchronous: SYNCHRONOUS[facts.synchronous]!,
    cores: availableParallelism(),
    loadBefore,
    pinned: canPin(),
    rounds: plan.rounds,
    roundMs: plan.roundMs,
    fsyncMs: measureFsync(directory),
  };
}

const FSYNC_COUNT = 300;
const FSYNC_BYTES = 4096;
const FSYNC_LIMIT_MS = 3000;

function measureFsync(directory: string): Spread {
  const file = openSync(join(directory, 'fsync'), 'w');
  const bytes = Buffer.alloc(FSYNC_BYTES, 'x');
  const endMs = performance.now() + FSYNC_LIMIT_MS;
  const latenciesMs: number[] = [];
  while (latenciesMs.length < FSYNC_COUNT && performance.now() < endMs) {
    const startMs = performance.now();
    writeSync(file, bytes);
    fsyncSync(file);
    latenciesMs.push(performance.now() - startMs);
  }
  closeSync(file);
  return spreadOf(latenciesMs);
}
