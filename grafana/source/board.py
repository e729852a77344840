"""A dashboard: its variables, links and annotations, and where its panels are.

Panels flow from left to right and from top to bottom, so that nobody counts columns: a row of the
source says a height and a width for each panel.
"""

from .panels import DATASOURCE

COLUMNS = 24
TAG = "fanfare"


class Board:
    """Collects rows. Panels have ids in the order in which they are added."""

    def __init__(self, uid: str, title: str, description: str, variables: list, annotations: list):
        self.uid, self.title, self.description = uid, title, description
        self.variables, self.annotations = variables, annotations
        self.panels, self.next_id, self.next_y = [], 1, 0

    def row(self, title: str, lines: list, *, collapsed=False):
        """Adds a row of lines; a line is (height, [(width, panel), ...])."""
        row = {"type": "row", "title": title, "id": self._id(), "collapsed": collapsed, "panels": []}
        row["gridPos"] = {"x": 0, "y": self.next_y, "w": COLUMNS, "h": 1}
        y, placed = self.next_y + 1, []
        for height, line in lines:
            x = 0
            for width, panel in line:
                placed.append({"id": self._id(), "gridPos": {"x": x, "y": y, "w": width, "h": height}, **panel})
                x += width
            assert x == COLUMNS, f"{self.title}, {title}: a line of {x} columns"
            y += height
        self.panels.append(row)
        if collapsed:
            # A closed row holds its panels; they are below it when somebody opens it.
            row["panels"] = placed
            self.next_y += 1
        else:
            self.panels += placed
            self.next_y = y

    def json(self) -> dict:
        return {
            "id": None,
            "uid": self.uid,
            "title": self.title,
            "description": self.description,
            "tags": [TAG],
            "schemaVersion": 41,
            "version": 1,
            "editable": False,
            "graphTooltip": 1,
            "refresh": "10s",
            "time": {"from": "now-30m", "to": "now"},
            "timepicker": {},
            "timezone": "browser",
            "fiscalYearStartMonth": 0,
            "liveNow": False,
            "weekStart": "",
            "links": [_link()],
            "templating": {"list": self.variables},
            "annotations": {"list": self.annotations},
            "panels": self.panels,
        }

    def _id(self) -> int:
        self.next_id += 1
        return self.next_id - 1


def datasource() -> dict:
    return {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus",
            "regex": "", "refresh": 1, "hide": 0, "multi": False, "includeAll": False, "options": [],
            "current": {}}


def choice_of(name: str, label: str, query: str) -> dict:
    """Several values of a label, or all of them."""
    return {"name": name, "label": label, "type": "query", "datasource": DATASOURCE,
            "definition": query, "query": {"query": query, "refId": "PrometheusVariableQueryEditor-VariableQuery"},
            # On time change, so that an instance which came later is found.
            "refresh": 2, "sort": 1, "regex": "", "hide": 0, "multi": True, "includeAll": True,
            "allValue": ".+", "options": [], "current": {"text": "All", "value": "$__all"}}


def servers() -> list:
    return [
        choice_of("job", "Job", "label_values(fanfare_build_info, job)"),
        choice_of("instance", "Instance", 'label_values(fanfare_build_info{job=~"$job"}, instance)'),
    ]


def quantiles() -> dict:
    choices = [("p50", "0.5"), ("p90", "0.9"), ("p95", "0.95"), ("p99", "0.99"), ("p99.9", "0.999")]
    options = [{"text": text, "value": value, "selected": text == "p99"} for text, value in choices]
    return {"name": "quantile", "label": "Quantile", "type": "custom",
            "query": ", ".join(f"{text} : {value}" for text, value in choices), "options": options,
            "current": {"text": "p99", "value": "0.99"}, "hide": 0, "multi": False, "includeAll": False}


def annotation(name: str, colour: str, expression: str, title: str, text: str) -> dict:
    """A mark where the query has a result; Grafana joins neighbouring results to a span."""
    return {"name": name, "enable": True, "hide": False, "iconColor": colour, "datasource": DATASOURCE,
            "expr": expression, "step": "60s", "titleFormat": title, "textFormat": text, "tagKeys": "",
            "useValueForTime": False}


def lifecycle() -> list:
    """Restarts and drains: what most often explains a step in a curve."""
    matchers = '{job=~"$job", instance=~"$instance"}'
    restarts = (f"changes(process_start_time_seconds{matchers}[2m]) > 0"
                f" and on (job, instance) fanfare_build_info{matchers}")
    return [
        # Two minutes at a step of one: with a range of one step, Prometheus 3, whose ranges leave out
        # their left end, would miss a restart between two steps.
        annotation("Restarts", "blue", restarts, "Restart", "{{instance}} has started anew"),
        annotation("Drains", "orange", f"fanfare_draining{matchers} == 1", "Drain", "{{instance}} is draining"),
    ]


def _link() -> dict:
    return {"title": "Fanfare", "type": "dashboards", "tags": [TAG], "asDropdown": False,
            "includeVars": True, "keepTime": True, "targetBlank": False, "icon": "external link",
            "tooltip": "The other dashboards, for the same time and instances", "url": ""}
