/** IncreaseStreamRetentionPeriod, DecreaseStreamRetentionPeriod. */
export {};
