"""The whole deployment on one machine: nginx, two gateways, two workers, Redis, Prometheus; no containers."""
