/** The service in X-Amz-Target. */

export const TARGET = 'Firehose_20150804';
export const targetOf = (operation: string) => `${TARGET}.${operation}`;
