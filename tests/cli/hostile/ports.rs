//! Ports at which something else listens than a node: that is told as what it is, and how to go on.

use super::author;
use crate::machine::Machine;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;

/// Answers every connection with these bytes.
fn port_that_says(answer: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for mut asker in listener.incoming().flatten() {
            let mut begin = [0; 1];
            // Whoever asks begins, as with TLS and HTTP; one that left already is no matter.
            let _ = asker.read(&mut begin).and_then(|_| asker.write_all(answer));
        }
    });
    address
}

#[test]
fn port_of_something_else_is_told_as_such_with_4() {
    let (_author, serving) = author();
    let follower = Machine::new();
    let key = serving.link();
    let key = &key["levada:".len()..key.find('?').unwrap()];
    // A TLS server alerts whoever speaks plain HTTP to it.
    let tls = port_that_says(&[21, 3, 1, 0, 2, 2, 70]);
    let ran = follower.run(&["follow", key, "--via", &tls]).exits(4);
    assert!(ran.err.contains("maybe it wants https://"), "{}", ran.err);
    assert!(ran.err.contains(&tls), "{}", ran.err);

    let other = Machine::new();
    let via = format!("https://{}", serving.address);
    let ran = other.run(&["follow", key, "--via", &via]).exits(4);
    assert!(ran.err.contains(&via), "{}", ran.err);
    assert!(ran.err.contains("TLS"), "{}", ran.err);

    let silent = Machine::new();
    let mail = port_that_says(b"220 mail.example ESMTP\r\n");
    let ran = silent.run(&["follow", key, "--via", &mail]).exits(4);
    assert!(ran.err.contains(&mail), "{}", ran.err);
    assert!(ran.err.contains("does not speak HTTP"), "{}", ran.err);

    let page = Machine::new();
    let web = port_that_says(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n<html>");
    let ran = page.run(&["follow", key, "--via", &web]).exits(5);
    assert!(ran.err.contains(&web), "{}", ran.err);
}
