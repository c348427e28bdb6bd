use super::*;
use std::net::Ipv4Addr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const FAR: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
const NEAR: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|at| u8::try_from(at % 251).unwrap()).collect()
}

#[tokio::test]
async fn bytes_come_whole_and_never_faster_than_the_limit() {
    let lane = Arc::new(Lane::new(Some(1 << 20), false));
    let started = clock::tick();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let (ours, mut theirs) = tokio::io::duplex(10_000);
        let mut sending = Limited::sending(ours, &lane, FAR);
        tasks.spawn(async move {
            sending.write_all(&pattern(50_000)).await.unwrap();
        });
        tasks.spawn(async move {
            let mut came = Vec::new();
            theirs.read_to_end(&mut came).await.unwrap();
            assert!(came == pattern(50_000));
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    // 200,000 bytes at 1 MiB/s, less what a full bucket holds.
    assert!(clock::since(started) >= Duration::from_millis(150));
    assert!(!lane.lock().is_attended);
    assert!(lane.lock().waiting.is_empty());
}

#[tokio::test]
async fn what_is_received_waits_in_each_lane_that_it_comes_through() {
    let lanes = [Some(4 << 20), Some(1 << 20), None];
    let lanes = lanes.map(|rate| Arc::new(Lane::new(rate, false)));
    let (ours, mut theirs) = tokio::io::duplex(100_000);
    let mut receiving = Limited::receiving(ours, &lanes, FAR);
    let started = clock::tick();
    tokio::spawn(async move { theirs.write_all(&pattern(200_000)).await });
    let mut came = Vec::new();
    receiving.read_to_end(&mut came).await.unwrap();
    assert!(came == pattern(200_000));
    assert!(clock::since(started) >= Duration::from_millis(100));
    assert!(receiving.turns().waited() >= Duration::from_millis(100));
}

#[tokio::test]
async fn local_network_is_exempt_unless_it_is_set_otherwise() {
    for (is_local_limited, peer, is_free) in [
        (false, NEAR, true),
        (false, FAR, false),
        (true, NEAR, false),
    ] {
        let lane = Arc::new(Lane::new(Some(1 << 10), is_local_limited));
        let (ours, mut theirs) = tokio::io::duplex(1 << 20);
        let mut sending = Limited::sending(ours, &lane, peer);
        let mut writing = Box::pin(sending.write_all(&[7; 100_000]));
        let mut context = Context::from_waker(Waker::noop());
        let written = writing.as_mut().poll(&mut context);
        assert_eq!(written.is_ready(), is_free, "{is_local_limited} {peer}");
        if is_free {
            theirs.read_exact(&mut [0; 100_000]).await.unwrap();
        }
    }
}

#[tokio::test]
async fn limit_that_is_lifted_frees_who_waits_and_one_that_is_set_holds_at_once() {
    let lane = Arc::new(Lane::new(None, false));
    let (ours, mut theirs) = tokio::io::duplex(1 << 20);
    let mut sending = Limited::sending(ours, &lane, FAR);
    sending.write_all(&[1; 100_000]).await.unwrap();
    theirs.read_exact(&mut [0; 100_000]).await.unwrap();
    lane.set(Some(16 << 10));
    let writing = tokio::spawn(async move { sending.write_all(&[2; 500_000]).await });
    theirs.read_exact(&mut [0; 1_000]).await.unwrap();
    assert!(!writing.is_finished());
    lane.set(None);
    theirs.read_exact(&mut [0; 499_000]).await.unwrap();
    writing.await.unwrap().unwrap();
}

#[tokio::test]
async fn connection_that_ends_while_it_waits_leaves_its_place() {
    let lane = Arc::new(Lane::new(Some(1 << 10), false));
    let (ours, _theirs) = tokio::io::duplex(1 << 20);
    let mut sending = Limited::sending(ours, &lane, FAR);
    let mut context = Context::from_waker(Waker::noop());
    let polled = std::pin::pin!(sending.write_all(&[0; 10_000])).poll(&mut context);
    assert!(polled.is_pending());
    assert_eq!(lane.lock().waiting.len(), 1);
    drop(sending);
    assert!(lane.lock().waiting.is_empty());
    assert_eq!(lane.lock().bucket.wake(), None);
}

#[test]
fn addresses_of_ones_own_network_are_told_from_those_of_the_internet() {
    for (text, is_near) in [
        ("127.0.0.1", true),
        ("10.1.2.3", true),
        ("172.16.0.1", true),
        ("192.168.1.1", true),
        ("169.254.1.1", true),
        ("::1", true),
        ("fd12::1", true),
        ("fe80::1", true),
        ("::ffff:192.168.1.1", true),
        ("::ffff:192.0.2.1", false),
        ("172.32.0.1", false),
        ("192.0.2.1", false),
        ("2001:db8::1", false),
    ] {
        assert_eq!(is_local(text.parse().unwrap()), is_near, "{text}");
    }
}
