/** EnableEnhancedMonitoring, DisableEnhancedMonitoring. */
export {};
