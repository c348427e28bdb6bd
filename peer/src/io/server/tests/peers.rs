use super::*;
use crate::frame::{read_peers, write_announce};

async fn peers(place: &Place, headers: &str) -> Vec<String> {
    let target = format!("/v1/feeds/{}/peers", own());
    let got = place.ask("GET", &target, headers, b"").await;
    assert_eq!(got.status, 200);
    read_peers(&got.body).unwrap()
}

#[tokio::test]
async fn announcement_counts_once_the_feed_was_found_there() {
    let (place, other) = (Place::new().await, Place::new().await);
    let target = format!("/v1/feeds/{}/peers", own());
    let port = other.address.port();
    let post = async |port, headers: &str| {
        let got = place
            .ask("POST", &target, headers, &write_announce(port))
            .await;
        got.status
    };
    assert!(peers(&place, "").await.is_empty());
    assert_eq!(post(port, "").await, 204);
    assert_eq!(post(port, "").await, 200);
    assert_eq!(
        peers(&place, "").await,
        [format!("http://{}", other.address)]
    );
    // Nobody is there, or nobody who has the feed.
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let free = gone.local_addr().unwrap().port();
    drop(gone);
    assert_eq!(post(free, "").await, 403);
    // What a proxy hands on is from elsewhere.
    let proxied = "x-forwarded-for: 192.0.2.1\r\n";
    assert_eq!(post(port, proxied).await, 403);
    assert!(peers(&place, proxied).await.is_empty());
    let stranger = format!("/v1/feeds/{}/peers", secret(7).feed_key());
    let of_stranger = place
        .ask("POST", &stranger, "", &write_announce(port))
        .await;
    assert_eq!(of_stranger.status, 404);
    assert_eq!(place.get(&stranger).await.status, 404);
    assert_eq!(place.ask("POST", &target, "", b"").await.status, 422);
    assert_eq!(place.ask("POST", &target, "", &[0; 65]).await.status, 413);
}

#[tokio::test]
async fn announcements_of_one_block_are_looked_at_a_few_times_a_minute() {
    let place = Place::new().await;
    let target = format!("/v1/feeds/{}/peers", own());
    let mut statuses = Vec::new();
    for _ in 0..12 {
        let port = place.address.port();
        let got = place.ask("POST", &target, "", &write_announce(port)).await;
        statuses.push(got.status);
    }
    let mut expected = vec![204];
    expected.extend([200; 9]);
    expected.extend([429; 2]);
    assert_eq!(statuses, expected);
}
