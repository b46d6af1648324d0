# SPDX-License-Identifier: MIT
"""A headless Chromium, spoken to through its debugging pipe, and what of a picture is looked at.
It loads nothing but the files that it is told to open, and what 127.0.0.1 has."""
import base64
import json
import os
import struct
import subprocess
import zlib

FLAGS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run",
         "--disable-extensions", "--disable-background-networking", "--disable-component-update",
         "--disable-sync", "--disable-dev-shm-usage", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
         "--remote-debugging-pipe"]


class Browser:
    def __init__(self, program, folder):
        to_read, self.to = os.pipe()
        self.out, to_write = os.pipe()
        command = [program, *FLAGS, f"--user-data-dir={folder}/profile", "about:blank"]
        # Chromium reads descriptor 3 and writes 4.
        shell = f'exec 3<&{to_read} 4>&{to_write} && exec "$@"'
        self.process = subprocess.Popen(
            ["bash", "-c", shell, "bash", *command], pass_fds=(to_read, to_write),
            env=dict(os.environ, HOME=folder), stdout=subprocess.DEVNULL,
            stderr=open(f"{folder}/browser.log", "wb"))
        os.close(to_read)
        os.close(to_write)
        self.number, self.rest, self.events, self.session = 0, b"", [], None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target,
                                 flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Log", "Runtime"):
            self.call(f"{domain}.enable")

    def message(self):
        while b"\0" not in self.rest:
            more = os.read(self.out, 1 << 20)
            if not more:
                raise EOFError("the browser has ended")
            self.rest += more
        one, self.rest = self.rest.split(b"\0", 1)
        return json.loads(one)

    def call(self, method, **params):
        self.number += 1
        ask = {"id": self.number, "method": method, "params": params}
        if self.session:
            ask["sessionId"] = self.session
        os.write(self.to, json.dumps(ask).encode() + b"\0")
        while True:
            answer = self.message()
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]
            self.events.append(answer)

    def open(self, path, width, scheme="light", media=""):
        """Opens a file, or a page of 127.0.0.1, at a width; returns the addresses that were asked for
        and what was logged."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=800,
                  deviceScaleFactor=1, mobile=width < 600)
        self.call("Emulation.setEmulatedMedia", media=media,
                  features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.events = []
        self.call("Page.navigate", url=path if path.startswith("http://") else f"file://{path}")
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self.message())
        asked = [event["params"]["request"]["url"] for event in self.events
                 if event.get("method") == "Network.requestWillBeSent"]
        logged = [event["params"] for event in self.events
                  if event.get("method") in ("Log.entryAdded", "Runtime.exceptionThrown")]
        return asked, logged

    def look(self, expression):
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(answer["exceptionDetails"])
        return answer["result"].get("value")

    def picture(self, path, height=500, part=None):
        """The upper part of the page, or one element, as a PNG file; returns it decoded."""
        if part:
            box = self.look(f"(b => [b.x + scrollX, b.y + scrollY, b.width, b.height])"
                            f"(document.querySelector('{part}').getBoundingClientRect())")
        else:
            size = self.call("Page.getLayoutMetrics")["cssContentSize"]
            box = [0, 0, size["width"], min(size["height"], height)]
        clip = dict(zip(("x", "y", "width", "height"), box), scale=1)
        data = base64.b64decode(self.call("Page.captureScreenshot", format="png", clip=clip,
                                          captureBeyondViewport=True)["data"])
        with open(path, "wb") as file:
            file.write(data)
        return decode_png(data)

    def print(self, path):
        with open(path, "wb") as file:
            file.write(base64.b64decode(self.call("Page.printToPDF")["data"]))

    def close(self):
        self.session = None
        try:
            self.call("Browser.close")
        except (EOFError, BrokenPipeError):
            pass
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def unfiltered(kind, line, above, step):
    """One line of a PNG picture, in place."""
    for i in range(len(line)):
        left = line[i - step] if i >= step else 0
        up = above[i]
        if kind == 1:
            line[i] = (line[i] + left) & 255
        elif kind == 2:
            line[i] = (line[i] + up) & 255
        elif kind == 3:
            line[i] = (line[i] + (left + up) // 2) & 255
        elif kind == 4:
            corner = above[i - step] if i >= step else 0
            guess = left + up - corner
            by = (abs(guess - left), abs(guess - up), abs(guess - corner))
            line[i] = (line[i] + (left, up, corner)[by.index(min(by))]) & 255
    return line


def decode_png(data):
    """Width, height, bytes of a pixel, lines; 8 bits a sample, not interlaced."""
    at, packed = 8, b""
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at:at + 8])
        body = data[at + 8:at + 8 + length]
        if kind == b"IHDR":
            width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", body)
            if depth != 8 or interlaced or colour not in (2, 6):
                raise ValueError("a kind of PNG that was not expected")
        elif kind == b"IDAT":
            packed += body
        at += 12 + length
    step = 4 if colour == 6 else 3
    raw, lines = zlib.decompress(packed), []
    above = bytearray(width * step)
    for row in range(height):
        begin = row * (width * step + 1)
        line = bytearray(raw[begin + 1:begin + 1 + width * step])
        above = unfiltered(raw[begin], line, above, step)
        lines.append(above)
    return width, height, step, lines
