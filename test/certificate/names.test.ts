/** The names in the certificate: every one under which unchanged clients may reach the server. */
import { describe, expect, it } from 'vitest';
import { certificateNames } from '../../src/certificate/names.ts';

const base = { host: '127.0.0.1', allowedHosts: [], region: 'eu-west-3' };

describe('a certificate names', () => {
  it.each([
    'localhost',
    '127.0.0.1',
    '::1',
    'host.docker.internal',
    'kinesis.us-east-1.amazonaws.com',
    'firehose.ap-southeast-7.amazonaws.com',
    'kinesis.cn-north-1.amazonaws.com.cn',
    'firehose.eusc-de-east-1.amazonaws.eu',
    '*.control-kinesis.eu-west-3.amazonaws.com',
    '*.data-kinesis.eu-west-3.amazonaws.com',
  ])('%s', (name) => {
    expect(certificateNames(base)).toContain(name);
  });

  it('what is listened on, unless that is every address', () => {
    expect(certificateNames({ ...base, host: 'Streams.Example' })).toContain('streams.example');
    expect(certificateNames({ ...base, host: '192.0.2.7' })).toContain('192.0.2.7');
    expect(certificateNames({ ...base, host: '::FFFF:192.0.2.8' }), 'as certificates write it').toContain('192.0.2.8');
    for (const host of ['0.0.0.0', '::']) expect(certificateNames({ ...base, host })).not.toContain(host);
  });

  it('the names of ALLOWED_HOSTS, but none that no certificate can hold', () => {
    const names = certificateNames({ ...base, allowedHosts: ['kinesis.example', 'a_b.example', 'localhost'] });
    expect(names).toContain('kinesis.example');
    expect(names).not.toContain('a_b.example');
    expect(
      names.filter((name) => name === 'localhost'),
      'each once',
    ).toEqual(['localhost']);
  });

  it('a region that is newer than the list', () => {
    const names = certificateNames({ ...base, region: 'xy-new-9' });
    expect(names).toContain('kinesis.xy-new-9.amazonaws.com');
    expect(names).toContain('firehose.xy-new-9.amazonaws.com');
  });
});
