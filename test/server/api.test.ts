import { expect, it } from 'vitest';
import { askHttp1, awsQuestion } from '../support/http-client.ts';
import { startStubServer } from '../support/stub-server.ts';

it('whoever waits for an answer that cannot be sent learns that it will not come', async () => {
  const unsendable = { status: 200, headers: { 'X-Bad': 'two\nlines' }, body: 'x' };
  const { url, log } = await startStubServer({ handle: () => unsendable });
  await expect(askHttp1(url, awsQuestion('ListStreams', {}))).rejects.toThrow('socket hang up');
  expect(log.take('error').map(({ message }) => message)).toEqual(['A request could not be answered.']);
});
