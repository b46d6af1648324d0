#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A mail server for tests, on a free port of the loopback, which it writes into FOLDER/port.

    smtp_server.py FOLDER real [--tls 1.2|1.3|none] [--cert NAME] [--login CODE] [--busy N]
    smtp_server.py FOLDER NAME_OF_A_FAULT [--tls ...] [--cert NAME]

The real one is aiosmtpd: STARTTLS, then a login (user jb, password s3cret), then mail, which comes
into FOLDER/mail.N with what is known of it in FOLDER/mail.N.json. It refuses NAME@refused.test for
good and NAME@later.test for now; --login has it refuse each login with that code, --busy the first
N mails with 451. A fault is a script below. Commands are noted in FOLDER/log, never what a login
says. FOLDER/NAME.pem and NAME.key are the certificate. Ends on SIGTERM, or with its parent."""
import argparse
import asyncio
import ctypes
import json
import logging
import os
import pathlib
import signal
import socket
import ssl
import struct
import threading
import time
import warnings

LONG_S = 600


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("manner")
    parser.add_argument("--tls", default="any")
    parser.add_argument("--cert", default="localhost")
    parser.add_argument("--login", default="")
    parser.add_argument("--busy", type=int, default=0)
    return parser.parse_args()


the = arguments()


def note(text):
    with open(the.folder / "log", "a", encoding="utf-8") as log:
        log.write(text + "\n")


def tls_context():
    if the.tls == "none":
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(the.folder / f"{the.cert}.pem", the.folder / f"{the.cert}.key")
    if the.tls != "any":
        version = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}[the.tls]
        context.minimum_version = context.maximum_version = version
    context.sni_callback = lambda sock, name, ctx: note(f"SNI {name}")
    return context


def say_port(port):
    new = the.folder / "port.new"
    new.write_text(str(port))
    new.rename(the.folder / "port")


# ---- The real one ----

class Mails:
    count = 0

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.endswith("@refused.test"):
            return "550 5.1.1 nobody of that name"
        if address.endswith("@later.test"):
            return "451 4.2.0 the box is being moved"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 fine"

    async def handle_DATA(self, server, session, envelope):
        if the.busy > 0:
            the.busy -= 1
            return "451 4.3.2 not now"
        Mails.count += 1
        path = the.folder / f"mail.{Mails.count}"
        known = {"from": envelope.mail_from, "to": envelope.rcpt_tos, "helo": session.host_name,
                 "tls": bool(session.ssl), "login": bool(session.authenticated)}
        if session.ssl:
            known["version"] = session.ssl["ssl_object"].version()
        (the.folder / f"mail.{Mails.count}.json").write_text(json.dumps(known))
        path.with_suffix(".new").write_bytes(envelope.original_content)
        path.with_suffix(".new").rename(path)
        return f"250 2.0.0 taken as {Mails.count}"


async def serve_mail():
    logging.disable()
    warnings.simplefilter("ignore")
    from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

    def judge(server, session, envelope, mechanism, data):
        note(f"LOGIN {mechanism}")
        text = {"535": "535 5.7.8 wrong", "454": "454 4.7.0 not now"}.get(the.login)
        if text:
            return AuthResult(success=False, handled=False, message=text)
        good = isinstance(data, LoginPassword) and data.login == b"jb" and \
            data.password == b"s3cret"
        return AuthResult(success=good, handled=False, message=None if good else "535 5.7.8 wrong")

    class Server(SMTP):
        async def smtp_MAIL(self, argument):
            note("MAIL")
            await super().smtp_MAIL(argument)

        async def smtp_AUTH(self, argument):
            note("AUTH")
            await super().smtp_AUTH(argument)

        async def smtp_STARTTLS(self, argument):
            note("STARTTLS")
            await super().smtp_STARTTLS(argument)

    context = tls_context()
    loop = asyncio.get_running_loop()
    ended = loop.create_future()
    loop.add_signal_handler(signal.SIGTERM, lambda: ended.done() or ended.set_result(None))
    loop.set_exception_handler(lambda loop, context: None)  # broken connections are the tests' own
    server = await loop.create_server(
        lambda: Server(Mails(), hostname="mail.test", tls_context=context,
                       require_starttls=context is not None, authenticator=judge,
                       auth_required=True, auth_require_tls=context is not None),
        "127.0.0.1", 0)
    say_port(server.sockets[0].getsockname()[1])
    await ended


# ---- Faults ----

class Talk:
    """One connection, line by line."""

    def __init__(self, sock):
        self.sock, self.rest = sock, b""

    def say(self, *lines):
        for line in lines:
            data = line if isinstance(line, bytes) else line.encode()
            self.sock.sendall(data + b"\r\n")

    def hear(self, is_secret=False):
        while b"\n" not in self.rest:
            more = self.sock.recv(65536)
            if not more:
                raise EOFError
            self.rest += more
        line, self.rest = self.rest.split(b"\n", 1)
        line = line.rstrip(b"\r").decode(errors="replace")
        note("(secret)" if is_secret else line.split(" ")[0][:20])
        return line

    def hear_body(self):
        while self.hear() != ".":
            pass

    def skip(self, count):
        while len(self.rest) < count:
            more = self.sock.recv(65536)
            if not more:
                raise EOFError
            self.rest += more
        self.rest = self.rest[count:]

    def secure(self):
        self.sock = tls_context().wrap_socket(self.sock, server_side=True)
        note("SECURE " + self.sock.version())

    def stall(self):
        time.sleep(LONG_S)

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def begin(self, *offers):
        """Up to the login; in the clear with --tls none."""
        self.say("220 mail.test")
        self.hear()
        if the.tls != "none":
            self.say("250-mail.test", "250 STARTTLS")
            self.hear()
            self.say("220 go")
            self.secure()
            self.hear()
        self.say("250-mail.test", *(f"250-{offer}" for offer in offers), "250 8BITMIME")

    def envelope(self):
        for _ in range(2):
            self.hear()
            self.say("250 fine")

    def until_body(self):
        self.begin()
        self.envelope()
        self.hear()
        self.say("354 go on")


def greeting(talk):
    talk.stall()


def drip(talk):
    while True:
        talk.sock.sendall(b"220-and so on\r\n"[:1])
        time.sleep(0.1)


def endless_ehlo(talk):
    talk.say("220 mail.test")
    talk.hear()
    while True:
        talk.say("250-X" + "x" * 400)


def busy_greeting(talk):
    talk.say("421 4.3.2 too many connections")
    talk.hear()


def garbage(talk):
    talk.sock.sendall(bytes(range(256)) * 4 + b"\n")
    talk.hear()


def stalled_answer(talk):
    talk.until_body()
    talk.hear_body()
    talk.stall()


def stalled_reading(talk):
    talk.until_body()
    talk.stall()


def dropped_body(talk):
    talk.until_body()
    talk.hear()
    talk.reset()


def lost_answer(talk):
    talk.until_body()
    talk.hear_body()
    talk.sock.close()


def stalled_quit(talk):
    talk.until_body()
    talk.hear_body()
    talk.say("250 taken")
    talk.stall()


def injected(talk):
    talk.say("220 mail.test")
    talk.hear()
    talk.say("250-mail.test", "250 STARTTLS")
    talk.hear()
    talk.sock.sendall(b"220 go\r\n250-mail.test\r\n250 AUTH PLAIN\r\n235 welcome\r\n")
    talk.secure()
    while True:
        talk.hear()


def injected_later(talk):
    talk.say("220 mail.test")
    talk.hear()
    talk.say("250-mail.test", "250 STARTTLS")
    talk.hear()
    talk.say("220 go")
    talk.say("250 mail.test")
    talk.secure()
    while True:
        talk.hear()


def refused_starttls(talk):
    talk.say("220 mail.test")
    talk.hear()
    talk.say("250-mail.test", "250 STARTTLS")
    talk.hear()
    talk.say("454 4.7.0 no TLS today")
    talk.hear()


def no_ehlo(talk):
    talk.say("220 mail.test")
    talk.hear()
    talk.say("502 what?")
    talk.hear()
    talk.say("250 mail.test")
    while True:
        talk.hear()
        talk.say("250 fine")


def no_login(talk):
    talk.begin()
    while True:
        talk.hear()
        talk.say("250 fine")


def ntlm(talk):
    talk.begin("AUTH NTLM PLAIN")
    talk.hear()
    talk.say("334 TlRMTVNTUAACAAAA")
    talk.hear()


def second_way(talk):
    """Of the ways to log in only the last will do."""
    talk.begin("AUTH X-ODD CRAM-MD5 PLAIN LOGIN")
    while not talk.hear().startswith("AUTH LOGIN"):
        talk.say("504 5.5.4 not that")
    talk.say("334 UGFzc3dvcmQ6")
    talk.hear(is_secret=True)
    talk.say("235 welcome")
    talk.envelope()
    talk.hear()
    talk.say("354 go on")
    talk.hear_body()
    talk.say("250 taken")
    talk.hear()
    talk.say("221 bye")


def echo(talk):
    talk.begin("AUTH PLAIN")
    talk.hear()
    talk.say("235 welcome")
    talk.hear()
    talk.say("550 not with the password s3cret")
    talk.hear()


def echo_login(talk):
    talk.begin("AUTH PLAIN")
    word = talk.hear().split(" ")[-1]
    talk.say(f"535 5.7.8 not with {word} or s3cret")
    talk.hear()


def ugly_words(talk):
    talk.begin()
    talk.hear()
    talk.say(b"550-\x1b[31mred \xff\xfe\x00\x07", b"550 " + b"long " * 200)
    talk.hear()


def chunks(talk, last="250 taken"):
    talk.begin("CHUNKING", "PIPELINING")
    talk.hear()
    talk.say("250 fine")
    while True:
        line = talk.hear()
        words = line.split(" ")
        if words[0] == "BDAT":
            talk.skip(int(words[1]))
            if words[-1] == "LAST" and last is None:
                talk.stall()
            talk.say(last if words[-1] == "LAST" else "250 chunk")
        elif words[0] == "QUIT":
            talk.say("221 bye")
            return
        else:
            talk.say("250 fine")


def stalled_chunks(talk):
    chunks(talk, last=None)


def serve_one(fault, sock):
    talk = Talk(sock)
    try:
        fault(talk)
        sock.settimeout(5)
        while talk.sock.recv(4096):
            pass
    except (EOFError, OSError, ValueError) as why:
        note(f"({type(why).__name__})")


def serve_fault(fault):
    signal.signal(signal.SIGTERM, lambda number, frame: os._exit(0))
    listener = socket.create_server(("127.0.0.1", 0))
    say_port(listener.getsockname()[1])
    while True:
        sock, _ = listener.accept()
        threading.Thread(target=serve_one, args=(fault, sock), daemon=True).start()


def main():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # with the parent
    if the.manner == "real":
        asyncio.run(serve_mail())
    else:
        serve_fault(globals()[the.manner])


main()
