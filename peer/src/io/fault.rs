//! The one way to a changed disk: each call of ours that changes a file or commits to the store is a step, and a unit test
//! can make any step fail.
//!
//! A program has no plan to fail by: outside of unit tests `step` is the work and nothing else, and no setting, feature or
//! environment reaches it. Plans belong to a folder, so that tests beside each other do not meet. Reading is no step: what
//! a disk gives back wrong is the damage table's question.

use std::io;
use std::path::Path;

/// Does work that changes what is at a path; a unit test may have planned that it fails.
#[cfg(not(test))]
#[inline(always)]
pub(crate) fn step<T, E: From<io::Error>>(
    _path: &Path,
    work: impl FnOnce() -> Result<T, E>,
) -> Result<T, E> {
    work()
}

#[cfg(test)]
pub(crate) use plan::{Form, Plan, step};

#[cfg(test)]
mod plan {
    use super::{Path, io};
    use std::panic::Location;
    use std::path::PathBuf;
    use std::sync::{Arc, Mutex, MutexGuard};

    static PLANS: Mutex<Vec<Arc<Plan>>> = Mutex::new(Vec::new());

    /// What became of the write that failed, and of those after it.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) enum Form {
        /// It was not done.
        NotWritten,
        /// It was done all the same.
        Written,
        /// It was not done, and nothing after it was: the process was killed before it.
        KilledBefore,
        /// It was done, and nothing after it was: the process was killed after it.
        KilledAfter,
    }

    impl Form {
        pub(crate) const ALL: [Self; 4] = [
            Self::NotWritten,
            Self::Written,
            Self::KilledBefore,
            Self::KilledAfter,
        ];

        fn is_done(self) -> bool {
            matches!(self, Self::Written | Self::KilledAfter)
        }

        fn is_last(self) -> bool {
            matches!(self, Self::KilledBefore | Self::KilledAfter)
        }
    }

    /// Which step below a folder fails; over when dropped.
    #[derive(Debug)]
    pub(crate) struct Plan {
        folder: PathBuf,
        fails: Option<(usize, Form)>,
        steps: Mutex<Vec<String>>,
    }

    /// A plan that holds as long as this does.
    pub(crate) struct Planned(Arc<Plan>);

    fn plans() -> MutexGuard<'static, Vec<Arc<Plan>>> {
        PLANS.lock().expect("nobody panics while holding this lock")
    }

    impl Plan {
        /// Nothing fails, and the steps are counted.
        pub(crate) fn count(folder: &Path) -> Planned {
            Self::begin(folder, None)
        }

        /// The step of this number fails.
        pub(crate) fn fail(folder: &Path, number: usize, form: Form) -> Planned {
            Self::begin(folder, Some((number, form)))
        }

        fn begin(folder: &Path, fails: Option<(usize, Form)>) -> Planned {
            let plan = Arc::new(Self {
                folder: folder.to_owned(),
                fails,
                steps: Mutex::default(),
            });
            plans().push(plan.clone());
            Planned(plan)
        }

        /// The form in which this step fails, if it does.
        fn meet(&self, step: String) -> Option<Form> {
            let mut steps = self
                .steps
                .lock()
                .expect("nobody panics while holding this lock");
            let number = steps.len();
            steps.push(step);
            let (fails, form) = self.fails?;
            match number.cmp(&fails) {
                std::cmp::Ordering::Less => None,
                std::cmp::Ordering::Equal => Some(form),
                std::cmp::Ordering::Greater => form.is_last().then_some(Form::KilledBefore),
            }
        }
    }

    impl Planned {
        /// The steps that were met, as places in the source with the file's name.
        pub(crate) fn steps(&self) -> Vec<String> {
            self.0
                .steps
                .lock()
                .expect("nobody panics while holding this lock")
                .clone()
        }
    }

    impl Drop for Planned {
        fn drop(&mut self) {
            plans().retain(|plan| !Arc::ptr_eq(plan, &self.0));
        }
    }

    #[track_caller]
    pub(crate) fn step<T, E: From<io::Error>>(
        path: &Path,
        work: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        let plan = plans()
            .iter()
            .find(|plan| path.starts_with(&plan.folder))
            .cloned();
        let at = Location::caller();
        let fails = plan.and_then(|plan| {
            let name = path.strip_prefix(&plan.folder).unwrap_or(path);
            plan.meet(format!("{}:{} {}", at.file(), at.line(), name.display()))
        });
        let Some(form) = fails else {
            return work();
        };
        if form.is_done() {
            work()?;
        }
        Err(io::Error::other(format!("{form:?} as planned")).into())
    }
}
