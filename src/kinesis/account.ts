/** DescribeLimits, DescribeAccountSettings, UpdateAccountSettings: what an account may have, and what it committed to. */
import type { Call } from '../call.ts';
import { operation } from '../protocol/operation.ts';
import { oneOf, required, structure } from '../protocol/shape.ts';
import { finiteQuota } from '../quotas.ts';
import { limitsUse } from './account-limits.ts';
import { commit, commitmentOf, commitmentStatusOf, earliestEndOf, endCommitment } from './account-settings.ts';

export const DescribeLimits = operation({
  access: 'read',
  input: structure({}),
  rate: 'describeLimitsCallsPerSecond',
  errors: ['LimitExceededException'],
  run(_input, call) {
    const { openShards, onDemandStreams, channels } = limitsUse(call);
    // "Not limited" cannot be said in a number: then it is the figure of AWS, which clients know how to read.
    return {
      ShardLimit: finiteQuota(call.quotas, 'shards'),
      OpenShardCount: openShards,
      OnDemandStreamCount: onDemandStreams,
      OnDemandStreamCountLimit: finiteQuota(call.quotas, 'onDemandStreams'),
      ChannelCount: channels,
      ChannelCountLimit: finiteQuota(call.quotas, 'channels'),
    };
  },
});

export const DescribeAccountSettings = operation({
  access: 'read',
  input: structure({}),
  rate: 'accountSettingsCallsPerSecond',
  errors: ['LimitExceededException'],
  run: (_input, call) => describeSettings(call),
});

export const UpdateAccountSettings = operation({
  access: 'write',
  input: structure({
    MinimumThroughputBillingCommitment: required(structure({ Status: required(oneOf('ENABLED', 'DISABLED')) })),
  }),
  rate: 'accountSettingsCallsPerSecond',
  errors: ['InvalidArgumentException', 'ValidationException', 'LimitExceededException'],
  run({ MinimumThroughputBillingCommitment: { Status } }, call) {
    if (Status === 'ENABLED') commit(call);
    else endCommitment(call);
    return describeSettings(call);
  },
});

/** An end that lies ahead is EarliestAllowedEndAt; EndedAt is shown once it has come. */
function describeSettings(call: Call) {
  const commitment = commitmentOf(call, call);
  const status = commitmentStatusOf(commitment, call.now);
  const isOver = status === 'DISABLED';
  return {
    MinimumThroughputBillingCommitment: {
      Status: status,
      StartedAt: commitment && new Date(commitment.startedMs),
      EndedAt: commitment && isOver ? new Date(commitment.endedMs!) : undefined,
      EarliestAllowedEndAt: commitment && !isOver ? new Date(earliestEndOf(commitment)) : undefined,
    },
  };
}
