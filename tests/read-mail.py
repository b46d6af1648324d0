#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Reads FOLDER/message as a mail program would. Its subject, its text and its page come into the files
subject, text and page beside it; the rest is printed: "name: value", and "defect: ..."."""
import email
import email.policy
import pathlib
import sys

folder = pathlib.Path(sys.argv[1])
raw = (folder / "message").read_bytes()
message = email.message_from_bytes(raw, policy=email.policy.default)
for name, value in message.items():
    if name.lower() != "subject":
        print(f"{name}: {value}")
print("unix:", int(message["date"].datetime.timestamp()))
print("offset:", int(message["date"].datetime.utcoffset().total_seconds()))
print("longest:", max(len(line) for line in raw.split(b"\r\n")))
for part in message.walk():
    print("part:", part.get_content_type(), part.get_content_charset())
    for defect in part.defects:
        print("defect:", type(defect).__name__)
for name, kind in ("text", "plain"), ("page", "html"):
    body = message.get_body((kind,))
    if body is not None:
        # As bytes: reading as text would even out the ends of lines.
        (folder / name).write_bytes(body.get_payload(decode=True).replace(b"\r\n", b"\n"))
(folder / "subject").write_bytes(message["subject"].encode())
if raw.replace(b"\r\n", b"").count(b"\n") or raw.replace(b"\r\n", b"").count(b"\r"):
    print("defect: a line that does not end in CR LF")
if not raw.isascii():
    print("defect: a byte that is not ASCII")
