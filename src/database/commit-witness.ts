/**
 * A witness of the commits: a small file beside the database with the number of the newest one. It is written after each
 * commit and never synced, so it costs next to nothing. What it is good for:
 *
 * - It outlives the process. A database that is behind its witness has lost acknowledged commits: its write-ahead log was
 *   removed or damaged, or an older copy took its place. SQLite opens such files without a word.
 * - After a power cut the witness may lag behind, because the database was synced and it was not. That says nothing.
 */
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { crc32 } from 'node:zlib';

/** The state of a database: which one it is, and how many commits it has seen. */
export interface CommitState {
  /** server_state.database_id: 32 hexadecimal digits. */
  readonly databaseId: string;
  readonly commit: number;
}

const MAGIC = 'millrace-commit-witness';
const LINE = new RegExp(`^${MAGIC} ([0-9a-f]{32}) (\\d{16}) ([0-9a-f]{8})\\n$`);

const checksum = (text: string) => crc32(text).toString(16).padStart(8, '0');

function lineOf({ databaseId, commit }: CommitState): string {
  const text = `${MAGIC} ${databaseId} ${String(commit).padStart(16, '0')}`;
  return `${text} ${checksum(text)}\n`;
}

/** What the witness at `path` says: nothing when there is none, `unreadable` when it was damaged. */
export function readWitness(path: string): CommitState | 'unreadable' | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'latin1');
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? undefined : 'unreadable';
  }
  const [, databaseId, commit, sum] = LINE.exec(text) ?? [];
  if (sum === undefined || sum !== checksum(text.slice(0, -(sum.length + 2)))) return 'unreadable';
  return { databaseId: databaseId!, commit: Number(commit) };
}

export interface CommitWitness {
  /** Takes the number of a commit that is on disk. All lines have the same length: one write replaces the last. */
  note(commit: number): void;
  close(): void;
}

/**
 * Opens the witness at `path` for writing and has it say `state`.
 * @throws Error of node:fs
 */
export function openWitness(path: string, state: CommitState): CommitWitness {
  const file = openSync(path, 'a', 0o600);
  closeSync(file);
  const writable = openSync(path, 'r+');
  const note = (commit: number) => void writeSync(writable, lineOf({ ...state, commit }), 0, 'latin1');
  note(state.commit);
  return { note, close: () => closeSync(writable) };
}
