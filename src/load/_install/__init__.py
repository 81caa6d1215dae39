"""From a module name to files on the path: names, policy, installers and the store."""
