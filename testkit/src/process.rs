//! Processes that a test starts, talks to and ends.

use std::fs;
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::thread::{self, JoinHandle};

use crate::wait::wait_until;

/// A process with its input, its output and its log in our hands. It is killed with this value.
#[derive(Debug)]
pub struct Process {
    child: Child,
    /// What was read of the output.
    read: String,
    output: Option<BufReader<ChildStdout>>,
    log: Option<JoinHandle<String>>,
}

/// What a process leaves behind.
#[derive(Debug)]
pub struct Ended {
    /// As the system tells it.
    pub status: ExitStatus,
    /// Its standard output.
    pub output: String,
    /// Its standard error.
    pub log: String,
}

impl Ended {
    /// How many lines of the log contain this.
    #[must_use]
    pub fn count(&self, part: &str) -> usize {
        let lines = self.log.lines();
        lines.filter(|line| line.contains(part)).count()
    }
}

impl Process {
    /// Starts it. Its log is read all the time, so that it never waits for us.
    pub fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the process starts");
        let output = child.stdout.take().map(BufReader::new);
        let log = child.stderr.take();
        Self {
            child,
            read: String::new(),
            output,
            log: log.map(|log| thread::spawn(move || read(log))),
        }
    }

    /// The next line of its output; an empty one where it has ended.
    pub fn next_line(&mut self) -> &str {
        let output = self.output.as_mut().expect("the output is piped");
        let start = self.read.len();
        output
            .read_line(&mut self.read)
            .expect("the output is text");
        self.read[start..].trim_end()
    }

    /// Reads its output to the next line that ends like this.
    pub fn wait_for_line(&mut self, ending: &str) {
        loop {
            let before = self.read.len();
            if self.next_line().ends_with(ending) {
                return;
            }
            assert!(self.read.len() > before, "it ended before `{ending}`");
        }
    }

    /// Writes a line to its input.
    pub fn tell(&mut self, line: &str) {
        let input = self.child.stdin.as_mut().expect("the input is piped");
        writeln!(input, "{line}").expect("it reads its input");
    }

    /// Whether it has not ended.
    pub fn is_running(&mut self) -> bool {
        let status = self.child.try_wait();
        status.expect("a child can be waited for").is_none()
    }

    /// Asks it to end, by `SIGTERM`.
    pub fn terminate(&self) {
        self.signal("TERM");
    }

    /// Sends it a signal by its name, such as `STOP`.
    pub fn signal(&self, name: &str) {
        signal(&self.child, name);
    }

    /// Ends it with no chance to say goodbye, as a crash does.
    pub fn kill(&mut self) {
        self.child.kill().expect("it was still running");
        self.child.wait().expect("a child can be waited for");
    }

    /// Waits until it has ended.
    #[must_use]
    pub fn wait(mut self) -> Ended {
        let output = self.output.take();
        let output = output.map(|output| thread::spawn(move || read(output)));
        wait_until("the process ends", || !self.is_running());
        let join =
            |reader: Option<JoinHandle<String>>| reader.map(|reader| reader.join().expect("text"));
        Ended {
            status: self.child.wait().expect("it has ended"),
            output: std::mem::take(&mut self.read) + &join(output).unwrap_or_default(),
            log: join(self.log.take()).unwrap_or_default(),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(log) = self.log.take().filter(|_| thread::panicking()) {
            // The test harness shows this with the failure.
            println!("{}", log.join().unwrap_or_default());
        }
    }
}

/// Sends a signal by its name, such as `STOP`.
pub(crate) fn signal(process: &Child, name: &str) {
    let arguments = [format!("-{name}"), process.id().to_string()];
    let kill = Command::new("kill").args(arguments).status();
    assert!(kill.expect("`kill` is there").success());
    if name == "STOP" {
        wait_until("the process has stopped", || has_stopped(process));
    }
}

/// A signal is on its way for a while, in which a process still replies. Where there is no `/proc` nobody can tell.
fn has_stopped(process: &Child) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", process.id()));
    stat.map_or(true, |stat| {
        let behind_name = stat.rsplit(')').next();
        behind_name.is_some_and(|fields| fields.trim_start().starts_with('T'))
    })
}

fn read(mut from: impl Read) -> String {
    let mut text = String::new();
    let _ = from.read_to_string(&mut text);
    text
}
