"""The tests, one folder an area; what they share is in `support` and `oracles`."""
