"""Makes the pictures in docs/pictures anew: `make pictures`, about nine minutes; some only: ARGS="--only home.webp,overview.webp".

Everything in them is real: the programs in target/release, load from loadgen, Debian's Prometheus and Chromium.
What is installed for it goes into folders beside this file that git ignores. `--list` says which pictures there are.
"""

import argparse
import shutil
import sys
from pathlib import Path

from table import PICTURES, Dashboard, Page, Recording, Terminal

ROOT = Path(__file__).resolve().parent.parent.parent
FOLDER = ROOT / "docs" / "pictures"
NEEDED = {"chromium": "chromium", "chromedriver": "chromium-driver", "prometheus": "prometheus"}


def main():
    options = read_options()
    if options.list:
        print("\n".join(picture.file for picture in PICTURES))
        return
    refuse_what_is_missing(options.programs)
    chosen = [picture for picture in PICTURES if not options.only or picture.file in options.only]
    FOLDER.mkdir(exist_ok=True)
    make(chosen, options.programs)
    import images
    images.refuse_what_is_too_large(FOLDER)


def read_options():
    parser = argparse.ArgumentParser(prog="make pictures", description=__doc__.split("\n")[0])
    parser.add_argument("--list", action="store_true", help="print the names of the pictures and make none")
    parser.add_argument("--only", type=lambda text: text.split(","), help="names of pictures, with commas between")
    parser.add_argument("--programs", type=Path, default=ROOT / "target" / "release", help="where fanfare and loadgen are")
    options = parser.parse_args()
    unknown = set(options.only or []) - {picture.file for picture in PICTURES}
    if unknown:
        parser.error(f"no such picture: {', '.join(sorted(unknown))}; --list prints them")
    return options


def refuse_what_is_missing(programs):
    missing = sorted(package for command, package in NEEDED.items() if not shutil.which(command))
    if missing:
        raise SystemExit(f"make pictures needs these packages: {' '.join(missing)}; `make setup-tests` installs them")
    for program in ["fanfare", "loadgen"]:
        if not (programs / program).exists():
            raise SystemExit(f"{programs / program} is not there; `cargo build --release` makes it")


def make(chosen, programs):
    # Installed packages are imported here, so that --list needs none.
    import dashboards
    import pages
    import terminal
    from browser import Browser
    from scene import Scene

    for picture in of_type(chosen, Terminal):
        with Scene(programs) as scene:
            terminal.record(picture, scene, programs, FOLDER)
    shown, drawn = of_type(chosen, (Page, Recording)), of_type(chosen, Dashboard)
    if not shown + drawn:
        return
    with Scene(programs) as scene, Browser(scene.folder, scene.rules()) as browser:
        scene.put_under_load()
        for picture in shown:
            pages.take(picture, browser, scene, FOLDER)
        if drawn:
            scene.wait_for_history()
            dashboards.draw(drawn, browser, scene, ROOT, FOLDER)


def of_type(pictures, types):
    return [picture for picture in pictures if isinstance(picture, types)]


if __name__ == "__main__":
    sys.exit(main())
