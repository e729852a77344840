"""What outlives a container of the single server: its events, which are in a volume that its user may write."""

from clients import publish, read
from progress import say
from single import TOPIC


def what_is_published_outlives(project):
    token = project.token()
    first = read(TOPIC, "earliest", 1)[0][1]
    for number, end in enumerate(["restart", "kill"]):
        publish(TOPIC, f"before {end}", token)
        project(end, "fanfare")
        if end == "kill":
            project("up", "--detach", "fanfare")
        project.wait("fanfare")
        publish(TOPIC, f"after {end}", token)
        events = read(TOPIC, first, 2 + 2 * number)
        assert all(kind != "fanfare-gap" for kind, _, _ in events), events
        assert [data for _, _, data in events[-2:]] == [f"before {end}", f"after {end}"], events
    # Another container, the same volume.
    project("up", "--detach", "--force-recreate", "--no-deps", "fanfare")
    project.wait("fanfare")
    assert [data for _, _, data in read(TOPIC, first, 4)][-1] == "after kill"
    say("its events outlive a restart, a kill and another container")
