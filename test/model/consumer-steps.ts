/** Steps about consumers, and about tags and policies of whatever has an ARN. */
import { expect } from 'vitest';
import { listedTags } from './compare.ts';
import * as rules from './consumers.ts';
import type { Model } from './model.ts';
import { type Step, step, text } from './step.ts';
import { arnOf, ask } from './world.ts';

export const register = (stream: string, ConsumerName: string, tags: rules.Tagging): Step =>
  step(`register ${ConsumerName} of ${stream} with ${text(tags)}`, async (model, world) => {
    const Tags = Object.keys(tags).length === 0 ? undefined : tags;
    const result = await ask(world, 'RegisterStreamConsumer', { StreamARN: arnOf(stream), ConsumerName, Tags }, () =>
      rules.requireRegistrable(model, stream, ConsumerName, tags),
    );
    if (result === undefined) return;
    const { ConsumerARN, ConsumerCreationTimestamp, ...rest } = result.answer.Consumer;
    expect(rest).toEqual({ ConsumerName, ConsumerStatus: 'CREATING' });
    const registration = { arn: ConsumerARN, createdS: Math.floor(ConsumerCreationTimestamp) };
    rules.register(model, result.expected, ConsumerName, tags, registration);
  });

export const deregister = (stream: string, ConsumerName: string, isByArn: boolean): Step =>
  step(`deregister ${ConsumerName} of ${stream}${isByArn ? ' by its ARN' : ''}`, (model, world) => {
    const input = isByArn
      ? { ConsumerARN: arnOfResource({ stream, consumer: ConsumerName }, model) }
      : { StreamARN: arnOf(stream), ConsumerName };
    return ask(world, 'DeregisterStreamConsumer', input, () =>
      rules.deregister(model, { stream, consumer: ConsumerName }, isByArn),
    );
  });

/** Page by page to the end. */
export const listConsumers = (stream: string, MaxResults: number): Step =>
  step(`list consumers of ${stream} by ${MaxResults}`, async (model, world) => {
    const input = { StreamARN: arnOf(stream), MaxResults };
    const first = await ask(world, 'ListStreamConsumers', input, () => model.require(stream).registered());
    if (first === undefined) return;
    const names = first.expected.map(({ name }) => name).sort();
    for (let place = 0, page = first.answer; ; place += MaxResults) {
      const shown = page.Consumers.map(({ ConsumerName }: { readonly ConsumerName: string }) => ConsumerName);
      expect(shown).toEqual(names.slice(place, place + MaxResults));
      expect(page.NextToken !== undefined, 'a token whenever there is more').toBe(names.length > place + MaxResults);
      if (page.NextToken === undefined) return;
      page = await world.server.ok('ListStreamConsumers', { ...input, NextToken: page.NextToken });
    }
  });

/** One that is not there has an ARN too. */
function arnOfResource({ stream, consumer }: rules.Resource, model: Model): string {
  if (consumer === undefined) return arnOf(stream);
  const known = model.find(stream)?.consumers.findLast(({ name }) => name === consumer);
  return known?.arn ?? `${arnOf(stream)}/consumer/${consumer}:1`;
}

const what = ({ stream, consumer }: rules.Resource): string =>
  consumer === undefined ? stream : `${consumer} of ${stream}`;

export const tagResource = (resource: rules.Resource, Tags: rules.Tagging): Step =>
  step(`tag the resource ${what(resource)} with ${text(Tags)}`, (model, world) =>
    ask(world, 'TagResource', { ResourceARN: arnOfResource(resource, model), Tags }, () =>
      rules.tagResource(model, resource, Tags),
    ),
  );

export const untagResource = (resource: rules.Resource, TagKeys: readonly string[]): Step =>
  step(`untag ${text(TagKeys)} of the resource ${what(resource)}`, (model, world) =>
    ask(world, 'UntagResource', { ResourceARN: arnOfResource(resource, model), TagKeys }, () =>
      rules.untagResource(model, resource, TagKeys),
    ),
  );

export const listResourceTags = (resource: rules.Resource): Step =>
  step(`list the tags of the resource ${what(resource)}`, async (model, world) => {
    const input = { ResourceARN: arnOfResource(resource, model) };
    const result = await ask(world, 'ListTagsForResource', input, () =>
      listedTags(rules.requireOwner(model, resource).tags),
    );
    if (result !== undefined) expect(result.answer).toEqual({ Tags: result.expected });
  });

const policyOf = (sid: string, ResourceARN: string): string =>
  JSON.stringify({
    Version: '2012-10-17',
    Statement: [
      {
        Sid: sid,
        Effect: 'Allow',
        Principal: { AWS: 'arn:aws:iam::111111111111:root' },
        Action: ['kinesis:SubscribeToShard'],
        Resource: ResourceARN,
      },
    ],
  });

export const setPolicy = (resource: rules.Resource, sid: string): Step =>
  step(`give the resource ${what(resource)} the policy ${sid}`, (model, world) => {
    const ResourceARN = arnOfResource(resource, model);
    const Policy = policyOf(sid, ResourceARN);
    return ask(world, 'PutResourcePolicy', { ResourceARN, Policy }, () => rules.setPolicy(model, resource, Policy));
  });

export const removePolicy = (resource: rules.Resource): Step =>
  step(`take the policy from the resource ${what(resource)}`, (model, world) =>
    ask(world, 'DeleteResourcePolicy', { ResourceARN: arnOfResource(resource, model) }, () =>
      rules.removePolicy(model, resource),
    ),
  );

export const readPolicy = (resource: rules.Resource): Step =>
  step(`read the policy of the resource ${what(resource)}`, async (model, world) => {
    const input = { ResourceARN: arnOfResource(resource, model) };
    const result = await ask(world, 'GetResourcePolicy', input, () => rules.policyOf(model, resource));
    if (result !== undefined) expect(result.answer).toEqual({ Policy: result.expected ?? '{}' });
  });
