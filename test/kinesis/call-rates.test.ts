/** Calls per second and stream: refused or only counted, and for each operation and stream apart. */
import { expect, it } from 'vitest';
import type { Call } from '../../src/call.ts';
import { assertStreamCallRate } from '../../src/kinesis/call-rates.ts';
import { PROFILES, quotasOf } from '../../src/quotas.ts';
import { Rates } from '../../src/rates.ts';

const stream = { id: 7, account: '000000000000', region: 'us-east-1', name: 's' };

it.each(PROFILES)('is metered with QUOTAS=%s', (profile) => {
  const rates = new Rates(quotasOf(profile));
  const call = (now: number) => ({ now, rates }) as Call;
  const use = (operation: string, of = stream, now = 1000) =>
    assertStreamCallRate(operation, 'deregisterConsumerCallsPerSecond', of, call(now));
  for (let count = 0; count < 5; count += 1) use('DeregisterStreamConsumer');
  const sixth = () => use('DeregisterStreamConsumer');
  if (profile === 'relaxed') sixth();
  else expect(sixth).toThrow('Rate exceeded for stream s under account 000000000000.');
  expect(rates.throttles()).toEqual([
    {
      subject: {
        target: 'Kinesis_20131202.DeregisterStreamConsumer',
        account: '000000000000',
        region: 'us-east-1',
        stream: 's',
      },
      count: 1,
    },
  ]);
  use('ListStreamConsumers');
  use('DeregisterStreamConsumer', { ...stream, id: 8 });
  use('DeregisterStreamConsumer', stream, 2000);
  expect(rates.throttles(), 'other operations, streams and seconds').toHaveLength(1);
});
