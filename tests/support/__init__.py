"""What the tests stand on: wheels built in the test, a real index on loopback, a clean environment."""
