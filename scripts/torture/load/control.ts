/** Clients that change what is no record: tags, streams that come and go, shards; and one that asks for deliveries. */
import { type Answer, FIREHOSE } from '../client.ts';
import { ABSENT } from '../history.ts';
import {
  DELIVERY_STREAMS,
  decimalOf,
  passingName,
  STREAMS,
  shardIdOf,
  streamArn,
  streamCell,
  tagCell,
  tagKey,
} from '../layout.ts';
import { type OpenShard, openShards } from './open-shards.ts';
import { putIntoLife } from './records.ts';
import type { Session } from './session.ts';

/** The state of a cell that this client owns; undefined while it is not known, for then it is left alone. */
export function stateOf(cell: string, { ground }: Session): string | undefined {
  const states = ground.ledger.possible(cell);
  const [only] = states;
  return states.size === 1 ? only : undefined;
}

export async function change(
  session: Session,
  cell: string,
  to: string,
  operation: string,
  input: object,
): Promise<Answer> {
  const answer = await session.call(operation, input);
  const { outcome, startUs, endUs, error, isGone } = answer;
  if (isGone) return answer;
  session.ground.record({
    kind: 'change',
    client: session.client,
    operation,
    cell,
    to,
    startUs,
    endUs,
    outcome,
    ...(error === '' ? {} : { error }),
  });
  if (outcome === 'unknown') session.renew();
  return answer;
}

const SET_CHANCE = 0.7;
/** The same tags, by the operations of resources. */
const BY_ARN_CHANCE = 0.5;

/** Sets or removes a tag of its own. */
export async function changeTag(session: Session): Promise<void> {
  const { random, slot } = session;
  const isStream = random.chance(0.6);
  const name = isStream ? random.pick(STREAMS).name : random.pick(DELIVERY_STREAMS);
  const key = tagKey(slot);
  const cell = tagCell(isStream ? 'kinesis' : 'firehose', name, key);
  const state = stateOf(cell, session);
  if (state === undefined) return session.pause(2);
  if (state === ABSENT || random.chance(SET_CHANCE)) {
    const value = `v${random.integer(0, 2 ** 40).toString(36)}`;
    const Tags = { [key]: value };
    if (isStream && random.chance(BY_ARN_CHANCE)) {
      await change(session, cell, value, 'TagResource', { ResourceARN: streamArn(name), Tags });
    } else if (isStream) {
      await change(session, cell, value, 'AddTagsToStream', { StreamName: name, Tags });
    } else {
      const input = { DeliveryStreamName: name, Tags: [{ Key: key, Value: value }] };
      await change(session, cell, value, `${FIREHOSE}.TagDeliveryStream`, input);
    }
  } else if (isStream && random.chance(BY_ARN_CHANCE)) {
    await change(session, cell, ABSENT, 'UntagResource', { ResourceARN: streamArn(name), TagKeys: [key] });
  } else if (isStream) {
    await change(session, cell, ABSENT, 'RemoveTagsFromStream', { StreamName: name, TagKeys: [key] });
  } else {
    const input = { DeliveryStreamName: name, TagKeys: [key] };
    await change(session, cell, ABSENT, `${FIREHOSE}.UntagDeliveryStream`, input);
  }
}

const DELETE_CHANCE = 0.3;

/** Creates a stream of its own, puts into it, deletes it, and creates it anew. */
export async function passThrough(session: Session): Promise<void> {
  const { random, slot, ground } = session;
  const name = passingName(slot);
  const cell = streamCell(name);
  const life = stateOf(cell, session);
  if (life === undefined) return session.pause(5);
  if (life === ABSENT) {
    const next = String(ground.ledger.meant(cell).size);
    const input = { StreamName: name, ShardCount: random.integer(1, 2) };
    const { outcome } = await change(session, cell, next, 'CreateStream', input);
    if (outcome === 'ok') return untilActive(name, session);
    // The former one is still being deleted.
    return session.pause(5);
  }
  if (random.chance(DELETE_CHANCE)) await change(session, cell, ABSENT, 'DeleteStream', { StreamName: name });
  else await putIntoLife(session, name, life);
}

const POLLS_MAX = 20;

async function untilActive(name: string, session: Session): Promise<void> {
  for (let poll = 0; poll < POLLS_MAX && !session.isOver; poll += 1) {
    await session.pause(8);
    const answer = await session.call('DescribeStreamSummary', { StreamName: name });
    if (answer.outcome !== 'ok' || answer.body.StreamDescriptionSummary.StreamStatus === 'ACTIVE') return;
  }
}

const OPEN_MIN = 2;
const OPEN_MAX = 6;
const BETWEEN_MS = { min: 5, max: 60 };

/** All shards anew instead of one or two. */
const SCALE_CHANCE = 0.15;

/** Splits or merges shards of a stream at random, while others put into it. */
export const reshard = (stream: string) => async (session: Session) => {
  const { random } = session;
  const open = await openShards(stream, session);
  if (open === undefined || session.isOver) return session.pause(BETWEEN_MS.max);
  if (random.chance(SCALE_CHANCE)) {
    await scale(session, stream, open);
    return session.pause(random.integer(BETWEEN_MS.min, BETWEEN_MS.max));
  }
  const mayMerge = open.length > OPEN_MIN;
  if (mayMerge && (open.length >= OPEN_MAX || random.chance(0.5))) {
    const at = random.integer(0, open.length - 2);
    await tell(session, stream, 'MergeShards', [open[at]!.index, open[at + 1]!.index]);
  } else {
    const { index, from, to } = random.pick(open);
    const width = BigInt(`0x${to}`) - BigInt(`0x${from}`);
    const at = BigInt(`0x${from}`) + (width * BigInt(random.integer(2, 14))) / 16n;
    if (width > 1024n) await tell(session, stream, 'SplitShard', [index], at.toString(16).padStart(32, '0'));
  }
  await session.pause(random.integer(BETWEEN_MS.min, BETWEEN_MS.max));
};

async function tell(
  session: Session,
  target: string,
  operation: 'SplitShard' | 'MergeShards',
  parents: readonly number[],
  at?: string,
): Promise<void> {
  const input =
    at === undefined
      ? { ShardToMerge: shardIdOf(parents[0]!), AdjacentShardToMerge: shardIdOf(parents[1]!) }
      : { ShardToSplit: shardIdOf(parents[0]!), NewStartingHashKey: decimalOf(at) };
  const { outcome, startUs, endUs, error, isGone } = await session.call(operation, { StreamName: target, ...input });
  if (isGone) return;
  session.ground.record({
    kind: 'reshard',
    client: session.client,
    operation,
    target,
    parents,
    ...(at === undefined ? {} : { at }),
    startUs,
    endUs,
    outcome,
    ...(error === '' ? {} : { error }),
  });
  if (outcome === 'unknown') session.renew();
}

/** To another number of shards that the service lets them have. */
async function scale(session: Session, target: string, open: readonly OpenShard[]): Promise<void> {
  const { length } = open;
  const numbers = Array.from({ length: OPEN_MAX - OPEN_MIN + 1 }, (_, more) => OPEN_MIN + more);
  const count = session.random.pick(numbers.filter((n) => n !== length && n <= 2 * length && 2 * n >= length));
  const operation = 'UpdateShardCount';
  const input = { StreamName: target, TargetShardCount: count, ScalingType: 'UNIFORM_SCALING' };
  const { outcome, startUs, endUs, error, isGone } = await session.call(operation, input);
  if (isGone) return;
  session.ground.record({
    kind: 'scale',
    client: session.client,
    operation,
    target,
    from: open.map(({ index }) => index),
    count,
    startUs,
    endUs,
    outcome,
    ...(error === '' ? {} : { error }),
  });
  if (outcome === 'unknown') session.renew();
}

const FLUSH_MS = { min: 20, max: 150 };

/** Has what is buffered delivered, so that there are deliveries at all times. */
export async function flush(session: Session): Promise<void> {
  await session.pause(session.random.integer(FLUSH_MS.min, FLUSH_MS.max));
  if (session.isOver) return;
  const answer = await session.post(`/_millrace/delivery-streams/${session.random.pick(DELIVERY_STREAMS)}/flush`);
  if (answer.outcome === 'unknown') session.renew();
}
