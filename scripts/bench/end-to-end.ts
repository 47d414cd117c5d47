/** From putting a record to the moment when a reader that polls has it. */
import type { Cleanup } from './cleanup.ts';
import type { Figure } from './figure.ts';
import { type Helper, startHelper } from './helper.ts';
import { startMillrace } from './millrace.ts';
import { countText, type Plan, SHARDS } from './plan.ts';
import type { PutAndRead, ReadResult } from './polling-reader.ts';
import { quantile, spreadOf } from './statistics.ts';

const RATES = [50, 1000] as const;

/** Between two rounds through the shards. AWS allows five reads of a shard in a second; readers of a local one ask sooner. */
const PAUSES_MS = [0, 10] as const;

const SHORT = { rounds: 3, ms: 300 };

export async function benchEndToEnd(plan: Plan, cleanup: Cleanup): Promise<Figure[]> {
  const { port } = await startMillrace(SHARDS, cleanup);
  const helper: Helper<PutAndRead, ReadResult> = startHelper('polling-reader', cleanup);
  const { rounds, ms } = plan.isLong ? { rounds: plan.rounds, ms: plan.roundMs } : SHORT;
  const cases = RATES.flatMap((perSecond) =>
    PAUSES_MS.map((pauseMs) => ({ perSecond, pauseMs, results: [] as ReadResult[] })),
  );
  await helper.do({ port, shards: SHARDS, perSecond: RATES[1], ms: plan.warmUpMs, pauseMs: 0 });
  for (let round = 0; round < rounds; round += 1) {
    for (const { perSecond, pauseMs, results } of cases) {
      results.push(await helper.do({ port, shards: SHARDS, perSecond, ms, pauseMs }));
    }
  }
  return cases.flatMap(({ perSecond, pauseMs, results }) => {
    const reader = pauseMs === 0 ? 'without pauses' : `every ${pauseMs} ms`;
    const name = `PutRecord to a reader ${reader}, ${countText(perSecond)}/s`;
    return [0.5, 0.99].map((share) => figureOf(name, share, results));
  });
}

function figureOf(name: string, share: number, results: readonly ReadResult[]): Figure {
  const spread = (of: keyof ReadResult) => spreadOf(results.map((result) => quantile(result[of].toSorted(), share)));
  return {
    name: `${name}, p${share * 100}`,
    unit: 'ms',
    value: spread('readMs'),
    beside: { name: 'its answer', value: spread('answeredMs') },
  };
}
