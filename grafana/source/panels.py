"""Panels in Grafana's classic schema: a few kinds, each with the look that all of its kind share."""

from .queries import Query

DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
PLAIN = [(None, "text")]
# Colours that mean something everywhere: a limit is a dashed red line, and what is good is green.
LIMIT = "dark-red"


def stat(title, description, unit, query, *, steps=PLAIN, decimals=None, words=None, name=False, empty="–"):
    """One figure, coloured by steps of (from, colour); `words` names values.

    `name` shows the legend instead, of what is there now: over a range, what went is there too.
    """
    panel = _panel("stat", title, description, unit, [query], steps, decimals, instant=name)
    panel["fieldConfig"]["defaults"]["noValue"] = empty
    if words:
        options = {str(value): {"text": text, "color": colour} for value, (text, colour) in words.items()}
        panel["fieldConfig"]["defaults"]["mappings"] = [{"type": "value", "options": options}]
    panel["options"] = {
        "colorMode": "value" if steps == PLAIN and not words else "background",
        "graphMode": "none" if words or name else "area",
        "justifyMode": "center",
        "orientation": "auto",
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "textMode": "name" if name else "value",
        "wideLayout": True,
    }
    return panel


def graph(title, description, unit, queries, *, stack=False, fill=10, limits=(), steps=None, decimals=None,
          log=False, minimum=0, maximum=None, colours=None, right=None):
    """Curves over time.

    `limits` are legends that are drawn as limits, `colours` maps legends (regular expressions) to
    colours, `right` is (legend as a regular expression, unit) of curves that have an axis of their own.
    """
    panel = _panel("timeseries", title, description, unit, queries, steps or PLAIN, decimals)
    defaults = panel["fieldConfig"]["defaults"]
    defaults["min"] = None if log else minimum
    if maximum is not None:
        defaults["max"] = maximum
    defaults["color"] = {"mode": "palette-classic"}
    defaults["custom"] = {
        "drawStyle": "line",
        "lineInterpolation": "linear",
        "lineWidth": 1,
        "fillOpacity": 60 if stack else fill,
        "gradientMode": "none",
        "showPoints": "never",
        "spanNulls": False,
        "stacking": {"group": "A", "mode": "normal" if stack else "none"},
        "scaleDistribution": {"type": "log", "log": 10} if log else {"type": "linear"},
        "axisPlacement": "auto",
        "axisLabel": "",
        "thresholdsStyle": {"mode": "dashed" if steps else "off"},
    }
    overrides = panel["fieldConfig"]["overrides"]
    for legend in limits:
        overrides.append(_override(legend, _limit_look()))
    for legend, colour in (colours or {}).items():
        overrides.append(_override(legend, [_colour(colour)]))
    if right:
        legend, right_unit = right
        look = [{"id": "unit", "value": right_unit}, {"id": "custom.axisPlacement", "value": "right"},
                {"id": "custom.fillOpacity", "value": 0}]
        overrides.append(_override(legend, look))
    panel["options"] = {
        "legend": {"displayMode": "table", "placement": "bottom", "showLegend": True,
                   "calcs": ["mean", "max", "lastNotNull"]},
        "tooltip": {"mode": "multi", "sort": "desc", "hideZeros": False},
    }
    return panel


def heatmap(title, description, query, *, unit="s", colours="Oranges"):
    """How many observations fell into each bucket, over time."""
    panel = _panel("heatmap", title, description, unit, [query], PLAIN, None)
    panel["fieldConfig"]["defaults"]["custom"] = {
        "scaleDistribution": {"type": "linear"},
        "hideFrom": {"legend": False, "tooltip": False, "viz": False},
    }
    panel["options"] = {
        "calculate": False,
        "cellGap": 1,
        "color": {"mode": "scheme", "scheme": colours, "scale": "exponential", "exponent": 0.5,
                  "steps": 64, "fill": "dark-orange", "reverse": False},
        "exemplars": {"color": "rgba(255,0,255,0.7)"},
        # Cells without an observation stay empty, so that a single late delivery can be seen.
        "filterValues": {"le": 1e-9},
        "legend": {"show": True},
        "rowsFrame": {"layout": "auto"},
        "tooltip": {"mode": "single", "yHistogram": True, "showColorScale": True},
        "yAxis": {"axisPlacement": "left", "reverse": False, "unit": unit},
    }
    return panel


def _panel(kind, title, description, unit, queries, steps, decimals, *, instant=False):
    defaults = {
        "unit": unit,
        "color": {"mode": "thresholds"},
        "mappings": [],
        "thresholds": {"mode": "absolute",
                       "steps": [{"value": value, "color": colour} for value, colour in steps]},
    }
    if decimals is not None:
        defaults["decimals"] = decimals
    return {
        "type": kind,
        "title": title,
        "description": description,
        "datasource": DATASOURCE,
        "targets": [_target(query, place, instant) for place, query in enumerate(queries)],
        "fieldConfig": {"defaults": defaults, "overrides": []},
    }


def _target(query: Query, place: int, instant: bool) -> dict:
    return {
        "refId": chr(ord("A") + place),
        "datasource": DATASOURCE,
        "editorMode": "code",
        "expr": query.text(),
        "legendFormat": query.legend,
        "format": query.format,
        "instant": instant,
        "range": not instant,
    }


def _limit_look() -> list:
    return [_colour(LIMIT), {"id": "custom.lineStyle", "value": {"fill": "dash", "dash": [10, 10]}},
            {"id": "custom.fillOpacity", "value": 0},
            {"id": "custom.stacking", "value": {"group": "limit", "mode": "none"}}]


def _colour(colour: str) -> dict:
    return {"id": "color", "value": {"mode": "fixed", "fixedColor": colour}}


def _override(legend: str, properties: list) -> dict:
    return {"matcher": {"id": "byRegexp", "options": f"/^{legend}/"}, "properties": properties}
