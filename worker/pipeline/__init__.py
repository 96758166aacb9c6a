"""From samples to text, as pure functions of the audio: no clock, no I/O, no model."""
