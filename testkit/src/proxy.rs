//! A TCP proxy in front of a server, which can be told to treat its clients badly.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::Duration;

use socket2::SockRef;

use crate::wait::wait_for;

/// What the proxy does to connections, those that there are and those that come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing: it passes everything on.
    None,
    /// Nobody listens, and every connection ends.
    Refuse,
    /// Connections are accepted, and reset at their first bytes.
    Reset,
    /// Connections are accepted, and nothing is ever passed on: what a half-open connection looks like.
    Hang,
    /// Whatever is passed on comes so much later.
    Delay(Duration),
    /// So many bytes pass in a second, in each direction of each connection.
    Rate(u32),
    /// Of every answer only so many bytes arrive, and then the connection ends.
    Cut(usize),
    /// The server is not asked: each command gets this answer.
    Answer(&'static str),
}

/// Runs until it is dropped.
#[derive(Debug)]
pub struct Proxy {
    shared: Arc<Shared>,
    port: u16,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    upstream: u16,
}

#[derive(Debug)]
struct State {
    /// Nothing where the proxy is to end.
    fault: Option<Fault>,
    connections: Vec<Weak<TcpStream>>,
    accepted: usize,
}

impl Proxy {
    /// In front of this port of the loopback interface.
    #[must_use]
    pub fn start(upstream: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                fault: Some(Fault::None),
                connections: Vec::new(),
                accepted: 0,
            }),
            changed: Condvar::new(),
            upstream,
        });
        thread::spawn({
            let shared = shared.clone();
            move || shared.listen(port, listener)
        });
        Self { shared, port }
    }

    /// The port it listens on.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its address for `REDIS_CACHE_URL`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/0", self.port)
    }

    /// From now on it behaves like this. Connections that were harmed by what it did before are ended.
    pub fn set(&self, fault: Fault) {
        let mut state = self.shared.state();
        let was = state.fault.replace(fault);
        let spoilt = !matches!(was, Some(Fault::None | Fault::Delay(_) | Fault::Rate(_)));
        if spoilt || fault == Fault::Refuse {
            state.hang_up();
        }
        drop(state);
        self.shared.changed.notify_all();
    }

    /// How many connections were accepted so far.
    #[must_use]
    pub fn accepted(&self) -> usize {
        self.shared.state().accepted
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        state.fault = None;
        state.hang_up();
        drop(state);
        self.shared.changed.notify_all();
    }
}

impl State {
    fn hang_up(&mut self) {
        for connection in self.connections.drain(..).filter_map(|it| it.upgrade()) {
            let _ = connection.shutdown(Shutdown::Both);
        }
    }
}

/// Between two looks at a listener with nobody in front of it.
const GLANCE: Duration = Duration::from_millis(1);

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits while the fault is of this kind; nothing when the proxy is to end.
    fn wait_while(&self, is_so: impl Fn(Fault) -> bool) -> Option<Fault> {
        let waiting = |state: &mut State| state.fault.is_some_and(&is_so);
        let state = self.changed.wait_while(self.state(), waiting);
        state.unwrap_or_else(PoisonError::into_inner).fault
    }

    fn listen(self: &Arc<Self>, port: u16, listener: TcpListener) {
        let mut listener = Some(listener);
        loop {
            if self.state().fault == Some(Fault::Refuse) {
                listener = None;
            }
            if self.wait_while(|fault| fault == Fault::Refuse).is_none() {
                return;
            }
            let open = listener.take().unwrap_or_else(|| bind_again(port));
            open.set_nonblocking(true).expect("a socket");
            match open.accept() {
                Ok((client, _)) => self.serve(client),
                Err(_) => thread::sleep(GLANCE),
            }
            listener = Some(open);
        }
    }

    fn serve(self: &Arc<Self>, client: TcpStream) {
        let server = TcpStream::connect((Ipv4Addr::LOCALHOST, self.upstream));
        let Ok(server) = client.set_nonblocking(false).and(server) else {
            return;
        };
        let (client, server) = (Arc::new(client), Arc::new(server));
        {
            let mut state = self.state();
            state.accepted += 1;
            let both = [&client, &server].map(Arc::downgrade);
            state.connections.extend(both);
        }
        for is_answer in [false, true] {
            let (shared, client, server) = (self.clone(), client.clone(), server.clone());
            thread::spawn(move || {
                let (from, to) = if is_answer {
                    (&server, &client)
                } else {
                    (&client, &server)
                };
                let _ = from.set_nodelay(true);
                let _ = shared.pass_on(from, to, is_answer);
                let _ = server.shutdown(Shutdown::Both);
                if shared.state().fault == Some(Fault::Reset) {
                    // It is reset when the last thread drops it.
                    let _ = SockRef::from(&*client).set_linger(Some(Duration::ZERO));
                } else {
                    let _ = client.shutdown(Shutdown::Both);
                }
            });
        }
    }

    fn pass_on(&self, mut from: &TcpStream, mut to: &TcpStream, is_answer: bool) -> io::Result<()> {
        let mut buffer = vec![0; 65_536];
        loop {
            let count = from.read(&mut buffer)?;
            if count == 0 {
                return Ok(());
            }
            let bytes = &buffer[..count];
            match self.wait_while(|fault| fault == Fault::Hang) {
                Some(Fault::Delay(pause)) => {
                    thread::sleep(pause);
                    to.write_all(bytes)?;
                }
                Some(Fault::Rate(rate)) => {
                    let bytes_count = u32::try_from(count).unwrap_or(u32::MAX);
                    thread::sleep(Duration::from_secs(1) * bytes_count / rate);
                    to.write_all(bytes)?;
                }
                Some(Fault::Cut(most)) if is_answer => {
                    return to.write_all(&bytes[..count.min(most)]);
                }
                Some(Fault::Answer(_)) if is_answer => {}
                Some(Fault::Answer(answer)) => from.write_all(&repeat(answer, commands(bytes)))?,
                Some(Fault::Reset) | None => return Ok(()),
                Some(_) => to.write_all(bytes)?,
            }
        }
    }
}

fn bind_again(port: u16) -> TcpListener {
    wait_for("the port is free again", || {
        TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok()
    })
}

/// How many commands begin in these bytes: each is an array, on a line that begins with `*`.
fn commands(bytes: &[u8]) -> usize {
    let lines = bytes.split(|&byte| byte == b'\n');
    lines.filter(|line| line.starts_with(b"*")).count()
}

fn repeat(answer: &str, times: usize) -> Vec<u8> {
    format!("{answer}\r\n").repeat(times).into_bytes()
}
