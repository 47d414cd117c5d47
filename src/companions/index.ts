/**
 * What the libraries around streams call beside them, so that nothing else must run for their sake: STS, which tells
 * whose the credentials are, and CloudWatch, which takes metrics.
 */
import { ApiError } from '../protocol/error.ts';
import { service } from '../protocol/operation.ts';
import * as callerIdentity from './caller-identity.ts';
import { ERROR_CODES } from './errors.ts';
import * as metricData from './metric-data.ts';

const rateExceeded = () => new ApiError('ThrottlingException', 'Rate exceeded');

export const sts = service(
  {
    target: 'AWSSecurityTokenServiceV20110615',
    signingName: 'sts',
    showsValues: true,
    rateExceeded,
    query: {
      version: '2011-06-15',
      xmlNamespace: 'https://sts.amazonaws.com/doc/2011-06-15/',
      errorNamespace: 'com.amazonaws.sts',
      errorCodes: new Map(),
    },
  },
  callerIdentity,
);

export const cloudWatch = service(
  {
    target: 'GraniteServiceVersion20100801',
    signingName: 'monitoring',
    showsValues: true,
    rateExceeded,
    query: {
      version: '2010-08-01',
      xmlNamespace: 'http://monitoring.amazonaws.com/doc/2010-08-01/',
      errorNamespace: 'com.amazonaws.cloudwatch',
      errorCodes: ERROR_CODES,
    },
  },
  metricData,
);
