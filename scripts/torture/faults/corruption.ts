/**
 * F6: damaged files. Each case of a catalogue, then bits that are flipped at random: the server refuses with a sentence
 * that names the file and leaves it as it is, or it serves correct data and says what it cannot read.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import type { Random } from '../random.ts';
import type { Context, Result, Scenario, Violation } from '../scenario.ts';
import { logged } from './attempt.ts';
import { type Case, casesOn } from './corruption-cases.ts';
import { Copy, DATA_FILE, WAL_FILE, WITNESS_FILE } from './damage.ts';
import { type Prepared, prepare } from './prepared.ts';
import { objectsIn } from './receipts.ts';
import { ANY_HONEST, judge, type Outcome, startAndAudit } from './verdict-on-start.ts';

interface Tally {
  readonly violations: Violation[];
  cases: number;
  flips: number;
  refused: number;
  served: number;
  /** Records whose reading was refused. */
  named: number;
  accepted: number;
}

async function run(context: Context): Promise<Result> {
  const tally: Tally = { violations: [], cases: 0, flips: 0, refused: 0, served: 0, named: 0, accepted: 0 };
  context.progress('prepares the data directories');
  const prepared = await prepare(context);
  await controls(prepared, context, tally);
  const cases = casesOn(prepared);
  for (const [index, one] of cases.entries()) {
    context.progress(`${index + 1} of ${cases.length}: ${one.name}`);
    await runCase(one, prepared, context, tally);
  }
  for (let index = 0; index < context.count && (index === 0 || !context.isTimeUp()); index += 1) {
    context.progress(`flips bits, ${index + 1} of ${context.count}`);
    await flipBits(index, prepared, context, tally);
  }
  const { violations, flips, refused, served, named, accepted } = tally;
  return {
    violations,
    done: flips,
    sometimes: { refused, served, named, accepted },
    figures: { cases: tally.cases, 'damaged at random': flips, 'refused starts': refused },
  };
}

/** Without damage all of it is served: otherwise what comes next would prove nothing. */
async function controls(prepared: Prepared, context: Context, tally: Tally): Promise<void> {
  for (const of of ['killed', 'stopped'] as const) {
    const control: Case = { name: `no damage (${of})`, of, damage: () => undefined, allowed: { serves: 'whole' } };
    await runCase(control, prepared, context, tally);
  }
}

async function runCase(one: Case, prepared: Prepared, context: Context, tally: Tally): Promise<void> {
  const { of, name, damage, allowed, receipts = prepared[of].receipts, canAccept = false } = one;
  const random = context.random.fork(name);
  const copy = Copy.of(prepared[of].directory, join(context.directory, 'copy'));
  damage(copy, random);
  const before = copy.fingerprint();
  const objectsBefore = objectsIn(copy.directory);
  const outcome = await startAndAudit(copy, receipts, context);
  const found = name.startsWith('garbage in an object') ? withoutObjects(outcome) : outcome;
  const violations = judge(found, allowed, { copy, before });
  for (const [path, bytes] of objectsBefore) {
    if (objectsIn(copy.directory).get(path)?.equals(bytes)) continue;
    violations.push({ guarantee: 'Untouched', message: `The object ${path} is not as it was.` });
  }
  count(outcome, tally);
  tally.cases += 1;
  if (canAccept && outcome.kind === 'refused') violations.push(...(await acceptLoss(copy, receipts, context, tally)));
  tally.violations.push(...violations.map((violation) => named(name, violation)));
}

/** What is wrong with an object that was damaged on purpose is no fault of the server. */
function withoutObjects(outcome: Outcome): Outcome {
  if (outcome.kind !== 'served') return outcome;
  const wrong = outcome.audit.wrong.filter((message) => !message.startsWith('The object '));
  return { ...outcome, audit: { ...outcome.audit, wrong, missing: 0 } };
}

/** With the flag it starts with what is there, writes the loss down, and starts without the flag from then on. */
async function acceptLoss(
  copy: Copy,
  receipts: Case['receipts'] & object,
  context: Context,
  tally: Tally,
): Promise<Violation[]> {
  const outcome = await startAndAudit(copy, receipts, context, ['--accept-data-loss']);
  const broken = (message: string): Violation => ({ guarantee: 'AcceptedLoss', message });
  if (outcome.kind !== 'served') {
    return [
      broken(`With --accept-data-loss the server should serve what is there: ${JSON.stringify(outcome).slice(0, 400)}`),
    ];
  }
  tally.accepted += 1;
  const violations = outcome.audit.wrong.slice(0, 5).map(broken);
  const query = 'select count(*) from incidents';
  const { stdout } = spawnSync('sqlite3', ['-init', '/dev/null', copy.path(DATA_FILE), query], { encoding: 'utf8' });
  if (!(Number(stdout) > 0))
    violations.push(broken(`The table incidents should tell the loss; it has ${stdout} rows.`));
  if (logged(outcome.stderr, /loss|lost|missing/i).length === 0) {
    violations.push(broken(`The log should tell the loss: ${outcome.stderr.slice(0, 400)}`));
  }
  const after = await startAndAudit(copy, receipts, context);
  if (after.kind !== 'served') {
    violations.push(
      broken(
        `Once accepted, the loss should not keep the server from starting: ${JSON.stringify(after).slice(0, 400)}`,
      ),
    );
  }
  return violations;
}

const FUZZED = [DATA_FILE, WAL_FILE, WITNESS_FILE, 'lock.db'] as const;
/** So many bits at most, in an area of so many bytes: single ones, and what a bad sector looks like. */
const BITS_MAX = 8;
const AREA_BYTES = 512;

async function flipBits(index: number, prepared: Prepared, context: Context, tally: Tally): Promise<void> {
  const random = context.random.fork(`flips ${index}`);
  const of = random.pick(['killed', 'stopped'] as const);
  const copy = Copy.of(prepared[of].directory, join(context.directory, 'copy'));
  const file = random.pick(FUZZED.filter((name) => copy.sizeOf(name) > 0));
  const what = flipIn(copy, file, random);
  const before = copy.fingerprint();
  const outcome = await startAndAudit(copy, prepared[of].receipts, context);
  count(outcome, tally);
  tally.flips += 1;
  const violations = judge(outcome, ANY_HONEST, { copy, before });
  tally.violations.push(...violations.map((violation) => named(`flips ${index}: ${what} (${of})`, violation)));
}

/** Returns what was done, for the report. */
function flipIn(copy: Copy, file: string, random: Random): string {
  const size = copy.sizeOf(file);
  const area = Math.min(AREA_BYTES, size);
  const offset = random.integer(0, size - area);
  const bits = random.integer(1, BITS_MAX);
  for (let bit = 0; bit < bits; bit += 1) copy.flip(file, [offset, area], random);
  return `${bits} bits of ${file} from ${offset} on`;
}

function count(outcome: Outcome, tally: Tally): void {
  if (outcome.kind === 'refused') tally.refused += 1;
  if (outcome.kind === 'served') {
    tally.served += 1;
    tally.named += outcome.audit.refused;
  }
}

const named = (name: string, { guarantee, message }: Violation): Violation => ({
  guarantee,
  message: `${name}: ${message}`,
});

export const corruption: Scenario = {
  name: 'F6',
  title: 'damaged, cut, missing and exchanged files, and bits flipped at random',
  needs: ['sqlite3'],
  counts: { short: 10, long: 2000 },
  run,
};
