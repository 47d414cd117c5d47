/** From the answer of a put to its subscribers: one of them at leisure, and two hundred that get all that is put. */
import { setTimeout as pause } from 'node:timers/promises';
import { type Cleanup, temporaryDirectory } from './cleanup.ts';
import type { Figure } from './figure.ts';
import { type Helper, startHelper } from './helper.ts';
import { createStream, type Program, startProgram } from './millrace.ts';
import { countText, type Plan } from './plan.ts';
import { canLookInto, cpuMicroseconds, forgetPeak, memoryOf } from './process-figures.ts';
import { STREAM } from './requests.ts';
import { quantile, spreadOf } from './statistics.ts';
import type { PutAndReceive, Received } from './subscribed.ts';

interface FanOut {
  readonly shards: number;
  readonly consumers: number;
  readonly perSecond: number;
  /** Of the median, for the last of the consumers. */
  readonly targetMs?: number;
}

const CASES: readonly FanOut[] = [
  { shards: 1, consumers: 1, perSecond: 100, targetMs: 5 },
  { shards: 10, consumers: 20, perSecond: 5000 },
];

const SHORT = { rounds: 3, ms: 1000 };
const LONG = { rounds: 5, ms: 5000 };
const WARM_UP_MS = 1000;

/** A consumer is CREATING for half a second. */
const ACTIVE_MS = 1000;

export async function benchFanOut(plan: Plan, cleanup: Cleanup): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const fanOut of CASES) figures.push(...(await measure(fanOut, plan.isLong ? LONG : SHORT, cleanup)));
  return figures;
}

async function measure(
  { shards, consumers, perSecond, targetMs }: FanOut,
  { rounds, ms }: typeof SHORT,
  cleanup: Cleanup,
): Promise<Figure[]> {
  const program = await startProgram(temporaryDirectory(cleanup), {}, cleanup);
  await createStream(shards, program.call);
  const consumerArns = await registerConsumers(consumers, program);
  const helper: Helper<PutAndReceive, Received> = startHelper('subscribed', cleanup);
  const job = { port: program.port, shards, consumerArns, perSecond };
  await helper.do({ ...job, ms: WARM_UP_MS });
  if (canLookInto()) forgetPeak(program.pid);
  const results: Received[] = [];
  const cpuShares: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const cpu = canLookInto() ? cpuMicroseconds(program.pid) : 0;
    const received = await helper.do({ ...job, ms });
    if (canLookInto()) cpuShares.push((cpuMicroseconds(program.pid) - cpu) / 10 / received.deliveryMs);
    results.push(received);
  }
  const name = `${countText(perSecond)}/s to ${consumers * shards} subscriber${consumers * shards === 1 ? '' : 's'}`;
  const latency = (of: 'firstMs' | 'lastMs', share: number): Figure => ({
    name: `From the answer to the ${of === 'firstMs' ? 'first' : 'last'} consumer, ${name}, p${share * 100}`,
    unit: 'ms',
    value: spreadOf(results.map((result) => quantile(result[of], share))),
    beside: {
      name: 'answers',
      value: spreadOf(results.map(({ answeredMs }) => quantile(answeredMs, share))),
    },
    ...(of === 'lastMs' && share === 0.5 && targetMs !== undefined ? { target: targetMs } : {}),
  });
  const shares = [0.5, 0.99];
  const rate: Figure = {
    name: `Records delivered, ${name}`,
    unit: '/s',
    value: spreadOf(results.map(({ deliveries, deliveryMs }) => (deliveries * 1000) / deliveryMs)),
  };
  const figures = [
    ...(consumers === 1 ? [] : shares.map((share) => latency('firstMs', share))),
    ...shares.map((share) => latency('lastMs', share)),
    rate,
  ];
  if (canLookInto()) {
    const { nowMb, peakMb } = memoryOf(program.pid);
    figures.push({ name: `Processor of the server, ${name}`, unit: '%', value: spreadOf(cpuShares) });
    figures.push({ name: `Memory, ${name}`, unit: 'MB', value: { ...spreadOf([nowMb]), max: peakMb } });
  }
  await program.stop();
  return figures;
}

async function registerConsumers(count: number, { call }: Program): Promise<string[]> {
  const { StreamDescriptionSummary } = await call('DescribeStreamSummary', { StreamName: STREAM });
  const { StreamARN } = StreamDescriptionSummary;
  const arns: string[] = [];
  for (let index = 0; index < count; index += 1) {
    const { Consumer } = await call('RegisterStreamConsumer', { StreamARN, ConsumerName: `consumer-${index}` });
    arns.push(Consumer.ConsumerARN);
  }
  await pause(ACTIVE_MS);
  return arns;
}
