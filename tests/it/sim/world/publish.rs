//! What happens by itself: authors go on, and liars that tease do so again.

use super::serve::Watcher;
use super::{EPOCH, Happening, MINUTE, Role, World};
use crate::sim::answers::Lie;
use levada_peer::frame::{self, News};

impl World {
    /// First an old head, then the newest one, made for who has that old one, and then for who has the newest.
    pub(super) fn tease(&self, watcher: &mut Watcher, place: usize) -> Vec<u8> {
        let told = &mut watcher.told[place];
        let author = self.authors.iter().find(|author| author.feed == told.feed);
        let history = &author.unwrap().histories[0];
        let store = match (told.is_absence_told, history.old.first()) {
            (false, Some(old)) => old,
            _ => &history.store,
        };
        told.is_absence_told = true;
        let Some(answer) = store.head_answer(told.have) else {
            return Vec::new();
        };
        told.have = store.length();
        frame::write_frame(place, &News::Head(answer))
    }

    /// Those who tease do so again.
    pub(super) fn tease_all(&mut self) {
        if self.is_calm() {
            return;
        }
        for at in 0..self.nodes.len() {
            if let Role::Liar(lies) = &self.nodes[at].role
                && lies.contains(&Lie::Teases)
            {
                for author in 0..self.authors.len() {
                    let feed = self.authors[author].feed;
                    self.tell(at, &feed);
                }
            }
        }
        self.at(3_000, Happening::Tease);
    }

    pub(super) fn publish(&mut self, author: usize) {
        if self.now >= super::CALM - 2 * MINUTE {
            return;
        }
        let now = EPOCH + self.now;
        let own = &mut self.authors[author];
        for history in 0..own.histories.len() {
            let records = match self.dice.place(4) {
                0 => 0,
                1 => self.dice.within(20..90),
                _ => self.dice.within(1..6),
            };
            own.append(history, records, now);
        }
        if !own.is_forked() && self.dice.happens(2) {
            own.fork(&mut self.dice, now);
        }
        let feed = own.feed;
        self.tell(author, &feed);
        for node in 0..self.nodes.len() {
            if let Role::Liar(_) = self.nodes[node].role {
                self.tell(node, &feed);
            }
        }
        let after = self.dice.within(10_000..200_000);
        self.at(after, Happening::Publish(author));
    }
}
