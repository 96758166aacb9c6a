"""One file per family of clients: wire messages to commands, events to wire messages. No I/O."""
