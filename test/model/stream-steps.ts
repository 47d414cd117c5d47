/** Steps about streams as a whole: creation, deletion, splits, merges, tags, listings. */
import { expect } from 'vitest';
import { describedShard, listedTags } from './compare.ts';
import { type Model, TRANSITION_MS } from './model.ts';
import { indexOf, type ShardChoice, type Step, step, text } from './step.ts';
import { type Design, shardIdOf } from './stream.ts';
import { advance } from './time-steps.ts';
import { ask, type World } from './world.ts';

const PLAIN: Design = { shardCount: 1, mode: 'PROVISIONED', tags: {}, maxRecordKib: undefined };
/** What on-demand streams begin with. */
const ON_DEMAND_SHARDS = 4;

export const create = (StreamName: string, chosen: Partial<Design>): Step =>
  step(`create ${StreamName} with ${text(chosen)}`, (model, world) => {
    const design = { ...PLAIN, ...chosen };
    const { shardCount, mode, tags, maxRecordKib } = design;
    const isOnDemand = mode === 'ON_DEMAND';
    const input = {
      StreamName,
      ShardCount: isOnDemand ? undefined : shardCount,
      StreamModeDetails: isOnDemand ? { StreamMode: mode } : undefined,
      Tags: Object.keys(tags).length === 0 ? undefined : tags,
      MaxRecordSizeInKiB: maxRecordKib,
    };
    return ask(world, 'CreateStream', input, () =>
      model.create(StreamName, isOnDemand ? { ...design, shardCount: ON_DEMAND_SHARDS } : design),
    );
  });

/** Consumers must be enforced upon, those that still are being deleted too. */
export const remove = (StreamName: string, isEnforced: boolean): Step =>
  step(`delete ${StreamName}${isEnforced ? ' with its consumers' : ''}`, (model, world) => {
    const EnforceConsumerDeletion = isEnforced ? true : undefined;
    return ask(world, 'DeleteStream', { StreamName, EnforceConsumerDeletion }, () =>
      model.delete(StreamName, isEnforced),
    );
  });

/**
 * As quickly as it can be done. Whoever is `hasty` deletes twice, which must not take longer, and leaves the new stream in
 * CREATING, so that less than a second may lie between two streams of the name.
 */
export const recreate = (name: string, hasty: boolean): Step =>
  step(`delete ${name} and create it again${hasty ? ', hasty' : ''}`, async (model, world) => {
    const halfMs = TRANSITION_MS / 2;
    const parts = hasty
      ? [remove(name, true), advance(halfMs), remove(name, true), advance(halfMs), create(name, {})]
      : [remove(name, true), advance(TRANSITION_MS), create(name, {}), advance(TRANSITION_MS)];
    for (const part of parts) await part.run(model, world);
  });

/** Where to split: the ends are refused, and so is what would leave only one hash key. */
export type SplitPoint = 'start' | 'start + 1' | 'start + 2' | 'third' | 'middle' | 'end - 1' | 'end';

const SPLIT_KEYS: Readonly<Record<SplitPoint, (start: bigint, end: bigint) => bigint>> = {
  start: (start) => start,
  'start + 1': (start) => start + 1n,
  'start + 2': (start) => start + 2n,
  third: (start, end) => start + (end - start) / 3n,
  middle: (start, end) => (start + end + 1n) / 2n,
  'end - 1': (_start, end) => end - 1n,
  end: (_start, end) => end,
};

export const split = (StreamName: string, chosen: ShardChoice, point: SplitPoint): Step =>
  step(`split shard ${text(chosen)} of ${StreamName} at ${point}`, (model, world) => {
    const index = indexOf(chosen, StreamName, model);
    const { start, end } = model.find(StreamName)?.shards[index] ?? { start: 0n, end: 1000n };
    const key = SPLIT_KEYS[point](start, end);
    const input = { StreamName, ShardToSplit: shardIdOf(index), NewStartingHashKey: key.toString() };
    return ask(world, 'SplitShard', input, () => model.split(StreamName, index, key));
  });

export const merge = (StreamName: string, lower: ShardChoice, upper: ShardChoice): Step =>
  step(`merge shards ${text(lower)} and ${text(upper)} of ${StreamName}`, (model, world) =>
    mergeShards(StreamName, indexOf(lower, StreamName, model), indexOf(upper, StreamName, model), model, world),
  );

/** What random shards are seldom: next to each other. The wrong way round they are refused. */
export const mergeNeighbours = (StreamName: string, choice: number, inverted: boolean): Step =>
  step(`merge neighbours ${choice} of ${StreamName}${inverted ? ', inverted' : ''}`, (model, world) => {
    const open = model.find(StreamName)?.open() ?? [];
    const place = choice % Math.max(1, open.length - 1);
    const [lower, upper] = [open[place]?.index ?? 0, open[place + 1]?.index ?? 1];
    return inverted
      ? mergeShards(StreamName, upper, lower, model, world)
      : mergeShards(StreamName, lower, upper, model, world);
  });

function mergeShards(StreamName: string, lower: number, upper: number, model: Model, world: World) {
  const input = { StreamName, ShardToMerge: shardIdOf(lower), AdjacentShardToMerge: shardIdOf(upper) };
  return ask(world, 'MergeShards', input, () => model.merge(StreamName, lower, upper));
}

export const tag = (StreamName: string, Tags: Readonly<Record<string, string>>): Step =>
  step(`tag ${StreamName} with ${text(Tags)}`, (model, world) =>
    ask(world, 'AddTagsToStream', { StreamName, Tags }, () => model.tag(StreamName, Tags)),
  );

export const untag = (StreamName: string, TagKeys: readonly string[]): Step =>
  step(`untag ${text(TagKeys)} of ${StreamName}`, (model, world) =>
    ask(world, 'RemoveTagsFromStream', { StreamName, TagKeys }, () => model.untag(StreamName, TagKeys)),
  );

export const listTags = (StreamName: string, Limit: number, after: string | undefined): Step =>
  step(`list ${Limit} tags of ${StreamName} after ${after}`, async (model, world) => {
    const input = { StreamName, Limit, ExclusiveStartTagKey: after };
    const result = await ask(world, 'ListTagsForStream', input, () =>
      listedTags(model.require(StreamName).tags).filter(({ Key }) => after === undefined || Key > after),
    );
    if (result === undefined) return;
    const { answer, expected } = result;
    expect(answer).toEqual({ Tags: expected.slice(0, Limit), HasMoreTags: expected.length > Limit });
  });

export const describeStream = (StreamName: string, Limit: number, chosen: ShardChoice | undefined): Step =>
  step(`describe ${Limit} shards of ${StreamName} after ${text(chosen)}`, async (model, world) => {
    const after = chosen && indexOf(chosen, StreamName, model);
    const input = { StreamName, Limit, ExclusiveStartShardId: after === undefined ? undefined : shardIdOf(after) };
    const result = await ask(world, 'DescribeStream', input, () =>
      model
        .require(StreamName)
        .listed()
        .filter(({ index }) => index > (after ?? -1)),
    );
    if (result === undefined) return;
    const { answer, expected } = result;
    expect(answer.StreamDescription).toMatchObject({
      Shards: expected.slice(0, Limit).map(describedShard),
      HasMoreShards: expected.length > Limit,
    });
  });

/** Page by page to the end, which is what makes sense of the tokens. */
export const listStreams = (Limit: number, after: string | undefined): Step =>
  step(`list streams by ${Limit} after ${after}`, async (model, { server }) => {
    const names = model.streams().flatMap(({ name }) => (name > (after ?? '') ? [name] : []));
    let page = await server.ok('ListStreams', { Limit, ExclusiveStartStreamName: after });
    for (let place = 0; ; place += Limit) {
      const hasMore = names.length > place + Limit;
      expect(page).toMatchObject({ StreamNames: names.slice(place, place + Limit), HasMoreStreams: hasMore });
      expect(page.NextToken !== undefined, 'a token whenever there is more').toBe(hasMore);
      if (!hasMore) return;
      page = await server.ok('ListStreams', { Limit, NextToken: page.NextToken });
    }
  });
