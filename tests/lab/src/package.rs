//! Builds Debian packages for the lab's repositories.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use crate::cache;
use crate::process::run_now;

/// A Debian package to be built: architecture `all`, no dependencies, empty, unless told otherwise.
#[derive(Debug, Clone)]
pub struct Package {
    name: String,
    version: String,
    fields: String,
    scripts: Vec<(&'static str, String)>,
    files: Vec<File>,
    ballast: usize,
}

#[derive(Debug, Clone)]
struct File {
    path: String,
    content: String,
    mode: u32,
}

impl Package {
    /// Describes a package by name and version.
    #[must_use]
    pub fn new(name: &str, version: &str) -> Self {
        Self {
            name: name.to_owned(),
            version: version.to_owned(),
            fields: String::new(),
            scripts: Vec::new(),
            files: Vec::new(),
            ballast: 0,
        }
    }

    /// Adds a field to the control file, such as `("Depends", "lab-app (>= 1.1)")`.
    #[must_use]
    pub fn field(mut self, name: &str, value: &str) -> Self {
        let _ = writeln!(self.fields, "{name}: {value}");
        self
    }

    /// Runs these shell lines after the files have been unpacked.
    #[must_use]
    pub fn postinst(mut self, lines: &str) -> Self {
        self.scripts.push(("postinst", lines.to_owned()));
        self
    }

    /// Runs these shell lines before the files are removed or replaced.
    #[must_use]
    pub fn prerm(mut self, lines: &str) -> Self {
        self.scripts.push(("prerm", lines.to_owned()));
        self
    }

    /// Adds a file; what lies under `/etc` becomes a conffile.
    #[must_use]
    pub fn file(mut self, path: &str, content: &str) -> Self {
        self.files.push(File { path: path.to_owned(), content: content.to_owned(), mode: 0o644 });
        self
    }

    /// Adds a program.
    #[must_use]
    pub fn program(mut self, path: &str, content: &str) -> Self {
        self.files.push(File { path: path.to_owned(), content: content.to_owned(), mode: 0o755 });
        self
    }

    /// Makes the package this many megabytes heavier, on the wire and on the disk.
    #[must_use]
    pub fn ballast(mut self, megabytes: usize) -> Self {
        self.ballast = megabytes;
        self
    }

    pub(crate) fn file_name(&self) -> String {
        format!("{}_{}_all.deb", self.name, self.version)
    }

    /// Builds the package, or takes it from the cache when the very same one was built before.
    pub(crate) fn build(&self) -> Result<Built> {
        let recipe = Sha256::digest(format!("1 {self:?}").as_bytes());
        let name = format!("deb-{}-{}-{}", self.name, self.version, hex(recipe.get(..6).unwrap_or_default()));
        let folder = cache::once(&name, |folder| self.make(folder))?;
        let stanza = fs::read_to_string(folder.join("stanza"))?;
        Ok(Built { deb: folder.join("package.deb"), stanza, file_name: self.file_name() })
    }

    fn make(&self, folder: &Path) -> Result<()> {
        let tree = folder.join("tree");
        let control = self.control();
        put(&tree.join("DEBIAN/control"), &control, 0o644)?;
        for (script, lines) in &self.scripts {
            put(&tree.join("DEBIAN").join(script), &format!("#!/bin/sh\nset -e\n{lines}\n"), 0o755)?;
        }
        for file in &self.files {
            put(&tree.join(file.path.trim_start_matches('/')), &file.content, file.mode)?;
        }
        let conffiles: String = self
            .files
            .iter()
            .filter(|file| file.path.starts_with("/etc/"))
            .fold(String::new(), |all, file| format!("{all}{}\n", file.path));
        put(&tree.join("DEBIAN/conffiles"), &conffiles, 0o644)?;
        if self.ballast > 0 {
            let path = tree.join("usr/lib").join(&self.name).join("ballast");
            put(&path, &"patchbot-lab-16\n".repeat(self.ballast * 65_536), 0o644)?;
        }
        let deb = folder.join("package.deb");
        run_now(
            Command::new("dpkg-deb").args(["-Znone", "--root-owner-group", "--build"]).arg(&tree).arg(&deb),
        )?;
        fs::remove_dir_all(&tree)?;
        let raw = fs::read(&deb)?;
        let sum = hex(&Sha256::digest(&raw));
        let stanza =
            format!("{control}Filename: ./{}\nSize: {}\nSHA256: {sum}\n\n", self.file_name(), raw.len());
        fs::write(folder.join("stanza"), stanza)?;
        Ok(())
    }

    fn control(&self) -> String {
        let size = self.ballast * 1024 + 8;
        format!(
            "Package: {}\nVersion: {}\nArchitecture: all\nMaintainer: lab <lab@owners.test>\nSection: misc\n\
             Priority: optional\nInstalled-Size: {size}\n{}Description: a package of patchbot's lab\n",
            self.name, self.version, self.fields
        )
    }
}

/// A finished package and its paragraph of a package index.
#[derive(Debug, Clone)]
pub(crate) struct Built {
    pub(crate) deb: PathBuf,
    pub(crate) stanza: String,
    pub(crate) file_name: String,
}

/// The packages every repository of a lab knows, at version 1.0 or 1.1.
///
/// # Errors
/// When the lab has no package of that name.
pub(crate) fn standard(name: &str, version: &str) -> Result<Package> {
    let newer = version != "1.0";
    let plain = Package::new(name, version)
        .program(&format!("/usr/bin/{name}"), &format!("#!/bin/sh\necho {name} {version}\n"));
    Ok(match name {
        "lab-app" => plain.file("/etc/lab-app/lab-app.conf", &format!("setting={version}\n")),
        "lab-lib" => plain,
        "lab-reboot" if newer => plain.postinst(include_str!("scripts/reboot.postinst")),
        "lab-postfail" if newer => plain.postinst("echo 'lab-postfail: simulated failure' >&2; exit 1"),
        "lab-reboot" | "lab-postfail" => plain,
        "lab-big" if newer => plain.ballast(40),
        "lab-big" => plain,
        "lab-slow" if newer => plain.postinst(include_str!("scripts/slow.postinst")),
        "lab-slow" => plain,
        // Upgrading this one needs a new package, which `apt-get upgrade` leaves alone.
        "lab-newdep" if newer => plain.field("Depends", "lab-lib"),
        "lab-newdep" => plain,
        "lab-service" => service(plain, name, 8080, "serve"),
        // Its 1.1 installs without a complaint, and then does not run any more.
        "lab-badservice" if newer => service(plain, name, 8081, "break"),
        "lab-badservice" => service(plain, name, 8081, "serve"),
        _ => anyhow::bail!(
            "the lab has no package {name}; it has {}, and Package::new for any other",
            STANDARD.join(", ")
        ),
    })
}

/// The names [`standard`] knows.
pub(crate) const STANDARD: &[&str] = &[
    "lab-app", "lab-badservice", "lab-big", "lab-lib", "lab-newdep", "lab-postfail", "lab-reboot",
    "lab-service", "lab-slow",
];

/// Adds a daemon that listens on a port, as a unit and for hosts without systemd.
fn service(package: Package, name: &str, port: u16, act: &str) -> Package {
    let unit = format!(
        "[Unit]\nDescription=A service of patchbot's lab\n\n[Service]\n\
         ExecStart=/usr/sbin/{name} {act} {port}\n\n[Install]\nWantedBy=multi-user.target\n"
    );
    let link = format!("/etc/systemd/system/multi-user.target.wants/{name}.service");
    package
        .program(&format!("/usr/sbin/{name}"), include_str!("scripts/service.pl"))
        .file(&format!("/lib/systemd/system/{name}.service"), &unit)
        .program(
            &format!("/usr/lib/lab-boot/{name}"),
            &format!("#!/bin/sh\nexec /usr/sbin/{name} {act} {port}\n"),
        )
        .postinst(&format!(
            "mkdir -p {folder}\nln -sfn /lib/systemd/system/{name}.service {link}\n\
             if [ -d /run/systemd/system ]; then systemctl daemon-reload; systemctl restart {name}; \
             elif [ -e /run/lab-host ]; then \
             [ ! -e /run/{name}.pid ] || kill \"$(cat /run/{name}.pid)\" || true; \
             setsid /usr/lib/lab-boot/{name} </dev/null >/dev/null 2>&1 & fi",
            folder = "/etc/systemd/system/multi-user.target.wants",
        ))
}

/// Writes a file with its mode, and the folders above it.
pub(crate) fn put(path: &Path, content: &str, mode: u32) -> Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, content).with_context(|| format!("cannot write {}", path.display()))?;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
    Ok(())
}

/// Writes bytes as hexadecimal digits.
pub(crate) fn hex(raw: &[u8]) -> String {
    raw.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
