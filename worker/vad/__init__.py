"""Voice activity detection, batched over all live sessions."""
