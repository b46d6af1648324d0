# SPDX-License-Identifier: MIT
"""How each program does each thing, as one would type it. The shell's variables:

    TREE, DATABASE, FILE     what is backed up: a folder, a SQLite database; a file by its path in TREE
    STORE, CACHE, SCRATCH    folders of this program alone, empty at the start: backups, caches, copies
    PLACE                    an empty folder to restore to; databases go to "journal_test", which is not there
    LABEL, BACKUP            a name for the backup that is made; what newest said of the one to restore
    PROJECT, KIND            of jbackup: its project, and what of it is backed up
"""
import shutil
from dataclasses import dataclass, field, replace

OWN_CACHE = {"BORG_BASE_DIR": "borg", "RESTIC_CACHE_DIR": "restic", "XDG_CACHE_HOME": "xdg"}  # folders in CACHE
SETTINGS = {"RESTIC_PASSWORD": "bench", "BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK": "yes",
            "BORG_RELOCATED_REPO_ACCESS_IS_OK": "yes"}
OURS = '"$JBACKUP" --project "$PROJECT" --backup-dir "$STORE"'
CREATE = "createdb -T template0 journal_test"
PSQL = "psql -X -q -v ON_ERROR_STOP=1 -d journal_test -o /dev/null"
EMPTY_PLACE = 'rm -rf "$PLACE" && mkdir -p "$PLACE"'


@dataclass(frozen=True)
class Peer:
    """tree, sqlite and postgresql: the commands by what they do, backup, verify, restore and file."""
    column: str
    needs: tuple            # programs, apart from those of every system
    tree: dict = field(default_factory=dict)
    sqlite: dict = field(default_factory=dict)
    postgresql: dict = field(default_factory=dict)
    begin: str = "true"     # makes an empty repository
    newest: str = "true"    # prints what the newest backup is called
    restored: str = "$PLACE"
    repeats: bool = False   # it knows what it had before; the others make a full backup each time
    is_summed_up: bool = True

    def is_installed(self):
        return all(shutil.which(program) for program in self.needs)


def stores(peer, backup, verify, restore, file, take, give):
    """A program that knows no databases: it takes in a copy of a SQLite database as a tree, and pg_dump's SQL
    text by a pipe (take), and gives it to psql (give)."""
    copy = """sqlite3 "$DATABASE" ".backup '$SCRATCH/copy.db'" && """ + backup.replace("$TREE", "$SCRATCH")
    return replace(peer, tree={"backup": backup, "verify": verify, "restore": restore, "file": file},
                   sqlite={"backup": copy, "verify": verify, "restore": restore},
                   postgresql={"backup": f"pg_dump journal | {take}", "verify": verify,
                               "restore": f"{CREATE} && {give} | {PSQL}"})


def packs(program, options):
    packed = f'{program} {options} > "$STORE/a"'
    plain = f'{program} -q -dc < "$STORE/a"'
    return stores(Peer(f"tar | {program}", (program,)), backup=f'tar -C "$TREE" -cf - . | {packed}',
                  verify=f'{program} -q -t < "$STORE/a"', restore=f'{plain} | tar -C "$PLACE" -xf -',
                  file=f'{plain} | tar -C "$PLACE" -xf - "./$FILE"', take=packed, give=plain)


def dumps(options, jobs="", is_summed_up=False):
    commands = {"backup": f'pg_dump {options} -f "$STORE/a" journal',
                "verify": 'pg_restore -f /dev/null "$STORE/a"',
                "restore": f'{CREATE} && pg_restore --exit-on-error {jobs} -d journal_test "$STORE/a"'}
    return Peer(f"pg_dump {options}", (), postgresql=commands, is_summed_up=is_summed_up)


def jbackup():
    common = {"backup": f'{OURS} --quiet backup "$KIND"', "verify": f"{OURS} --quiet verify --depth content",
              "restore": f'{OURS} --quiet restore --timestamp "$BACKUP" --to "$PLACE"'}
    one_file = f'{OURS} --quiet restore --timestamp "$BACKUP" --path "$FILE" --to "$PLACE"'
    to_server = f'{OURS.replace("$JBACKUP", "$JBACKUP-restore")} --quiet restore "$BACKUP" --type database --environment test'
    return Peer("jbackup", (), {**common, "file": one_file}, common, {**common, "restore": to_server}, repeats=True,
                newest=f"{OURS} list | head -n 1 | cut -d '|' -f 1")


PEERS = [
    jbackup(), packs("pigz", ""), packs("zstd", "-q -T0"),
    stores(Peer("restic", ("restic",), begin='restic -q -r "$STORE" init', restored="$PLACE$TREE", repeats=True),
           backup='restic -q -r "$STORE" backup "$TREE"',
           verify='restic -q -r "$STORE" check --read-data',
           restore='restic -q -r "$STORE" restore latest --target "$PLACE"',
           file='restic -q -r "$STORE" dump latest "$TREE/$FILE" > "$PLACE/file"',
           take='restic -q -r "$STORE" backup --stdin --stdin-filename journal.sql',
           give='restic -q -r "$STORE" dump latest journal.sql'),
    stores(Peer("borg", ("borg",), begin='borg init -e none "$STORE"', restored="$PLACE$TREE", repeats=True,
                newest='borg list --last 1 --format "{archive}" "$STORE"'),
           backup='borg create "$STORE::$LABEL" "$TREE"',
           verify='borg check --verify-data "$STORE"',
           restore='cd "$PLACE" && borg extract "$STORE::$BACKUP"',
           file='cd "$PLACE" && borg extract "$STORE::$BACKUP" "${TREE#/}/$FILE"',
           take='borg create "$STORE::$LABEL" -',
           give='borg extract --stdout "$STORE::$BACKUP"'),
    dumps("-Fc", is_summed_up=True), dumps("-Fc -Z1"), dumps("-Fd -j2", "-j2"),
]
COLUMNS = [peer.column for peer in PEERS if peer.is_summed_up]


def variables(work, peer, **more):
    """The folders of one peer, and more."""
    own = work / "peers" / peer.column.replace(" | ", "-").replace(" ", "")
    folders = {name: str(own / name.lower()) for name in ("STORE", "CACHE", "SCRATCH", "PLACE")}
    caches = {name: str(own / "cache" / folder) for name, folder in OWN_CACHE.items()}
    return {**SETTINGS, **folders, **caches, **{name: str(value) for name, value in more.items()}}


def fresh(peer):
    """The command that leaves the peer with an empty repository and no cache."""
    return 'rm -rf "$STORE" "$CACHE" "$SCRATCH" && mkdir -p "$STORE" "$CACHE" "$SCRATCH" && ' + peer.begin
