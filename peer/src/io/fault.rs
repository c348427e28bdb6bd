//! The one way to a changed disk: each call of ours that changes a file or commits to the store is a step, and a unit test
//! can make any step fail.
//!
//! A program has no plan to fail by: outside of unit tests `step` is the work and nothing else, and no setting, feature or
//! environment reaches it. Plans belong to a folder, so that tests beside each other do not meet. Reading is no step: what
//! a disk gives back wrong is the damage table's question.

use std::fs::File;
use std::io;
use std::path::Path;

/// Makes the bytes of a file durable: a step that a unit test tells from all others.
#[cfg_attr(test, track_caller)]
pub(crate) fn sync_data(path: &Path, file: &File) -> io::Result<()> {
    sync(path, || file.sync_data())
}

/// The same, with all that the file system knows of it; of a folder: the names in it.
#[cfg_attr(test, track_caller)]
pub(crate) fn sync_all(path: &Path, file: &File) -> io::Result<()> {
    sync(path, || file.sync_all())
}

/// Makes the names in a folder durable.
#[cfg_attr(test, track_caller)]
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    sync(folder, || File::open(folder)?.sync_all())
}

#[cfg(not(test))]
#[inline(always)]
fn sync(path: &Path, work: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    step(path, work)
}

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
use plan::sync;
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

        /// What they did to which file, in order: `sync NAME` made it durable, and all others changed it.
        pub(crate) fn order(&self) -> Vec<String> {
            let steps = self.steps();
            let without_place = |step: &String| step.split_once(' ').map(|(_, what)| what.into());
            steps.iter().filter_map(without_place).collect()
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
        meet("", path, work)
    }

    #[track_caller]
    pub(super) fn sync(path: &Path, work: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        meet("sync ", path, work)
    }

    #[track_caller]
    fn meet<T, E: From<io::Error>>(
        what: &str,
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
            let (file, line, name) = (at.file(), at.line(), name.display());
            plan.meet(format!("{file}:{line} {what}{name}"))
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

#[cfg(test)]
mod tests {
    use super::*;

    /// What cannot be synced says so: whoever is asked to sync and asks nobody would not.
    #[test]
    fn sync_asks_the_file_system() {
        let path = Path::new("/dev/null");
        let file = File::open(path).unwrap();
        for synced in [
            sync_data(path, &file),
            sync_all(path, &file),
            sync_folder(path),
        ] {
            assert_eq!(synced.unwrap_err().kind(), io::ErrorKind::InvalidInput);
        }
    }

    #[test]
    fn order_tells_what_was_made_durable_from_what_was_changed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let counted = Plan::count(folder.path());
        let file = step(&path, || File::create(&path)).unwrap();
        sync_all(&path, &file).unwrap();
        sync_folder(folder.path()).unwrap();
        assert_eq!(counted.order(), ["a", "sync a", "sync "]);
        assert!(counted.steps()[1].starts_with(file!()));
    }
}
