#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""An HTTP server on the loopback, for the tests: http_server.py PORT FOLDER. Each request is kept
as FOLDER/requests/NNN.json (method, path, headers, body). What it does is read from files of FOLDER
before each: status (200), seconds to wait before the answer (slow), where a redirect leads (to), and
drop, with which the connection is closed instead of an answer."""
import http.server
import json
import os
import pathlib
import sys
import time

folder = pathlib.Path(sys.argv[2])
count = 0  # set when it starts: a second one goes on where the first ended


def read(name, default):
    try:
        return (folder / name).read_text().strip()
    except FileNotFoundError:
        return default


def keep(request, body):
    global count
    count += 1
    kept = {"method": request.command, "path": request.path,
            "headers": {name.lower(): value for name, value in request.headers.items()},
            "body": body.decode("utf-8", "replace")}
    path = folder / "requests" / f"{count:03}.json"
    path.with_suffix(".new").write_text(json.dumps(kept))
    os.rename(path.with_suffix(".new"), path)


class Handler(http.server.BaseHTTPRequestHandler):
    def answer(self):
        keep(self, self.rfile.read(int(self.headers.get("Content-Length", "0"))))
        time.sleep(float(read("slow", "0")))
        if read("drop", "") != "":
            self.close_connection = True
            return
        self.send_response(int(read("status", "200")))
        if read("to", "") != "":
            self.send_header("Location", read("to", ""))
        self.end_headers()
        try:
            while self.path == "/endless":
                self.wfile.write(b"x" * 65536)
            self.wfile.write(b"well")
        except OSError:
            pass

    do_GET = do_POST = answer

    def log_message(self, *_):
        pass


(folder / "requests").mkdir(exist_ok=True)
count = len(list((folder / "requests").glob("*.json")))
server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
server.daemon_threads = True
(folder / "pid").write_text(str(os.getpid()))
server.serve_forever()
