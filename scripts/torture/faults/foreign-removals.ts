/**
 * The first half of F7: somebody removes, moves or replaces the files of a server under load. From then on nothing is
 * acknowledged, the process ends, and everything that was acknowledged is in the rescue file.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Context, Violation } from '../scenario.ts';
import { type Server, start } from '../server.ts';
import { attempt } from './attempt.ts';
import { Copy, DATA_FILE, WAL_FILE } from './damage.ts';
import { audit, createStreams, lackOf, load, newReceipts, type Receipts } from './receipts.ts';
import { type Allowed, EXIT, judge, startAndAudit } from './verdict-on-start.ts';
import { pause, within } from './within.ts';

const DATA_REPLACED = 10;

interface Removal {
  readonly name: string;
  readonly act: (dataDir: string, context: Context) => unknown;
  /** Whether nothing of the directory is left, so that the next start cannot know that there was something. */
  readonly isTotal?: boolean;
}

const REMOVALS: readonly Removal[] = [
  { name: `rm ${WAL_FILE}`, act: (dataDir) => rmSync(join(dataDir, WAL_FILE)) },
  { name: `rm ${DATA_FILE}`, act: (dataDir) => rmSync(join(dataDir, DATA_FILE)) },
  {
    name: `mv ${DATA_FILE} elsewhere`,
    act: (dataDir, { directory }) => renameSync(join(dataDir, DATA_FILE), join(directory, 'moved.db')),
  },
  {
    name: `another file is moved over ${DATA_FILE}`,
    act: (dataDir) => {
      cpSync(join(dataDir, DATA_FILE), join(dataDir, 'copy.db'));
      renameSync(join(dataDir, 'copy.db'), join(dataDir, DATA_FILE));
    },
  },
  {
    name: `another file is moved over ${WAL_FILE}`,
    act: (dataDir) => {
      cpSync(join(dataDir, WAL_FILE), join(dataDir, 'copy-wal'));
      renameSync(join(dataDir, 'copy-wal'), join(dataDir, WAL_FILE));
    },
  },
  {
    name: 'rm -rf of the data directory',
    // The server may put its rescue file where rm is at work; rm says so, and that is all.
    act: (dataDir) => spawnSync('rm', ['-rf', dataDir]),
    isTotal: true,
  },
];

export interface Removed {
  readonly violations: Violation[];
  removals: number;
  rescued: number;
  /** Records that the rescue files had to have. */
  records: number;
}

/** Each of them once, on a directory of its own. */
export async function removeFiles(context: Context): Promise<Removed> {
  const tally: Removed = { violations: [], removals: 0, rescued: 0, records: 0 };
  for (const [index, removal] of REMOVALS.entries()) {
    context.progress(removal.name);
    const dataDir = join(context.directory, `removal-${index}`);
    for (const message of await tryRemoval(removal, dataDir, context, tally)) {
      tally.violations.push({ guarantee: 'NoAckAfterLoss', message: `${removal.name}: ${message}` });
    }
    tally.removals += 1;
    rmSync(dataDir, { recursive: true, force: true });
  }
  return tally;
}

const LOAD_MS = 600;
const END_LIMIT_MS = 10_000;

async function tryRemoval(removal: Removal, dataDir: string, context: Context, tally: Removed): Promise<string[]> {
  const receipts = newReceipts();
  const server = await start({ build: context.build, dataDir }, context.cleanup);
  await createStreams(server.url);
  let isOver = false;
  const loading = load(server.url, receipts, () => isOver);
  await pause(LOAD_MS + context.random.integer(0, 300));
  removal.act(dataDir, context);
  const firstAfter = receipts.next;
  const exit = await within(server.exited, END_LIMIT_MS);
  isOver = true;
  await loading;
  if (exit === undefined) await server.end('SIGKILL');
  const late = [...receipts.kinesis.keys(), ...receipts.firehose].filter((number) => number >= firstAfter).length;
  return [
    ...(late > 0 ? [`${late} records that were sent after it were acknowledged.`] : []),
    ...judgeEnd(exit?.code, server),
    ...(await judgeRescue(dataDir, receipts, context, tally)),
    ...(removal.isTotal ? [] : await judgeNextStart(dataDir, receipts, context)),
  ];
}

function judgeEnd(code: number | null | undefined, server: Server): string[] {
  const said = server.stderr();
  if (code === undefined) return [`The server still ran ${END_LIMIT_MS} ms after it.`];
  if (code !== DATA_REPLACED) return [`The server ended with ${code}: ${said.slice(-400)}`];
  return /was (removed|replaced)/.test(said) ? [] : [`The end does not tell what happened: ${said.slice(-400)}`];
}

/** Put in the place of the database, the rescue file has all that was acknowledged. */
async function judgeRescue(dataDir: string, receipts: Receipts, context: Context, tally: Removed): Promise<string[]> {
  const rescue = join(dataDir, 'rescue');
  const files = existsSync(rescue) ? readdirSync(rescue) : [];
  const databases = files.filter((name) => /^millrace-.*\.db$/.test(name));
  if (databases.length !== 1) return [`There should be one rescue file; there are: ${files.join(', ') || 'none'}.`];
  const restored = join(context.directory, 'restored');
  rmSync(restored, { recursive: true, force: true });
  mkdirSync(restored);
  cpSync(join(rescue, databases[0]!), join(restored, DATA_FILE));
  const result = await attempt({ build: context.build, dataDir: restored }, context.cleanup);
  if (result.kind !== 'ready') return [`A server does not start on the rescue file: ${JSON.stringify(result)}`];
  const found = await audit(result.server.url, restored, receipts);
  await result.server.end('SIGKILL');
  tally.rescued += 1;
  tally.records += receipts.kinesis.size + receipts.firehose.size;
  const lack = lackOf(found);
  return [...(lack === undefined ? [] : [`Of the rescue file: ${lack}`]), ...found.wrong.slice(0, 3)];
}

/** What is left in the directory must not be taken for all of it, unless it is. */
async function judgeNextStart(dataDir: string, receipts: Receipts, context: Context): Promise<string[]> {
  const copy = new Copy(dataDir);
  const before = copy.fingerprint();
  const outcome = await startAndAudit(copy, receipts, context);
  const allowed: Allowed = {
    refusals: [EXIT.dataMissing, EXIT.damagedData],
    names: /millrace\.db|--accept-data-loss/,
    serves: 'whole',
  };
  return judge(outcome, allowed, { copy, before }).map(({ message }) => `At the next start: ${message}`);
}
