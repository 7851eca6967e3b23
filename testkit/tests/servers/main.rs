//! That the servers which tests start are what they are said to be.

mod cluster;
mod sentinel;
mod sockets;
