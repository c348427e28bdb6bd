//! The real `levada`, run as people run it: pages of the manual whose commands and output are checked, and what no page
//! can show.

#[cfg(test)]
mod crowd;
#[cfg(test)]
mod daemon;
#[cfg(test)]
mod damage;
#[cfg(test)]
mod disk;
#[cfg(test)]
mod full;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod keeping;
#[cfg(test)]
mod kill;
#[cfg(test)]
mod load;
mod machine;
#[cfg(test)]
mod mend;
#[cfg(test)]
mod names;
#[cfg(test)]
mod own;
#[cfg(test)]
mod pages;
#[cfg(test)]
mod readme;
mod shown;
mod terminal;
#[cfg(test)]
mod told;
mod transcript;
#[cfg(test)]
mod travel;
#[cfg(test)]
mod web;
