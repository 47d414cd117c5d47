/** What the metrics tell about subscriptions. */
import type { Series } from '../../series.ts';
import type { Hub } from './hub.ts';

export const subscriptionSeries = (hub: Hub): Series => ({
  name: 'millrace_subscriptions',
  help: 'Subscriptions of consumers to shards (SubscribeToShard) that are open now.',
  kind: 'gauge',
  labels: ['account', 'region', 'stream', 'shard'],
  collect: () =>
    [...hub.members.byShard()].map(([first, count]) => {
      const { stream, shard } = first.of;
      const { account, region, name } = stream;
      return { labels: { account, region, stream: name, shard: shard.shardId }, value: count };
    }),
});
