/** UpdateStreamMode, UpdateStreamWarmThroughput, UpdateMaxRecordSize. */
export {};
