"""Thin gateways: sockets, dialects, placement. Knows no model; meets the workers only over their links."""
