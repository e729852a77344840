"""Words for PromQL, so that what stands in a dashboard's source is the query and nothing else.

`{SERVER}` stands for the matchers of the servers that are chosen at the top of the page, `{LOADGEN}`
for those of the load generators, `[RATE]` for the range that Grafana derives from the scrape interval.
"""

from dataclasses import dataclass

WORDS = {
    "SERVER": 'job=~"$job", instance=~"$instance"',
    "LOADGEN": 'job=~"$loadgen_job", instance=~"$loadgen_instance"',
    "RATE": "$__rate_interval",
}


@dataclass(frozen=True)
class Query:
    """One curve, or one family of curves."""

    expression: str
    legend: str = "__auto"
    # "heatmap" for buckets.
    format: str = "time_series"

    def text(self) -> str:
        text = self.expression
        for word, meaning in WORDS.items():
            for before, after in (("{", "}"), ("{", ","), ("[", "]")):
                text = text.replace(before + word + after, before + meaning + after)
        return text


def per_second(metric: str, by: str = "", who: str = "SERVER") -> str:
    """The rate of a counter, summed over what is not named in `by`."""
    return f"sum{_by(by)} (rate({metric}{{{who}}}[RATE]))"


def quantile(metric: str, which: str = "$quantile", by: str = "", who: str = "SERVER") -> str:
    """A quantile of a histogram, scraped as classic buckets or as a native one.

    Only one of the two branches has data. Without the second, all percentiles go blank when somebody
    turns on `convert_classic_histograms_to_nhcb` in Prometheus.
    """
    labels = f", {by}" if by else ""
    classic = f"sum by (le{labels}) (rate({metric}_bucket{{{who}}}[RATE]))"
    native = f"sum{_by(by)} (rate({metric}{{{who}}}[RATE]))"
    return f"histogram_quantile({which}, {classic}) or histogram_quantile({which}, {native})"


def buckets(metric: str, who: str = "SERVER") -> Query:
    """What a heatmap shows: observations a second, by bucket."""
    classic = f"sum by (le) (rate({metric}_bucket{{{who}}}[RATE]))"
    return Query(f"{classic} or sum(rate({metric}{{{who}}}[RATE]))", "{{le}}", "heatmap")


def of_process(metric: str, program: str = "fanfare_build_info", who: str = "SERVER") -> str:
    """A process_* gauge of our programs only: `All` as job matches Prometheus itself too."""
    return f"({metric}{{{who}}} and on (job, instance) {program}{{{who}}})"


def _by(labels: str) -> str:
    return f" by ({labels})" if labels else ""
