//! Whole answers with a lie in them.

use super::{Lie, bomb};

/// Bytes of a compressed answer once it is unpacked.
const BOMB_BYTES: usize = 512 << 20;

/// A whole answer with a lie in it.
pub(super) fn lied(lie: Lie, head: &str, body: &[u8], path: &str) -> Vec<u8> {
    let mut body = body.to_vec();
    let whole = body.len();
    let mut length = None;
    let mut more = String::new();
    let mut header = None;
    match lie {
        Lie::Header(name, value) => header = Some((name, value)),
        Lie::FirstAnd(name, value) => {
            header = Some((name, value));
            body.iter_mut().take(1).for_each(|byte| *byte ^= 1);
        }
        Lie::First => body.iter_mut().take(1).for_each(|byte| *byte ^= 1),
        Lie::Last => body.iter_mut().rev().take(1).for_each(|byte| *byte ^= 1),
        Lie::Zeros => body.fill(0),
        Lie::Broken => {
            body.truncate(whole / 2);
            length = Some(whole);
        }
        Lie::Half => body.truncate(whole / 2),
        Lie::More => body.push(0),
        Lie::Empty => body.clear(),
        Lie::HugeLength => length = Some(1 << 60),
        Lie::TwoLengths => more = format!("content-length: {}\r\n", whole + 1),
        Lie::HeaderFlood => more = (0..5_000).map(|n| format!("x-{n}: 1\r\n")).collect(),
        Lie::Compressed => {
            body = bomb::zeros(BOMB_BYTES);
            "content-encoding: gzip\r\n".clone_into(&mut more);
        }
        Lie::Instead(other) => other.clone_into(&mut body),
        Lie::OtherHost => return moved(&format!("http://127.0.0.2:9{path}")),
        Lie::Circle => return moved(path),
        Lie::Broke => return status("500 Internal Server Error"),
        Lie::NotThere => return status("404 Not Found"),
        Lie::Endless
        | Lie::EndlessHeader
        | Lie::EndlessNote
        | Lie::EndlessTrailer
        | Lie::HugeChunk
        | Lie::Soon
        | Lie::NoHttp
        | Lie::Silent
        | Lie::Said(_)
        | Lie::Slow
        | Lie::SlowHeader
        | Lie::Stale
        | Lie::Tells(_)
        | Lie::TellsOn(_) => unreachable!("answered before"),
    }
    let length = length.unwrap_or(body.len()).to_string();
    let mut headers = vec![("content-length", length.as_str())];
    if let Some((name, value)) = header {
        headers.retain(|(other, _)| *other != name);
        headers.push((name, value));
    }
    let is_kept = |line: &&str| {
        let name = line.split(':').next().unwrap_or("");
        !headers
            .iter()
            .any(|(other, _)| name.eq_ignore_ascii_case(other))
    };
    let lines: Vec<&str> = head.split("\r\n").filter(is_kept).collect();
    let mut answer = lines.join("\r\n");
    for (name, value) in &headers {
        answer += &format!("\r\n{name}: {value}");
    }
    answer += &format!("\r\n{more}\r\n");
    [answer.as_bytes(), &body].concat()
}

fn moved(to: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    )
    .into_bytes()
}

fn status(status: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\ncontent-length: 5\r\nconnection: close\r\n\r\nsorry").into_bytes()
}
