"""The dashboards as Python: what grafana/build turns into JSON."""
