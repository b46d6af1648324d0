# SPDX-License-Identifier: MIT
"""Looks at the pages of tests/unit/api/test_verification_page.c and test_monitor_page.c in Chromium.
Prints a line for each check: pass or fail, a tab, what was checked.

    page.py CHROMIUM SCRATCH PAGES"""
import sys

import browser

# What each page says and shows: verdict, texts, marks in each chart, rows of the tables.
PAGES = {
    "none": ("2 of 9 tests failed", ["There are no backups yet: there is nothing to restore.",
             "Failed: restore, shell.", "What to do: restore the backup before it"], 0, (9, 3, 0)),
    "one": ("What was tested passed: 1 of 1 test",
            ["Only 1 of the 9 tests was run", "No findings.", "1 backup of 23 Nov 2026.",
             "The newest backup 20261123_020000 was restored and found equal 3 hours before"],
            1, (1, 0, 1)),
    "many": ("Everything passed: 9 of 9 tests",
             ["400 backups from 20 Oct 2025 to 23 Nov 2026.", "daily (330)", "weekly (56)",
              "monthly (14)", "And 350 older ones.", "And 75 earlier ones."], 400, (9, 0, 50)),
    "hostile": ("2 of 9 tests failed",
                ["<script>evil()</script>\"'><img src=x onerror='evil()'>&amp;\\x01\\x80\\u202e",
                 "100 more findings are not shown here"], 60, (9, 200, 50)),
    "health-none": ("ERROR: 2 of 12 checks found something wrong",
                    ["There are no backups: there is nothing to restore.",
                     "Look at: freshness, proof.", "What to do: make one: jbackup backup",
                     "Since 2026-11-23 02:00:00"], 0, (12, 3, 2, 0)),
    "health-one": ("What was looked at is fine: 1 of 1 check",
                   ["Only 1 of the 12 checks was run", "No findings.", "1 backup of 23 Nov 2026.",
                    "was made 3 hours before this report"], 1, (1, 0, 0, 1)),
    "health-many": ("Everything is fine: 12 of 12 checks",
                    ["400 backups from 20 Oct 2025 to 23 Nov 2026.", "And 350 older ones.",
                     "was restored and found equal 3 days before this report", "212 days"],
                    400, (12, 0, 0, 50)),
    "health-hostile": ("ERROR: 2 of 12 checks found something wrong",
                       ["<script>evil()</script>\"'><img src=x onerror='evil()'>&amp;\\x01\\x80\\u202e",
                        "100 more findings are not shown here"], 60, (12, 200, 30, 50)),
}
CHARTS = ["sizes", "durations"]
HEALTH_CHARTS = ["sizes", "durations", "ages", "disk-use"]
TABLES = ["test", "finding", "backup"]
HEALTH_TABLES = ["check", "finding", "incident", "backup"]
SAMPLES = {"health-hostile": 30}  # on the disk's chart, if they are not as many as the backups
WIDTHS = (360, 1280)
SCHEMES = ("light", "dark")

ROWS = """%s.map(name => document.querySelectorAll('#' + name + '-table tbody tr').length)"""

# Marks that are drawn within their chart, by chart.
MARKS = """%s.map(id => {
    const chart = document.getElementById(id), box = chart && chart.getBoundingClientRect();
    return chart ? [...chart.querySelectorAll('.mark')].filter(mark => {
        const at = mark.getBoundingClientRect(), x = at.x + at.width / 2, y = at.y + at.height / 2;
        return at.width > 4 && at.height > 4 && x > box.x && x < box.right && y > box.y - 5 &&
            y < box.bottom + 5; }).length : 0; })"""

# Letters of a chart that lie over each other or leave the page.
LABELS = """[...document.querySelectorAll('svg.plot')].flatMap(chart => {
    const all = [...chart.querySelectorAll('text')].map(
        text => [text.textContent, text.getBoundingClientRect()]);
    return all.filter(([name, a], i) => a.x < 0 || a.right > document.documentElement.clientWidth ||
        all.some(([, b], j) => j > i && a.x < b.right && b.x < a.right && a.y < b.bottom &&
                 b.y < a.bottom)).map(([name]) => name); })"""

# Texts with less contrast to what is behind them than 4.5 to 1.
CONTRAST = """(() => {
    const parts = text => text.match(/[\\d.]+/g).map(Number);
    const light = text => parts(text).slice(0, 3).map(c => c / 255).map(
        c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
        .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
    const behind = element => {
        for (; element; element = element.parentElement) {
            const colour = getComputedStyle(element).backgroundColor, alpha = parts(colour)[3];
            if (alpha === undefined || alpha === 1)
                return colour;
        }
        return 'rgb(255, 255, 255)'; };
    const weak = new Set(), texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    let seen = 0;
    while (texts.nextNode()) {
        const element = texts.currentNode.parentElement;
        if (!texts.currentNode.data.trim() || element.closest('title, desc'))
            continue;
        const style = getComputedStyle(element);
        const a = light(element.closest('svg') ? style.fill : style.color), b = light(behind(element));
        seen++;
        if ((Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05) < 4.5)
            weak.add(element.tagName + '.' + element.className);
    }
    return seen > 20 ? [...weak] : ['no text']; })()"""

# Elements that reach past the width and don't scroll by themselves.
WIDE = """[...document.querySelectorAll('body *')].filter(element =>
    element.getBoundingClientRect().right > document.documentElement.clientWidth + 1 &&
    !element.closest('.scroll, svg, thead')).map(element => element.outerHTML.slice(0, 80))"""


def tell(name, is_so, *seen):
    print(f"{'pass' if is_so else 'fail'}\t{name}")
    if not is_so:
        print(f"saw\t{seen!r}"[:700])
    sys.stdout.flush()


def colours(picture):
    _, _, step, lines = picture
    return {bytes(line[i:i + 3]) for line in lines for i in range(0, len(line), step)}


def charts_of(name):
    return HEALTH_CHARTS if name.startswith("health") else CHARTS


def tables_of(name):
    return HEALTH_TABLES if name.startswith("health") else TABLES


def marks_of(name):
    """How many marks each chart has."""
    marks = PAGES[name][2]
    return [SAMPLES.get(name, marks) if chart == "disk-use" else marks for chart in charts_of(name)]


def look_at_texts(page, name):
    verdict, texts, marks, rows = PAGES[name]
    shown = " ".join(page.look("document.body.innerText").split())
    tell(f"{name}: the verdict", page.look("document.querySelector('h1').innerText") == verdict, shown)
    tell(f"{name}: the title begins with it", page.look("document.title").startswith(verdict))
    missing = [text for text in texts if text not in shown]
    tell(f"{name}: the texts", not missing, missing, shown)
    seen = page.look(ROWS % tables_of(name))
    tell(f"{name}: the rows", seen == list(rows), seen)
    tell(f"{name}: the charts are named", page.look(
        "[...document.querySelectorAll('svg.plot')].filter(chart => "
        "chart.querySelector('title').textContent && chart.querySelector('desc').textContent"
        ").length") == (len(charts_of(name)) if marks else 0))
    tell(f"{name}: nothing runs", page.look(
        "document.scripts.length + document.images.length + (typeof evil !== 'undefined')") == 0)


def look_at_layout(page, name, width, what):
    marks = PAGES[name][2]
    widths = page.look("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    tell(f"{what}: no sideways scrolling", widths[0] <= widths[1] == width, widths, page.look(WIDE))
    seen = page.look(MARKS % charts_of(name))
    tell(f"{what}: {marks} marks in each chart", seen == marks_of(name), seen)
    tell(f"{what}: labels apart", page.look(LABELS) == [], page.look(LABELS))


def look_at_page(page, name, folder):
    for width in WIDTHS:
        pictures = {}
        for scheme in SCHEMES:
            what = f"{name}, {width} pixels, {scheme}"
            path = f"{folder}/{name}.html"
            asked, logged = page.open(path, width, scheme)
            tell(f"{what}: loads itself only", asked == [f"file://{path}"] and not logged, asked, logged)
            if (width, scheme) == (WIDTHS[0], SCHEMES[0]):
                look_at_texts(page, name)
            if scheme == SCHEMES[0]:
                look_at_layout(page, name, width, what)
            weak = page.look(CONTRAST)
            tell(f"{what}: contrast", weak == [], weak)
            picture = page.picture(f"{folder}/{name}-{width}-{scheme}.png")
            tell(f"{what}: not blank", picture[0] == width and len(colours(picture)) > 20,
                 picture[:2], len(colours(picture)))
            pictures[scheme] = picture
        light, dark = (sum(pictures[scheme][3][5][:3]) for scheme in SCHEMES)
        tell(f"{name}, {width} pixels: dark is dark", dark < 150 and light > 600, light, dark)
    if PAGES[name][2]:
        for chart in charts_of(name):
            seen = colours(page.picture(f"{folder}/{name}-{chart}.png", part=f"#{chart}"))
            tell(f"{name}: the chart {chart} is drawn", len(seen) > 8, len(seen))
    page.open(f"{folder}/{name}.html", 720, "dark", media="print")
    tell(f"{name}: prints dark on white", page.look(
        "getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
         and page.look(CONTRAST) == [], page.look(CONTRAST))
    tell(f"{name}: fits on paper", page.look("document.documentElement.scrollWidth") <= 720,
         page.look(WIDE))


def notices(page, folder):
    """What is looked for is found where it is."""
    page.open(f"{folder}/many.html", WIDTHS[0])
    page.look("document.querySelector('h1').style.color = '#999'")
    tell("weak contrast is noticed", page.look(CONTRAST) == ["H1."], page.look(CONTRAST))
    page.look("document.querySelector('.mark').setAttribute('x', '150%')")
    tell("a mark outside is noticed", page.look(MARKS % CHARTS) == [399, 400])
    page.look("document.querySelectorAll('svg.plot text').forEach(text => text.setAttribute('y', 5))")
    tell("labels on each other are noticed", len(page.look(LABELS)) > 3, page.look(LABELS))
    page.look("document.querySelector('h1').style.width = '500px'")
    tell("what is too wide is noticed", page.look("document.documentElement.scrollWidth") > WIDTHS[0]
         and len(page.look(WIDE)) == 1, page.look(WIDE))


def main():
    program, scratch, folder = sys.argv[1:]
    page = browser.Browser(program, scratch)
    try:
        for name in PAGES:
            look_at_page(page, name, folder)
        notices(page, folder)
    finally:
        page.close()


if __name__ == "__main__":
    main()
