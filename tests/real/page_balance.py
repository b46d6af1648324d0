# SPDX-License-Identifier: MIT
"""Whether each element of an HTML file is closed by its own name, in order; ids are unique; what
is referred to is there; nothing that runs or loads stands in it."""
import html.parser
import sys

VOID = {"meta", "br", "hr"}
LOADING = {"script", "img", "link", "iframe", "object", "embed", "form", "base", "audio", "video"}


class Page(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.ids, self.wanted, self.wrong = [], set(), set(), []

    def handle_starttag(self, tag, attributes):
        self.look_at(tag, dict(attributes))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.look_at(tag, dict(attributes))

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(f"{self.getpos()}: </{tag}>")

    def look_at(self, tag, attributes):
        if tag in LOADING or any(name.startswith("on") or name == "src" for name in attributes):
            self.wrong.append(f"{self.getpos()}: <{tag}>")
        if attributes.get("id") in self.ids:
            self.wrong.append(f"{self.getpos()}: a second {attributes['id']}")
        self.ids.add(attributes.get("id", ""))
        self.wanted.update(attributes.get("aria-labelledby", "").split())
        if "href" in attributes:
            self.wanted.add(attributes["href"].removeprefix("#"))


def main():
    page = Page()
    with open(sys.argv[1], encoding="utf-8") as file:
        page.feed(file.read())
    page.close()
    wrong = page.wrong + page.open + sorted(page.wanted - page.ids)
    print("\n".join(wrong))
    sys.exit(bool(wrong) or len(page.ids) < 8)


main()
