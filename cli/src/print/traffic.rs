//! Limits in force, and what goes through now.

use crate::units;
use levada_peer::api::TrafficInfo;

/// The limits; `None` when there are none.
pub(super) fn limits(traffic: &TrafficInfo) -> Option<String> {
    let rates = traffic.limits;
    if rates.up.is_none() && rates.down.is_none() && traffic.until.is_none() {
        return None;
    }
    let rate = |rate: Option<u64>| match rate {
        Some(rate) => format!("{}/s", units::size(rate)),
        None => "no limit".to_owned(),
    };
    let until = match traffic.until {
        Some(at) => format!("; until {} UTC", units::time(at)),
        None => String::new(),
    };
    Some(format!(
        "up {}, down {}{until}",
        rate(rates.up),
        rate(rates.down)
    ))
}

/// What goes through; `None` when nothing does.
pub(super) fn now(traffic: &TrafficInfo) -> Option<String> {
    let local = match (traffic.up_local, traffic.down_local) {
        (0, 0) => String::new(),
        (up, down) => format!(
            "; in the local network up {}/s, down {}/s",
            units::size(up),
            units::size(down)
        ),
    };
    if traffic.connections == 0 && traffic.up == 0 && traffic.down == 0 && local.is_empty() {
        return None;
    }
    let connections = u64::try_from(traffic.connections).unwrap_or(u64::MAX);
    Some(format!(
        "up {}/s, down {}/s{local}; {} of others",
        units::size(traffic.up),
        units::size(traffic.down),
        units::count(connections, "connection")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use levada_peer::api::TrafficInfo;

    #[test]
    fn what_is_not_limited_and_what_does_not_go_is_not_told() {
        let mut traffic = TrafficInfo::default();
        assert_eq!((limits(&traffic), now(&traffic)), (None, None));
        traffic.limits.up = Some(512_000);
        assert_eq!(
            limits(&traffic).as_deref(),
            Some("up 500.0 KiB/s, down no limit")
        );
        traffic.until = Some(0);
        assert_eq!(
            limits(&traffic).as_deref(),
            Some("up 500.0 KiB/s, down no limit; until 1970-01-01 00:00 UTC")
        );
        traffic.up = 500_000;
        traffic.connections = 1;
        assert_eq!(
            now(&traffic).as_deref(),
            Some("up 488.2 KiB/s, down 0 B/s; 1 connection of others")
        );
        traffic.down_local = 1 << 20;
        assert_eq!(
            now(&traffic).as_deref(),
            Some(
                "up 488.2 KiB/s, down 0 B/s; in the local network up 0 B/s, down 1.0 MiB/s; 1 connection of others"
            )
        );
    }
}
