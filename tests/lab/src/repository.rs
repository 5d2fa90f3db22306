//! An apt repository of local files whose packages move from 1.0 to 1.1 when a test says so.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use crate::package::{Built, Package, STANDARD, hex, standard};
use crate::process::blocking;

/// Which part of the repository a package is published in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Suite {
    /// The release itself: apt says `Debian:12.11/stable`.
    Main,
    /// The security updates: apt says `Debian-Security:12/stable-security`.
    Security,
}

impl Suite {
    const ALL: [Self; 2] = [Self::Main, Self::Security];

    fn release(self) -> &'static str {
        match self {
            Self::Main => {
                "Origin: Debian\nLabel: Debian\nSuite: stable\nVersion: 12.11\nCodename: bookworm\n"
            }
            Self::Security => {
                "Origin: Debian\nLabel: Debian-Security\nSuite: stable-security\nVersion: 12\n\
                 Codename: bookworm-security\n"
            }
        }
    }
}

impl fmt::Display for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Main => "main",
            Self::Security => "security",
        })
    }
}

/// A repository that hosts see under `/srv/repo`; cloning gives another handle on the same one.
#[derive(Debug, Clone)]
pub struct Repository {
    folder: PathBuf,
    published: Arc<Mutex<BTreeMap<Suite, Vec<Built>>>>,
}

impl Repository {
    /// Makes a repository with all standard packages at 1.0.
    pub(crate) async fn create(folder: PathBuf) -> Result<Self> {
        for suite in Suite::ALL {
            fs::create_dir_all(folder.join(suite.to_string()))?;
        }
        let repository = Self { folder, published: Arc::default() };
        let packages = STANDARD.iter().map(|name| standard(name, "1.0")).collect::<Result<_>>()?;
        repository.add(Suite::Main, packages).await?;
        Ok(repository)
    }

    /// The folder that hosts see as `/srv/repo`.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Publishes version 1.1 of a standard package.
    ///
    /// # Errors
    /// When the lab knows no such package or it cannot be built.
    pub async fn publish(&self, suite: Suite, name: &str) -> Result<()> {
        self.add(suite, vec![standard(name, "1.1")?]).await
    }

    /// Publishes version 1.1 of every standard package.
    ///
    /// # Errors
    /// When one cannot be built.
    pub async fn publish_updates(&self) -> Result<()> {
        let packages = STANDARD.iter().map(|name| standard(name, "1.1")).collect::<Result<_>>()?;
        self.add(Suite::Main, packages).await
    }

    /// Publishes any packages a test describes.
    ///
    /// # Errors
    /// When one cannot be built.
    pub async fn add(&self, suite: Suite, packages: Vec<Package>) -> Result<()> {
        let repository = self.clone();
        blocking(move || {
            let mut published = repository.published.lock().unwrap_or_else(PoisonError::into_inner);
            let list = published.entry(suite).or_default();
            for package in packages {
                let built = package.build()?;
                repository.store(suite, &built)?;
                list.push(built);
            }
            for suite in Suite::ALL {
                repository.index(suite, published.get(&suite).map_or(&[][..], Vec::as_slice))?;
            }
            Ok(())
        })
        .await
    }

    /// Makes `apt-get update` fail: the repository is there, but holds no index.
    ///
    /// # Errors
    /// When the files cannot be moved.
    pub fn take_offline(&self) -> Result<()> {
        self.rename("Release", "Release.away")?;
        self.rename("Packages", "Packages.away")
    }

    /// Undoes [`Self::take_offline`].
    ///
    /// # Errors
    /// When the files cannot be moved back.
    pub fn bring_back(&self) -> Result<()> {
        self.rename("Packages.away", "Packages")?;
        self.rename("Release.away", "Release")
    }

    /// The lines of `/etc/apt/sources.list` of a host.
    pub(crate) fn sources() -> String {
        Suite::ALL.iter().fold(String::new(), |lines, suite| {
            format!("{lines}deb [trusted=yes] file:/srv/repo/{suite} ./\n")
        })
    }

    fn rename(&self, from: &str, to: &str) -> Result<()> {
        for suite in Suite::ALL {
            let folder = self.folder.join(suite.to_string());
            fs::rename(folder.join(from), folder.join(to))
                .with_context(|| format!("no {from} in {suite}"))?;
        }
        Ok(())
    }

    fn store(&self, suite: Suite, built: &Built) -> Result<()> {
        let place = self.folder.join(suite.to_string()).join(&built.file_name);
        let _ = fs::remove_file(&place);
        // A link costs nothing, but the cache may lie on another disk.
        if fs::hard_link(&built.deb, &place).is_err() {
            fs::copy(&built.deb, &place)?;
        }
        Ok(())
    }

    /// Writes the index so that a reader sees the old one or the new one.
    fn index(&self, suite: Suite, packages: &[Built]) -> Result<()> {
        let folder = self.folder.join(suite.to_string());
        let list: String = packages.iter().map(|built| built.stanza.as_str()).collect();
        let sum = hex(&Sha256::digest(list.as_bytes()));
        let release = format!(
            "{}Date: Sat, 17 May 2025 09:00:00 UTC\nArchitectures: all amd64 arm64\nSHA256:\n {sum} {} Packages\n",
            suite.release(),
            list.len()
        );
        for (name, content) in [("Packages", list), ("Release", release)] {
            let new = folder.join(format!("{name}.new"));
            fs::write(&new, content)?;
            fs::rename(new, folder.join(name))?;
        }
        Ok(())
    }
}
