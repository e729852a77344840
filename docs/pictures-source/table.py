"""The pictures in docs/pictures: what each shows, and how it is made. The standard library is enough to read it.

A page is taken when its condition holds, a script that returns whether it does; what has to be done on
the page first is a function of `pages`.
"""

from dataclasses import dataclass

# Where the browser finds the listeners of the server: see Scene.rules.
SITE, ADMIN = "http://127.0.0.1:8080", "http://127.0.0.1:9090"
WIDE, PHONE = (1440, 900), (390, 844)
LIVE = "document.getElementById('connection').dataset.state === 'live'"


@dataclass(frozen=True)
class Dashboard:
    """A committed dashboard, drawn with what Prometheus says of a server under load."""
    file: str
    dashboard: str
    scale: float = 1.25


@dataclass(frozen=True)
class Page:
    """A page of a server under load, in Chromium."""
    file: str
    path: str
    condition: str
    first: str = ""
    size: tuple = WIDE
    scale: float = 1
    dark: bool = False
    # Down to the end of the page, not of the window.
    whole: bool = False
    site: str = SITE


@dataclass(frozen=True)
class Recording:
    """A page of a server under load, for some seconds."""
    file: str
    path: str
    condition: str
    size: tuple
    seconds: float


@dataclass(frozen=True)
class Terminal:
    """What a command shows on a terminal, from its start to its end."""
    file: str
    arguments: tuple
    columns: int = 100
    rows: int = 46


INSIDE = f"{LIVE} && document.querySelectorAll('#slowest tbody tr').length > 5 && " \
         "parseInt(document.getElementById('deliveries').textContent.replaceAll(',', '')) > 0"
HOME = f"{LIVE} && parseInt(document.getElementById('deliveries').textContent.replaceAll(',', '')) > 0"

PICTURES = [
    Terminal("loadgen.svg", ("resume", "--connections", "300", "--duration", "10s")),
    Page("system.webp", "/demo/system", f"{LIVE} && (window.since ??= performance.now()) < performance.now() - 120000"),
    Page("home.webp", "/", HOME, whole=True),
    Page("home-dark.webp", "/", HOME, dark=True),
    Page("home-phone.webp", "/", HOME, size=PHONE, scale=2),
    Recording("home-live.webp", "/", HOME, size=(1120, 700), seconds=4.2),
    Page("clock.webp", "/demo/clock", f"{LIVE} && /\\d/.test(document.getElementById('time').textContent)"),
    Page("training.webp", "/demo/training", "document.getElementById('overall').value > 62", first="start_training"),
    Page("stocks.webp", "/demo/stocks",
         f"{LIVE} && [...document.querySelectorAll('.updates')].every((cell) => !(parseInt(cell.textContent) < 12))"),
    Page("runs.webp", "/demo/runs", "document.querySelectorAll('#late .word').length > 55", first="begin_run"),
    Page("console.webp", "/demo/console", "document.querySelectorAll('#events li').length >= 6", first="use_console"),
    Page("admin.webp", "/", INSIDE, whole=True, site=ADMIN),
    Dashboard("overview.webp", "overview"),
    # The longest: larger, it would be less sharp within the same bytes.
    Dashboard("internals.webp", "internals", scale=1),
    Dashboard("load-test.webp", "load-test"),
]

# Bytes: of one picture, and of all.
LARGEST, ALL = 200_000, 2_000_000
