# SPDX-License-Identifier: MIT
"""What the page of admin.py tells, and its HTML. Whatever comes from outside goes through text()."""
import html
import http.client
import json
import pathlib
import urllib.error
import urllib.request

PROOFS = {"proved": "proved: restored and found equal", "checked": "checked: read and found equal",
          "unchecked": "not checked yet", "broken": "BROKEN"}


def text(value):
    """What may stand in HTML, in an attribute, too."""
    return html.escape(str(value), quote=True)


def size(count):
    """Bytes for people."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.3g} {unit}" if unit != "B" else f"{count} B"
        count /= 1000
    return f"{count:.3g} TB"


def configured(path, *keys):
    """What jbackup.json has there; None: nothing."""
    folder = pathlib.Path(path)
    try:
        value = json.loads((folder / "jbackup.json" if folder.is_dir() else folder).read_text("utf-8"))
        for key in keys:
            value = value[key]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return value


def application_health(path):
    """(level, text) of the address that jbackup.json has as "health"; None: it has none."""
    url = configured(path, "health", "url")
    if url is None:
        return None
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=3) as answer:
            return "INFO", f"it answers with status {answer.status}"
    except urllib.error.HTTPError as why:
        return "ERROR", f"it answers with status {why.code}"
    except (OSError, ValueError, http.client.HTTPException):
        return "ERROR", "it does not answer"


def health(project, path, backups):
    """Lines (level, subject, text)."""
    lines = [(f["level"], f["subject"], f["message"]) for f in backups["findings"]]
    application = application_health(path)
    if application:
        lines.append((application[0], "application", application[1]))
    rows = backups["rows"]
    broken = sum(row["proof"] == "broken" for row in rows)
    if broken:
        lines.append(("ERROR", "backups", f"{broken} of {len(rows)} are broken"))
    elif rows:
        lines.append(("INFO", "backups", f"{len(rows)}, the newest of {rows[0]['created_at']}"))
    else:
        lines.append(("WARNING", "backups", "there are none yet"))
    restore = project.restore_state()
    if restore["findings"]:
        lines += [(f["level"], "restore", f["message"]) for f in restore["findings"]]
    disk = project.stats()["figures"]
    level = "WARNING" if disk["disk_free"] < disk["disk_total"] / 10 else "INFO"
    lines.append((level, "disk", f"{size(disk['disk_free'])} of {size(disk['disk_total'])} free"))
    return lines


def row_html(row):
    proof = row["proof"] if row["proof"] in PROOFS else "unchecked"
    when = f" ({row['proof_at'][:10]})" if row["proof_at"] else ""
    return f"""<tr>
<th scope="row">{text(row["timestamp"])}</th>
<td data-name="Type">{text(row["type"])}, {text(row["category"])}</td>
<td data-name="Size">{text(size(row["total_size"]))}</td>
<td data-name="Label">{text(row["label"] or "–")}{" (pinned)" if row["pinned"] else ""}</td>
<td data-name="Proof" class="{proof}">{text(PROOFS[proof])}{text(when)}</td>
<td><form method="post" action="verify"><input type="hidden" name="timestamp" value="{text(row["timestamp"])}">
<button aria-label="Verify {text(row["timestamp"])}">Verify</button></form></td>
</tr>"""


def job_html(job):
    now = job.now() if job else {"what": "", "state": "none", "step": "", "amount": "", "done": 0,
                                 "total": 0, "message": "", "findings": []}
    value = f' value="{now["done"]}" max="{now["total"]}"' if now["total"] else ""
    findings = "".join(f"<li>{text(line)}</li>" for line in now["findings"])
    return f"""<section id="job" data-state="{text(now["state"])}"{"" if job else " hidden"}>
<p role="status"><strong id="what">{text(now["what"])}</strong> <span id="state">{text(now["state"])}</span>:
<span id="message">{text(now["message"] or now["step"] + " " + now["amount"])}</span></p>
<progress id="progress" aria-label="Progress"{value}></progress>
<form method="post" action="cancel"><button id="cancel"{"" if now["state"] == "running" else " hidden"}>Cancel</button></form>
<ul id="findings">{findings}</ul>
</section>"""


def page_html(project, path, job):
    backups = project.list()
    lines = "".join(f'<li class="{text(level)}"><b>{text(level)}</b> {text(subject)}: {text(message)}</li>'
                    for level, subject, message in health(project, path, backups))
    name = configured(path, "name") or pathlib.Path(path).resolve().name
    refresh = '<noscript><meta http-equiv="refresh" content="1"></noscript>' \
        if job and job.state == "running" else ""
    rows = "\n".join(map(row_html, backups["rows"])) or '<tr><td colspan="6">No backups yet.</td></tr>'
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>Backups of {text(name)}</title>
<link rel="stylesheet" href="static/admin.css">
<script src="static/admin.js" defer></script>
{refresh}
</head>
<body>
<h1>Backups of {text(name)}</h1>
<div class="actions">
<form method="post" action="backup"><button id="back-up" class="main">Back up now</button></form>
<form method="post" action="verify"><button id="verify">Verify all</button></form>
<form method="post" action="check"><button id="check">Check everything</button></form>
</div>
{job_html(job)}
<h2>Health</h2>
<ul id="health">{lines}</ul>
<h2>Backups</h2>
<table id="backups">
<thead><tr><th>Backup</th><th>Type</th><th>Size</th><th>Label</th><th>Proof</th><td></td></tr></thead>
<tbody>
{rows}
</tbody>
</table>
</body>
</html>
"""
