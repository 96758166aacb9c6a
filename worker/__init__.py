"""One shard: sessions, voice activity, decoding. Owns audio and state; never imports the gateway."""
