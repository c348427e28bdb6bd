//! One file from several peers: an honest one, and one that lies about everything it is asked for.

use levada_peer::api::{Answer, Call};
use levada_tests::{TestNode, noise};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;

/// Answers every question for bytes with as many zeros as were asked for, and has no feeds.
fn liar() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("it listens");
    // Ends with the process of this test.
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                // The asker leaves when it has seen enough.
                let _ = lie(stream);
            });
        }
    });
    format!("http://{address}")
}

fn lie(mut stream: std::net::TcpStream) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    loop {
        let (mut line, mut range) = (String::new(), None);
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let is_proof = line.contains("/proof");
        let is_blob = line.contains("/v1/blobs/") && line.starts_with("GET");
        loop {
            let mut header = String::new();
            reader.read_line(&mut header)?;
            if let Some(bytes) = header.to_lowercase().strip_prefix("range: bytes=") {
                let (from, to) = bytes.trim().split_once('-').unwrap_or(("0", "0"));
                range = from.parse::<usize>().ok().zip(to.parse::<usize>().ok());
            }
            if header.trim().is_empty() {
                break;
            }
        }
        let head = match range {
            _ if is_proof => "HTTP/1.1 200 OK\r\ncontent-length: 640\r\n\r\n".to_owned(),
            Some((from, to)) if is_blob => format!(
                "HTTP/1.1 206 Partial Content\r\ncontent-range: bytes {from}-{to}/*\r\ncontent-length: {}\r\n\r\n",
                to + 1 - from
            ),
            _ => "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_owned(),
        };
        stream.write_all(head.as_bytes())?;
        let body = match range {
            _ if is_proof => 640,
            Some((from, to)) if is_blob => to + 1 - from,
            _ => 0,
        };
        stream.write_all(&vec![0; body])?;
    }
}

#[test]
fn file_comes_from_several_peers_and_a_liar_costs_one_window() {
    let (author, mirror, follower) = (TestNode::new(), TestNode::new(), TestNode::new());
    let film = noise(3, 12 << 20);
    author.write("film.bin", &film);
    let Answer::Published(summary) = author.publish(&[&author.files()]).answer() else {
        panic!("not published")
    };
    let author_serves = author.serve();
    let _ = mirror.follow(author_serves.link(), Some("all")).answer();
    let mirror_serves = mirror.serve();
    let liar = liar();
    let followed = follower
        .call(Call::Follow {
            feed: author_serves.link().to_owned(),
            via: vec![liar, mirror_serves.url()],
            keep: Some("all".into()),
            max_size: None,
            retractions: None,
            share: None,
        })
        .answer();
    let Answer::Followed(synced) = followed else {
        panic!("{followed:?}")
    };
    assert_eq!((synced.files, synced.files_wanted), (1, 1));
    let outcome = follower.call(Call::Get {
        target: format!("{}/1", summary.feed),
        file: None,
        range: Some((0, None)),
        output: None,
    });
    assert!(outcome.bytes() == film, "every byte is the author's");
}
