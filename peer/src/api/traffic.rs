//! What of limits and traffic `Status` tells.

use crate::settings::Rates;
use serde::{Deserialize, Serialize};

/// Limits in force, and what goes through now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrafficInfo {
    /// Limits in bytes a second; null: none.
    pub limits: Rates,
    /// When others will hold, Unix milliseconds; absent: not within a day.
    pub until: Option<u64>,
    /// Sent, in bytes a second: the mean of the last seconds.
    pub up: u64,
    /// Fetched, in bytes a second.
    pub down: u64,
    /// Sent to exempt addresses of the local network.
    pub up_local: u64,
    /// Fetched from such addresses.
    pub down_local: u64,
    /// Connections of others now.
    pub connections: usize,
    /// Connections of others at most.
    pub connections_max: usize,
    /// Of one network of addresses at most.
    pub connections_each_max: usize,
}
