//! The built program in a folder of its own, asked as an administrator asks it.

use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A configuration and what belongs to it; gone with this value.
pub(crate) struct Program {
    home: tempfile::TempDir,
}

impl Program {
    /// With a SQLite file in its folder.
    pub(crate) fn on_sqlite() -> Self {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("patchbot.db");
        Self::in_folder(home, &format!("sqlite = \"{}\"", file.display()))
    }

    /// With the PostgreSQL database behind this URL.
    pub(crate) fn on_postgres(url: &str) -> Self {
        let home = tempfile::tempdir().unwrap();
        let secret = home.path().join("database.url");
        std::fs::write(&secret, url).unwrap();
        Self::in_folder(home, &format!("postgres = {{ file = \"{}\" }}", secret.display()))
    }

    fn in_folder(home: tempfile::TempDir, database: &str) -> Self {
        let text = format!("[database]\n{database}\n[operations]\noperators = [\"olga@patchbot.test\"]\n");
        std::fs::write(home.path().join("patching.conf"), text).unwrap();
        Self { home }
    }

    /// Writes a configuration that is the first one's and these rules.
    pub(crate) fn configure(&self, file: &str, rules: &str) {
        let text = std::fs::read_to_string(self.folder().join("patching.conf")).unwrap();
        std::fs::write(self.folder().join(file), format!("{text}{rules}")).unwrap();
    }

    /// Starts serving; what it logs is appended to `serve.log`.
    pub(crate) fn serves(&self) -> Serving {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.folder().join("serve.log"));
        let serving = Command::new(env!("CARGO_BIN_EXE_patchbot"))
            .current_dir(self.folder())
            .args(["--config", "patching.conf", "serve"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log.unwrap())
            .spawn();
        Serving(serving.unwrap())
    }

    pub(crate) fn folder(&self) -> &Path {
        self.home.path()
    }

    /// What it answers, standard output and then standard error, and its exit code.
    pub(crate) fn run(&self, words: &[&str]) -> (i32, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_patchbot"))
            .current_dir(self.folder())
            .arg("--config")
            .arg("patching.conf")
            .args(words)
            .output()
            .unwrap();
        let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
        (output.status.code().unwrap(), text)
    }

    /// What it answers when all goes well.
    pub(crate) fn says(&self, words: &[&str]) -> String {
        let (code, text) = self.run(words);
        assert_eq!(code, 0, "patchbot {}: {text}", words.join(" "));
        text
    }
}

/// It serves, until it is killed in the middle of whatever it does.
pub(crate) struct Serving(Child);

impl Drop for Serving {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}
