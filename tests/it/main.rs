//! Integration tests: one binary.

#[cfg(test)]
mod day;
#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod keeping;
#[cfg(test)]
mod layout;
mod live;
#[cfg(test)]
mod local;
#[cfg(test)]
mod own;
mod proof;
#[cfg(test)]
mod sim;
#[cfg(test)]
mod spec;
#[cfg(test)]
mod static_host;
#[cfg(test)]
mod store;
mod swarm;
mod travel;
mod vectors;
