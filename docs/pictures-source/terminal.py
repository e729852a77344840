"""What a program shows on a terminal, as an SVG that moves: the bytes that it wrote to a real one, read by pyte.

Each change of the screen is a group of text that is shown for as long as it stood there; the last stays for a
while, then it begins again. Whoever asks for less motion sees the last.
"""

import os
import pty
import select
import struct
import subprocess
import termios
import time
from fcntl import ioctl
from html import escape
from itertools import groupby

import pyte

from images import write

CELL_WIDTH, CELL_HEIGHT, FONT_SIZE, PADDING = 8, 18, 13, 16
GROUND, INK = "#161b22", "#e6edf3"
COLOURS = {"default": INK, "black": "#6e7681", "red": "#ff7b72", "green": "#3fb950", "brown": "#d29922",
           "blue": "#58a6ff", "magenta": "#bc8cff", "cyan": "#39c5cf", "white": "#b1bac4"}
SECONDS_BETWEEN_FRAMES = 0.5
SECONDS_OF_THE_LAST = 10
# On a busy machine loadgen calls its own run invalid: then it is run again.
ATTEMPTS = 5


def record(picture, scene, programs, folder):
    url = f"http://{scene.address}/events/load"
    command = [str(programs / "loadgen"), "run", *picture.arguments, "--subscribe", url, "--publish", url]
    shown = f"$ loadgen run {' '.join(picture.arguments)}"
    for _ in range(ATTEMPTS):
        code, frames = frames_of(command, shown, picture.columns, picture.rows, scene.folder)
        if code == 0:
            break
    else:
        raise SystemExit(f"{shown[2:]} has ended {ATTEMPTS} times with an error, the last {code}; is the machine busy?")
    text = drawing(frames, picture.columns)
    write(folder / picture.file, text.encode(), f"{len(frames)} frames")


def frames_of(command, shown, columns, rows, cwd):
    """Runs a command on a terminal of this size; returns its exit code, and the screens with their moments."""
    leader, follower = pty.openpty()
    ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    screen = pyte.Screen(columns, rows)
    stream = pyte.ByteStream(screen)
    stream.feed(f"{shown}\r\n".encode())
    process = subprocess.Popen(command, stdin=follower, stdout=follower, stderr=follower, cwd=cwd,
                               env={**os.environ, "TERM": "xterm-256color"})
    os.close(follower)
    begin, frames = time.time(), [(0.0, runs_of(screen))]
    while feed(leader, stream):
        seconds = time.time() - begin
        if seconds - frames[-1][0] >= SECONDS_BETWEEN_FRAMES and runs_of(screen) != frames[-1][1]:
            frames.append((seconds, runs_of(screen)))
    os.close(leader)
    frames.append((time.time() - begin, runs_of(screen)))
    return process.wait(), frames


def feed(leader, stream):
    """Reads what is there; false at the end, which Linux reports as an error."""
    if not select.select([leader], [], [], 0.1)[0]:
        return True
    try:
        data = os.read(leader, 65536)
    except OSError:
        return False
    stream.feed(data)
    return bool(data)


def runs_of(screen):
    """Pieces of text that look the same: (row, column, text, colour, bold, dim is not known to pyte)."""
    found = []
    for row in range(screen.lines):
        cells = [(column, screen.buffer[row][column]) for column in range(screen.columns)]
        for (colour, bold), group in groupby(cells, lambda cell: (cell[1].fg, cell[1].bold)):
            group = list(group)
            text = "".join(cell.data for _, cell in group)
            lead = len(text) - len(text.lstrip())
            if text.strip():
                found.append((row, group[0][0] + lead, text.strip(), colour, bold))
    return found


def drawing(frames, columns):
    width = columns * CELL_WIDTH + 2 * PADDING
    used = 1 + max(row for _, runs in frames for row, *_ in runs)
    height = used * CELL_HEIGHT + 2 * PADDING
    end = frames[-1][0] + SECONDS_OF_THE_LAST
    ends = [at for at, _ in frames[1:]] + [end]
    rules, groups = [], []
    for number, ((begin, runs), until) in enumerate(zip(frames, ends)):
        rules.append(f"#f{number}{{animation:a{number} {end:.1f}s step-end infinite}}" + keyframes(number, begin / end, until / end))
        groups.append(f'<g id="f{number}">{"".join(map(text_of, runs))}</g>')
    last = f"#f{len(frames) - 1}"
    return f"""<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">
<style>text{{font:{FONT_SIZE}px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;white-space:pre;fill:{INK}}}
g{{visibility:hidden}}{last}{{visibility:visible}}
@media (prefers-reduced-motion:no-preference){{{"".join(rules)}}}</style>
<rect width="100%" height="100%" rx="8" fill="{GROUND}"/>
{"".join(groups)}
</svg>
"""


def keyframes(number, begin, until):
    before = "" if begin == 0 else "0%{visibility:hidden}"
    after = "" if until >= 1 else f"{100 * until:.2f}%{{visibility:hidden}}"
    return f"@keyframes a{number}{{{before}{100 * begin:.2f}%{{visibility:visible}}{after}100%{{visibility:{'visible' if until >= 1 else 'hidden'}}}}}"


def text_of(run):
    row, column, text, colour, bold = run
    x, y = PADDING + column * CELL_WIDTH, PADDING + row * CELL_HEIGHT + FONT_SIZE
    look = "" if colour == "default" else f' style="fill:{COLOURS.get(colour, "#" + colour)}"'
    weight = ' font-weight="600"' if bold else ""
    # The length is given, so that columns stay columns in every font.
    length = f' textLength="{len(text) * CELL_WIDTH}" lengthAdjust="spacingAndGlyphs"'
    return f'<text x="{x}" y="{y}"{length}{look}{weight}>{escape(text)}</text>'
