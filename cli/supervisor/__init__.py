"""Starts and watches the processes of one machine: workers first, then gateways; restarts what dies."""
