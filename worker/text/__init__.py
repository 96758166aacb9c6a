"""What is done to text after decoding, as pure functions."""
