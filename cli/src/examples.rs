//! The examples below the help of each command.

/// Of the program itself.
pub(crate) const ALL: &str = "\
FEED is a link, a key, the beginning of a key, a nickname, or the name of an own key.

Examples:
  levada publish ~/Pictures/sea --serve     publish a folder and serve it
  levada follow 'levada:lev1…'              follow somebody's feed
  levada ls                                 what is new
  levada get ana/3                          get a file, verified

Exit codes: 0 done, 1 failed, 2 usage, 3 partly done, 4 not found or nobody has it, 5 verification
failed, 6 over quota, 7 denied, 10 not initialised, 11 store locked, 12 wrong passphrase,
130 interrupted.";

/// Of `init`.
pub(crate) const INIT: &str = "\
Examples:
  levada init --title 'Ana Silva'           make a key and a feed with this author's name
  levada init --name band --encrypt         a second one, its key file under a passphrase";

/// Of `key`.
pub(crate) const KEY: &str = "\
Examples:
  levada key list
  levada key show                           the link to give away
  levada key backup /media/stick/ana.pem    copy the key to a safe place
  levada key restore /media/stick/ana.pem
  levada key restore mine.pem --new         a key that never signed anything: begin its feed
  levada key take-over                      go on after what another machine signed";

/// Of `mirror`.
pub(crate) const MIRROR: &str = "\
A mirror is a node or a plain web host that serves your feed. It is named in the link that you give
away, asked before the first signature after a start, and watched while levada serves: so that a
restored backup or a copied key makes no second history.

Examples:
  levada mirror add http://198.51.100.7:9327
  levada mirror add https://media.example.org/feeds --feed band
  levada mirror list                        what each of them has";

/// Of `publish`.
pub(crate) const PUBLISH: &str = "\
Makes a key and a feed when there are none. What is new or changed since the last time becomes a
record, and running the same command again goes on where it ended. What is published is public and
cannot be recalled.

Examples:
  levada publish talk.mp4 --title 'What water knows' --tag talk
  levada publish ~/Pictures --license CC-BY-4.0 --strip-place
  levada publish ~/Pictures --dry-run       show what would be done
  levada publish /archive --in-place        keep no second copy
  levada publish ~/Pictures --serve         publish, then serve";

/// Of `follow`.
pub(crate) const FOLLOW: &str = "\
Quote the link: a shell gives a meaning of its own to ? and &. `levada sync` fetches what comes later.

Examples:
  levada follow 'levada:lev1…?first=…&via=http://192.0.2.7:9327'
  levada follow lev1… --via http://192.0.2.7:9327
  levada follow 'levada:lev1…' --keep all --max-size 200GiB
  levada follow ana --retractions never     keep what its author takes back";

/// Of `unfollow`.
pub(crate) const UNFOLLOW: &str = "\
Examples:
  levada unfollow ana                       what is held of it stays
  levada unfollow ana --purge               and frees its space";

/// Of `sources`.
pub(crate) const SOURCES: &str = "\
Examples:
  levada sources
  levada sources --json";

/// Of `sync`.
pub(crate) const SYNC: &str = "\
Examples:
  levada sync                               all that is followed
  levada sync ana
  levada sync ana --again                   fetch what was dropped too
  levada sync --down 500KiB                 bytes a second at most";

/// Of `ls`.
pub(crate) const LS: &str = "\
Examples:
  levada ls                                 the newest of all feeds
  levada ls ana -n 10
  levada ls ana --all                       with what cannot be read, and why";

/// Of `show`.
pub(crate) const SHOW: &str = "\
Examples:
  levada show ana                           the feed: link, head, profile
  levada show ana/3                         one item and its files
  levada show ana/3 --history               its edits, oldest first";

/// Of `get`.
pub(crate) const PLAY: &str = "\
The address opens this file and nothing else, on this machine only, until `serve` ends. What is not here is fetched and
verified while it plays, from where the player is.

Examples:
  mpv \"$(levada play ana/3)\"               with any player or browser
  levada play ana/3 --file cover
  levada play ana/3 --json                  with what is known of the file";

pub(crate) const GET: &str = "\
A file that exists is never written over.

Examples:
  levada get ana/3                          under its own name, into this folder
  levada get ana/3 -o sea.jpg
  levada get ana/3 -o - | mpv -
  levada get ana/3 --file cover -o covers/
  levada get ana/3 --range 1000000-1999999 -o -";

/// Of `pin`.
pub(crate) const PIN: &str = "\
What is pinned stays through the quota, `unfollow` and a retraction, and is fetched if it is not here.

Examples:
  levada pin ana/3                          one item
  levada pin ana                            all of a feed, what is to come too";

/// Of `unpin`.
pub(crate) const UNPIN: &str = "\
Examples:
  levada unpin ana/3                        its source and the quota decide again";

/// Of `drop`.
pub(crate) const DROP: &str = "\
Frees the space at once. A file that was published in place is not touched. `get` and `pin` fetch an
item again, `sync --again` all that was dropped.

Examples:
  levada drop ana/3
  levada drop ana --yes                     the media of all its items";

/// Of `edit`.
pub(crate) const EDIT: &str = "\
What is not named stays as it is. `levada publish` takes a changed file.

Examples:
  levada edit main/3 --title 'The sea, again'
  levada edit main/3 --tag sea --tag winter";

/// Of `retract`.
pub(crate) const RETRACT: &str = "\
Others are asked to drop it; whoever has a copy may keep it. The same file published again is a new item.

Examples:
  levada retract main/3
  levada retract main/3 --reason 'wrong file'";

/// Of `serve`.
pub(crate) const SERVE: &str = "\
Everybody who can reach the port can read what is served. Ctrl-C ends it.

Examples:
  levada serve
  levada serve --listen 127.0.0.1:9327      this machine only
  levada serve --listen 8080 --listen [::1]:9000
  levada serve --api off                    calls of this user's commands only, by the socket
  levada serve --log info                   tell on standard error what goes on
  levada serve --passphrase-fd 3 3< phrase  sign with an encrypted key without asking
  levada serve --up 500KiB --down 2MiB      leave some of the line to others
A RATE is bytes a second; the local network is exempt. Hours of the day are set in config.toml.";

/// Of `export`.
pub(crate) const EXPORT: &str = "\
Examples:
  levada export static ./site               plain files, for any web host or bucket
  levada export static ./site --url https://ana.example/levada";

/// Of `export static`.
pub(crate) const EXPORT_STATIC: &str = "\
Upload DIR as it is: `levada follow LINK --via https://HOST/PATH` follows it there, and checks every byte
as always. Running it again writes only what changed, so that rsync and the like upload little. What was
retracted is removed; files that levada did not put there stay.

Examples:
  levada export static ./site
  levada export static ./site --url https://ana.example/levada
  levada export static ./site --media newest:50
  levada export static ./site --feed ana --feed lev1…";

/// Of `status`.
pub(crate) const STATUS: &str = "\
Examples:
  levada status
  levada status --json";

/// Of `verify`.
pub(crate) const VERIFY: &str = "\
What is wrong is no longer held, and so not served, and is mended from the author's file, from what was published, or from
peers. It can be stopped at any moment: the next run goes on. Exit code 0: all that was looked at is whole or mended.
Exit code 5: some damage stays.

Examples:
  levada verify
  levada verify ana
  levada verify --for 2h                    from cron, every night
  levada verify --via http://b.example:9327";

/// Of `doctor`.
pub(crate) const DOCTOR: &str = "\
Exit code 0: all is fine. Exit code 3: something is to be done.

Examples:
  levada doctor
  levada doctor --json";

/// Of `rebuild`.
pub(crate) const REBUILD: &str = "\
Nothing is removed: the old store stays beside the new one, as store.broken-DATE. No head older than one that was
verified before is believed. What did not end, on a full disk for example, goes on with the same command.

Examples:
  levada rebuild
  levada rebuild --index                    the lists of items only; `levada serve` may be running";
/// Of `config`.
pub(crate) const CONFIG: &str = "\
Settings are read when a command starts, and by a running `serve` when `config reload` says so. spec/store.md lists them.
Exit code 0: all is in order. Exit code 2: a file is broken; it is named, with the line.

Examples:
  levada config check
  levada config check --json";

/// Of `config reload`.
pub(crate) const CONFIG_RELOAD: &str = "\
Limits, their hours, the quota and the days of what was retracted hold at once; the others are named and hold after a
restart. A file that is broken changes nothing. SIGHUP does the same where `serve` hangs on no terminal.
Exit code 0: read. Exit code 2: the file is broken; it is named, with the line. Exit code 4: nobody serves here.

Examples:
  levada config reload
  systemctl reload levada";

/// Of `completions`.
pub(crate) const COMPLETIONS: &str = "\
Examples:
  levada completions bash > ~/.local/share/bash-completion/completions/levada
  levada completions zsh > ~/.zfunc/_levada
  levada completions fish > ~/.config/fish/completions/levada.fish";

/// Of `man`.
pub(crate) const MAN: &str = "\
Examples:
  levada man | man -l -
  levada man ~/.local/share/man/man1        a page for each command: man levada-publish";

/// Of `token`.
pub(crate) const TOKEN: &str = "\
While `levada serve` runs it takes calls on port 9328 of loopback, from whoever has the token: it is
worth as much as your account. spec/local.md says how to call.

Examples:
  levada token
  levada token --new                        the old one opens nothing any more";

/// Of `prove`.
pub(crate) const PROVE: &str = "\
The file holds the author's head, the record and what proves it. `levada check` needs nothing else.

Examples:
  levada prove ana/3                        writes ana-3.bundle
  levada prove ana/3 -o proof.bundle";

/// Of `check`.
pub(crate) const CHECK: &str = "\
Exit code 0: what is printed is proven. Exit code 5: the file proves nothing, and why.

Examples:
  levada check ana-3.bundle
  levada check ana-3.bundle --json";
