//! Limits of bandwidth: which of them hold now, and the change to others at their hour.

use super::Node;
use crate::api::TrafficInfo;
use crate::io::client::Client;
use crate::io::clock;
use crate::io::traffic::{Lane, Traffic};
use crate::settings::Limits;
use std::sync::Arc;
use std::time::Duration;

/// A change is looked for again after this time at the latest: a clock may be set, and a laptop may sleep.
const LOOK_MS: u64 = 15 * 60 * 1_000;

/// Both lanes with the limits that hold now.
pub(super) fn traffic(limits: &Limits) -> Arc<Traffic> {
    let traffic = Traffic::new(limits.local);
    traffic.set(limits.at(clock::minute_of_day(clock::now_ms())));
    Arc::new(traffic)
}

/// What holds now, and what goes through.
pub(super) fn info(node: &Node) -> TrafficInfo {
    let (up, down) = (node.traffic.up.speed(), node.traffic.down.speed());
    let (connections_max, connections_each_max) = node.places.most();
    TrafficInfo {
        limits: node.traffic.rates(),
        until: node
            .settings()
            .limits
            .next_change(clock::now_ms(), clock::minute_of_day),
        up: up.limited,
        down: down.limited,
        up_local: up.exempt,
        down_local: down.exempt,
        connections: node.places.taken(),
        connections_max,
        connections_each_max,
    }
}

/// Changes the limits at their hours, and when other settings hold, as long as the node is open. Where there are no hours
/// nothing here wakes up by itself.
pub(super) fn keep(node: &Node) {
    let mut settings = node.settings.subscribe();
    let traffic = Arc::downgrade(&node.traffic);
    tokio::spawn(async move {
        loop {
            let limits = settings.borrow_and_update().limits.clone();
            let now = clock::now_ms();
            match traffic.upgrade() {
                Some(traffic) => {
                    let rates = limits.at(clock::minute_of_day(now));
                    if rates != traffic.rates() {
                        traffic.set(rates);
                    }
                }
                None => return,
            }
            let next = limits.next_change(now, clock::minute_of_day);
            let pause = next.map_or(LOOK_MS, |at| at.saturating_sub(now).min(LOOK_MS));
            let is_scheduled = !limits.schedule.is_empty();
            tokio::select! {
                () = tokio::time::sleep(Duration::from_millis(pause)), if is_scheduled => {}
                changed = settings.changed() => if changed.is_err() { return },
            }
        }
    });
}

/// A client for one call that may fetch so many bytes a second, within what all may.
pub(super) fn narrowed(node: &Node, down: u64) -> Client {
    let lane = Lane::new(Some(down), node.settings().limits.local);
    node.client.narrowed(Arc::new(lane))
}
