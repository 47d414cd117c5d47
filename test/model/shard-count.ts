/**
 * UpdateShardCount by its rules. Which shards are split and merged on the way is for the server to choose: the model looks
 * at what it did, judges it, and goes on with it.
 */
import { assertActive, type Model, onDemand, tooMuch } from './model.ts';
import { evenStarts, type ModelShard, type ModelStream } from './stream.ts';

const SHARDS_MAX = 10_000;

/** Returns the number of open shards before. */
export function updateShardCount(model: Model, name: string, target: number): number {
  const stream = model.require(name);
  if (stream.mode === 'ON_DEMAND') throw onDemand();
  assertActive(stream);
  const open = stream.open().length;
  if (target > 2 * open) throw tooMuch('UpdateShardCount cannot scale up over double your current open shard count.');
  if (2 * target < open) throw tooMuch('UpdateShardCount cannot scale down below half your current open shard count.');
  if (target > SHARDS_MAX) throw tooMuch('Target shard count or number of open shards cannot be greater than');
  // Asking for what is there changes nothing, even where the shards are not equal.
  if (target === open) return open;
  const atEnd = (atMs: number) => {
    stream.awaited = { target, atMs };
  };
  model.update(stream, atEnd, true);
  return open;
}

/** A shard as ListShards shows it. */
export interface ShownShard {
  readonly ShardId: string;
  readonly ParentShardId?: string;
  readonly AdjacentParentShardId?: string;
  readonly HashKeyRange: { readonly StartingHashKey: string; readonly EndingHashKey: string };
}

/**
 * Takes over the shards that an update of the shard count has made.
 * @throws Error when they break a rule: splits in two, merges of two neighbours, and equal shards in the end
 */
export function adoptShards(stream: ModelStream, shown: readonly ShownShard[]): void {
  const { target, atMs } = stream.awaited!;
  stream.awaited = undefined;
  const isUniform = areEven(stream.open());
  const before = { open: stream.open().length, all: stream.shards.length };
  for (const { ShardId, ParentShardId, AdjacentParentShardId, HashKeyRange } of shown.slice(newFrom(stream, shown))) {
    const parents = [ParentShardId, AdjacentParentShardId].flatMap((id) =>
      id === undefined ? [] : [shardOf(id, stream)],
    );
    const range = { start: BigInt(HashKeyRange.StartingHashKey), end: BigInt(HashKeyRange.EndingHashKey) };
    stream.succeed(range, parents, atMs);
    if (stream.shards.at(-1)!.id !== ShardId) throw new Error(`${ShardId} leaves a number out.`);
  }
  for (const shard of stream.shards) assertLineage(shard, stream);
  const open = stream.open();
  if (open.length !== target || !areEven(open))
    throw new Error(`${target} equal shards of ${stream.name} became ${ranges(open)}.`);
  const made = stream.shards.length - before.all;
  if (isUniform && target === 2 * before.open && made !== target) throw new Error(`Doubling made ${made} shards.`);
  if (isUniform && 2 * target === before.open && made !== target) throw new Error(`Halving made ${made} shards.`);
}

function newFrom({ shards }: ModelStream, shown: readonly ShownShard[]): number {
  const known = new Set(shards.map(({ id }) => id));
  const first = shown.findIndex(({ ShardId }) => !known.has(ShardId));
  return first === -1 ? shown.length : first;
}

function shardOf(id: string, { shards }: ModelStream): ModelShard {
  const found = shards.find((shard) => shard.id === id);
  if (found === undefined) throw new Error(`${id} is a parent before it is there.`);
  return found;
}

/** How the remainder of a division is spread is left to the server. */
function areEven(open: readonly ModelShard[]): boolean {
  const starts = evenStarts(open.length);
  return open.every(({ start }, place) => distance(start, starts[place]!) <= BigInt(open.length));
}

const distance = (a: bigint, b: bigint): bigint => (a < b ? b - a : a - b);

/** The children of a shard are two halves of it, or one that it shares with its neighbour. */
function assertLineage(shard: ModelShard, stream: ModelStream): void {
  const children = stream.childrenOf(shard);
  if ((shard.closedMs === undefined) !== (children.length === 0))
    throw new Error(`${shard.id} has ${children.length} children.`);
  if (children.length === 0) return;
  const isMerge = children.length === 1 && children[0]!.parents.length === 2;
  const isSplit = children.length === 2 && children.every(({ parents }) => parents.length === 1);
  if (!isMerge && !isSplit) throw new Error(`${shard.id} was neither split nor merged.`);
  const [taken, given] = isMerge ? [children[0]!.parents, children] : [[shard], children];
  if (ranges(hull(taken)) !== ranges(hull(given))) throw new Error(`${ranges(taken)} became ${ranges(given)}.`);
}

type Range = Pick<ModelShard, 'start' | 'end'>;

/** The range of neighbours that are given in the order of their hash keys. */
function hull(neighbours: readonly Range[]): Range[] {
  const isTiled = neighbours.every(({ start }, place) => place === 0 || neighbours[place - 1]!.end + 1n === start);
  return isTiled ? [{ start: neighbours[0]!.start, end: neighbours.at(-1)!.end }] : [...neighbours];
}

const ranges = (of: readonly Range[]): string => of.map(({ start, end }) => `${start}-${end}`).join(', ');
