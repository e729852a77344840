"""The single server with Prometheus, Grafana and a load, as compose starts them, and what must be true of them.

What takes a while goes on beside the rest: a load, and then the two drains.
"""

import json
import re
import subprocess
import urllib.error
import urllib.parse
import urllib.request

from clients import publish, read
from engine import eventually
from progress import say

SINGLE, PROMETHEUS, GRAFANA = "http://127.0.0.1:8088", "http://127.0.0.1:9091", "http://127.0.0.1:3000"
TOPIC = f"{SINGLE}/events/news/1"


def start(project):
    project("up", "--build", "--detach", "fanfare", "prometheus", "grafana")
    project.wait("fanfare")
    say("the single server is healthy")


def is_shut_in(project):
    """What compose asks for is what the kernel holds the process to."""
    status, process = project.status("fanfare"), project.pid("fanfare")
    assert status["Uid"].split() == ["65532"] * 4, status["Uid"]
    for held in ["CapEff", "CapPrm", "CapBnd"]:
        assert int(status[held], 16) == 0, (held, status[held])
    assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2", status
    mounts = [line.split() for line in open(f"/proc/{process}/mounts")]
    root = next(options for _, where, _, options, *_ in mounts if where == "/")
    assert "ro" in root.split(","), root
    files = next(line for line in open(f"/proc/{process}/limits") if line.startswith("Max open files"))
    assert files.split()[3:5] == [str(project.most_files)] * 2, files
    settings = re.findall(r"^      (net\.\S+): (.+)$", project.section("fanfare"), re.M)
    assert len(settings) == 3, settings
    for name, value in settings:
        file = f"/proc/sys/{name.replace('.', '/')}"
        # A file there is that of whoever reads it.
        said = subprocess.run(["nsenter", f"--net=/proc/{process}/ns/net", "cat", file], capture_output=True, text=True)
        assert said.stdout.strip() == value, (name, said)
    say("it has no capability, a root that is read-only, and the limits and kernel settings of the file")


def serves(project, token):
    """The page and whatever it links to, Grafana and Prometheus; and nobody publishes without a token."""
    home = page(f"{SINGLE}/")
    links = sorted({urllib.parse.urljoin(f"{SINGLE}/", link) for link in re.findall(r'href="(/[^"#?]*)', home)})
    assert len(links) >= 5, links
    for url in [*links, f"{GRAFANA}/", f"{PROMETHEUS}/-/ready"]:
        page(url)
    assert refusal(urllib.request.Request(f"{SINGLE}/healthz")) == 404, "the admin listener is not published"
    assert page(f"http://{project.address('fanfare')}:9090/healthz")
    assert refusal(urllib.request.Request(TOPIC, data=b"x", method="POST")) == 401
    first = publish(TOPIC, "first", token)
    assert read(TOPIC, "earliest", 1)[0][1:] == (first, "first")
    say(f"{len(links)} pages are served, and an event comes through")
    return first


def page(url):
    with urllib.request.urlopen(url, timeout=20) as response:
        return response.read().decode(errors="replace")


def refusal(request):
    try:
        urllib.request.urlopen(request, timeout=20)
    except urllib.error.HTTPError as error:
        return error.code
    raise SystemExit(f"{request.full_url} was not refused")


def load(project):
    """Begins; `loaded` waits for its end."""
    project("up", "--build", "--detach", "--no-deps", "loadgen")


def loaded(project):
    """It verifies every delivery and ends by itself, and Prometheus saw it while it ran."""
    eventually("the load ends", lambda: project.state("loadgen")["State"]["Status"] == "exited")
    say(delivered_all(project.engine, project.id("loadgen")))
    expected = {("fanfare", "fanfare:9090"), ("loadgen", "loadgen:9464"), ("prometheus", "localhost:9090")}
    eventually("Prometheus has reached server, load generator and itself", lambda: reached("[1h]") == expected)
    say("Prometheus reaches the server, the load generator and itself")


def delivered_all(engine, container):
    """A load that has ended: every delivery came; how many those were."""
    report = engine.logs(container)
    delivered = re.search(r"([\d,]+) of ([\d,]+) deliveries", report)
    assert delivered and delivered[1] == delivered[2] != "0", report
    # 4 is "invalid": whoever measured was held up by what else the machine does. Nothing was lost then either.
    code = engine.inspect(container)["State"]["ExitCode"]
    assert code in [0, 4], report
    assert code == 4 or report.startswith("PASS") or "\nPASS (exit code 0)" in report, report
    return f"{delivered[0]}; exit code {code}"


def reached(time=""):
    """Whom Prometheus reaches, or has reached within a time."""
    query = f"max_over_time(up{time}) == 1" if time else "up == 1"
    answer = json.loads(page(f"{PROMETHEUS}/api/v1/query?{urllib.parse.urlencode({'query': query})}"))
    return {(one["metric"]["job"], one["metric"]["instance"]) for one in answer["data"]["result"]}


def rules_are_evaluated():
    def evaluated():
        groups = json.loads(page(f"{PROMETHEUS}/api/v1/rules"))["data"]["groups"]
        health = [(rule["name"], rule["health"]) for group in groups for rule in group["rules"]]
        assert not [rule for rule in health if rule[1] == "err"], health
        return health and all(state == "ok" for _, state in health)

    eventually("all rules were evaluated", evaluated)
    say("all rules are evaluated")


def logs_are_json(project):
    """Every line that a collector reads, of standard output too."""
    printed, logged = project.engine.logs_apart(project.id("fanfare"))
    lines = (printed + logged).splitlines()
    for line in lines:
        json.loads(line)
    assert len(lines) >= 3, lines
    say(f"the {len(lines)} lines of its log are JSON")
