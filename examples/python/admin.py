#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A small page for whoever looks after an application: its backups and what is proved of them, "back up
now" with its progress, verify, health. Python's own library, and jbackup.py beside this file.

    admin.py PROJECT [--port P]       prints the address to open in a browser

It answers on the loopback address only, and only below a path that holds a secret made at its start: who
does not know the printed address gets nothing. What changes something is a POST, and is refused when
another site sent it. For a server of one's own, take Admin: it is an ordinary WSGI application.
"""
import argparse
import json
import os
import pathlib
import secrets
import signal
import socketserver
import sys
import threading
import time
import urllib.parse
import wsgiref.simple_server

import admin_page
import jbackup

STATIC = {"admin.css": "text/css; charset=utf-8", "admin.js": "text/javascript; charset=utf-8"}
HEADERS = [
    ("Content-Security-Policy", "default-src 'none'; style-src 'self'; script-src 'self'; connect-src "
     "'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"),
    ("X-Content-Type-Options", "nosniff"), ("Referrer-Policy", "same-origin"), ("Cache-Control", "no-store")]
FORM_MAX = 4096


def usual_totals(project):
    """How many bytes a step of a backup will have, as far as the newest backup tells."""
    for row in project.list()["rows"]:
        if row["type"] != "database":
            shown = project.show(timestamp=row["timestamp"])["rows"]
            return {"code": sum(part["raw_size"] for part in shown if part.get("kind") == "codebase")}
    return {}


# ---- One backup or verification at a time --------------------------------------------------------

class Job:
    """A verb at work in a thread of its own, and how far it is."""

    def __init__(self, path, what, verb, **options):
        self.path, self.what, self.verb, self.options = path, what, verb, options
        self.changed = threading.Condition()
        self.state, self.message, self.findings, self.version = "running", "", [], 0
        self.step, self.done, self.total, self.unit = "begins", 0, 0, ""
        self.is_canceled, self.usual = False, {}
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def tell(self, **news):
        with self.changed:
            for name, value in news.items():
                setattr(self, name, value)
            self.version += 1
            self.changed.notify_all()

    def on_progress(self, step, done, total, unit):
        usual = self.usual.get(step, 0)
        self.tell(step=step, done=done, total=total or (usual if done <= usual else 0), unit=unit)
        return self.is_canceled

    def run(self):
        try:
            # A project of its own: a handle belongs to one thread.
            with jbackup.Project(self.path) as project:
                self.usual = usual_totals(project)
                project.set_hooks(progress=self.on_progress)
                report = getattr(project, self.verb)(**self.options)
        except jbackup.Error as why:
            is_canceled = why.code == jbackup.Code.ECANCELED
            self.tell(state="canceled" if is_canceled else "failed",
                      message="nothing of it is kept" if is_canceled else f"{why.text}. {why.hint}".strip(),
                      findings=(why.report or {}).get("findings", []))
        except Exception as why:
            self.tell(state="failed", message=str(why))
        else:
            is_bad = report["verdict"] in ("ERROR", "CRITICAL")
            self.tell(state="failed" if is_bad else "done", done=1, total=1, unit="", step="done",
                      message=self.outcome(report["figures"]), findings=report["findings"])

    def outcome(self, figures):
        if self.verb == "backup_create":
            return f"{figures['timestamp']}: {admin_page.size(figures['total_size'])}"
        if self.verb == "monitor_check":
            return f"{figures['checks']} checks, {figures['bad']} with something to tell"
        return f"{figures['backups']} read, {figures['bad']} of them bad"

    def now(self):
        """For the page; the caller holds changed, or does not mind."""
        amount = ""
        if self.state == "running" and self.done:
            amount = admin_page.size(self.done) if self.unit == "bytes" else f"{self.done} {self.unit}"
        return {"what": self.what, "state": self.state, "step": self.step, "amount": amount,
                "done": self.done, "total": self.total, "message": self.message,
                "findings": [f"{f['level']} {f['subject']}: {f['message']}" for f in self.findings[:20]]}

    def events(self):
        """What is, whenever it has changed, to the end: server-sent events."""
        seen = -1
        while True:
            with self.changed:
                if not self.changed.wait_for(lambda: self.version != seen, timeout=10):
                    yield b": still here\n\n"
                    continue
                seen, now = self.version, self.now()
            yield f"data: {json.dumps(now)}\n\n".encode()
            if now["state"] != "running":
                return
            time.sleep(0.03)


# ---- WSGI ----------------------------------------------------------------------------------------

class Refusal(Exception):
    pass


class Admin:
    """The application. Everything lies below /SECRET/; hosts: the Host headers that are ours (a name that
    somebody else's DNS points here is not)."""

    def __init__(self, path, secret, hosts):
        self.path, self.secret, self.hosts = path, secret, hosts
        self.job, self.beginning = None, threading.Lock()

    def __call__(self, environ, start_response):
        try:
            status, kind, body, more = self.answer(environ)
        except Refusal as why:
            status, kind, body, more = str(why), "text/plain", (f"{why}\n").encode(), []
        except jbackup.Error as why:
            status, kind, more = "500 Internal Server Error", "text/plain; charset=utf-8", []
            body = f"{why.text}\n{why.hint}\n".encode()
        length = [("Content-Length", str(len(body)))] if isinstance(body, bytes) else []
        start_response(status, [("Content-Type", kind), *length, *HEADERS, *more])
        return [body] if isinstance(body, bytes) else body

    def answer(self, environ):
        if environ.get("HTTP_HOST") not in self.hosts:
            raise Refusal("403 Forbidden")
        _, secret, *rest = environ.get("PATH_INFO", "").split("/", 2) + [""]
        if not secrets.compare_digest(secret.encode("utf-8", "replace"), self.secret.encode()):
            raise Refusal("404 Not Found")
        method = environ["REQUEST_METHOD"]
        if method == "GET":
            return self.get(rest[0])
        if method == "POST":
            self.check_origin(environ)
            return self.post(rest[0], self.form(environ))
        raise Refusal("405 Method Not Allowed")

    @staticmethod
    def check_origin(environ):
        """Who posts? A browser always tells; what is no browser knew the secret."""
        origin = environ.get("HTTP_ORIGIN", f"http://{environ['HTTP_HOST']}")
        site = environ.get("HTTP_SEC_FETCH_SITE", "same-origin")
        if origin != f"http://{environ['HTTP_HOST']}" or site != "same-origin":
            raise Refusal("403 Forbidden")

    @staticmethod
    def form(environ):
        length = environ.get("CONTENT_LENGTH") or "0"
        if not length.isdecimal() or int(length) > FORM_MAX:
            raise Refusal("413 Content Too Large")
        data = environ["wsgi.input"].read(int(length)).decode("utf-8", "replace")
        return {name: values[0] for name, values in urllib.parse.parse_qs(data).items()}

    def get(self, where):
        if where == "":
            with jbackup.Project(self.path) as project:
                body = admin_page.page_html(project, self.path, self.job).encode()
            return "200 OK", "text/html; charset=utf-8", body, []
        if where == "events":
            if not self.job:
                raise Refusal("404 Not Found")
            return "200 OK", "text/event-stream", self.job.events(), []
        if where == "health":
            with jbackup.Project(self.path) as project:
                lines = admin_page.health(project, self.path, project.list())
            is_well = all(level in ("INFO", "WARNING") for level, _, _ in lines)
            body = json.dumps([dict(zip(("level", "subject", "message"), line)) for line in lines])
            return "200 OK" if is_well else "503 Service Unavailable", "application/json", body.encode(), []
        name = where.removeprefix("static/")
        if where.startswith("static/") and name in STATIC:
            body = (pathlib.Path(__file__).resolve().parent / "static" / name).read_bytes()
            return "200 OK", STATIC[name], body, []
        raise Refusal("404 Not Found")

    def post(self, where, form):
        if where == "backup":
            self.begin("Backup", "backup_create", label="by the admin page")
        elif where == "verify":
            timestamp = form.get("timestamp")
            self.begin("Verification", "backup_verify", timestamp=timestamp)
        elif where == "check":
            self.begin("Check", "monitor_check")
        elif where == "cancel":
            if self.job:
                self.job.is_canceled = True
        else:
            raise Refusal("404 Not Found")
        return "303 See Other", "text/plain", b"", [("Location", "./")]

    def begin(self, what, verb, **options):
        with self.beginning:
            if self.job and self.job.state == "running":
                raise Refusal("409 Conflict")
            self.job = Job(self.path, what, verb, **options)

    def end(self):
        """Cancels what is at work, and waits for it."""
        if self.job:
            self.job.is_canceled = True
            self.job.thread.join()


class Server(socketserver.ThreadingMixIn, wsgiref.simple_server.WSGIServer):
    daemon_threads = True  # a browser that listens to events does not keep us


class Handler(wsgiref.simple_server.WSGIRequestHandler):
    timeout = 30

    def address_string(self):
        return self.client_address[0]

    def log_message(self, *_):
        """Nothing: the path has the secret in it."""


def main():
    parser = argparse.ArgumentParser(description="A page of a project's backups.")
    parser.add_argument("project", help="the project's folder")
    parser.add_argument("--port", type=int, default=8008, help="on 127.0.0.1; 0 takes a free one")
    given = parser.parse_args()
    try:
        jbackup.Project(given.project).close()
        server = wsgiref.simple_server.make_server("127.0.0.1", given.port, None, Server, Handler)
    except (jbackup.Error, OSError) as why:
        sys.exit(f"admin: {why}")
    admin = Admin(os.path.abspath(given.project), secrets.token_urlsafe(24),
                  [f"{name}:{server.server_port}" for name in ("127.0.0.1", "localhost")])
    server.set_app(admin)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: threading.Thread(target=server.shutdown).start())
    print(f"http://127.0.0.1:{server.server_port}/{admin.secret}/", flush=True)
    server.serve_forever(poll_interval=0.1)
    admin.end()
    server.server_close()


if __name__ == "__main__":
    main()
