"""The Debian packages on a Debian whose services systemd runs: installed, used, upgraded over, removed, purged."""

import glob
import subprocess
import tempfile
import time
import urllib.request

from progress import say

HUB = "http://127.0.0.1:8080"
ADMIN = "http://127.0.0.1:9090"
SETTINGS = "/etc/fanfare/fanfare.toml"
# In place of the second number of the version.
NEWER = "999"

urllib.request.install_opener(urllib.request.build_opener(urllib.request.ProxyHandler({})))


def use(machine, packages):
    server, generator = one(f"{packages}/fanfare_*.deb"), one(f"{packages}/fanfare-loadgen_*.deb")
    first = installed(machine, machine.bring(server), machine.bring(generator))
    settings_and_keys(machine)
    upgraded(machine, server, first)
    removed_and_purged(machine)


def one(pattern):
    found = glob.glob(pattern)
    if len(found) != 1:
        raise SystemExit(f"{pattern}: {found}; `make dist` writes it")
    return found[0]


def installed(machine, server, generator):
    """The service is there as soon as dpkg is done, as the unit says; the id of its first event."""
    begin = time.monotonic()
    machine("dpkg", "--install", server)
    done = time.monotonic()
    machine.wait("it takes an event", lambda: asked(f"{ADMIN}/readyz"))
    first = publish("hello", "first")
    events = read("hello", "earliest", 1)
    assert events == ["first"], events
    say(f"from `dpkg --install` to the first event that was read: {time.monotonic() - begin:.1f} s, "
        f"{done - begin:.1f} s of it dpkg")
    machine("dpkg", "--install", generator)
    shown = dict(line.split("=", 1) for line in machine(
        "systemctl", "show", "fanfare", "--property=ActiveState,UnitFileState,MainPID,User,NRestarts").splitlines())
    assert shown["ActiveState"] == "active" and shown["UnitFileState"] == "enabled", shown
    assert shown["User"] == "fanfare" and shown["NRestarts"] == "0", shown
    status = dict(line.split(":\t", 1) for line in machine("cat", f"/proc/{shown['MainPID']}/status").splitlines()
                  if ":\t" in line)
    user = machine("id", "--user", "fanfare")
    assert status["Uid"].split() == [user] * 4 and user != "0", status["Uid"]
    assert int(status["CapEff"], 16) == 0 and status["NoNewPrivs"] == "1", status
    assert machine("stat", "--format=%U %a", "/var/lib/fanfare") == "fanfare 700"
    # Nothing but its own program, settings and unit; systemd finds nothing to complain about.
    assert machine("systemd-analyze", "verify", "fanfare.service") == ""
    journal = machine("journalctl", "--unit=fanfare", "--priority=warning", "--no-pager", "--quiet")
    assert journal == "", journal
    assert "quickstart" in machine("loadgen", "scenarios")
    say("it runs as its user without a capability, and loadgen beside it")
    return first


def settings_and_keys(machine):
    """A key that root gives to the group is read; a reload takes it without a restart."""
    before = machine("systemctl", "show", "fanfare", "--property=MainPID")
    machine("sh", "-c", "umask 027 && fanfare secret >/etc/fanfare/jwt.secret && chgrp fanfare /etc/fanfare/jwt.secret")
    machine("sed", "-i", "s/^#jwt-secret-file/jwt-secret-file/; s/^#anonymous/anonymous/", SETTINGS)
    machine("fanfare", "check-config", "--config", SETTINGS)
    machine("systemctl", "reload", "fanfare")
    machine.wait("publishing needs a token", lambda: not published("another", "without"))
    token = machine("fanfare", "token", "--jwt-secret-file", "/etc/fanfare/jwt.secret", "--publish", "*")
    publish("hello", "second", token)
    assert read("hello", "earliest", 2) == ["first", "second"]
    assert machine("systemctl", "show", "fanfare", "--property=MainPID") == before
    say("a key in /etc/fanfare is read by a reload")


def upgraded(machine, server, first):
    """Settings that were changed stay, and so do events."""
    changed = machine.text(SETTINGS)
    before = machine("systemctl", "show", "fanfare", "--property=MainPID")
    with tempfile.TemporaryDirectory() as folder:
        newer = machine.bring(newer_version(server, folder))
    # Where nobody is asked. The new settings are left beside those that were changed.
    machine("dpkg", "--force-confold", "--install", newer)
    assert machine.text(SETTINGS) == changed and machine.has(f"{SETTINGS}.dpkg-dist")
    machine.wait("it serves again", lambda: asked(f"{ADMIN}/readyz"))
    assert machine("systemctl", "show", "fanfare", "--property=MainPID") != before
    assert read("hello", first, 1) == ["second"], "clients go on after their last id"
    assert NEWER in machine("dpkg-query", "--show", "fanfare")
    say("an upgrade restarts it, and leaves settings and events")


def newer_version(package, folder):
    """The same files as a later version, with other settings shipped."""
    subprocess.run(["dpkg-deb", "--raw-extract", package, f"{folder}/files"], check=True)
    control = open(f"{folder}/files/DEBIAN/control").read().splitlines(keepends=True)
    control = [f"Version: 0.{NEWER}.0-1\n" if line.startswith("Version:") else line for line in control]
    open(f"{folder}/files/DEBIAN/control", "w").writelines(control)
    with open(f"{folder}/files{SETTINGS}", "a") as settings:
        settings.write("\n# A line of a later version.\n")
    subprocess.run(["dpkg-deb", "-Znone", "--root-owner-group", "--build", f"{folder}/files", f"{folder}/newer.deb"],
                   check=True, stdout=subprocess.DEVNULL)
    return f"{folder}/newer.deb"


def removed_and_purged(machine):
    machine("dpkg", "--remove", "fanfare", "fanfare-loadgen")
    assert not asked(f"{ADMIN}/readyz"), "nobody serves"
    for path in ["/usr/bin/fanfare", "/usr/bin/loadgen", "/usr/lib/systemd/system/fanfare.service"]:
        assert not machine.has(path), path
    assert machine.has(SETTINGS) and machine.has("/var/lib/fanfare")
    # What an operator put there goes with the operator.
    machine("rm", "/etc/fanfare/jwt.secret")
    machine("dpkg", "--purge", "fanfare", "fanfare-loadgen")
    left = machine("find", "/etc", "/usr", "/var", "-xdev", "-name", "*fanfare*")
    assert left == "", left
    assert machine("systemctl", "is-system-running") == "running"
    say("removing it leaves settings and events, and purging leaves its user alone")


def asked(url):
    try:
        return urllib.request.urlopen(url, timeout=5).status == 200
    except OSError:
        return False


def published(topic, data):
    try:
        publish(topic, data)
        return True
    except urllib.error.HTTPError:
        return False


def publish(topic, data, token=None):
    """One event; its id."""
    headers = {"Content-Type": "text/plain", **({"Authorization": f"Bearer {token}"} if token else {})}
    request = urllib.request.Request(f"{HUB}/events/{topic}", data=data.encode(), method="POST", headers=headers)
    return urllib.request.urlopen(request, timeout=20).read().decode().strip()


def read(topic, after, count):
    """The data of so many events behind an id."""
    request = urllib.request.Request(f"{HUB}/events/{topic}", headers={"Last-Event-ID": after})
    data = []
    with urllib.request.urlopen(request, timeout=20) as stream:
        while len(data) < count:
            line = stream.readline().decode()
            if not line:
                raise SystemExit(f"the stream ended after {data}")
            if line.startswith("data:"):
                data.append(line[5:].strip())
    return data
