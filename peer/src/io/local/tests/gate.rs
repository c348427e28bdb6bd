use super::*;

#[tokio::test]
async fn other_hosts_are_refused() {
    let place = Place::new().await;
    let port = place.port;
    for host in [
        format!("evil.example:{port}"),
        format!("127.0.0.1.evil.example:{port}"),
        format!("127.0.0.1:{}", port.wrapping_add(1)),
        format!("127.0.0.2:{port}"),
        format!("localhost.:{port}"),
        format!("0.0.0.0:{port}"),
        format!("127.0.0.1:0{port}"),
        "127.0.0.1".to_owned(),
        "localhost".to_owned(),
        String::new(),
    ] {
        assert_eq!(
            place.status(&format!("host: {host}\r\n")).await,
            403,
            "{host}"
        );
    }
    let twice = format!("host: localhost:{port}\r\nhost: evil.example:{port}\r\n");
    assert_eq!(place.status(&twice).await, 403);
    // Whole addresses in the first line name a host too.
    let path = "http://evil.example/v1/calls";
    let request = place.request("POST", path, "", SOURCES);
    assert_eq!(place.ask(&request).await.0, 403);
    let old = format!(
        "POST /v1/calls HTTP/1.0\r\nauthorization: Bearer {}\r\n\r\n",
        place.text
    );
    assert_eq!(place.ask(&old).await.0, 403);
}

#[tokio::test]
async fn pages_of_other_origins_are_refused_and_told_nothing() {
    let place = Place::new().await;
    let port = place.port;
    for origin in [
        "http://evil.example".to_owned(),
        "null".to_owned(),
        format!("https://127.0.0.1:{port}"),
        // Another name of this machine is another origin.
        format!("http://localhost:{port}"),
        "http://127.0.0.1".to_owned(),
        format!("http://127.0.0.1:{port}/"),
        String::new(),
    ] {
        let (status, text) = place.post(&format!("origin: {origin}\r\n"), SOURCES).await;
        assert_eq!(status, 403, "{origin}");
        assert!(!text.to_lowercase().contains("access-control"), "{text}");
    }
    let twice = format!("origin: http://127.0.0.1:{port}\r\norigin: null\r\n");
    assert_eq!(place.status(&twice).await, 403);
    // What a browser asks before it posts: no.
    let ask = "origin: http://evil.example\r\naccess-control-request-method: POST\r\n";
    let request = place.request("OPTIONS", "/v1/calls", ask, "");
    let (status, text) = place.ask(&request).await;
    assert!(
        status == 403 && !text.to_lowercase().contains("access-control"),
        "{text}"
    );
    for method in ["OPTIONS", "GET", "HEAD", "PUT", "DELETE"] {
        let request = place.request(method, "/v1/calls", "", "");
        let (status, text) = place.ask(&request).await;
        assert!(
            status == 405 && text.contains("allow: POST"),
            "{method}: {text}"
        );
    }
}

#[tokio::test]
async fn without_the_token_nothing_is_read() {
    let place = Place::new().await;
    let token = &place.text;
    let zeros = "0".repeat(64);
    for given in [
        String::new(),
        "authorization: \r\n".to_owned(),
        format!("authorization: {token}\r\n"),
        format!("authorization: Basic {token}\r\n"),
        format!("authorization: Bearer {zeros}\r\n"),
        format!("authorization: Bearer {}\r\n", &token[1..]),
        format!("authorization: Bearer {token}0\r\n"),
        format!("authorization: Bearer {token}\r\nauthorization: Bearer {token}\r\n"),
        format!("cookie: token={token}\r\n"),
    ] {
        // A body that is never sent would be waited for if it were read.
        let request = format!(
            "POST /v1/calls HTTP/1.1\r\nhost: localhost:{}\r\n{given}content-length: 1000\r\n\r\n",
            place.port
        );
        let mut stream = place.connect().await;
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 401", "{given}");
    }
    let request = format!(
        "POST /v1/calls?token={token} HTTP/1.1\r\nhost: localhost:{}\r\nconnection: close\r\n\r\n",
        place.port
    );
    let (status, text) = place.ask(&request).await;
    assert!(
        status == 401 && text.contains("www-authenticate: Bearer"),
        "{text}"
    );
}

#[tokio::test]
async fn token_is_made_once_and_another_one_ends_it() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new().await;
    let path = place.folder.path().join("token");
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(*Token::at(&path).read_or_make().unwrap(), place.text);
    assert_eq!(place.status("").await, 200);
    let new = place.token.renew().unwrap();
    assert_ne!(*new, place.text);
    assert_eq!(place.status("").await, 401);
    let header = format!("authorization: bearer {}\r\n", *new);
    assert_eq!(place.status(&header).await, 200);
    for damaged in ["", "x", &"g".repeat(64), &"0".repeat(300)] {
        std::fs::write(&path, damaged).unwrap();
        let error = Token::at(&path).read_or_make().unwrap_err();
        assert!(matches!(error, TokenError::Damaged { .. }), "{error}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), damaged);
    }
}
