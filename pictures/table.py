"""The pictures in docs/pictures: what each shows, and how it is made. The standard library is enough to read it.

A page is taken when its condition holds, a script that returns whether it does; what has to be done on
the page first is a function of `pages`.
"""

from dataclasses import dataclass

WIDE, PHONE = (1440, 900), (390, 844)
LIVE = "document.getElementById('connection').dataset.state === 'live'"


@dataclass(frozen=True)
class Dashboard:
    """A committed dashboard, drawn with what Prometheus says of a server under load."""
    file: str
    dashboard: str


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


HOME = f"{LIVE} && parseInt(document.getElementById('deliveries').textContent.replaceAll(',', '')) > 0"

PICTURES = [
    Terminal("loadgen.svg", ("resume", "--connections", "300", "--duration", "10s")),
    Page("system.webp", "/demo/system", f"{LIVE} && (window.since ??= performance.now()) < performance.now() - 120000"),
    Page("home.webp", "/", HOME),
    Page("home-dark.webp", "/", HOME, dark=True),
    Page("home-phone.webp", "/", HOME, size=PHONE, scale=2),
    Recording("home-live.webp", "/", HOME, size=(1120, 700), seconds=4.2),
    Page("clock.webp", "/demo/clock", f"{LIVE} && /\\d/.test(document.getElementById('time').textContent)"),
    Page("training.webp", "/demo/training", "document.getElementById('overall').value > 62", first="start_training"),
    Page("stocks.webp", "/demo/stocks",
         f"{LIVE} && [...document.querySelectorAll('.updates')].every((cell) => !(parseInt(cell.textContent) < 12))"),
    Page("console.webp", "/demo/console", "document.querySelectorAll('#events li').length >= 6", first="use_console",
         whole=True),
    Dashboard("overview.webp", "overview"),
    Dashboard("internals.webp", "internals"),
    Dashboard("load-test.webp", "load-test"),
]

# Bytes: of one picture, and of all.
LARGEST, ALL = 200_000, 2_000_000
