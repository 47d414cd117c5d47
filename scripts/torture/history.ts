/**
 * The history: what clients asked for and what became of it, as JSON lines in a file outside of the data directory. It
 * only grows, and says everything that the checker needs to know of the clients' side.
 */
import { appendFileSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * `ok`: it was done. `fail`: it was refused and must not have any effect. `unknown`: nobody knows; it was done
 * completely or not at all.
 */
export type Outcome = 'ok' | 'fail' | 'unknown';

/** Microseconds on the monotonic clock of the machine, the same for all processes. */
export const nowUs = (): number => Number(process.hrtime.bigint() / 1000n);

interface Timed {
  readonly client: number;
  readonly operation: string;
  readonly startUs: number;
  readonly endUs: number;
  readonly outcome: Outcome;
  /** The error of what was refused. */
  readonly error?: string;
}

/** The first line. */
export interface Beginning {
  readonly kind: 'beginning';
  /** Of the bodies. */
  readonly run: number;
  /** Which streams there are; see layout.ts. */
  readonly compression: 'GZIP' | 'UNCOMPRESSED';
}

/** Something that happened to all. */
export interface Mark {
  readonly kind: 'mark';
  readonly atUs: number;
  readonly what: 'prepared' | 'load' | 'stop' | 'checked';
  readonly url: string;
}

/** One record or several into a stream or a delivery stream. The bodies have the counters from `first` on. */
export interface Put extends Timed {
  readonly kind: 'put';
  readonly service: 'kinesis' | 'firehose';
  /** A stream that is deleted and re-created has the number of its creation behind it: `name#3`. */
  readonly target: string;
  readonly first: number;
  readonly sizes: readonly number[];
  /** Kinesis, when ok: where each record went; null for those that were refused. */
  readonly shards?: readonly (number | null)[];
  readonly numbers?: readonly (string | null)[];
  /** Firehose, when ok: the indices of those that were refused. */
  readonly refused?: readonly number[];
}

/** What GetRecords showed during the load. */
export interface Read {
  readonly kind: 'read';
  readonly atUs: number;
  readonly target: string;
  readonly shard: number;
  readonly records: readonly (readonly [client: number, counter: number, number: string])[];
}

/** A change of something that one client alone changes: a tag, the existence of a stream. */
export interface Change extends Timed {
  readonly kind: 'change';
  readonly cell: string;
  /** What it is afterwards; see ABSENT. */
  readonly to: string;
}

/** What a cell was found to be while nobody changed it. */
export interface Seen {
  readonly kind: 'seen';
  readonly cell: string;
  readonly state: string;
}

/** A cell that is not there. */
export const ABSENT = 'absent';

/** A split or a merge. */
export interface Reshard extends Timed {
  readonly kind: 'reshard';
  readonly target: string;
  readonly parents: readonly number[];
  /** Of a split: where the second child begins, in 32 hexadecimal digits. */
  readonly at?: string;
}

/** An update of the number of shards. */
export interface Scale extends Timed {
  readonly kind: 'scale';
  readonly target: string;
  /** The shards that were open before, by hash key. */
  readonly from: readonly number[];
  readonly count: number;
}

/** What became of a put of unknown outcome, found out by a check. */
export interface Settled {
  readonly kind: 'settled';
  readonly client: number;
  readonly first: number;
  readonly isThere: boolean;
}

/** A delivered object that was deleted by hand. */
export interface Removed {
  readonly kind: 'removed';
  /** Below the directory of objects. */
  readonly path: string;
  readonly bodies: readonly (readonly [client: number, counter: number])[];
}

export type Entry = Beginning | Mark | Put | Read | Change | Seen | Reshard | Scale | Settled | Removed;

export interface HistoryWriter {
  readonly path: string;
  append(entry: Entry): void;
  /** Everything that was appended is in the file afterwards. */
  flush(): void;
}

const FLUSH_CHARACTERS = 1 << 20;

export function createHistory(path: string): HistoryWriter {
  mkdirSync(dirname(path), { recursive: true });
  let pending = '';
  const flush = () => {
    if (pending !== '') appendFileSync(path, pending);
    pending = '';
  };
  return {
    path,
    append(entry) {
      pending += `${JSON.stringify(entry)}\n`;
      if (pending.length >= FLUSH_CHARACTERS) flush();
    },
    flush,
  };
}

/** All entries of a history. A last line that was cut off by the end of its writer is left out. */
export function readHistory(path: string): Entry[] {
  const lines = readFileSync(path, 'utf8').split('\n');
  // Whatever stands behind the last line's end is not whole.
  return lines.slice(0, -1).map((line) => JSON.parse(line) as Entry);
}
