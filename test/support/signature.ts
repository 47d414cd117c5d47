/** The signature of a client whose credentials nobody checks. */

const DEFAULT_SCOPE = 'test/20260102/us-east-1/kinesis/aws4_request';

/** The headers of a complete signature, right or not. `scope`: `{access key id}/{date}/{region}/{service}/aws4_request`. */
export const signatureHeaders = (scope = DEFAULT_SCOPE): Record<string, string> => ({
  'X-Amz-Date': '20260102T030405Z',
  Authorization: `AWS4-HMAC-SHA256 Credential=${scope}, SignedHeaders=host, Signature=0`,
});

/** Headers as they stand in a request of HTTP/1.1, each line with its end. */
export const headerLines = (headers: Readonly<Record<string, string>>): string =>
  Object.entries(headers)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('');
