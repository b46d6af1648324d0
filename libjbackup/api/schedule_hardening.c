/* SPDX-License-Identifier: MIT */
/* What confines the services, as one table: a line, its reason, and which services have it.
 * Invariant: a user's manager is given only what it can do without making files of other users look
 * as if they were nobody's. */
#include "api/schedule_hardening.h"

#define BACKUP   (1u << DUTY_BACKUP)
#define VERIFY   (1u << DUTY_VERIFY)
#define MONITOR  (1u << DUTY_MONITOR)
#define ALERT    (1u << DUTY_ALERT)
#define ANY_DUTY (BACKUP | VERIFY | MONITOR | ALERT)

enum who { ROOT = 1, ANOTHER = 2, OF_SYSTEM = ROOT | ANOTHER, OF_USER = 4, ANYONE = 7 };

static const struct {
    unsigned duties;
    enum who who;
    const char *line, *why;
} lines[] = {
    {ANY_DUTY, ANYONE, "UMask=0077", "what is written is as secret as what is backed up"},
    {ANY_DUTY, ANYONE, "NoNewPrivileges=yes", "no program that it runs needs more rights than it"},
    {ANY_DUTY, OF_SYSTEM, "ProtectSystem=strict",
     "it reads what it backs up, and changes nothing outside of the folders below"},
    {ANY_DUTY, OF_SYSTEM, "ReadOnlyPaths=/run",
     "with what is said of /proc below systemd 252 would leave this writable; sockets still "
     "answer"},
    {ANY_DUTY, OF_SYSTEM, "ProtectHome=read-only",
     "projects may lie in a home, and ~/.pgpass and ~/.gitconfig are read there"},
    {BACKUP | MONITOR | ALERT, ROOT, "CapabilityBoundingSet=CAP_DAC_READ_SEARCH CAP_DAC_OVERRIDE",
     "root reads the files of all users, and may write to a repository that is another's"},
    {VERIFY, ROOT,
     "CapabilityBoundingSet=CAP_DAC_READ_SEARCH CAP_DAC_OVERRIDE CAP_CHOWN CAP_FOWNER CAP_FSETID "
     "CAP_SETFCAP CAP_SETUID CAP_SETGID CAP_KILL",
     "the trial restore sets owners, modes and attributes, and starts and ends a throw-away "
     "PostgreSQL as the user postgres"},
    {ANY_DUTY, ANOTHER, "CapabilityBoundingSet=", "it has the rights of its user, and no others"},
    {ANY_DUTY, OF_SYSTEM, "PrivateMounts=yes", "it mounts nothing for others"},
    {ANY_DUTY, OF_SYSTEM, "PrivateDevices=yes", "devices are no part of a backup"},
    {ANY_DUTY, ANYONE, "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6",
     "PostgreSQL, systemd and mail are asked by sockets and TCP, nothing else"},
    {ANY_DUTY, OF_SYSTEM, "ProtectKernelTunables=yes", "it does not configure the kernel"},
    {ANY_DUTY, OF_SYSTEM, "ProtectKernelModules=yes", "it loads no module"},
    {ANY_DUTY, OF_SYSTEM, "ProtectKernelLogs=yes", "it does not read the kernel's log"},
    {ANY_DUTY, OF_SYSTEM, "ProtectControlGroups=yes", "it makes no control group"},
    {ANY_DUTY, OF_SYSTEM, "ProtectClock=yes", "it does not set the clock"},
    {ANY_DUTY, OF_SYSTEM, "ProtectHostname=yes", "it does not name the host"},
    {BACKUP | MONITOR | ALERT, OF_SYSTEM, "ProtectProc=invisible",
     "it looks at no other process; a verification looks for its own servers"},
    {BACKUP | VERIFY, OF_SYSTEM, "ProcSubset=pid",
     "of /proc it reads what is of processes; journalctl needs more of it"},
    {BACKUP | MONITOR | ALERT, ANYONE, "MemoryDenyWriteExecute=yes",
     "it makes no code; in a verification PostgreSQL may"},
    {BACKUP | MONITOR | ALERT, ANYONE, "RestrictSUIDSGID=yes",
     "it makes no setuid file; a trial restore of one does"},
    {ANY_DUTY, ANYONE, "RestrictNamespaces=yes", "it makes no namespace"},
    {ANY_DUTY, ANYONE, "RestrictRealtime=yes", "it is in no hurry"},
    {ANY_DUTY, ANYONE, "LockPersonality=yes", "it runs no program of another system"},
    {ANY_DUTY, ANYONE, "SystemCallArchitectures=native", "nor of another processor"},
    {ANY_DUTY, ANYONE, "SystemCallFilter=@system-service",
     "what services need, and neither reboot nor mount nor trace"},
    {ANY_DUTY, ANYONE, "SystemCallFilter=~@resources", "its priority is as said above"},
    {ANY_DUTY, ANYONE, "SystemCallErrorNumber=EPERM",
     "another call fails and is reported, rather than ends the run"},
};

static void add(struct text *text, const char *why, const char *line)
{
    jbi_text_addf(text, "# %s\n%s\n", why, line);
}

static void add_folders(struct text *text, const char *repository, const struct schedule_tmp *tmp)
{
    const char *also = tmp->is_shared ? " /var/tmp" : "";
    jbi_text_addf(text, "# backups, their log and state are written here%s\nReadWritePaths=-%s%s\n",
                  tmp->is_shared ? ", and what is for a moment only in /var/tmp" : "", repository,
                  also);
    if (tmp->is_shared)
        return;
    add(text, "what is for a moment only concerns no one else", "PrivateTmp=yes");
    if (*tmp->shown != '\0')
        jbi_text_addf(text, "# of the other /tmp it reads only this\nBindReadOnlyPaths=%s\n",
                      tmp->shown);
}

void jbi_schedule_harden(struct text *text, const struct schedule_place *place,
                         enum service_duty duty, const char *repository,
                         const struct schedule_tmp *tmp)
{
    enum who who = place->manager == SYSTEMD_USER ? OF_USER : place->user != NULL ? ANOTHER : ROOT;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        if ((lines[i].duties & 1u << duty) != 0 && (lines[i].who & who) != 0)
            add(text, lines[i].why, lines[i].line);
    }
    if (who != OF_USER)
        add_folders(text, repository, tmp);
}
