/** DescribeLimits, DescribeAccountSettings, UpdateAccountSettings. */
export {};
