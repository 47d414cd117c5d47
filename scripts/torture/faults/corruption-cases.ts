/** The catalogue of damages: what is done to a copy of which data directory, and what a start may make of it. */
import { spawnSync } from 'node:child_process';
import type { Random } from '../random.ts';
import { type Copy, DATA_FILE, WAL_FILE, WITNESS_FILE } from './damage.ts';
import { type Moment, type Prepared, placesOf } from './prepared.ts';
import { lineOf, objectsIn } from './receipts.ts';
import { type Allowed, EXIT } from './verdict-on-start.ts';
import { FRAME_FIELDS, HEADER_FIELDS, parseWal } from './wal-file.ts';

export interface Case {
  readonly name: string;
  readonly of: 'killed' | 'stopped';
  readonly damage: (copy: Copy, random: Random) => void;
  readonly allowed: Allowed;
  /** Whether --accept-data-loss must start with what is there, and write down what is missing. */
  readonly canAccept?: boolean;
  /** What the server must answer for, when it is not the moment that was damaged. */
  readonly receipts?: Moment['receipts'];
}

const { damagedData, dataMissing, dataNotUsable, newerData } = EXIT;

/** Damage in the data file that the start finds, or whoever reads it. */
const DAMAGED: Allowed = { refusals: [damagedData], serves: 'honest', mayEnd: true };
/**
 * With a WAL a data file may be shorter than its database. What the WAL holds anew needs no page of it; a page that is
 * missed may be a part of a large record, of which only the checksum tells.
 */
const SHORTENED = DAMAGED;
/** Acknowledged commits are not there any more. */
const MISSING: Allowed = { refusals: [dataMissing], names: /--accept-data-loss/ };
/** Both are true of it, and which one is found first is up to the program. */
const DAMAGED_OR_MISSING: Allowed = { refusals: [damagedData, dataMissing], names: /millrace\.db|--accept-data-loss/ };
const WHOLE: Allowed = { serves: 'whole' };

export function casesOn(prepared: Prepared): readonly Case[] {
  return [
    ...dataFileCases(),
    ...missingFileCases(),
    ...walBitCases(),
    ...walCutCases(),
    ...exchangedFileCases(prepared),
    ...recordCases(prepared),
    ...otherFileCases(),
    ...foreignFileCases(),
  ];
}

const PAGE_BYTES = 8192;

function dataFileCases(): readonly Case[] {
  return (['killed', 'stopped'] as const).flatMap((of) => [
    {
      name: `garbage in one page of the data file (${of})`,
      of,
      damage: (copy: Copy, random: Random) => garbagePages(copy, 1, random),
      allowed: DAMAGED,
    },
    {
      name: `garbage in ten pages of the data file (${of})`,
      of,
      damage: (copy: Copy, random: Random) => garbagePages(copy, 10, random),
      allowed: DAMAGED,
    },
    {
      name: `garbage in the first page (${of})`,
      of,
      damage: (copy: Copy, random: Random) => copy.overwrite(DATA_FILE, 0, random.bytes(PAGE_BYTES)),
      // Where the WAL holds the first page anew, that of the file is not needed.
      allowed: { refusals: [damagedData, dataNotUsable], ...(of === 'killed' ? { serves: 'whole' } : {}) },
    },
    {
      name: `the data file is cut in half (${of})`,
      of,
      damage: (copy: Copy) => copy.truncate(DATA_FILE, Math.floor(copy.sizeOf(DATA_FILE) / 2)),
      allowed: of === 'killed' ? SHORTENED : { refusals: [damagedData] },
    },
    {
      name: `the data file lacks its last page (${of})`,
      of,
      damage: (copy: Copy) => copy.truncate(DATA_FILE, copy.sizeOf(DATA_FILE) - PAGE_BYTES),
      allowed: of === 'killed' ? SHORTENED : { refusals: [damagedData] },
    },
    {
      name: `a text instead of a database (${of})`,
      of,
      damage: (copy: Copy) => copy.write(DATA_FILE, 'This is not a database.\n'.repeat(1000)),
      allowed: { refusals: [damagedData, dataNotUsable, dataMissing] },
    },
    {
      name: `the data file is empty (${of})`,
      of,
      damage: (copy: Copy) => copy.write(DATA_FILE, ''),
      allowed: MISSING,
      canAccept: true,
    },
    {
      name: `the data file is missing (${of})`,
      of,
      damage: (copy: Copy) => copy.remove(DATA_FILE),
      allowed: MISSING,
      canAccept: true,
    },
  ]) as readonly Case[];
}

/** Pages that are in use: not the first one, which is a case of its own. */
function garbagePages(copy: Copy, count: number, random: Random): void {
  const pages = copy.sizeOf(DATA_FILE) / PAGE_BYTES;
  for (let index = 0; index < count; index += 1) {
    copy.overwrite(DATA_FILE, random.integer(1, pages - 1) * PAGE_BYTES, random.bytes(PAGE_BYTES));
  }
}

function missingFileCases(): readonly Case[] {
  return [
    {
      name: 'the WAL is missing',
      of: 'killed',
      damage: (copy) => copy.remove(WAL_FILE),
      allowed: MISSING,
      canAccept: true,
    },
    {
      name: 'the WAL is empty',
      of: 'killed',
      damage: (copy) => copy.truncate(WAL_FILE, 0),
      allowed: MISSING,
      canAccept: true,
    },
    {
      name: 'only the WAL is left: data file and witness are missing',
      of: 'killed',
      damage: (copy) => copy.remove(DATA_FILE, WITNESS_FILE),
      allowed: DAMAGED_OR_MISSING,
    },
    {
      name: 'the shared memory is missing',
      of: 'killed',
      damage: (copy) => copy.remove(`${DATA_FILE}-shm`),
      allowed: WHOLE,
    },
    {
      name: 'the shared memory holds garbage',
      of: 'killed',
      damage: (copy, random) => copy.write(`${DATA_FILE}-shm`, random.bytes(32_768)),
      allowed: WHOLE,
    },
  ];
}

/** One bit in each field of the header, and of an early, a middle and the last frame. */
function walBitCases(): readonly Case[] {
  const walOf = (copy: Copy) => parseWal(copy.read(WAL_FILE));
  const ofHeader = Object.entries(HEADER_FIELDS).map(
    ([field, place]): Case => ({
      name: `a bit in the ${field} of the WAL's header`,
      of: 'killed',
      damage: (copy, random) => copy.flip(WAL_FILE, place, random),
      allowed: DAMAGED_OR_MISSING,
    }),
  );
  const ofFrames = (['early', 'middle', 'last'] as const).flatMap((which) =>
    Object.keys(FRAME_FIELDS(0)).map(
      (field): Case => ({
        name: `a bit in the ${field} of the WAL's ${which} frame`,
        of: 'killed',
        damage: (copy, random) => {
          const { frames, pageBytes } = walOf(copy);
          const index = { early: 1, middle: Math.floor(frames.length / 2), last: frames.length - 1 }[which];
          const [offset, size] = FRAME_FIELDS(pageBytes)[field as keyof ReturnType<typeof FRAME_FIELDS>];
          copy.flip(WAL_FILE, [frames[index]!.offset + offset, size], random);
        },
        // Nothing comes after the last frame that could tell; but it was acknowledged, and the witness knows.
        allowed:
          which === 'last' ? DAMAGED_OR_MISSING : { ...DAMAGED_OR_MISSING, names: /millrace\.db-wal is damaged/ },
        canAccept: which === 'middle',
      }),
    ),
  );
  return [...ofHeader, ...ofFrames];
}

function walCutCases(): readonly Case[] {
  const commitAt = (copy: Copy, share: number) => {
    const { frames, frameBytes } = parseWal(copy.read(WAL_FILE));
    const commits = frames.filter(({ isCommit }) => isCommit);
    return commits[Math.floor((commits.length - 1) * share)]!.offset + frameBytes;
  };
  return [
    {
      name: 'the WAL ends after half of its commits',
      of: 'killed',
      damage: (copy) => copy.truncate(WAL_FILE, commitAt(copy, 0.5)),
      allowed: DAMAGED_OR_MISSING,
      canAccept: true,
    },
    {
      name: 'the WAL ends inside the frame in its middle',
      of: 'killed',
      damage: (copy) => copy.truncate(WAL_FILE, commitAt(copy, 0.5) + 1000),
      allowed: DAMAGED_OR_MISSING,
      canAccept: true,
    },
    {
      name: 'the last commit in the WAL is torn',
      of: 'killed',
      damage: (copy) => copy.truncate(WAL_FILE, commitAt(copy, 1) - 1),
      allowed: DAMAGED_OR_MISSING,
      canAccept: true,
    },
    {
      name: 'the WAL ends with a torn frame that was not acknowledged',
      of: 'killed',
      damage: (copy, random) => {
        const bytes = copy.read(WAL_FILE);
        const { frames, end } = parseWal(bytes);
        const torn = Buffer.from(bytes.subarray(frames[0]!.offset, frames[0]!.offset + 5000));
        random.bytes(4000).copy(torn, 1000);
        copy.write(WAL_FILE, Buffer.concat([bytes.subarray(0, end), torn]));
      },
      allowed: WHOLE,
    },
    {
      name: 'the WAL ends with garbage',
      of: 'killed',
      damage: (copy, random) => {
        const bytes = copy.read(WAL_FILE);
        copy.write(WAL_FILE, Buffer.concat([bytes.subarray(0, parseWal(bytes).end), random.bytes(50_000)]));
      },
      allowed: WHOLE,
    },
  ];
}

function exchangedFileCases({ early, older, other, busier }: Prepared): readonly Case[] {
  const exchange = (name: string, from: Moment, files: readonly string[], more: Partial<Case> = {}): Case => ({
    name,
    of: 'killed',
    damage: (copy) => copy.replace(from.directory, ...files),
    allowed: DAMAGED_OR_MISSING,
    ...more,
  });
  return [
    exchange('a WAL of an older moment', older, [WAL_FILE]),
    exchange('a WAL of another database', other, [WAL_FILE]),
    exchange('a WAL of another database with more commits', busier, [WAL_FILE]),
    exchange('a data file of an older moment, without its WAL', older, [DATA_FILE]),
    exchange('a data file and a WAL of an older moment', older, [DATA_FILE, WAL_FILE], { canAccept: true }),
    exchange('a data file from an early, orderly stop', early, [DATA_FILE]),
    exchange('a data file from an early, orderly stop, and no WAL', early, [DATA_FILE, WAL_FILE], { canAccept: true }),
    exchange('a data file and a WAL of another database', other, [DATA_FILE, WAL_FILE]),
    exchange('a data file and a WAL of another database with more commits', busier, [DATA_FILE, WAL_FILE]),
    exchange('all files of an older moment', older, [DATA_FILE, WAL_FILE, WITNESS_FILE], {
      // Whoever restores all of it wants it; that is how a backup comes back.
      allowed: WHOLE,
      receipts: older.receipts,
      damage: (copy) => copy.replace(older.directory, DATA_FILE, WAL_FILE, WITNESS_FILE, 's3'),
    }),
  ];
}

/** A bit in what a row holds: SQLite does not notice, the program has to. */
function recordCases({ stopped }: Prepared): readonly Case[] {
  const { kinesis, firehose } = stopped.receipts;
  const entry = [...kinesis.values()].find(({ number }) => number % 40 !== 0)!;
  // The last one is still in the buffer.
  const buffered = [...firehose].filter((number) => number % 40 !== 0).at(-1)!;
  const refusing: Allowed = { serves: 'refusing', refusals: [damagedData], mayEnd: true };
  const flipAt = (name: string, needle: string, skip: number, size = 1): Case => ({
    name,
    of: 'stopped',
    damage: (copy, random) => {
      const offsets = placesOf(needle, copy).map((place) => place + skip);
      copy.flipEach(DATA_FILE, offsets, size, random);
    },
    allowed: refusing,
  });
  const { number, sequenceNumber } = entry;
  return [
    flipAt("a bit in a record's data", lineOf(number), 10, 80),
    flipAt("a bit in a record's partition key", `${sequenceNumber}key-${number}`, sequenceNumber.length, 4),
    flipAt("a bit in a record's sequence number", `${sequenceNumber}key-${number}`, sequenceNumber.length - 3, 2),
    flipAt('a bit in a buffered record', lineOf(buffered), 10, 80),
  ];
}

function otherFileCases(): readonly Case[] {
  return (['killed', 'stopped'] as const).flatMap((of): readonly Case[] => [
    {
      name: `garbage in the witness (${of})`,
      of,
      damage: (copy, random) => copy.write(WITNESS_FILE, random.bytes(64)),
      allowed: { ...WHOLE, logs: /commit-witness/ },
    },
    {
      name: `an empty witness (${of})`,
      of,
      damage: (copy) => copy.write(WITNESS_FILE, ''),
      allowed: WHOLE,
    },
    {
      name: `no witness (${of})`,
      of,
      damage: (copy) => copy.remove(WITNESS_FILE),
      allowed: WHOLE,
    },
    {
      name: `a rollback journal with garbage (${of})`,
      of,
      damage: (copy, random) => copy.write(`${DATA_FILE}-journal`, random.bytes(20_000)),
      // A journal that says nothing is none.
      allowed: WHOLE,
    },
    {
      name: `garbage in an object (${of})`,
      of,
      damage: (copy, random) => {
        const [path] = [...objectsIn(copy.directory).keys()];
        if (path === undefined) throw new Error('There is no object to damage.');
        copy.write(`s3/${path}`, random.bytes(500));
      },
      // Its owner may do with it what they want; see the scenario, which looks whether it stayed as it is.
      allowed: { serves: 'honest' },
    },
  ]);
}

/** What a program in rollback mode leaves when it is killed while it writes. */
function leaveHotJournal(copy: Copy): void {
  const sql =
    'pragma journal_mode = delete; pragma cache_size = 1; begin immediate; ' +
    "update records set partition_key = 'never committed'; select 1;\n.shell kill -9 $PPID\n";
  spawnSync('sqlite3', ['-init', '/dev/null', copy.path(DATA_FILE)], { input: sql });
  if (copy.sizeOf(`${DATA_FILE}-journal`) === 0) throw new Error('sqlite3 left no journal.');
}

function foreignFileCases(): readonly Case[] {
  const sqlite = (copy: Copy, sql: string) => {
    const { status, stderr } = spawnSync('sqlite3', ['-init', '/dev/null', copy.path(DATA_FILE), sql]);
    if (status !== 0) throw new Error(`sqlite3 failed: ${stderr}`);
  };
  return [
    {
      name: 'a rollback journal of somebody who was killed while writing',
      of: 'stopped',
      damage: leaveHotJournal,
      allowed: WHOLE,
    },
    {
      name: 'a database of another program',
      of: 'stopped',
      damage: (copy) => {
        copy.remove(DATA_FILE);
        sqlite(copy, 'create table songs (title text); insert into songs values (1), (2);');
      },
      allowed: { refusals: [dataNotUsable, dataMissing] },
    },
    {
      name: 'a schema of the future',
      of: 'stopped',
      damage: (copy) => sqlite(copy, 'pragma journal_mode = delete; pragma user_version = 9999;'),
      allowed: { refusals: [newerData] },
    },
  ];
}
