//! spec/vectors/INDEX.md: every MUST with the vectors that show it.

use super::{Expect, Vector};
use std::fmt::Write;

/// A MUST that no file can show, and why.
pub type Reason = (&'static str, &'static str);

/// The page, for these MUSTs in this order.
#[must_use]
pub fn page(vectors: &[Vector], musts: &[&str], reasons: &[Reason]) -> String {
    let mut page = String::from(HEADING);
    let count = |is_counted: fn(&Expect) -> bool| {
        let counted = vectors.iter().filter(|vector| is_counted(&vector.expect));
        counted.count()
    };
    let counts = format!(
        "{} vectors: {} are accepted, {} refused, {} are records that are unreadable.\n",
        vectors.len(),
        count(|expect| matches!(expect, Expect::Accept)),
        count(|expect| matches!(expect, Expect::Refuse(_))),
        count(|expect| matches!(expect, Expect::Unreadable(_))),
    );
    page.push_str(&counts);
    page.push_str("\n## By MUST\n\n| MUST | vectors that break it and nothing else |\n|---|---|\n");
    for must in musts {
        let shown: Vec<String> = vectors
            .iter()
            .filter(|vector| broken(vector) == Some(must))
            .map(|vector| format!("{}/{}", vector.noun, vector.name))
            .collect();
        let reason = reasons.iter().find(|(id, _)| id == must);
        let cell = match reason {
            Some((_, reason)) => format!("none: {reason}"),
            None => shown.join(", "),
        };
        row(&mut page, &[must, &cell]);
    }
    page.push_str("\n## By noun\n");
    let mut noun = "";
    for vector in vectors {
        if vector.noun != noun {
            noun = &vector.noun;
            write!(
                page,
                "\n### {noun}\n\n| vector | verdict | why |\n|---|---|---|\n"
            )
            .expect("writing into memory cannot fail");
        }
        let verdict = broken(vector).unwrap_or("accept");
        row(&mut page, &[&vector.name, verdict, &vector.why]);
    }
    page
}

/// The MUST that a vector breaks.
#[must_use]
pub fn broken(vector: &Vector) -> Option<&str> {
    match &vector.expect {
        Expect::Accept => None,
        Expect::Refuse(must) | Expect::Unreadable(must) => Some(must),
    }
}

fn row(page: &mut String, cells: &[&str]) {
    writeln!(page, "| {} |", cells.join(" | ")).expect("writing into memory cannot fail");
}

const HEADING: &str = "# Index of the vectors

Made by `cargo run -p levada-tests --bin make-vectors`; what the files are is in [README.md](README.md).

";
