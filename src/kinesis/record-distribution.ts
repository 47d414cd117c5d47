/** UpdateStreamRecordDistributionStrategy. */
export {};
