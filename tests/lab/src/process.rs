//! Runs other programs and says in one sentence what went wrong with them.

use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use tokio::io::AsyncWriteExt;

/// How long a program may take when nothing else is said.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// What a program left behind: its exit code and all it wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// The exit code, or 128 plus the signal that ended the program.
    pub code: i32,
    /// What it wrote to standard output.
    pub stdout: String,
    /// What it wrote to standard error.
    pub stderr: String,
}

impl Output {
    /// Tells whether the program ended with code 0.
    #[must_use]
    pub fn succeeded(&self) -> bool {
        self.code == 0
    }

    /// Gives standard output without the final line breaks.
    ///
    /// # Errors
    /// When the program ended with any code but 0; the error holds everything it wrote.
    pub fn ok(self) -> Result<String> {
        if self.succeeded() {
            return Ok(self.stdout.trim_end_matches('\n').to_owned());
        }
        bail!("ended with {}\n{}{}", self.code, self.stdout, self.stderr)
    }
}

impl From<std::process::Output> for Output {
    fn from(raw: std::process::Output) -> Self {
        use std::os::unix::process::ExitStatusExt;
        let code = raw.status.code().unwrap_or_else(|| 128 + raw.status.signal().unwrap_or(0));
        Self {
            code,
            stdout: String::from_utf8_lossy(&raw.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&raw.stderr).into_owned(),
        }
    }
}

/// Runs a program to its end with `input` on standard input.
pub(crate) async fn run(command: tokio::process::Command, input: &[u8]) -> Result<Output> {
    Ok(run_to_end(command, input).await?.into())
}

/// As [`run`], but gives standard output as bytes, and fails unless the program ended with 0.
pub(crate) async fn run_raw(command: tokio::process::Command, input: &[u8]) -> Result<Vec<u8>> {
    let raw = run_to_end(command, input).await?;
    if raw.status.success() {
        return Ok(raw.stdout);
    }
    bail!("{}", String::from_utf8_lossy(&raw.stderr))
}

async fn run_to_end(mut command: tokio::process::Command, input: &[u8]) -> Result<std::process::Output> {
    let told = describe(command.as_std());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().with_context(|| cannot_start(&told))?;
    let mut stdin = child.stdin.take().ok_or_else(|| anyhow!("{told}: no standard input"))?;
    let feed = async {
        // A program that does not care for its input may close it early.
        let _ = stdin.write_all(input).await;
        drop(stdin);
    };
    let both = async { tokio::join!(feed, child.wait_with_output()).1 };
    let raw = tokio::time::timeout(PATIENCE, both)
        .await
        .with_context(|| format!("{told}: took longer than {} seconds", PATIENCE.as_secs()))??;
    Ok(raw)
}

/// Runs a program to its end, blocking, and fails unless it ended with 0.
pub(crate) fn run_now(command: &mut Command) -> Result<String> {
    let told = describe(command);
    let raw = command.stdin(Stdio::null()).output().with_context(|| cannot_start(&told))?;
    Output::from(raw).ok().with_context(|| told)
}

/// Runs blocking work where it does not hold up a runtime.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work).await.context("the lab's worker thread ended early")?
}

/// Asks again and again until there is an answer, or says what never came.
pub(crate) async fn until<T, F: Future<Output = Result<Option<T>>>>(
    patience: Duration,
    what: &str,
    mut ask: impl FnMut() -> F,
) -> Result<T> {
    let end = tokio::time::Instant::now() + patience;
    loop {
        if let Some(answer) = ask().await? {
            return Ok(answer);
        }
        if tokio::time::Instant::now() >= end {
            bail!("waited {} seconds in vain: {what}", patience.as_secs());
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn describe(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}

fn cannot_start(told: &str) -> String {
    format!("{told}: cannot be started; run tests/lab/setup as root, it installs what the lab needs")
}
