//! The operations of the crash table: what is there before, what the world does meanwhile, and the commands.

use super::machine::{Machine, Server, folder};
use crate::api::{Answer, Call, ExportStatic, Publish, Rebuild};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// The operation whose feed nobody answers for: what is lacking is told, and is there once somebody does.
pub(super) const ALONE: &str = "rebuild alone";

/// One line of the table.
pub(super) struct Operation {
    pub(super) name: &'static str,
    pub(super) before: fn(&Scene, &Machine),
    pub(super) meanwhile: fn(&Scene),
    pub(super) calls: fn(&Scene, &Machine) -> Vec<Call>,
}

/// The world around the node: files to publish, and an author who serves.
pub(super) struct Scene {
    // Dropped in this order: it stops before its folder goes.
    server: Server,
    author: Machine,
    files: TempDir,
}

/// Bytes that are the same each time and in no other file.
fn noise(seed: u64, size: usize) -> Vec<u8> {
    let mut bytes = vec![0; size];
    let mut hasher = blake3::Hasher::new();
    hasher.update(&seed.to_le_bytes());
    hasher.finalize_xof().fill(&mut bytes);
    bytes
}

fn publish(paths: Vec<PathBuf>) -> Call {
    Call::Publish(Box::new(Publish {
        paths,
        ..Publish::default()
    }))
}

impl Scene {
    pub(super) fn new() -> Self {
        let (files, author) = (folder(), Machine::new());
        write(&files.path().join("theirs/a.bin"), 1, 60_000);
        write(&files.path().join("theirs/b.txt"), 2, 900);
        author
            .call(publish(vec![files.path().join("theirs")]))
            .unwrap();
        let server = author.serve();
        Self {
            files,
            author,
            server,
        }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.files.path().join(name)
    }

    pub(super) fn follow(&self) -> Call {
        Call::Follow {
            feed: self.server.link.clone(),
            via: Vec::new(),
            keep: Some("all".into()),
            max_size: None,
            retractions: None,
            share: None,
        }
    }

    fn feed(&self) -> String {
        let link: levada_feed::link::Link = self.server.link.parse().unwrap();
        link.feed.to_string()
    }

    /// What the author publishes while somebody has what was there before.
    fn more(&self) {
        write(&self.file("more/c.bin"), 3, 60_000);
        write(&self.file("more/d.txt"), 4, 700);
        self.author.call(publish(vec![self.file("more")])).unwrap();
    }
}

fn write(path: &Path, seed: u64, size: usize) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, noise(seed, size)).unwrap();
}

fn nothing(_: &Scene) {}

/// An own feed with a file.
fn own(scene: &Scene, machine: &Machine) {
    write(&scene.file("own/a.bin"), 11, 40_000);
    write(&scene.file("own/b.txt"), 12, 300);
    machine.call(publish(vec![scene.file("own")])).unwrap();
    machine
        .call(Call::Ls {
            feed: None,
            limit: 1,
            all: true,
        })
        .unwrap();
}

fn follower(scene: &Scene, machine: &Machine) {
    machine.call(scene.follow()).unwrap();
}

fn settings(machine: &Machine, text: &str) {
    std::fs::create_dir_all(machine.data()).unwrap();
    std::fs::write(machine.data().join("config.toml"), text).unwrap();
}

fn blob_of(machine: &Machine) -> PathBuf {
    let found = |folder: &Path| {
        let mut names: Vec<PathBuf> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.is_dir() || path.extension().is_none())
            .filter(|path| {
                path.file_name()
                    .is_some_and(|name| name != "tmp" && name != "levada-root")
            })
            .collect();
        names.sort();
        names.remove(0)
    };
    found(&found(&found(&machine.data().join("blobs"))))
}

fn sync() -> Call {
    Call::Sync {
        feed: None,
        again: false,
    }
}

fn verify() -> Call {
    Call::Verify(Box::default())
}

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "init",
        before: |_, _| {},
        meanwhile: nothing,
        calls: |_, _| {
            vec![Call::Init {
                name: None,
                title: Some("main".into()),
                encrypt: false,
            }]
        },
    },
    Operation {
        name: "publish",
        before: own,
        meanwhile: |scene| {
            write(&scene.file("new/c.bin"), 13, 50_000);
            write(&scene.file("new/d.txt"), 14, 500);
        },
        calls: |scene, _| vec![publish(vec![scene.file("new")])],
    },
    Operation {
        name: "publish in place",
        before: own,
        meanwhile: |scene| write(&scene.file("new/c.bin"), 13, 50_000),
        calls: |scene, _| {
            vec![Call::Publish(Box::new(Publish {
                paths: vec![scene.file("new")],
                in_place: true,
                ..Publish::default()
            }))]
        },
    },
    Operation {
        name: "edit",
        before: own,
        meanwhile: |scene| {
            write(&scene.file("own/a.bin"), 15, 45_000);
            write(&scene.file("own/b.txt"), 16, 350);
        },
        calls: |scene, _| vec![publish(vec![scene.file("own")])],
    },
    Operation {
        name: "retract",
        before: own,
        meanwhile: nothing,
        calls: |_, _| {
            vec![Call::Retract {
                target: "main/1".into(),
                reason: None,
            }]
        },
    },
    Operation {
        name: "follow",
        before: |_, _| {},
        meanwhile: nothing,
        calls: |scene, _| vec![scene.follow()],
    },
    Operation {
        name: "sync",
        before: follower,
        meanwhile: Scene::more,
        calls: |_, _| vec![sync()],
    },
    Operation {
        name: "large",
        before: follower,
        // Noted on its way, synced on its way, and noted again after that (io::blobs, partial).
        meanwhile: |scene| {
            write(&scene.file("large/e.bin"), 5, 100 * 16_384 - 7);
            let published = scene.author.call(publish(vec![scene.file("large")]));
            published.unwrap();
        },
        calls: |_, _| vec![sync()],
    },
    Operation {
        name: "evict",
        before: |scene, machine| {
            settings(machine, "[quota]\nsize = \"65KiB\"\nreserve = \"0\"\n");
            follower(scene, machine);
        },
        meanwhile: Scene::more,
        calls: |_, _| vec![sync()],
    },
    Operation {
        name: "let go",
        before: |scene, machine| {
            settings(machine, "[retracted]\ndays = 0\n");
            follower(scene, machine);
        },
        meanwhile: |scene| {
            let retract = Call::Retract {
                target: "main/1".into(),
                reason: None,
            };
            scene.author.call(retract).unwrap();
        },
        calls: |_, _| vec![sync(), sync()],
    },
    Operation {
        name: "drop",
        before: follower,
        meanwhile: nothing,
        calls: |scene, _| {
            vec![Call::Drop {
                target: format!("{}/1", scene.feed()),
                yes: true,
            }]
        },
    },
    Operation {
        name: "pin",
        before: follower,
        meanwhile: nothing,
        calls: |scene, _| {
            vec![Call::Pin {
                target: format!("{}/1", scene.feed()),
            }]
        },
    },
    Operation {
        name: "unfollow",
        before: follower,
        meanwhile: nothing,
        calls: |scene, machine| {
            let sources = std::fs::read_to_string(machine.dirs().sources());
            // What was unfollowed is left to the next sweep.
            if sources.is_ok_and(|text| text.contains(&scene.feed())) {
                vec![Call::Unfollow {
                    feed: scene.feed(),
                    purge: true,
                }]
            } else {
                vec![Call::Status]
            }
        },
    },
    Operation {
        name: "verify",
        before: |scene, machine| {
            follower(scene, machine);
            let blob = blob_of(machine);
            let mut bytes = std::fs::read(&blob).unwrap();
            bytes[20_000] ^= 1;
            std::fs::write(&blob, bytes).unwrap();
        },
        meanwhile: nothing,
        calls: |_, _| vec![verify()],
    },
    Operation {
        name: "rebuild",
        before: follower,
        meanwhile: nothing,
        calls: |_, _| vec![Call::Rebuild(Rebuild { only_index: false })],
    },
    Operation {
        name: ALONE,
        before: |scene, machine| {
            follower(scene, machine);
            let pinned = machine.call(Call::Pin {
                target: format!("{}/1", scene.feed()),
            });
            pinned.unwrap();
            let path = machine.dirs().sources();
            let sources = std::fs::read_to_string(&path).unwrap();
            let nobody = sources.replace(&scene.server.url, "http://127.0.0.1:9");
            assert_ne!(nobody, sources);
            std::fs::write(path, nobody).unwrap();
        },
        meanwhile: nothing,
        calls: |_, _| vec![Call::Rebuild(Rebuild { only_index: false })],
    },
    Operation {
        name: "rebuild own",
        before: own,
        meanwhile: nothing,
        calls: |_, _| vec![Call::Rebuild(Rebuild { only_index: false })],
    },
    Operation {
        name: "rebuild index",
        before: follower,
        meanwhile: nothing,
        calls: |_, _| vec![Call::Rebuild(Rebuild { only_index: true })],
    },
    Operation {
        name: "export",
        before: own,
        meanwhile: nothing,
        calls: |_, machine| {
            vec![Call::ExportStatic(ExportStatic {
                dir: machine.root().join("host"),
                feeds: Vec::new(),
                media: None,
                url: None,
            })]
        },
    },
    Operation {
        name: "take over",
        before: |scene, machine| {
            // The key alone, and a mirror that has the feed.
            let from = scene.author.dirs().keys();
            let to = machine.dirs().keys();
            machine.call(Call::KeyList).unwrap();
            for name in ["main.pem", "main.pub"] {
                std::fs::copy(from.join(name), to.join(name)).unwrap();
            }
            let added = machine.call(Call::MirrorAdd {
                mirror: scene.server.url.clone(),
                feed: None,
            });
            assert!(matches!(added, Ok(Answer::Mirrors { .. })), "{added:?}");
        },
        meanwhile: nothing,
        calls: |_, _| vec![Call::KeyTakeOver { feed: None }],
    },
];
