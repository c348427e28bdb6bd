//! The files that people edit: broken ones are named and left as they are, and lists that are gone come back.

use super::*;

#[test]
fn damaged_settings_and_lists_are_named_and_left_as_they_are() {
    let scene = Scene::new();
    let garbage = Harm::Other("[[source]\nno = list\n");
    for (name, remedy) in [
        ("config.toml", "config check"),
        ("sources.toml", "config check"),
        ("pins.toml", "config check"),
    ] {
        let machine = scene.follower();
        let path = config(&machine).join(name);
        let before = std::fs::read(&path).ok();
        std::fs::write(&path, b"").unwrap();
        garbage.doing(&path);
        let ran = machine.run(SYNC);
        assert_ne!(ran.code, Some(0), "{name}: {}", ran.err);
        assert!(
            ran.err.contains(path.to_str().unwrap()),
            "{name}: {}",
            ran.err
        );
        assert!(ran.err.contains("hint: "), "{name}: {}", ran.err);
        assert!(ran.err.contains(remedy), "{name}: {}", ran.err);
        assert_eq!(
            std::fs::read_to_string(&path).unwrap(),
            "[[source]\nno = list\n"
        );
        match before {
            Some(before) => std::fs::write(&path, before).unwrap(),
            None => std::fs::remove_file(&path).unwrap(),
        }
        scene.check(&machine, name);
    }
}

/// Nobody said that nothing is followed or pinned.
#[test]
fn lists_that_are_gone_come_back() {
    let scene = Scene::new();
    for command in [SYNC, &["rebuild"], &["doctor"]] {
        let machine = scene.follower();
        let item = &machine.items()[0];
        let item = format!("{}/{}", item["feed"].as_str().unwrap(), item["index"]);
        machine.done(&["pin", &item]);
        let listed = |machine: &Machine| {
            let list = std::fs::read_to_string(config(machine).join("sources.toml"));
            list.unwrap()
        };
        let before = listed(&machine);
        let kept = machine.done(&["status", "--json"]).json()["kept"].clone();
        for name in ["sources.toml", "pins.toml"] {
            std::fs::remove_file(config(&machine).join(name)).unwrap();
        }
        let ran = machine.run(command);
        assert_eq!(ran.code, Some(0), "{command:?}: {}", ran.err);
        assert!(ran.err.contains("sources.toml: it was gone"), "{}", ran.err);
        assert_eq!(listed(&machine), before);
        assert_eq!(machine.done(&["status", "--json"]).json()["kept"], kept);
        scene.check(&machine, "lists");
    }
}
