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

/// Changes the limits at their hours, as long as the node is open. Does nothing, ever, where there are no hours.
pub(super) fn keep(node: &Node) {
    let limits = node.limits.clone();
    if limits.schedule.is_empty() {
        return;
    }
    let traffic = Arc::downgrade(&node.traffic);
    tokio::spawn(async move {
        loop {
            let now = clock::now_ms();
            let next = limits.next_change(now, clock::minute_of_day);
            let pause = next.map_or(LOOK_MS, |at| at.saturating_sub(now).min(LOOK_MS));
            tokio::time::sleep(Duration::from_millis(pause)).await;
            let Some(traffic) = traffic.upgrade() else {
                return;
            };
            let rates = limits.at(clock::minute_of_day(clock::now_ms()));
            if rates != traffic.rates() {
                traffic.set(rates);
            }
        }
    });
}

/// A client for one call that may fetch so many bytes a second, within what all may.
pub(super) fn narrowed(node: &Node, down: u64) -> Client {
    let lane = Lane::new(Some(down), node.limits.local);
    node.client.narrowed(Arc::new(lane))
}
