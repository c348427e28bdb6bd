use super::*;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

fn openssl(args: &[&str]) -> Option<String> {
    let output = Command::new("openssl").args(args).output().ok()?;
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn nothing(_: &FeedKey, _: &Metadata) -> Result<(), StoreError> {
    Ok(())
}

#[test]
fn keys_are_made_once_and_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let keys = Keys::at(folder.path());
    let secret = keys.create("main", None, nothing).unwrap();
    assert!(matches!(
        keys.create("main", None, nothing),
        Err(KeyError::Exists { .. })
    ));
    assert_eq!(
        keys.load("main", None).unwrap().feed_key(),
        secret.feed_key()
    );
    let entry = &keys.list().unwrap()[0];
    assert_eq!(
        (entry.name.as_str(), entry.feed, entry.is_encrypted),
        ("main", secret.feed_key(), false)
    );
    assert_eq!(
        std::fs::metadata(&entry.path).unwrap().permissions().mode() & 0o777,
        0o600
    );
    for name in ["", "../x", "A", "a.b", &"a".repeat(65)] {
        assert!(
            matches!(keys.create(name, None, nothing), Err(KeyError::Name { .. })),
            "{name}"
        );
    }
}

#[test]
fn encrypted_keys_open_with_their_passphrase_alone() {
    let folder = tempfile::tempdir().unwrap();
    let keys = Keys::at(folder.path());
    let feed = keys
        .create("safe", Some("open sesame"), nothing)
        .unwrap()
        .feed_key();
    assert!(keys.list().unwrap()[0].is_encrypted);
    assert!(matches!(
        keys.load("safe", None),
        Err(KeyError::NeedsPassphrase { .. })
    ));
    assert!(matches!(
        keys.load("safe", Some("wrong")),
        Err(KeyError::WrongPassphrase { .. })
    ));
    assert_eq!(
        keys.load("safe", Some("open sesame")).unwrap().feed_key(),
        feed
    );
    let backup = folder.path().join("backup.key");
    keys.backup("safe", &backup).unwrap();
    assert!(
        keys.restore(&backup, "third", None)
            .unwrap_err()
            .is_passphrase()
    );
    assert!(
        matches!(
            keys.restore(&backup, "again", Some("open sesame")),
            Err(KeyError::Exists { .. })
        ),
        "one key has one name and one author's file"
    );
    let elsewhere = tempfile::tempdir().unwrap();
    let restored = Keys::at(elsewhere.path()).restore(&backup, "again", Some("open sesame"));
    assert_eq!(restored.unwrap(), feed);
}

#[test]
fn openssl_reads_our_keys_and_we_read_its() {
    let folder = tempfile::tempdir().unwrap();
    let keys = Keys::at(folder.path());
    let secret = keys.create("main", None, nothing).unwrap();
    keys.create("safe", Some("pass"), nothing).unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let Some(text) = openssl(&["pkey", "-in", &path("main.pem"), "-noout", "-text"]) else {
        return;
    };
    let digits: String = text
        .split("pub:")
        .nth(1)
        .unwrap()
        .chars()
        .filter(char::is_ascii_hexdigit)
        .collect();
    assert_eq!(
        digits,
        data_encoding::HEXLOWER.encode(secret.feed_key().as_bytes())
    );
    openssl(&[
        "pkey",
        "-in",
        &path("safe.pem"),
        "-passin",
        "pass:pass",
        "-noout",
    ])
    .unwrap();
    openssl(&["genpkey", "-algorithm", "ed25519", "-out", &path("theirs")]).unwrap();
    keys.restore(&folder.path().join("theirs"), "plain", None)
        .unwrap();
    openssl(&[
        "genpkey",
        "-algorithm",
        "ed25519",
        "-aes-256-cbc",
        "-pass",
        "pass:x",
        "-out",
        &path("sealed"),
    ])
    .unwrap();
    keys.restore(&folder.path().join("sealed"), "sealed", Some("x"))
        .unwrap();
}

#[test]
fn files_that_are_no_keys_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let keys = Keys::at(folder.path());
    let file = folder.path().join("x");
    std::fs::write(
        &file,
        b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
    )
    .unwrap();
    assert!(matches!(
        keys.restore(&file, "x", None),
        Err(KeyError::Damaged { .. })
    ));
    assert!(keys.load("nobody", None).unwrap_err().is_missing());
}

#[test]
fn damaged_key_or_name_of_its_feed_does_not_hide_which_feed_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let keys = Keys::at(folder.path());
    let feed = keys.create("main", None, nothing).unwrap().feed_key();
    let (pem, public) = (
        folder.path().join("main.pem"),
        folder.path().join("main.pub"),
    );
    let (whole, name) = (
        std::fs::read(&pem).unwrap(),
        std::fs::read(&public).unwrap(),
    );
    let damages: [&[u8]; 4] = [b"", b"\0\0\0\0", b"\xff\xfe", b"no key"];
    for damage in damages {
        std::fs::write(&pem, damage).unwrap();
        assert_eq!(keys.list().unwrap()[0].feed, feed, "{damage:?}");
        let failed = keys.load("main", None).unwrap_err().to_string();
        assert!(failed.contains("main.pem"), "{failed}");
        std::fs::write(&pem, &whole).unwrap();

        std::fs::write(&public, damage).unwrap();
        assert_eq!(keys.list().unwrap()[0].feed, feed, "{damage:?}");
        assert_eq!(keys.load("main", None).unwrap().feed_key(), feed);
        std::fs::write(&public, &name).unwrap();
    }
}

#[test]
fn files_of_others_beside_the_keys_are_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let keys = Keys::at(folder.path());
    keys.create("main", None, nothing).unwrap();
    for name in [
        "Server.pem",
        "main.feed",
        ".unfinished-x",
        "a b.pem",
        "x.key",
    ] {
        std::fs::write(folder.path().join(name), b"x").unwrap();
    }
    assert_eq!(keys.list().unwrap().len(), 1);
    std::fs::write(folder.path().join("broken.pem"), b"x").unwrap();
    let error = keys.list().unwrap_err();
    assert!(error.to_string().contains("broken.pem"), "{error}");
}

#[test]
fn key_beside_the_name_of_another_feed_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let keys = Keys::at(folder.path());
    keys.create("main", None, nothing).unwrap();
    let other = FeedSecret::from_bytes(&[1; 32]).feed_key();
    std::fs::write(folder.path().join("main.pub"), other.to_string()).unwrap();
    assert!(matches!(
        keys.load("main", None),
        Err(KeyError::OtherFeed { .. })
    ));
}

#[test]
fn restored_and_backed_up_keys_are_private_and_overwrite_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let keys = Keys::at(folder.path());
    let feed = keys.create("main", None, nothing).unwrap().feed_key();
    let backup = folder.path().join("backup");
    keys.backup("main", &backup).unwrap();
    let mode = std::fs::metadata(&backup).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(matches!(
        keys.backup("main", &backup),
        Err(KeyError::Exists { .. })
    ));
    let other = keys.create("other", None, nothing).unwrap().feed_key();
    assert!(matches!(
        keys.restore(&backup, "other", None),
        Err(KeyError::Exists { .. })
    ));
    assert!(
        matches!(
            keys.restore(&backup, "again", None),
            Err(KeyError::Exists { path }) if path.ends_with("main.pem")
        ),
        "one key under two names would sign two histories"
    );
    assert_eq!(keys.load("other", None).unwrap().feed_key(), other);
    assert_eq!(keys.load("main", None).unwrap().feed_key(), feed);
}

#[test]
fn no_error_or_debug_text_holds_secret_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let keys = Keys::at(folder.path());
    let secret = keys.create("main", None, nothing).unwrap();
    let pem = std::fs::read_to_string(folder.path().join("main.pem")).unwrap();
    let inner = pem.lines().nth(1).unwrap().to_owned();
    let hex = data_encoding::HEXLOWER.encode(&secret.to_bytes());
    // A key file with one line too many, a cut one, and a good one under a wrong name.
    let mut texts = vec![format!("{secret:?}"), format!("{:?}", keys.list())];
    for (name, text) in [
        ("long", format!("{pem}{inner}\n")),
        ("cut", pem[..pem.len() / 2].to_owned()),
    ] {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        if let Err(error) = keys.restore(&path, name, None) {
            texts.push(format!("{error} {error:?}"));
        }
    }
    let other = FeedSecret::from_bytes(&[1; 32]).feed_key();
    std::fs::write(folder.path().join("main.pub"), other.to_string()).unwrap();
    let error = keys.load("main", None).unwrap_err();
    texts.push(format!("{error} {error:?}"));
    assert!(texts.len() > 3);
    for text in texts {
        assert!(!text.contains(&inner) && !text.contains(&hex), "{text}");
        assert!(!text.contains(&format!("{:?}", secret.to_bytes())));
    }
}
