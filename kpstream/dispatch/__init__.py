"""Which frames are asked about, how many requests may be out at once, and when a request that failed goes out again."""
