//! What there is to be seen of a cache at work: counters by function, reasons, spans and events.

mod events;
mod explain;
mod functions;
mod reasons;
mod world;
