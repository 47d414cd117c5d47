/** Whatever is wrong with the input of an operation of channels, the answer says it, and no row changes. */
import { expect, it } from 'vitest';
import { channelService } from '../../src/channels/index.ts';
import type { StructureShape } from '../../src/protocol/shape.ts';
import { quotasOf } from '../../src/quotas.ts';
import { createChannel, createOnDemand } from '../support/channels.ts';
import { databaseRows } from '../support/database-rows.ts';
import { startTestServer } from '../support/server.ts';
import { badSamples, jsonOf, wrongTypeSamples } from '../support/shape-samples.ts';
import { itemsOf, pathsOf } from '../support/validation-items.ts';

const operations = [...channelService.operations].map(([name, { input }]) => [name, input as StructureShape] as const);

it.each(operations)('%s names the wrong type or the broken rule, and changes no row', async (operation, shape) => {
  const server = await startTestServer();
  await createOnDemand(server);
  await createChannel(server, 'c');
  const before = databaseRows(server.directory);
  const wrong = wrongTypeSamples(shape);
  const bad = badSamples(shape, quotasOf('relaxed'));
  expect([wrong.length > 3, bad.length > 3], 'there are samples').toEqual([true, true]);
  for (const { title, input, message, wire } of wrong) {
    const { status, body } = await server.call(operation, input as object, { wire });
    expect.soft([status, body], title).toEqual([400, { __type: 'SerializationException', Message: message }]);
  }
  for (const { title, input, item } of bad) {
    const { status, body } = await server.call(operation, jsonOf(shape, input) as object);
    expect.soft([status, body.__type], title).toEqual([400, 'ValidationException']);
    const items = itemsOf(body.message);
    expect.soft(items, title).toContain(item);
    expect.soft(new Set(pathsOf(items)).size, `${title}: nothing else is wrong with it`).toBe(1);
  }
  expect(databaseRows(server.directory)).toEqual(before);
});
