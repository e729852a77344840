"""A headless Chromium with an empty profile, driven by its own chromedriver."""

import base64
import os
import shutil
import time
from pathlib import Path

from fontTools.ttLib import TTFont
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

from scene import wait_until

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--no-proxy-server",
         "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
         "--hide-scrollbars", "--lang=en"]

# The pages ask for the system's font. Debian's DejaVu is wider and heavier than those of most readers, so Inter,
# which is installed for the dashboards, is the system's font here.
FONTS = Path(__file__).resolve().parent / "panels" / "node_modules" / "@fontsource" / "inter" / "files"
FONT_WEIGHTS = [300, 400, 500, 600, 700]
FONT_RULES = """<fontconfig><include>/etc/fonts/fonts.conf</include><dir>{folder}</dir>{aliases}</fontconfig>"""
ALIAS = '<alias binding="strong"><family>{name}</family><prefer><family>Inter</family></prefer></alias>'


class Browser:
    """One window, of whatever size a picture asks for."""

    def __init__(self, folder, rules):
        self.environment = {**os.environ, "FONTCONFIG_FILE": str(rules_of_fonts(folder / "fonts"))}
        self.options = webdriver.ChromeOptions()
        self.options.binary_location = shutil.which("chromium")
        for flag in [*FLAGS, f"--user-data-dir={folder / 'profile'}", f"--host-resolver-rules={rules}"]:
            self.options.add_argument(flag)

    def __enter__(self):
        # What is pictured comes first: a browser that draws would make the server slow that it shows.
        service = Service(shutil.which("chromedriver"), env=self.environment, popen_kw={"preexec_fn": lambda: os.nice(10)})
        self.driver = webdriver.Chrome(self.options, service)
        return self

    def __exit__(self, *_):
        self.driver.quit()

    def open(self, url, size, scale=1, dark=False):
        width, height = size
        self.command("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale,
                     mobile=width < 600)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.command("Emulation.setEmulatedMedia", features=[scheme])
        self.driver.get(url)

    def run(self, script):
        return self.driver.execute_script(script)

    def wait(self, condition, seconds=180, meanwhile=lambda: None):
        wait_until(condition, lambda: self.run(f"return ({condition})"), seconds, meanwhile)

    def take(self, whole=False):
        """The window as PNG, or the page down to its end."""
        clip = {}
        if whole:
            width, height = self.run("return [innerWidth, document.documentElement.scrollHeight]")
            clip = {"clip": {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}}
        answer = self.command("Page.captureScreenshot", format="png", captureBeyondViewport=whole, **clip)
        return base64.b64decode(answer["data"])

    def record(self, seconds):
        """Pictures one after the other, each with the moment at which it was taken."""
        begin, taken = time.time(), []
        while (at := time.time() - begin) < seconds:
            answer = self.command("Page.captureScreenshot", format="png", optimizeForSpeed=True)
            taken.append((at, base64.b64decode(answer["data"])))
        return taken

    def command(self, name, **parameters):
        return self.driver.execute_cdp_cmd(name, parameters)


def rules_of_fonts(folder):
    folder.mkdir()
    for weight in FONT_WEIGHTS:
        # As a font of the system Chromium draws none that is compressed.
        font = TTFont(FONTS / f"inter-latin-{weight}-normal.woff", recalcTimestamp=False)
        font.flavor = None
        font.save(folder / f"inter-{weight}.ttf")
    file = folder / "fonts.conf"
    aliases = "".join(ALIAS.format(name=name) for name in ["system-ui", "sans-serif", "sans"])
    file.write_text(FONT_RULES.format(folder=folder, aliases=aliases))
    return file
