"""Grafana dashboards, described in Python: `python -m deploy.grafana` writes their JSON."""
