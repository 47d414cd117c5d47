/** F9: many starts on one directory at the same instant. One gets it, the others say so and leave all as it is. */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Context, Result, Scenario, Violation } from '../scenario.ts';
import type { Server } from '../server.ts';
import { type Attempt, attempt, sentenceIn } from './attempt.ts';
import { audit, createStreams, lackOf, newReceipts, putToStream, type Receipts } from './receipts.ts';

const STARTS = 50;
/** Where a server runs already; fewer, because each costs a second of a core. */
const STARTS_BESIDE = 10;
const DATA_IN_USE = 4;
/** Fifty processes of Node share a few cores: they are judged by what they do, and by coming to an end. */
const LIMIT_MS = 120_000;

interface Tally {
  readonly violations: Violation[];
  readonly slowestMs: number[];
  winners: number;
  refusals: number;
}

async function run(context: Context): Promise<Result> {
  const tally: Tally = { violations: [], slowestMs: [], winners: 0, refusals: 0 };
  let done = 0;
  for (; done < context.count && (done === 0 || !context.isTimeUp()); done += 1) {
    context.progress(`round ${done + 1}: ${STARTS} starts, twice`);
    await round(join(context.directory, `data-${done}`), context, tally);
  }
  return {
    violations: tally.violations,
    done,
    sometimes: { winners: tally.winners, refusals: tally.refusals },
    figures: { starts: tally.winners + tally.refusals, 'last refusal ms': Math.round(Math.max(0, ...tally.slowestMs)) },
  };
}

/** Where nothing is yet; where the killed winner left its data; and where a server runs already. */
async function round(dataDir: string, context: Context, tally: Tally): Promise<void> {
  const receipts = newReceipts();
  mkdirSync(dataDir, { recursive: true });
  const first = await startMany(dataDir, context, tally);
  if (first === undefined) return;
  await createStreams(first.url);
  for (let request = 0; request < 20; request += 1) await putToStream(first.url, receipts, 20);
  await first.end('SIGKILL');

  const second = await startMany(dataDir, context, tally);
  if (second === undefined) return;
  await auditAfter(`${STARTS} starts after a kill`, second, dataDir, receipts, tally);
  const before = hashOf(dataDir);
  await startMany(dataDir, context, tally, second);
  if (hashOf(dataDir) !== before) tally.violations.push(violation('A start that was refused changed the data.'));
  await putToStream(second.url, receipts, 20);
  await auditAfter('starts beside a running server', second, dataDir, receipts, tally);
  await second.end('SIGTERM');
}

/** The winner, if there is exactly one as there should be. With `running`, there should be none but that. */
async function startMany(
  dataDir: string,
  { build, cleanup }: Context,
  tally: Tally,
  running?: Server,
): Promise<Server | undefined> {
  const launch = { build, dataDir };
  const count = running === undefined ? STARTS : STARTS_BESIDE;
  const attempts = await Promise.all(Array.from({ length: count }, () => attempt(launch, cleanup, LIMIT_MS)));
  const winners = attempts.flatMap((result) => (result.kind === 'ready' ? [result.server] : []));
  const wanted = running === undefined ? 1 : 0;
  if (winners.length !== wanted) {
    tally.violations.push(violation(`${winners.length} of ${count} starts became ready where ${wanted} should.`));
  }
  const [winner, ...others] = winners;
  // Two servers on one directory would damage it: the audit is to see what they did, not what they go on doing.
  for (const other of others) await other.end('SIGKILL');
  const held = running ?? winner;
  for (const result of attempts) judge(result, held, dataDir, tally);
  tally.winners += winners.length;
  return winner;
}

function judge(result: Attempt, holder: Server | undefined, dataDir: string, tally: Tally): void {
  if (result.kind === 'ready') return;
  if (result.kind === 'hung') {
    tally.violations.push(violation(`A start neither became ready nor ended within ${LIMIT_MS} ms.`));
    return;
  }
  tally.refusals += 1;
  tally.slowestMs.push(result.endedMs);
  const sentence = sentenceIn(result.stderr);
  if (result.exit.code !== DATA_IN_USE || sentence === undefined || !sentence.includes(dataDir)) {
    tally.violations.push(
      violation(
        `A second start should end with ${DATA_IN_USE} and one sentence that names ${dataDir}, not with ` +
          `${result.exit.code ?? result.exit.signal} and: ${result.stderr.slice(0, 500)}`,
      ),
    );
  }
  // While the holder is still starting nobody can know its pid; afterwards a wrong one would mislead.
  const pid = /\(pid (\d+)/.exec(sentence ?? '')?.[1];
  if (pid !== undefined && holder !== undefined && Number(pid) !== holder.pid) {
    tally.violations.push(violation(`The refusal names pid ${pid} where ${holder.pid} has the directory.`));
  }
}

async function auditAfter(
  moment: string,
  server: Server,
  dataDir: string,
  receipts: Receipts,
  tally: Tally,
): Promise<void> {
  const found = await audit(server.url, dataDir, receipts);
  const lack = lackOf(found);
  for (const message of [...(lack === undefined ? [] : [lack]), ...found.wrong])
    tally.violations.push(violation(`After ${moment}: ${message}`));
}

function hashOf(dataDir: string): string {
  const hash = createHash('sha256');
  // Read by this process, never by the one that has it open.
  for (const name of ['millrace.db', 'millrace.db-wal']) hash.update(readFileSync(join(dataDir, name)));
  return hash.digest('hex');
}

const violation = (message: string): Violation => ({ guarantee: 'OneServerPerDirectory', message });

export const manyStarts: Scenario = {
  name: 'F9',
  title: `${STARTS} starts on one directory at the same instant`,
  needs: [],
  counts: { short: 1, long: 20 },
  // Nothing else gets its share of the cores beside fifty programs.
  alone: true,
  run,
};
