/** The system calls that fail in F1, and how: every case there is, and the ones that a short run picks. Pure. */
import type { Random } from '../random.ts';

export const ERRORS = ['EIO', 'ENOSPC', 'EROFS', 'EDQUOT'] as const;

/** Whose system calls: those on the database's files, on the commit witness, or of the threads that write objects. */
export type Target = 'database' | 'witness' | 'objects';

export interface Case {
  readonly target: Target;
  readonly syscalls: readonly string[];
  readonly error: (typeof ERRORS)[number];
  /** The first call that fails, from 1. */
  readonly first: number;
  /** Whether all after it fail too. */
  readonly isForEver: boolean;
}

/** What must become of the server. */
export type Reaction = 'ends' | 'goes on' | 'either';

interface Group {
  readonly target: Target;
  readonly syscalls: readonly string[];
  /** The last of the calls that is the first to fail. */
  readonly deepest: number;
}

const SYNC = ['fsync', 'fdatasync'];

/**
 * Objects are written with `write`, as are sockets and the wake-up calls between threads, on which Node's own event
 * loop depends; strace tells files apart by their whole names only, and those of objects are not known beforehand. F4
 * has these writes fail, on a full file system.
 */
const GROUPS: readonly Group[] = [
  { target: 'database', syscalls: SYNC, deepest: 40 },
  { target: 'database', syscalls: ['pwrite64'], deepest: 40 },
  { target: 'database', syscalls: ['openat'], deepest: 2 },
  { target: 'database', syscalls: ['ftruncate'], deepest: 1 },
  { target: 'database', syscalls: ['unlink'], deepest: 1 },
  { target: 'witness', syscalls: ['write', 'pwrite64'], deepest: 5 },
  { target: 'objects', syscalls: SYNC, deepest: 4 },
  { target: 'objects', syscalls: ['openat'], deepest: 5 },
  { target: 'objects', syscalls: ['rename'], deepest: 2 },
  { target: 'objects', syscalls: ['mkdir'], deepest: 1 },
  { target: 'objects', syscalls: ['unlink'], deepest: 1 },
];

/** `count` cases, evenly from all groups, and within a group by chance; all cases when there are no more than that. */
export function chooseCases(count: number, random: Random): Case[] {
  const groups = GROUPS.map((group) => shuffled(casesOf(group), random));
  const chosen: Case[] = [];
  for (let turn = 0; groups.some((cases) => turn < cases.length); turn += 1) {
    for (const cases of groups) if (cases[turn] !== undefined) chosen.push(cases[turn]!);
  }
  return chosen.slice(0, count);
}

export const CASES_IN_ALL = GROUPS.reduce((sum, group) => sum + casesOf(group).length, 0);

function casesOf({ target, syscalls, deepest }: Group): Case[] {
  const depths = Array.from({ length: deepest }, (_, index) => index + 1);
  return depths.flatMap((first) =>
    ERRORS.flatMap((error) => [false, true].map((isForEver) => ({ target, syscalls, error, first, isForEver }))),
  );
}

/** What is documented: a disk that fails ends the process, one that is full does not; objects are only late. */
export function reactionTo({ target, syscalls, error }: Case): Reaction {
  if (target !== 'database') return 'goes on';
  const isSync = syscalls === SYNC;
  if (!isSync && !syscalls.includes('pwrite64')) return 'either';
  if (error === 'EIO' || error === 'EROFS') return 'ends';
  // SQLite tells ENOSPC of a write apart. A quota, and space that is missing only when it syncs, are I/O errors to it:
  // pages may be gone from memory then, and ending is the safe answer.
  return error === 'ENOSPC' && !isSync ? 'goes on' : 'either';
}

/** What strace is told. */
export const faultOf = ({ error, first, isForEver }: Case): string =>
  `error=${error}:when=${first}${isForEver ? '+' : ''}`;

export const caseText = (one: Case): string => `${one.target} ${one.syscalls.join(',')} ${faultOf(one)}`;

function shuffled<T>(items: readonly T[], random: Random): T[] {
  const result = [...items];
  for (let index = result.length - 1; index > 0; index -= 1) {
    const other = random.integer(0, index);
    [result[index], result[other]] = [result[other]!, result[index]!];
  }
  return result;
}
