//! Runs a command on a connection: what it wrote, how it ended, and the cases in which that is not known.

use std::time::Duration;

use russh::client::Msg;
use russh::{Channel, ChannelMsg, ChannelReadHalf};
use tokio::time::{Instant, timeout, timeout_at};

use super::connect::Connection;
use super::error::ExecError;

/// How long and how much a command may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// For the whole command.
    pub total: Duration,
    /// Without a word from it.
    pub silence: Duration,
    /// What it may write, standard output and error together, in bytes.
    pub output: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { total: Duration::from_secs(180), silence: Duration::from_secs(120), output: 8 * 1024 * 1024 }
    }
}

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// With an exit code.
    Code(u32),
    /// By a signal.
    Signal(String),
}

/// What a command left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// How it ended.
    pub ended: Ended,
    /// What it wrote to its standard output.
    pub stdout: Vec<u8>,
    /// What it wrote to its standard error.
    pub stderr: Vec<u8>,
}

impl Output {
    /// Whether it ended with 0.
    #[must_use]
    pub fn success(&self) -> bool {
        self.ended == Ended::Code(0)
    }

    /// The last line of its standard error, for a sentence.
    #[must_use]
    pub fn complaint(&self) -> String {
        let text = String::from_utf8_lossy(&self.stderr);
        let line = text.lines().rev().map(str::trim).find(|line| !line.is_empty());
        line.unwrap_or_default().chars().filter(|c| !c.is_control()).take(300).collect()
    }
}

/// A listener to the lines of a command while it runs.
type Progress<'a> = &'a mut (dyn FnMut(&str) + Send);

impl Connection {
    /// Runs a command and waits for its end; `stdin` is what it gets to read.
    ///
    /// # Errors
    /// When the connection is lost or a limit is reached. The command may have done its work then.
    pub async fn run(
        &self,
        command: &str,
        stdin: Option<&[u8]>,
        limits: &Limits,
    ) -> Result<Output, ExecError> {
        self.run_heard(command, stdin, limits, None).await
    }

    /// Runs a command like [`Connection::run`] and tells each line of its standard output as it comes.
    ///
    /// # Errors
    /// As for [`Connection::run`].
    pub async fn run_heard(
        &self,
        command: &str,
        stdin: Option<&[u8]>,
        limits: &Limits,
        progress: Option<Progress<'_>>,
    ) -> Result<Output, ExecError> {
        let deadline = Instant::now() + limits.total;
        let timed_out = || ExecError::TimedOut { place: self.place.clone(), limit: limits.total };
        let lost = || ExecError::Lost { place: self.place.clone() };
        let channel = match timeout_at(deadline, self.handle.channel_open_session()).await {
            Err(_) => return Err(timed_out()),
            Ok(Ok(channel)) => channel,
            Ok(Err(russh::Error::ChannelOpenFailure(_))) => {
                return Err(ExecError::Refused { place: self.place.clone() });
            }
            Ok(Err(_)) => return Err(lost()),
        };
        self.drive(channel, command, stdin, limits, progress, deadline).await
    }

    async fn drive(
        &self,
        channel: Channel<Msg>,
        command: &str,
        stdin: Option<&[u8]>,
        limits: &Limits,
        progress: Option<Progress<'_>>,
        deadline: Instant,
    ) -> Result<Output, ExecError> {
        let (mut reader, writer) = channel.split();
        let mut listener = Listener {
            stdout: Vec::new(),
            stderr: Vec::new(),
            ended: None,
            told: 0,
            progress,
            limits: *limits,
        };
        let work = async {
            writer.exec(true, command).await.map_err(|_| ExecError::Lost { place: self.place.clone() })?;
            // Written while the answer is read: a command that answers before it has read all must not stop both.
            // One that does not read at all is no failure; its end ends the writing.
            let write = async {
                if let Some(input) = stdin {
                    let _ = writer.data(input).await;
                }
                let _ = writer.eof().await;
                std::future::pending::<()>().await;
            };
            tokio::select! {
                heard = listener.listen(&mut reader, self) => heard,
                () = write => Ok(()),
            }
        };
        let result = match timeout_at(deadline, work).await {
            Ok(result) => result,
            Err(_) => Err(ExecError::TimedOut { place: self.place.clone(), limit: limits.total }),
        };
        if result.is_err() {
            // Lets go of a command that is not waited for any longer; the connection stays fit for others.
            let _ = timeout(Duration::from_secs(2), writer.close()).await;
        }
        result?;
        let ended = listener.ended.ok_or_else(|| ExecError::Lost { place: self.place.clone() })?;
        Ok(Output { ended, stdout: listener.stdout, stderr: listener.stderr })
    }
}

struct Listener<'a> {
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    ended: Option<Ended>,
    /// How much of the standard output was told in lines.
    told: usize,
    progress: Option<Progress<'a>>,
    limits: Limits,
}

impl Listener<'_> {
    async fn listen(
        &mut self,
        reader: &mut ChannelReadHalf,
        connection: &Connection,
    ) -> Result<(), ExecError> {
        loop {
            let message = match timeout(self.limits.silence, reader.wait()).await {
                Err(_) => {
                    return Err(ExecError::Silent {
                        place: connection.place.clone(),
                        limit: self.limits.silence,
                    });
                }
                Ok(None) => return Ok(()),
                Ok(Some(message)) => message,
            };
            match message {
                ChannelMsg::Data { data } => self.stdout.extend_from_slice(&data),
                ChannelMsg::ExtendedData { data, .. } => self.stderr.extend_from_slice(&data),
                ChannelMsg::ExitStatus { exit_status } => self.ended = Some(Ended::Code(exit_status)),
                ChannelMsg::ExitSignal { signal_name, .. } => {
                    self.ended = Some(Ended::Signal(format!("{signal_name:?}")));
                }
                ChannelMsg::Failure => return Err(ExecError::Refused { place: connection.place.clone() }),
                ChannelMsg::Close => return Ok(()),
                _ => {}
            }
            if self.stdout.len().saturating_add(self.stderr.len()) > self.limits.output {
                return Err(ExecError::TooMuchOutput {
                    place: connection.place.clone(),
                    limit: self.limits.output,
                });
            }
            self.tell();
        }
    }

    fn tell(&mut self) {
        let Some(progress) = &mut self.progress else { return };
        while let Some(rest) = self.stdout.get(self.told..) {
            let Some(end) = rest.iter().position(|byte| *byte == b'\n') else { return };
            let line = rest.get(..end).unwrap_or_default();
            progress(&String::from_utf8_lossy(line));
            self.told = self.told.saturating_add(end).saturating_add(1);
        }
    }
}
