use super::*;

#[test]
fn nothing_said_is_the_defaults() {
    let settings = Settings::read("").unwrap();
    assert_eq!(settings, Settings::default());
    assert_eq!(settings.retracted.days, 30);
}

#[test]
fn everything_can_be_said() {
    let settings = Settings::read(
        r#"
        listen = ["9000"]
        api = []

        [limits]
        up = "2MiB"
        down = "1000KiB"
        connections = 100
        connections_each = 4

        [[limits.schedule]]
        hours = "22:00-06:00"
        up = "10MiB"

        [quota]
        size = "1GiB"
        reserve = "5GB"

        [blobs]
        roots = ["/mnt/one", "/mnt/two"]

        [retracted]
        days = 3
        "#,
    )
    .unwrap();
    assert_eq!(settings.api, Some(Vec::new()));
    assert_eq!(settings.limits.up, Some(2 << 20));
    assert_eq!(settings.limits.down, Some(1000 << 10));
    assert_eq!(settings.limits.schedule[0].up, Some(10 << 20));
    assert_eq!(settings.limits.schedule[0].down, None);
    assert_eq!(settings.quota.reserve, Some(5_000_000_000));
    assert_eq!(settings.blobs.roots.len(), 2);
    assert_eq!(settings.retracted.days, 3);
}

#[test]
fn slip_of_the_pen_is_named_with_its_line() {
    for (text, line, what) in [
        ("[limits]\nupp = \"1\"", "line 2", "upp"),
        ("[limits]\n\nup = \"fast\"", "line 3", "fast"),
        ("[quota]\nsize = 5", "line 2", "integer"),
        ("[retracted]\ndays = -1", "line 2", "-1"),
    ] {
        let error = Settings::read(text).unwrap_err().to_string();
        assert!(error.contains(line) && error.contains(what), "{error}");
    }
}
