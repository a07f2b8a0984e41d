"""Nothing that a built site loads comes from the network: `python -m tests.docs.offline site`."""

import re
import sys
from html.parser import HTMLParser
from pathlib import Path

LOADED = {"script": "src", "link": "href", "img": "src", "iframe": "src", "source": "src"}
FOREIGN = re.compile(r"(?:https?:)?//", re.IGNORECASE)
OF_STYLE = re.compile(r"(?:url\(|@import)\s*['\"]?((?:https?:)?//[^'\")\s]+)", re.IGNORECASE)
ADDRESSES = {"canonical", "prev", "next"}  # links of a head that name a page and load nothing


class Loads(HTMLParser):
    """Collects what a page loads from elsewhere."""

    def __init__(self):
        super().__init__()
        self.foreign = []

    def handle_starttag(self, tag, attrs):
        """Look at one tag."""
        values = dict(attrs)
        target = values.get(LOADED.get(tag, ""), "") or ""
        if FOREIGN.match(target) and values.get("rel") not in ADDRESSES:
            self.foreign.append(target)


def foreign(site):
    """Return what the pages and styles of a folder load from elsewhere, each with its file."""
    found = []
    for page in sorted(site.rglob("*.html")):
        loads = Loads()
        loads.feed(page.read_text(encoding="utf-8"))
        found += [f"{page}: {target}" for target in loads.foreign]
    for style in sorted(site.rglob("*.css")):
        found += [f"{style}: {each}" for each in OF_STYLE.findall(style.read_text("utf-8"))]
    return found


if __name__ == "__main__":
    if wrong := foreign(Path(sys.argv[1])):
        sys.exit("loaded from the network:\n" + "\n".join(wrong))
