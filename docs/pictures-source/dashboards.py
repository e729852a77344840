"""The committed dashboards, drawn in a page with Grafana's published components (`panels/`): not by Grafana.

The page reads the JSON, asks Prometheus what its panels ask, and says when it has drawn.
"""

import functools
import http.server
import threading
import time
from pathlib import Path
from urllib.parse import urlencode

import images
from scene import HISTORY_SECONDS, SCRAPE_SECONDS

SIZE = (1600, 900)
BUILT = Path(__file__).resolve().parent / "panels" / ".built"


class Files(http.server.SimpleHTTPRequestHandler):
    """The page that was built, and the dashboards under /dashboards."""

    def __init__(self, *arguments, dashboards, **options):
        self.dashboards = dashboards
        super().__init__(*arguments, directory=BUILT, **options)

    def translate_path(self, path):
        name = path.split("?")[0]
        if name.startswith("/dashboards/"):
            return str(self.dashboards / Path(name).name)
        return super().translate_path(path)

    def log_message(self, *_):
        pass


def draw(pictures, browser, scene, root, folder):
    handler = functools.partial(Files, dashboards=root / "grafana" / "dashboards")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    until = int(time.time())
    for picture in pictures:
        question = urlencode({"dashboard": picture.dashboard, "prometheus": scene.prometheus,
                              "from": (until - HISTORY_SECONDS) * 1000, "to": until * 1000,
                              "scrape": SCRAPE_SECONDS * 1000})
        browser.open(f"http://127.0.0.1:{server.server_port}/index.html?{question}", SIZE, picture.scale, dark=True)
        browser.wait("document.body.dataset.state !== 'drawing'")
        problem = browser.run("return document.body.dataset.problem ?? ''")
        if problem:
            raise SystemExit(f"{picture.dashboard}: {problem}")
        images.save(browser.take(whole=True), folder / picture.file)
    server.shutdown()
