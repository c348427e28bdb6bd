//! Feeds on web hosts that other people run: Python's file server, which knows no ranges, and nginx over https with a
//! certificate of an authority that only this test knows.
//!
//! nginx is taken from the path or, where `LEVADA_INSTALL` or `CI` is set, unpacked from its Debian package below the target
//! folder; elsewhere its test says that it was skipped.

use crate::machine::{Machine, Running};
use levada_tests::{Authority, Host, Manners, copy_all, find, noise};
use std::io::{BufRead as _, BufReader};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// An author's machine with an exported folder, and the link of its feed.
fn author() -> (Machine, String) {
    let author = Machine::new();
    author.write("music/song.bin", &noise(1, 700_000));
    author.write("music/note.txt", b"a note");
    author.done(&["publish", "music", "-q"]);
    let exported = author.done(&["export", "static", "site", "-q"]);
    let out = String::from_utf8(exported.out).unwrap();
    let link = out
        .lines()
        .find(|line| line.starts_with("levada:"))
        .unwrap();
    (author, link.to_owned())
}

/// A server in the background; ended when dropped.
struct Server {
    child: Child,
    url: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Python's file server; absent where there is no Python.
fn python(folder: &Path) -> Option<Server> {
    let mut child = Command::new("python3")
        .args(["-u", "-m", "http.server", "0", "--bind", "127.0.0.1"])
        .current_dir(folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let mut line = String::new();
    let said = child.stdout.take().expect("it is piped");
    BufReader::new(said).read_line(&mut line).unwrap();
    let port = line
        .split("port ")
        .nth(1)
        .and_then(|rest| rest.split(' ').next());
    let url = format!(
        "http://127.0.0.1:{}",
        port.unwrap_or_else(|| panic!("{line}"))
    );
    Some(Server { child, url })
}

/// nginx itself, if it is here or can be had.
#[expect(clippy::print_stdout, reason = "a test that is skipped says so")]
fn nginx() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into()]);
    let mut places = folders.map(|folder| folder.join("nginx"));
    let tools = Path::new(env!("CARGO_TARGET_TMPDIR")).join("nginx");
    let unpacked = tools.join("usr/sbin/nginx");
    let found = places.find(|place| place.is_file());
    if let Some(found) = found.or_else(|| unpacked.is_file().then(|| unpacked.clone())) {
        return Some(found);
    }
    let is_wanted = ["CI", "LEVADA_INSTALL"]
        .iter()
        .any(|name| std::env::var_os(name).is_some());
    if !is_wanted {
        println!("skipped: nginx is not here; LEVADA_INSTALL=1 unpacks it below the target folder");
        return None;
    }
    std::fs::create_dir_all(&tools).unwrap();
    let run = |program: &str, args: &[&str]| {
        let mut command = Command::new(program);
        command.args(args).current_dir(&tools).stdout(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    let has = || {
        let entries = std::fs::read_dir(&tools).unwrap().flatten();
        let mut names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        names.find(|name| name.starts_with("nginx_"))
    };
    let is_here = has().is_some()
        || run("apt-get", &["download", "nginx"])
        || (run("apt-get", &["update", "-qq"]) && run("apt-get", &["download", "nginx"]));
    let package = has().filter(|_| is_here);
    let is_unpacked = package.is_some_and(|package| run("dpkg-deb", &["-x", &package, "."]));
    // The same is tested with a host of this process, so that a machine without packages tests all but nginx.
    if !is_unpacked || !run(unpacked.to_str().unwrap(), &["-v"]) {
        println!("skipped: nginx could not be had, or does not run here");
        return None;
    }
    Some(unpacked)
}

/// nginx over https for `localhost`, serving a folder.
fn serve_https(nginx: &Path, files: &Path, own: &Path, authority: &Authority) -> Server {
    let (certificate, key) = authority.vouch();
    std::fs::write(own.join("certificate.pem"), certificate).unwrap();
    std::fs::write(own.join("key.pem"), key).unwrap();
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let (own_path, files) = (own.display(), files.display());
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("{name}_temp_path {own_path}/{name};"))
        .concat();
    let user = if rustix::process::geteuid().is_root() {
        "user root;"
    } else {
        ""
    };
    let settings = format!(
        "{user} daemon off; master_process off; error_log stderr crit; pid {own_path}/pid; events {{}}
         http {{ access_log off; {temporary}
           server {{ listen 127.0.0.1:{port} ssl; root {files};
             ssl_certificate {own_path}/certificate.pem; ssl_certificate_key {own_path}/key.pem; }} }}"
    );
    let path = own.join("nginx.conf");
    std::fs::write(&path, settings).unwrap();
    let child = Command::new(nginx)
        .arg("-p")
        .arg(own)
        .arg("-c")
        .arg(&path)
        .spawn()
        .unwrap();
    let server = Server {
        child,
        url: format!("https://localhost:{port}"),
    };
    // It says nothing when it is ready.
    let mut tries = 0;
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        tries += 1;
        assert!(tries < 2_000, "nginx does not listen");
        std::thread::sleep(Duration::from_millis(5));
    }
    server
}

/// Follows with only this authority, or none, to trust.
fn follow(machine: &Machine, link: &str, authority: Option<&Path>) -> crate::machine::Ran {
    let mut command = machine.command(&["follow", link, "--keep", "all"]);
    let none = machine.home().join("none.pem");
    std::fs::write(&none, "").unwrap();
    command.env("SSL_CERT_FILE", authority.unwrap_or(&none));
    let output = command.output().unwrap();
    crate::machine::Ran {
        code: output.status.code(),
        out: output.stdout,
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

#[test]
#[expect(clippy::print_stdout, reason = "a test that is skipped says so")]
fn pythons_file_server_is_followed_and_said_to_be_slower_once() {
    let (author, link) = author();
    let Some(server) = python(&author.home().join("site")) else {
        println!("skipped: there is no python3");
        return;
    };
    let follower = Machine::new();
    let link = format!("{link}&via={}", server.url);
    let came = follower.done(&["follow", &link]);
    assert_eq!(
        came.err.matches("sends whole files").count(),
        1,
        "{}",
        came.err
    );
    author.write("music/second.bin", &noise(2, 30_000));
    author.done(&["publish", "music", "-q"]);
    author.done(&["export", "static", "site", "-q"]);
    let synced = follower.done(&["sync"]);
    let said = String::from_utf8(synced.out).unwrap();
    assert!(
        said.contains("4 records, 3 items, 3 of 3 files here"),
        "{said}"
    );
}

/// The whole of it over https: who knows the authority follows, who does not is told why and gets nothing; an update is
/// seen, and a byte changed on the host is refused and named.
fn check_https(author: &Machine, link: &str, site: &Path, url: &str, pem: &Path) {
    let follower = Machine::new();
    let link = format!("{link}&via={url}");
    let refused = follow(&follower, &link, None).exits(4);
    assert!(
        refused.err.contains("cannot be trusted over TLS"),
        "{}",
        refused.err
    );
    follow(&follower, &link, Some(pem)).exits(0);
    author.write("music/second.bin", &noise(2, 30_000));
    author.done(&["publish", "music", "-q"]);
    author.done(&["export", "static", "site", "-q"]);
    if site != author.home().join("site") {
        copy_all(&author.home().join("site"), site);
    }
    let came = follow(&follower, &link, Some(pem)).exits(0);
    let said = String::from_utf8(came.out).unwrap();
    assert!(said.contains("3 of 3 files here"), "{said}");
    let page = find(&site.join("feed"), "latest").unwrap();
    let mut bytes = std::fs::read(&page).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&page, bytes).unwrap();
    let refused = follow(&Machine::new(), &link, Some(pem)).exits(5);
    assert!(
        refused.err.contains(url) && refused.err.contains("/latest"),
        "{}",
        refused.err
    );
}

#[test]
fn https_host_is_followed_by_those_who_know_its_authority_alone() {
    let (author, link) = author();
    let authority = Authority::new();
    let pem = author.write("authority.pem", authority.pem().as_bytes());
    let site = author.home().join("site");
    let host = Host::serve_tls(&site, Manners::WEB, &authority);
    check_https(&author, &link, &site, &host.url(), &pem);
}

#[test]
fn nginx_over_https_is_followed() {
    let Some(nginx) = nginx() else { return };
    let (author, link) = author();
    let authority = Authority::new();
    let pem = author.write("authority.pem", authority.pem().as_bytes());
    let (site, own) = (author.home().join("site"), author.home().join("nginx"));
    std::fs::create_dir_all(&own).unwrap();
    let server = serve_https(&nginx, &site, &own, &authority);
    check_https(&author, &link, &site, &server.url, &pem);
}

#[test]
fn serving_follower_sees_what_was_uploaded_to_a_static_host() {
    let (author, link) = author();
    let host = Host::serve(&author.home().join("site"), Manners::WEB);
    let follower = Machine::new();
    let link = format!("{link}&via={}", host.url());
    follower.done(&["follow", &link]);
    author.write("music/second.bin", &noise(2, 30_000));
    author.done(&["publish", "music", "-q"]);
    author.done(&["export", "static", "site", "-q"]);
    let mut serving: Running = follower.start(&["serve", "--listen", "127.0.0.1:0", "--json"]);
    loop {
        let event = serving.event().expect("it goes on");
        if event["type"] == "synced" {
            assert_eq!(
                (&event["length"], &event["files"]),
                (&4.into(), &3.into()),
                "{event}"
            );
            break;
        }
    }
    drop(serving);
}
