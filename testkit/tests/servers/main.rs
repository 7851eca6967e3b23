//! That the servers which tests start are what they are said to be.

mod cluster;
mod options;
mod sentinel;
mod sockets;
