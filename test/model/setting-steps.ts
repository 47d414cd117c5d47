/** Steps about the settings of a stream. */
import { expect } from 'vitest';
import { changeMetrics, changeMode, changeRecordSize, changeRetention, type Direction, encrypt } from './settings.ts';
import { type Step, step, text } from './step.ts';
import type { Mode } from './stream.ts';
import { arnOf, ask, passTime } from './world.ts';

export const keepFor = (StreamName: string, RetentionPeriodHours: number, direction: Direction): Step =>
  step(`${direction} the retention of ${StreamName}: ${RetentionPeriodHours} hours`, (model, world) =>
    ask(world, `${direction}StreamRetentionPeriod`, { StreamName, RetentionPeriodHours }, () =>
      changeRetention(model, StreamName, RetentionPeriodHours, direction),
    ),
  );

/** Once the next record or shard has expired, which must not come back. */
export const keepLonger = (StreamName: string, moreHours: number): Step =>
  step(
    `let something expire and keep records of ${StreamName} for ${moreHours} hours more`,
    async (model, world) => {
      await passTime(model.comingExpiries()[0]! - model.now, model, world);
      const RetentionPeriodHours = (model.find(StreamName)?.retentionHours ?? 24) + moreHours;
      await ask(world, 'IncreaseStreamRetentionPeriod', { StreamName, RetentionPeriodHours }, () =>
        changeRetention(model, StreamName, RetentionPeriodHours, 'Increase'),
      );
    },
    (model) => model.comingExpiries().length > 0,
  );

export const startEncryption = (StreamName: string, KeyId: string): Step =>
  step(`encrypt ${StreamName} with ${KeyId}`, (model, world) =>
    ask(world, 'StartStreamEncryption', { StreamName, EncryptionType: 'KMS', KeyId }, () =>
      encrypt(model, StreamName, KeyId),
    ),
  );

export const stopEncryption = (StreamName: string, KeyId: string): Step =>
  step(`do not encrypt ${StreamName} with ${KeyId} any more`, (model, world) =>
    ask(world, 'StopStreamEncryption', { StreamName, EncryptionType: 'KMS', KeyId }, () =>
      encrypt(model, StreamName, undefined),
    ),
  );

export const monitor = (StreamName: string, ShardLevelMetrics: readonly string[], isOn: boolean): Step =>
  step(`switch ${text(ShardLevelMetrics)} of ${StreamName} ${isOn ? 'on' : 'off'}`, async (model, world) => {
    const operation = isOn ? 'EnableEnhancedMonitoring' : 'DisableEnhancedMonitoring';
    const result = await ask(world, operation, { StreamName, ShardLevelMetrics }, () =>
      changeMetrics(model, StreamName, ShardLevelMetrics, isOn),
    );
    if (result === undefined) return;
    const { stream, before, after } = result.expected;
    expect(sorted(result.answer)).toEqual({
      StreamName,
      StreamARN: stream.arn,
      CurrentShardLevelMetrics: [...before].sort(),
      DesiredShardLevelMetrics: [...after].sort(),
    });
  });

/** Their order says nothing. */
const sorted = (answer: Record<string, string | string[]>) =>
  Object.fromEntries(
    Object.entries(answer).map(([name, value]) => [name, Array.isArray(value) ? value.sort() : value]),
  );

export const switchMode = (name: string, StreamMode: Mode): Step =>
  step(`make ${name} ${StreamMode}`, (model, world) =>
    ask(world, 'UpdateStreamMode', { StreamARN: arnOf(name), StreamModeDetails: { StreamMode } }, () =>
      changeMode(model, name, StreamMode),
    ),
  );

export const limitRecords = (name: string, MaxRecordSizeInKiB: number): Step =>
  step(`let records of ${name} have ${MaxRecordSizeInKiB} KiB`, (model, world) =>
    ask(world, 'UpdateMaxRecordSize', { StreamARN: arnOf(name), MaxRecordSizeInKiB }, () =>
      changeRecordSize(model, name, MaxRecordSizeInKiB),
    ),
  );
