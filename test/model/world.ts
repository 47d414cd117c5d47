/** The server under test as the steps use it, and the account of what was done to it. */
import { rmSync } from 'node:fs';
import { expect } from 'vitest';
import { startTestServer, type TestServer } from '../support/server.ts';
import { type Model, Refusal } from './model.ts';
import { adoptShards, type ShownShard } from './shard-count.ts';

export interface World {
  readonly server: TestServer;
  /** What was done so far, for people: a line per step, and one per call. */
  readonly story: string[];
  readonly close: () => Promise<void>;
}

export async function startWorld(): Promise<World> {
  const server = await startTestServer({ settings: { QUOTAS: 'relaxed', TRANSITION_MS: '500' } });
  const close = async () => {
    await server.close();
    // The server's own tidying waits for the end of the test, which has many runs.
    rmSync(server.directory, { recursive: true, force: true });
  };
  return { server, story: [], close };
}

export const arnOf = (stream: string): string => `arn:aws:kinesis:us-east-1:000000000000:stream/${stream}`;

/** For both. Where the server chose something, the model looks at it at once, while all of it can be seen. */
export async function passTime(ms: number, model: Model, { server, story }: World): Promise<void> {
  story.push(`     ${ms} ms pass`);
  const untilMs = model.now + ms;
  for (;;) {
    const stepMs = Math.min(untilMs, model.nextChoiceMs() ?? untilMs) - model.now;
    server.clock.advance(stepMs);
    model.advance(stepMs);
    for (const stream of model.streams()) {
      if (stream.awaited === undefined) continue;
      adoptShards(stream, await describedShards(stream.name, server));
    }
    if (model.now >= untilMs) return;
  }
}

/** Of all pages; also of a stream that is DELETING. */
async function describedShards(StreamName: string, server: TestServer): Promise<ShownShard[]> {
  const shards: ShownShard[] = [];
  for (let isMore = true; isMore; ) {
    const ExclusiveStartShardId = shards.at(-1)?.ShardId;
    const { StreamDescription } = await server.ok('DescribeStream', { StreamName, ExclusiveStartShardId });
    shards.push(...StreamDescription.Shards);
    isMore = StreamDescription.HasMoreShards;
  }
  return shards;
}

interface Answered<T> {
  // biome-ignore lint/suspicious/noExplicitAny: answers are looked into by tests, not typed
  readonly answer: any;
  readonly expected: T;
}

/**
 * Asks the server and the model the same. Both must do it, or both must refuse it for the same reason; undefined in the
 * latter case. `predict` asks the model, which throws what it refuses.
 */
export async function ask<T>(
  { server, story }: World,
  operation: string,
  input: object,
  predict: () => T,
): Promise<Answered<T> | undefined> {
  const { status, body } = await server.call(operation, input);
  story.push(`     ${operation} ${JSON.stringify(input, shorten)} → ${status === 200 ? 'done' : body.__type}`);
  const prediction = attempt(predict);
  if (prediction instanceof Refusal) {
    const { code, text } = prediction;
    expect({ status, ...body }, `${operation} is refused`).toEqual({
      status: 400,
      __type: code,
      message: expect.stringContaining(text),
    });
    return undefined;
  }
  expect({ status, ...(status === 200 ? {} : body) }, `${operation} succeeds`).toEqual({ status: 200 });
  return { answer: body, expected: prediction };
}

function attempt<T>(predict: () => T): T | Refusal {
  try {
    return predict();
  } catch (error) {
    if (error instanceof Refusal) return error;
    throw error;
  }
}

/** Iterators are long, all alike, and different every time. */
const shorten = (key: string, value: unknown) => (key === 'ShardIterator' ? `…${String(value).slice(-6)}` : value);
