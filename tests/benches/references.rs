//! What levada is compared with in the same run: cp, b3sum, curl and nginx.
//!
//! What is missing is installed below the target folder, so that nothing on the machine changes; what cannot be had is
//! left out, and the line says so.

use crate::child::{Running, Used, run};
use crate::line::{Failure, Line};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Where the references are; those that could not be had are absent.
pub(crate) struct References {
    b3sum: Option<PathBuf>,
    nginx: Option<PathBuf>,
    curl: Option<PathBuf>,
}

impl References {
    /// Finds them, or installs them if that is wanted; says which are left out.
    pub(crate) fn find(installs: bool) -> Result<Self, Failure> {
        let own = std::env::current_exe()?;
        let target = own.ancestors().nth(3).ok_or("a benchmark lies in target")?;
        let tools = target.join("bench-tools");
        std::fs::create_dir_all(&tools)?;
        let b3sum = find("b3sum", &tools.join("bin/b3sum"), installs, || {
            let mut cargo = Command::new(env!("CARGO"));
            cargo
                .args(["install", "--quiet", "b3sum", "--root"])
                .arg(&tools);
            run(&mut cargo).map(drop)
        });
        let nginx = find("nginx", &tools.join("usr/sbin/nginx"), installs, || {
            unpack("nginx", &tools)
        });
        let curl = find("curl", &tools.join("usr/bin/curl"), installs, || {
            unpack("curl", &tools)
        });
        Ok(Self { b3sum, nginx, curl })
    }

    /// Copies a file.
    pub(crate) fn cp(&self, from: &Path, to: &Path) -> Result<Used, Failure> {
        run(Command::new("cp").args([from, to]))
    }

    /// Hashes a file, on one thread or all.
    pub(crate) fn b3sum(&self, file: &Path, threads: Option<u32>) -> Option<Result<Used, Failure>> {
        let mut command = Command::new(self.b3sum.as_ref()?);
        if let Some(threads) = threads {
            command.arg("--num-threads").arg(threads.to_string());
        }
        Some(run(command.arg(file)))
    }

    /// A web server for the files of a folder; absent when it or curl could not be had.
    pub(crate) fn web(&self, folder: &Path) -> Result<Option<Web>, Failure> {
        let (Some(nginx), Some(curl)) = (&self.nginx, &self.curl) else {
            return Ok(None);
        };
        Web::start(nginx, curl.clone(), folder).map(Some)
    }
}

/// On the path, installed before, or installed now.
fn find(
    name: &str,
    installed: &Path,
    installs: bool,
    install: impl FnOnce() -> Result<(), Failure>,
) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut places = std::env::split_paths(&path).map(|folder| folder.join(name));
    if let Some(found) = places.find(|place| place.is_file()) {
        return Some(found);
    }
    if installed.is_file() {
        return Some(installed.to_owned());
    }
    let why = if installs {
        install().err().map(|error| error.to_string())
    } else {
        Some("it is not installed, and was not to be".to_owned())
    };
    match why {
        None if installed.is_file() => Some(installed.to_owned()),
        why => {
            let why = why.unwrap_or_else(|| "it was installed, and is not there".to_owned());
            Line::of("reference")
                .put("name", name)
                .put("skipped", why)
                .print();
            None
        }
    }
}

/// Takes the files of a Debian package, without installing it: a server that is installed would be started.
fn unpack(package: &str, to: &Path) -> Result<(), Failure> {
    run(Command::new("apt-get")
        .args(["download", package])
        .current_dir(to))?;
    for entry in std::fs::read_dir(to)? {
        let path = entry?.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if name.starts_with(&format!("{package}_")) {
            run(Command::new("dpkg-deb").arg("-x").arg(&path).arg(to))?;
        }
    }
    Ok(())
}

/// nginx, one process, with sendfile.
pub(crate) struct Web {
    server: Running,
    curl: PathBuf,
    address: String,
    cpu: f64,
    _folder: tempfile::TempDir,
}

impl Web {
    fn start(nginx: &Path, curl: PathBuf, files: &Path) -> Result<Self, Failure> {
        let folder = tempfile::tempdir()?;
        let free = TcpListener::bind("127.0.0.1:0")?;
        let address = free.local_addr()?.to_string();
        drop(free);
        let (own, files) = (folder.path().display(), files.display());
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|name| format!("{name}_temp_path {own}/{name};"))
            .concat();
        let user = if rustix::process::geteuid().is_root() {
            "user root;"
        } else {
            ""
        };
        let settings = format!(
            "{user} daemon off; master_process off; error_log stderr crit; pid {own}/pid; events {{}}
             http {{ access_log off; sendfile on; {temporary} server {{ listen {address}; root {files}; }} }}"
        );
        let path = folder.path().join("nginx.conf");
        std::fs::write(&path, settings)?;
        let server = Running::start(
            Command::new(nginx)
                .arg("-p")
                .arg(folder.path())
                .arg("-c")
                .arg(&path),
        )?;
        let is_up = || TcpStream::connect(&address).is_ok();
        // It says nothing when it is ready.
        for _ in 0..1_000 {
            if is_up() {
                break;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(Self {
            cpu: server.cpu()?,
            server,
            curl,
            address,
            _folder: folder,
        })
    }

    /// Fetches a file to another with curl; gives what curl used, and the CPU seconds of nginx.
    pub(crate) fn fetch(&mut self, name: &str, to: &Path) -> Result<(Used, f64), Failure> {
        let url = format!("http://{}/{name}", self.address);
        let used = run(Command::new(&self.curl)
            .args(["--silent", "--fail", "--output"])
            .arg(to)
            .arg(url))?;
        let before = std::mem::replace(&mut self.cpu, self.server.cpu()?);
        Ok((used, self.cpu - before))
    }

    pub(crate) fn stop(self) -> Result<(), Failure> {
        self.server.kill().map(drop)
    }
}
