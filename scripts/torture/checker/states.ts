/** What must be true of everything that is no record: tags, the existence of streams, their shards, what is under way. */
import { ABSENT, type Reshard, type Seen } from '../history.ts';
import { isPassing, STREAMS } from '../layout.ts';
import type { Ledger } from '../ledger.ts';
import type { Observation, ObservedShard, ObservedStream } from '../observation.ts';
import type { Findings } from './findings.ts';
import { checkScale, madeBy } from './scales.ts';

/** A stream that is there, whichever of its lives that is. */
export const THERE = 'there';

/** NoLoss, NoResurrection and NoForeign of cells. Returns what they were found to be. */
export function checkCells(ledger: Ledger, { cells }: Observation, findings: Findings): Seen[] {
  return Object.entries(cells).map(([cell, observed]) => {
    const possible = ledger.possible(cell);
    const state = observed === THERE ? ([...possible].find((known) => known !== ABSENT) ?? THERE) : observed;
    if (possible.has(state)) return { kind: 'seen', cell, state };
    const expected = [...possible].join(' or ');
    const message = `The ${cell} should be ${expected} and is ${state}.`;
    const isMeant = state === THERE || ledger.meant(cell).has(state);
    if (state === ABSENT) findings.add('NoLoss', message);
    else if (!isMeant) findings.add('NoForeign', message);
    else if (possible.has(ABSENT)) findings.add('NoResurrection', message);
    else findings.add('NoLoss', message);
    // From here on what is there counts, so that one fault is told once.
    return { kind: 'seen', cell, state };
  });
}

/** NoLoss and NoForeign of streams, NoLoss, NoForeign and AtomicRequest of splits and merges. */
export function checkStreams(ledger: Ledger, { streams, missing = [] }: Observation, findings: Findings): void {
  for (const name of missing) findings.add('NoLoss', `The delivery stream ${name} is missing.`);
  for (const { name } of STREAMS) {
    if (!streams.some((stream) => stream.name === name)) findings.add('NoLoss', `The stream ${name} is missing.`);
  }
  for (const stream of streams) {
    const plan = STREAMS.find(({ name }) => name === stream.name);
    if (plan === undefined && !isPassing(stream.name))
      findings.add('NoForeign', `Nobody made the stream ${stream.name}.`);
    if (stream.shards.length === 0) continue;
    checkCoverage(stream, findings);
    if (plan !== undefined) checkReshards(stream, plan.shards, ledger, findings);
  }
}

const FIRST_KEY = '0'.repeat(32);
const LAST_KEY = 'f'.repeat(32);

/** The open shards have each hash key exactly once. */
function checkCoverage({ name, shards }: ObservedStream, findings: Findings): void {
  const open = shards.filter(({ isOpen }) => isOpen).sort((a, b) => (a.from < b.from ? -1 : 1));
  let next: string | null = FIRST_KEY;
  for (const { index, from, to } of open) {
    if (from !== next) findings.add('NoLoss', `In ${name} the shard ${index} begins at ${from} instead of ${next}.`);
    next = to === LAST_KEY ? null : (BigInt(`0x${to}`) + 1n).toString(16).padStart(32, '0');
  }
  if (next !== null) findings.add('NoLoss', `In ${name} no open shard has the hash keys from ${next} on.`);
}

function checkReshards(stream: ObservedStream, firstShards: number, ledger: Ledger, findings: Findings): void {
  const reshards = ledger.reshards.filter(({ target }) => target === stream.name);
  for (const reshard of reshards) checkReshard(reshard, stream, findings);
  const scales = ledger.scales.filter(({ target, outcome }) => target === stream.name && outcome !== 'fail');
  for (const scale of scales) checkScale(scale, stream, findings);
  const made = new Set(scales.flatMap((scale) => madeBy(scale, stream.shards)));
  for (const { index, parents } of stream.shards) {
    const isExplained =
      parents.length === 0
        ? index < firstShards
        : made.has(index) ||
          reshards.some((reshard) => reshard.outcome !== 'fail' && reshard.parents.join() === parents.join());
    if (!isExplained) {
      findings.add(
        'NoForeign',
        `Nobody made the shard ${stream.name}/${index} of ${parents.join(' and ') || 'no parent'}.`,
      );
    }
  }
}

function checkReshard(reshard: Reshard, { name, shards }: ObservedStream, findings: Findings): void {
  const { operation, parents, at, outcome } = reshard;
  if (outcome === 'fail') return;
  const children = shards.filter((shard) => shard.parents.join() === parents.join());
  const closed = parents.filter((parent) => isClosed(parent, shards)).length;
  const isDone =
    closed === parents.length &&
    (at === undefined ? children.length === 1 : children.length === 2 && children.some(({ from }) => from === at));
  if (isDone) return;
  const what = `The ${operation} of ${parents.join(' and ')} in ${name}`;
  if (outcome === 'ok') return findings.add('NoLoss', `${what} was acknowledged and is not there.`);
  const isLater = children.length > 0 && closed === parents.length;
  // A refused or undone one may be followed by another of the same parents.
  if (!isLater && (children.length > 0 || closed > 0 ? !isDoneByOthers(reshard, shards) : false)) {
    findings.add('AtomicRequest', `${what}, of unknown outcome, is there in part.`);
  }
}

const isClosed = (index: number, shards: readonly ObservedShard[]): boolean =>
  shards.some((shard) => shard.index === index && !shard.isOpen);

/** Whether each closed parent has children, so that something else that is whole closed it. */
const isDoneByOthers = ({ parents }: Reshard, shards: readonly ObservedShard[]): boolean =>
  parents
    .filter((parent) => isClosed(parent, shards))
    .every((parent) => shards.some((shard) => shard.parents.includes(parent)));

/** NoStuckState, and what is wrong with the database itself. */
export function checkRest({ stuck, database, returned }: Observation, findings: Findings): void {
  for (const message of stuck) findings.add('NoStuckState', message);
  for (const message of database) findings.add('DatabaseIntact', message);
  for (const path of returned)
    findings.add('NoResurrection', `The object ${path} was deleted by hand and is there again.`);
}
