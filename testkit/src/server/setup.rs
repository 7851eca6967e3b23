//! The program and the options of a server.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::AtomicBool;

use super::RedisServer;
use crate::tls::{Authority, Certificate};

/// What it takes to start a server, and to start it again.
#[derive(Debug)]
pub(crate) struct Setup {
    pub(super) port: u16,
    pub(super) socket: Option<PathBuf>,
    pub(super) password: String,
    arguments: Vec<String>,
}

impl Setup {
    /// With no other arguments than these, which say themselves where it listens.
    pub(crate) fn with_arguments(port: u16, password: &str, arguments: &[&str]) -> Self {
        Self {
            port,
            socket: None,
            password: password.to_owned(),
            arguments: arguments.iter().map(ToString::to_string).collect(),
        }
    }

    /// On a port of the loopback interface, with further command line options.
    pub(crate) fn on_port(port: u16, options: &[&str]) -> Self {
        let usual = ["--port", &port.to_string(), "--bind", "127.0.0.1"];
        Self::in_memory(port, &[&usual[..], options].concat())
    }

    /// On a socket, and with no port but one that the options open.
    pub(super) fn on_socket(socket: &Path, port: u16, options: &[&str]) -> Self {
        let path = socket.to_str().expect("the path is text");
        let usual = ["--port", "0", "--bind", "127.0.0.1", "--unixsocket", path];
        Self {
            socket: Some(socket.to_owned()),
            ..Self::in_memory(port, &[&usual[..], options].concat())
        }
    }

    fn in_memory(port: u16, options: &[&str]) -> Self {
        let mut pairs = options.windows(2);
        let password = pairs.find(|pair| pair[0] == "--requirepass");
        // A later option counts: a test may ask for a server that writes to disk.
        let usual = ["--save", "", "--appendonly", "no"];
        let arguments = [&usual[..], options].concat();
        Self::with_arguments(port, password.map_or("", |pair| pair[1]), &arguments)
    }

    /// With a file of settings, which the server may write to.
    pub(crate) fn with_file(mut self, file: &str) -> Self {
        self.arguments.insert(0, file.to_owned());
        self
    }

    /// The server, unless it ends at once, as it does where something has its port.
    pub(super) fn start(self) -> Option<RedisServer> {
        let process = self.spawn()?;
        let mut server = RedisServer {
            process,
            running: AtomicBool::new(true),
            setup: self,
            directory: None,
        };
        server.gets_ready().then_some(server)
    }

    pub(super) fn spawn(&self) -> Option<Child> {
        let program = std::env::var("REDIS_SERVER").unwrap_or_else(|_| "redis-server".to_owned());
        Command::new(program)
            .args(&self.arguments)
            .current_dir(std::env::temp_dir())
            .stdout(Stdio::null())
            .spawn()
            .ok()
    }
}

/// The options of a server with this certificate, whose clients may have to have one as well.
pub(super) fn tls_options(
    authority: &Authority,
    own: &Certificate,
    client_certificates: bool,
) -> Vec<String> {
    let files = [
        ("--tls-cert-file", own.file()),
        ("--tls-key-file", own.key_file()),
        ("--tls-ca-cert-file", authority.ca_file()),
    ];
    let files = files.map(|(option, file)| [option.to_owned(), file.display().to_string()]);
    let clients = if client_certificates { "yes" } else { "no" };
    let clients = ["--tls-auth-clients", clients].map(str::to_owned);
    files.into_iter().flatten().chain(clients).collect()
}
