/**
 * Who is calling, from the credential of the signature. Signatures are not verified yet: any credentials are accepted,
 * and unsigned requests belong to the default account. Verification has its place here, before the gateway decodes.
 */
import type { CallDefaults } from '../call.ts';

export interface Caller {
  /** 12 digits. */
  readonly account: string;
  readonly region: string;
}

/** `{access key id}/{date}/{region}/{service}/aws4_request`, in the header or URL-encoded in the query string. */
const CREDENTIAL = /Credential=([^/,\s&%]{1,128})(?:\/|%2F)\d{8}(?:\/|%2F)([a-z0-9-]{1,64})(?:\/|%2F)/i;

/**
 * A 12-digit access key id is an account of its own, which keeps the data of several accounts apart without any set-up.
 * The region is that of the credential scope.
 */
export function callerOf(authorization: string | undefined, url: string, defaults: CallDefaults): Caller {
  const credential = CREDENTIAL.exec(authorization ?? url);
  if (credential === null) return defaults;
  const [, accessKeyId, region] = credential;
  return { account: /^\d{12}$/.test(accessKeyId!) ? accessKeyId! : defaults.account, region: region! };
}
