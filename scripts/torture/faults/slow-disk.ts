/**
 * F2: a disk that is slow: every fsync takes 20 ms, and then one in fifty takes a second. Requests wait for a fsync or
 * two, however many clients there are, because one fsync serves all who wait; nothing is lost and nobody times out.
 */
import { join } from 'node:path';
import { quantile } from '../../bench/statistics.ts';
import { createClient } from '../client.ts';
import type { Context, Result, Scenario, Violation } from '../scenario.ts';
import type { Server } from '../server.ts';
import { inject } from '../strace.ts';
import { createWorld, type World } from '../world.ts';
import { ask, eventually } from './api.ts';
import { restartAndCheck, startOn } from './restart.ts';
import { pause } from './within.ts';

const FSYNC_MS = 20;
const SPIKE_MS = 1000;

interface Phase {
  readonly clients: number;
  /** Whether single fsyncs take a second, instead of each a little. */
  readonly hasSpikes: boolean;
}

const PHASES: readonly Phase[] = [
  { clients: 8, hasSpikes: false },
  { clients: 16, hasSpikes: false },
  { clients: 32, hasSpikes: false },
  { clients: 64, hasSpikes: false },
  { clients: 64, hasSpikes: true },
];
const PHASE_MS = 3000;
const SPIKES_PHASE_MS = 6000;

/** Before times are taken: everything was compiled and all connections are open then. */
const WARM_UP_MS = 1500;

/** What strace and two busy cores add to a request. */
const TOLERANCE_MS = 90;
/** What a request that asks for the health may wait beside the fsync that is under way. */
const HEALTH_TOLERANCE_MS = 500;
const HEALTH_EVERY_MS = 40;

const STREAM = 'latency';
const RECORD = { StreamName: STREAM, Data: Buffer.alloc(512, 'x').toString('base64') };

/** Beside those whose time is taken: what these have put is checked. */
const SHAPE = { clients: 4, bodyBytes: { min: 100, max: 1000 }, paceMs: 20 } as const;

export const slowDisk: Scenario = {
  name: 'F2',
  title: `every fsync takes ${FSYNC_MS} ms, then some take ${SPIKE_MS} ms`,
  needs: ['strace'],
  counts: { short: PHASES.length, long: 10 * PHASES.length },
  alone: true,
  run: runSlowDisk,
};

interface Measured {
  /** Of PutRecord, ascending. */
  readonly putsMs: readonly number[];
  readonly healthMs: readonly number[];
  /** Puts that did not succeed. */
  readonly failures: readonly string[];
  readonly delayed: number;
}

async function runSlowDisk(context: Context): Promise<Result> {
  const world = createWorld({ directory: context.directory, random: context.random.fork('world') });
  const violations: Violation[] = [];
  const figures: Record<string, number> = {};
  let done = 0;
  let delayed = 0;
  while (done < context.count && !context.isTimeUp() && violations.length === 0) {
    const phase = PHASES[done % PHASES.length]!;
    const measured = await measure(phase, world, context);
    const name = `${phase.clients} clients${phase.hasSpikes ? ' and spikes' : ''}`;
    context.progress(`${name}: p50 ${quantile(measured.putsMs, 0.5).toFixed(0)} ms`);
    violations.push(...judge(phase, name, measured));
    figures[`p50 ms, ${name}`] = quantile(measured.putsMs, 0.5);
    figures[`longest ms, ${name}`] = measured.putsMs.at(-1)!;
    figures[`health longest ms, ${name}`] = Math.max(...measured.healthMs);
    delayed += measured.delayed;
    done += 1;
    violations.push(...(await restartAndCheck(world, context, done === context.count ? 'all' : 'since')));
  }
  return { violations, done, sometimes: { acknowledged: world.acknowledged, 'fsyncs delayed': delayed }, figures };
}

async function measure(phase: Phase, world: World, context: Context): Promise<Measured> {
  const server = await startOn(world, context);
  await world.prepare(server);
  await createStream(server);
  const fault = phase.hasSpikes ? `delay_exit=${SPIKE_MS}ms:when=25+50` : `delay_exit=${FSYNC_MS}ms`;
  const injection = { syscalls: ['fsync', 'fdatasync'], fault };
  const tracing = await inject(server.pid, injection, join(context.directory, 'strace.log'), context.cleanup);
  const load = world.load(server, SHAPE);
  const startMs = performance.now() + WARM_UP_MS;
  const endMs = startMs + (phase.hasSpikes ? SPIKES_PHASE_MS : PHASE_MS);
  const failures: string[] = [];
  const [healthMs, ...putsMs] = await Promise.all([
    askForHealth(server, { startMs, endMs }),
    ...Array.from({ length: phase.clients }, (_, index) => put(`${index}`, server, { startMs, endMs }, failures)),
  ]);
  const delayed = tracing.injected();
  await load.stop();
  await tracing.detach();
  // It is none of the world's.
  await ask(server.url, 'kinesis', 'DeleteStream', { StreamName: STREAM });
  await server.end('SIGKILL');
  return { putsMs: putsMs.flat().sort((a, b) => a - b), healthMs: healthMs!, failures, delayed };
}

async function createStream({ url }: Server): Promise<void> {
  await ask(url, 'kinesis', 'CreateStream', { StreamName: STREAM, ShardCount: 4 });
  await eventually('the stream is ACTIVE', async () => {
    const answer = await ask<{ StreamDescriptionSummary: { StreamStatus: string } }>(
      url,
      'kinesis',
      'DescribeStreamSummary',
      { StreamName: STREAM },
    );
    return answer.StreamDescriptionSummary.StreamStatus === 'ACTIVE';
  });
}

/** Requests are sent until the end; those that were sent after the start are measured. */
interface Span {
  readonly startMs: number;
  readonly endMs: number;
}

/** One PutRecord after the other; how long each took. */
async function put(key: string, { url }: Server, span: Span, failures: string[]): Promise<number[]> {
  const client = createClient(url);
  const tookMs: number[] = [];
  while (performance.now() < span.endMs) {
    const startMs = performance.now();
    const answer = await client.call('PutRecord', { ...RECORD, PartitionKey: key });
    if (answer.outcome !== 'ok') failures.push(`${answer.status} ${answer.error}`);
    if (startMs >= span.startMs) tookMs.push(performance.now() - startMs);
  }
  client.close();
  return tookMs;
}

async function askForHealth({ url }: Server, span: Span): Promise<number[]> {
  const tookMs: number[] = [];
  while (performance.now() < span.endMs) {
    const startMs = performance.now();
    await (await fetch(`${url}/_health`)).arrayBuffer();
    if (startMs >= span.startMs) tookMs.push(performance.now() - startMs);
    await pause(HEALTH_EVERY_MS);
  }
  return tookMs;
}

function judge({ hasSpikes }: Phase, name: string, { putsMs, healthMs, failures }: Measured): Violation[] {
  const violations: Violation[] = [];
  const complain = (message: string) => violations.push({ guarantee: 'SlowDisk', message: `With ${name}: ${message}` });
  if (failures.length > 0) complain(`${failures.length} puts failed, first with ${failures[0]}.`);
  const p50Ms = quantile(putsMs, 0.5);
  const limitMs = 3 * FSYNC_MS + TOLERANCE_MS;
  if (p50Ms > limitMs) complain(`the median of PutRecord is ${p50Ms.toFixed(0)} ms, more than ${limitMs} ms.`);
  const longestMs = Math.max(...healthMs);
  const healthLimitMs = (hasSpikes ? SPIKE_MS : FSYNC_MS) + HEALTH_TOLERANCE_MS;
  if (longestMs > healthLimitMs) complain(`the health took ${longestMs.toFixed(0)} ms, more than ${healthLimitMs} ms.`);
  return violations;
}
