# SPDX-License-Identifier: MIT
"""Looks at the page of examples/python/admin.py in Chromium, and presses its buttons. Prints a line for
each check: pass or fail, a tab, what was checked.

    admin_look.py CHROMIUM SCRATCH ADDRESS"""
import sys
import time

import browser
from page import CONTRAST, SCHEMES, WIDE, WIDTHS, colours, tell

# Each value that the bar and the line beside it take from now on.
WATCH = """(() => {
    window.seen = [];
    const look = () => seen.push([document.getElementById('job').dataset.state,
        document.getElementById('progress').position,
        document.getElementById('message').textContent, document.getElementById('back-up').disabled]);
    new MutationObserver(look).observe(document.getElementById('job'),
        {attributes: true, childList: true, subtree: true, characterData: true}); })()"""
ROWS = "[...document.querySelectorAll('#backups tbody th')].map(cell => cell.innerText)"
STATE = "document.getElementById('job').dataset.state"
SIDEWAYS = "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"


def wait_for(page, expression, seconds=60):
    until = time.monotonic() + seconds
    while not (value := page.look(expression)) and time.monotonic() < until:
        time.sleep(0.05)
    return value


def look_at_layout(page, scratch, address, name):
    for width in WIDTHS:
        top = {}
        for scheme in SCHEMES:
            what = f"{name}, {width} pixels, {scheme}"
            asked, logged = page.open(address, width, scheme)
            tell(f"{what}: loads itself only", len(asked) >= 3 and not logged and
                 all(one.startswith(address) for one in asked), asked, logged)
            widths = page.look(SIDEWAYS)
            tell(f"{what}: no sideways scrolling", widths[0] <= widths[1] == width, widths,
                 page.look(WIDE))
            tell(f"{what}: contrast", page.look(CONTRAST) == [], page.look(CONTRAST))
            picture = page.picture(f"{scratch}/{name}-{width}-{scheme}.png", height=900)
            tell(f"{what}: not blank", picture[0] == width and len(colours(picture)) > 20)
            top[scheme] = sum(picture[3][5][:3])
        tell(f"{name}, {width} pixels: dark is dark", top["dark"] < 150 and top["light"] > 600, top)
        tell(f"{name}, {width} pixels: the buttons can be touched", page.look(
            "[...document.querySelectorAll('button:not([hidden])')].filter(button => "
            "button.getClientRects().length).every(button => button.getBoundingClientRect().height > 30)"))


def press_back_up(page, address):
    page.open(address, WIDTHS[0])
    before = page.look(ROWS)
    page.look(WATCH)
    page.look("document.getElementById('back-up').click()")
    state = wait_for(page, f"['done', 'failed', 'canceled'].includes({STATE}) && {STATE}")
    seen = page.look("seen")
    tell("back up now: it is done", state == "done", state, seen[-3:])
    tell("back up now: the bar moves to its end", any(0 < at < 1 for _, at, _, _ in seen)
         and seen[-1][1] == 1, seen)
    tell("back up now: its steps are told", len({line for _, _, line, _ in seen}) >= 4, seen)
    tell("back up now: no second one meanwhile", any(disabled for _, _, _, disabled in seen)
         and not seen[-1][3], seen[-3:])
    wait_for(page, f"{ROWS}.length > {len(before)}")
    after = page.look(ROWS)
    tell("back up now: the new backup is in the list", after[1:] == before and len(after) >= 1,
         before, after)
    tell("back up now: the line names it", after and after[0] in page.look(
        "document.getElementById('message').textContent"))
    widths = page.look(SIDEWAYS)
    tell("back up now: still no sideways scrolling", widths[0] <= widths[1], widths)
    return after


def press_verify(page):
    page.look("document.querySelector('#backups tbody button').click()")
    wait_for(page, f"{STATE} === 'running'", 3)
    tell("verify: it is done", wait_for(page, f"{STATE} === 'done'"), page.look(STATE))
    tell("verify: the list says so", wait_for(
        page, "document.querySelector('#backups tbody td.checked')?.innerText.startsWith('checked')"),
        page.look("document.body.innerText"))


def press_check(page):
    page.look("document.getElementById('check').click()")
    state = wait_for(page, f"document.getElementById('what').innerText === 'Check' && {STATE} !== 'running' && {STATE}")
    tell("check: it is done", state in ("done", "failed"), state)
    tell("check: what it found is told", "checks, " in page.look("document.getElementById('message').innerText")
         and page.look("document.querySelectorAll('#findings li').length") > 0, page.look("document.body.innerText"))


def press_cancel(page):
    """Pressed in the moment in which the bar first moves."""
    rows = page.look(ROWS)
    page.look("""new MutationObserver((_, it) => {
        if (document.getElementById('job').dataset.state === 'running') {
            it.disconnect();
            document.getElementById('cancel').click(); } }).observe(
        document.getElementById('job'), {attributes: true})""")
    page.look("document.getElementById('back-up').click()")
    tell("cancel: it is canceled", wait_for(page, f"{STATE} === 'canceled'", 20), page.look(STATE))
    page.call("Page.reload")
    time.sleep(0.5)
    tell("cancel: there is no backup of it", wait_for(page, f"{ROWS}.length") and page.look(ROWS) == rows,
         page.look(ROWS))


def main():
    program, scratch, address = sys.argv[1:]
    page = browser.Browser(program, scratch)
    try:
        look_at_layout(page, scratch, address, "first")
        press_back_up(page, address)
        press_verify(page)
        press_check(page)
        press_cancel(page)
        look_at_layout(page, scratch, address, "then")
        page.open(address, WIDTHS[0])
        tell("nothing of a label runs", page.look("typeof evil === 'undefined' && document.images.length === 0")
             and "<img src=x onerror=evil=1>" in page.look("document.body.innerText"))
        page.look("document.querySelector('h1').style.width = '500px'")
        widths = page.look(SIDEWAYS)
        tell("what is too wide is noticed", widths[0] > widths[1], widths)
    finally:
        page.close()


main()
