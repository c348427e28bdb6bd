//! The real `levada`, run as people run it: pages of the manual whose commands and output are checked, and what no page
//! can show.

mod disk;
mod hostile;
mod kill;
mod liar;
mod machine;
mod names;
mod pages;
mod shown;
mod terminal;
mod transcript;
mod travel;
