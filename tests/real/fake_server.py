#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Something on a port of loopback that is no real PostgreSQL server.

    fake_server.py PORT_FILE silent       accepts connections and never says a word
    fake_server.py PORT_FILE VERSION      lets everybody in, says it is of VERSION, knows no query

Writes its port to PORT_FILE and serves until it is killed.
"""
import os
import socket
import struct
import sys
import threading

SSL_REQUEST, GSS_REQUEST = 80877103, 80877104


def message(kind, body=b""):
    return kind + struct.pack("!i", len(body) + 4) + body


def read_exactly(line, size):
    data = b""
    while len(data) < size:
        got = line.recv(size - len(data))
        if not got:
            raise EOFError
        data += got
    return data


def start_up(line, version):
    while True:
        (size,) = struct.unpack("!i", read_exactly(line, 4))
        (code,) = struct.unpack("!i", read_exactly(line, size - 4)[:4])
        if code not in (SSL_REQUEST, GSS_REQUEST):
            break
        line.sendall(b"N")
    settings = {"server_version": version, "client_encoding": "UTF8", "standard_conforming_strings": "on"}
    line.sendall(message(b"R", struct.pack("!i", 0)))
    for name, value in settings.items():
        line.sendall(message(b"S", f"{name}\0{value}\0".encode()))
    line.sendall(message(b"K", struct.pack("!ii", 1, 1)) + message(b"Z", b"I"))


def serve(line, version):
    try:
        start_up(line, version)
        while True:
            kind = read_exactly(line, 1)
            (size,) = struct.unpack("!i", read_exactly(line, 4))
            read_exactly(line, size - 4)
            if kind == b"X":
                break
            if kind in (b"Q", b"S"):
                line.sendall(message(b"C", b"SET\0") + message(b"Z", b"I"))
    except (EOFError, OSError):
        pass
    line.close()


def main():
    listener = socket.create_server(("127.0.0.1", 0))
    with open(sys.argv[1] + ".new", "w", encoding="ascii") as file:
        file.write(f"{listener.getsockname()[1]}\n")
    os.rename(sys.argv[1] + ".new", sys.argv[1])
    silenced = []
    while True:
        line, _ = listener.accept()
        if sys.argv[2] == "silent":
            silenced.append(line)
        else:
            threading.Thread(target=serve, args=(line, sys.argv[2]), daemon=True).start()


main()
